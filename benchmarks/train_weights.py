"""Train the weights "folk" and "piano": both phases, resumable at any batch.

Usage: python -m benchmarks.train_weights NAME [--corpus folk] [--until N] [--set key=value ...]
       python -m benchmarks.train_weights NAME --judge "what this run is" [--corpus folk]
       python -m benchmarks.train_weights NAME --ship [--corpus folk]
The run folder outputs/runs/NAME holds config.json, the newest save and log.csv. Judging adds a row
to benchmarks/pair_experiments.csv and writes the scorecard of seeds 0 to 999 into the run folder.
"""

import argparse
import csv
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from lstmgan_utils import (
    corpus,
    evaluation,
    pair_sampling,
    pair_windows,
    runs,
    runtime,
    targets,
    tokens,
    windows,
)
from lstmgan_utils.config import PairConfig
from lstmgan_utils.gan import ADVERSARIAL, WARM_UP
from lstmgan_utils.pair_gan import PairGAN
from lstmgan_utils.piano_parts import piano_parts

CONFIGS = {"folk": PairConfig(), "piano": PairConfig(pairs=12)}
EVERY = 50
SEEDS = range(1000)
TABLE = Path(__file__).parent / "pair_experiments.csv"


def songs_of(name):
    """Open a corpus: (Songs to learn from, held-out Songs)."""
    songs = corpus.builtin_tunes() if name == "folk" else piano_parts()
    return tuple(songs.select(part) for part in songs.split(0))


def open_run(folder, config, songs, tunes):
    """Start a run, or load it where the folder holds one of these settings and songs."""
    path, facts = folder / "config.json", {}
    if path.is_file():
        facts = json.loads(path.read_text())
        if facts["data_hash"] != songs.hash or facts["config"] != plain(config):
            raise SystemExit(f"{folder} holds another run; choose another name")
    else:
        vocabulary = tokens.learn_vocabulary([t.notes for t in tunes], config.n_patterns)
        facts = {"config": plain(config), "patterns": vocabulary.numbers.tolist(),
                 "durations": vocabulary.durations.tolist(),
                 "data_hash": songs.hash, "n_songs": len(songs), "minutes": {},
                 "versions": runtime.versions()}  # fmt: skip
    model = PairGAN(config, tokens.Vocabulary(facts["patterns"], facts["durations"]))
    model.compile()
    save = folder / "newest.weights.h5"
    if save.is_file():
        runs.read_weights(model, save)
    return model, facts


def plain(config):
    """Turn settings into what JSON gives back for them."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def train(name, config, songs, until=None, progress=True):
    """Train in outputs/runs/NAME from its newest save on.

    Returns:
        (PairGAN, dict of facts).
    """
    runtime.set_seed(config.seed)
    folder = runtime.project_root() / "outputs" / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    tunes = windows.prepare(songs)
    model, facts = open_run(folder, config, songs, tunes)
    total = config.warm_up_steps + config.adversarial_steps
    until = total if until is None else min(until, total)
    while (number := int(model.n_batches.numpy())) < until:
        phase = model.phase_of(number)
        stop = min(until, config.warm_up_steps) if phase == WARM_UP else until
        model.enter(phase)
        step = tf.function(model.train_step)
        batches = pair_windows.training_batches(
            tunes, model.vocabulary, config, number, phase == ADVERSARIAL
        )
        began = time.monotonic()
        for number, batch in zip(range(number + 1, stop + 1), batches, strict=False):  # noqa: B020
            losses = step(batch)
            if number % EVERY == 0 or number == stop:
                now = time.monotonic()
                facts["minutes"][phase] = facts["minutes"].get(phase, 0) + (now - began) / 60
                began = now
                save(model, facts, folder, number, losses, progress)
    return model, facts


def save(model, facts, folder, number, losses, progress):
    """Write the newest save, the facts and a line of the log."""
    runs.write_weights(model, folder / "newest.weights.h5")
    with runtime.atomic_path(folder / "config.json") as path:
        path.write_text(json.dumps(facts) + "\n")
    row = {"batch": number, "minutes": round(sum(facts["minutes"].values()), 2)}
    row |= {key: round(float(value), 4) for key, value in losses.items()}
    with open(folder / "log.csv", "a", newline="") as file:
        csv.writer(file).writerow([f"{key}={value}" for key, value in row.items()])
    if progress:
        print(row, flush=True)


def held_out_nats(model, tunes, size=64):
    """Measure the cross-entropy, in nats a beat, of the averaged weights on held-out tunes."""
    sections = pair_windows.sections_of(tunes, model.vocabulary, model.config.pairs)
    model.generator.set_weights(model.average.get_weights())
    picks = np.random.default_rng(0).permutation(len(sections[0]))[: 8 * size]
    step = tf.function(model.likelihood)
    lots = [picks[i : i + size] for i in range(0, len(picks) - size + 1, size)]
    return float(np.mean([step(*(tf.constant(c[lot]) for c in sections)) for lot in lots]))


def judge(name, kind, what):
    """Judge the newest save of a run: print its scorecard and add a row to the table."""
    folder = runtime.project_root() / "outputs" / "runs" / name
    facts = json.loads((folder / "config.json").read_text())
    songs, held_out = songs_of(kind)
    model, _ = open_run(folder, PairConfig(**facts["config"]), songs, None)
    pieces = pair_sampling.sample_many(model.average, SEEDS)
    goals, real = targets.FOLK, held_out
    if kind == "piano":  # few songs, but long ones: up to four clips of each, side by side
        goals, real = targets.PIANO, evaluation.clips(held_out, 8, align=8, per_song=4)
    cards = evaluation.scorecards({name: pieces}, real, songs, n_bootstrap=0, targets=goals)
    card = cards[name]
    batch = int(model.n_batches.numpy())
    card.to_csv(folder / f"scores_{batch:06d}.csv")
    row = {"run": name, "what": what, "corpus": kind, "data_hash": songs.hash, "batches": batch,
           "minutes": round(sum(facts["minutes"].values()), 1),
           "settings": json.dumps(changes(facts["config"])),
           "nats_a_beat": held_out_nats(model, windows.prepare(held_out)),
           "targets_met": sum(r["met"] is True for r in card),
           "targets": sum(r["met"] is not None for r in card)}  # fmt: skip
    row |= {r["measure"]: f"{r['generated']:.4g}" for r in card}
    add_row(row)
    missed = [r["measure"] for r in card if r["met"] is False]
    print(card, f"missed: {missed}", f"{row['nats_a_beat']:.3f} nats a beat", sep="\n")


def ship(name, kind):
    """Write the averaged weights of a judged run, their record and scorecard into the package."""
    folder = runtime.project_root() / "outputs" / "runs" / name
    facts = json.loads((folder / "config.json").read_text())
    model, _ = open_run(folder, PairConfig(**facts["config"]), songs_of(kind)[0], None)
    target = pair_sampling.save_generator(model.average, pair_sampling.PAIR_WEIGHTS / kind)
    record = {key: facts[key] for key in ("data_hash", "n_songs", "minutes", "versions")}
    record |= {"run": name, "seed": model.config.seed, "batches": int(model.n_batches.numpy()),
               "data": f"{kind}, training side of split(0)",
               "seeds_judged": [SEEDS[0], SEEDS[-1]]}  # fmt: skip
    with runtime.atomic_path(target / "record.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n")
    with runtime.atomic_path(target / "scores.csv") as path:
        path.write_text(max(folder.glob("scores_*.csv")).read_text())


def changes(config):
    """List the settings that differ from the defaults."""
    usual = plain(PairConfig())
    return {key: value for key, value in config.items() if usual[key] != value}


def add_row(row):
    """Add a row to the table of experiments; columns that are new to it come last."""
    lines = TABLE.read_text().splitlines() if TABLE.is_file() else []
    rows = list(csv.DictReader(lines))
    columns = dict.fromkeys(key for one in (*rows, row) for key in one)
    with runtime.atomic_path(TABLE) as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])


def parse(text):
    """Read "key=value" as a setting."""
    key, value = text.split("=")
    return key, json.loads(value)


def main():
    """Train one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--corpus", default="folk", choices=["folk", "piano"])
    parser.add_argument("--until", type=int)
    parser.add_argument("--set", nargs="*", default=[], type=parse)
    parser.add_argument("--judge", metavar="WHAT")
    parser.add_argument("--ship", action="store_true")
    options = parser.parse_args()
    if options.judge:
        return judge(options.name, options.corpus, options.judge)
    if options.ship:
        return ship(options.name, options.corpus)
    config = dataclasses.replace(CONFIGS[options.corpus], **dict(options.set))
    train(options.name, config, songs_of(options.corpus)[0], options.until)


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(2)
    main()
