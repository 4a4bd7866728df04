"""Train the weights "folk" and "piano": both phases, resumable at any batch.

Usage: python -m benchmarks.train_weights NAME [--corpus folk] [--until N] [--set key=value ...]
The run folder outputs/runs/NAME holds config.json, the newest save, log.csv and minutes.
"""

import argparse
import csv
import dataclasses
import json
import time

import tensorflow as tf

from lstmgan_utils import corpus, pair_windows, runs, runtime, tokens, windows
from lstmgan_utils.gan import ADVERSARIAL, WARM_UP
from lstmgan_utils.pair_gan import PairGAN
from lstmgan_utils.pair_generator import PairConfig

CONFIGS = {"folk": PairConfig(), "piano": PairConfig(pairs=12)}
EVERY = 50


def songs_of(name):
    """Open a corpus: (Songs to learn from, held-out Songs)."""
    songs = corpus.builtin_tunes() if name == "folk" else corpus.open_store(name)
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
                 "data_hash": songs.hash, "n_songs": len(songs), "minutes": {},
                 "versions": runtime.versions()}  # fmt: skip
    model = PairGAN(config, tokens.Vocabulary(facts["patterns"]))
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


def parse(text):
    """Read "key=value" as a setting."""
    key, value = text.split("=")
    return key, json.loads(value)


def main():
    """Train one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--corpus", default="folk", help="folk, or the path of a store")
    parser.add_argument("--until", type=int)
    parser.add_argument("--set", nargs="*", default=[], type=parse)
    options = parser.parse_args()
    preset = "folk" if options.corpus == "folk" else "piano"
    config = dataclasses.replace(CONFIGS[preset], **dict(options.set))
    train(options.name, config, songs_of(options.corpus)[0], options.until)


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(2)
    main()
