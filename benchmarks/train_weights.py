"""Train, evaluate and ship the weights "folk" and "piano", and try other settings.

Usage: python -m benchmarks.train_weights folk|piano [--ship]
       python -m benchmarks.train_weights folk|piano --variant "what is changed" key=value …

A run goes on where it was stopped. It learns from the training side of a corpus that comes with the
course, and is scored on the held-out side by seeds 0 to 999: after pretraining, and after the
adversarial phase, each time at the temperature of pitches that fits the training side best. Each
time it becomes a row of benchmarks/experiments.csv.
"""

import argparse
import csv
import dataclasses
import datetime
import functools
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.report import RESULTS, write_csv
from lstmgan_utils import corpus, evaluation, gan, plotting, runtime, sampling, training, windows
from lstmgan_utils.config import PRESETS
from lstmgan_utils.evaluation import distances
from lstmgan_utils.runs import write_config, write_weights

CONFIGS = {
    "folk": PRESETS["laptop"],
    "piano": dataclasses.replace(
        PRESETS["laptop"],
        batch_size=16,
        pretraining_rate=3e-3,
        dropout=0.3,
        pretraining_steps=3600,
        adversarial_steps=300,
    ),
}
CLIPS = {"folk": {}, "piano": {"align": 8, "per_song": 4}}  # piano songs are few, but long
SEEDS = range(1000)
TEMPERATURES = (1.0, 0.97, 0.94, 0.91, 0.88)
TEMPERATURE_SEEDS = range(2000, 2400)
TABLE = Path(__file__).parent / "experiments.csv"


@functools.cache
def songs_of(kind):
    """Open a corpus: (Songs to learn from, held-out Songs)."""
    songs = corpus.builtin_tunes() if kind == "folk" else corpus.builtin_piano()
    return tuple(songs.select(side) for side in songs.split(0))


def train(kind, config, folder):
    """Run both phases: (LSTMGAN after pretraining, LSTMGAN at the end, minutes of each)."""
    path = Path(folder) / "minutes.json"
    minutes = json.loads(path.read_text()) if path.is_file() else {}
    kept = Path(folder) / "pretrained"
    for phase, until in (("pretraining", config.pretraining_steps), ("adversarial", None)):
        began = time.monotonic()
        model = training.train(songs_of(kind)[0], folder, config, until=until, every=100)
        minutes[phase] = minutes.get(phase, 0) + (time.monotonic() - began) / 60
        path.write_text(json.dumps(minutes))
        if phase == "pretraining" and int(model.n_batches) == config.pretraining_steps:
            model.save_run(kept)
    return gan.load_training(kept), model, minutes


def sharpen(generator, temperature):
    """Divide the logits of pitches by a temperature, for good; round all weights to 16 bit.

    Patterns keep theirs: a lower one took lengths and onsets away from those of the training side.
    """
    g = generator
    for layer in (g.to_pitch, g.from_pair, g.from_beat, g.copy_pitch, g.copy_harmony):
        for weight in layer.weights:
            weight.assign(weight / temperature)
    generator.set_weights([w.astype("float16").astype("float32") for w in generator.get_weights()])


def best_temperature(generator, kind):
    """Return the temperature whose samples are nearest to the training side.

    The distance is the Fréchet distance of their descriptors; held-out songs have no say.
    """
    real = evaluation.PieceSet(evaluation.clips(songs_of(kind)[0], 8, **CLIPS[kind])).features
    own, found = generator.get_weights(), {}
    for temperature in TEMPERATURES:
        sharpen(generator, temperature)
        fake = evaluation.PieceSet(sampling.sample_many(generator, TEMPERATURE_SEEDS, 8)).features
        generator.set_weights(own)
        both = distances.standardise(fake, real), distances.standardise(real, real)
        found[temperature] = float(distances.frechet_distance(*both))
    print({temperature: round(value, 2) for temperature, value in found.items()}, flush=True)
    return min(found, key=found.get)


def evaluate(model, kind, what, batches, minutes, folder):
    """Sharpen, score 1,000 pieces, and add a row to the table: (scorecard, temperature)."""
    temperature = best_temperature(model.ema, kind)
    nats = held_out_nats(model, kind)
    sharpen(model.ema, temperature)
    card = scorecard(model.ema, kind)
    met = card["met"][card["met"] != ""].astype(bool)
    row = {"run": Path(folder).name, "what": what, "corpus": kind,
           "data_hash": songs_of(kind)[0].hash,
           "batches": batches, "minutes": round(sum(minutes.values()), 1),
           "temperature": temperature, "nats_a_beat": round(nats, 3),
           "targets_met": int(met.sum()), "targets": len(met)}  # fmt: skip
    add_row(row | {name: f"{value:.4g}" for name, value in card["generated"].items()})
    print(card, f"{what}: {int(met.sum())} of {len(met)}; missed {list(met[~met].index)};"
          f" {nats:.3f} nats a beat", sep="\n", flush=True)  # fmt: skip
    return card, temperature


def scorecard(generator, kind):
    """Score the seeds 0 to 999 against the held-out songs."""
    pieces = sampling.sample_many(generator, SEEDS, 8)
    training_side, held_out = songs_of(kind)
    return evaluation.scorecard(pieces, held_out, training_side, targets=kind, **CLIPS[kind])


def held_out_nats(model, kind, size=64):
    """Return the cross-entropy of 512 held-out sections under the averaged weights, nats a beat."""
    tunes = windows.prepare(songs_of(kind)[1])
    sections = windows.sections_of(tunes, model.vocabulary, model.config.max_pairs)
    picks = np.random.default_rng(0).permutation(len(sections[0]))[: 8 * size]
    own = model.generator.get_weights()
    model.generator.set_weights(model.ema.get_weights())
    step = tf.function(model.cross_entropy)
    lots = [picks[i : i + size] for i in range(0, len(picks) - size + 1, size)]
    nats = np.mean([step(*(tf.constant(c[lot]) for c in sections)) for lot in lots])
    model.generator.set_weights(own)
    return float(nats)


def ship(kind, model, cards, temperature, minutes, batches):
    """Write generator, record, scores and picture into the repository."""
    songs = songs_of(kind)[0]
    record = {
        "seed": model.config.seed,
        "data": {"folk": "corpus.builtin_tunes", "piano": "corpus.builtin_piano"}[kind]
        + "().split(0), training side",
        "data_hash": songs.hash,
        "n_songs": len(songs),
        "batches": batches,
        "temperature": temperature,
        "minutes": {phase: round(value, 1) for phase, value in minutes.items()},
        "date": datetime.date.today().isoformat(),
        "versions": runtime.versions(),
        "seeds_scored": [SEEDS[0], SEEDS[-1]],
        "scores": {phase: card["generated"].to_dict() for phase, card in cards.items()},
    }
    folder = save_generator(model.ema, sampling.WEIGHTS / kind)
    with runtime.atomic_path(folder / "record.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n")
    for phase, card in cards.items():
        write_csv(RESULTS / f"{kind}_{phase}.csv", card)
    figure, _ = plotting.plot_roll(sampling.sample(model.ema, 0, 8))
    with runtime.atomic_path(runtime.project_root() / "docs" / f"{kind}_roll.png") as path:
        figure.savefig(path, dpi=100, bbox_inches="tight")


def save_generator(generator, folder, **facts):
    """Write config.json, with other facts, and the weights as 16-bit floats; return the folder."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float16")  # half the size; what it rounds off is not heard
    try:
        half = type(generator)(generator.config, generator.vocabulary)
    finally:
        keras.config.set_dtype_policy(policy)
    half.set_weights(generator.get_weights())
    write_config(folder, generator.config, generator.vocabulary, **facts)
    write_weights(half, folder / "generator.weights.h5")
    return folder


def add_row(row):
    """Add a row to the table of experiments, in place of one of the same name and batches."""
    rows = list(csv.DictReader(TABLE.read_text().splitlines())) if TABLE.is_file() else []
    same = str(row["run"]), str(row["batches"])
    rows = [one for one in rows if (one["run"], one["batches"]) != same] + [row]
    columns = dict.fromkeys(key for one in rows for key in one)
    with runtime.atomic_path(TABLE) as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def parse(text):
    """Read "key=value" as a setting."""
    key, value = text.split("=")
    return key, json.loads(value)


def main():
    """Train one run, evaluate it twice, and ship it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", choices=sorted(CONFIGS))
    parser.add_argument("settings", nargs="*", type=parse)
    parser.add_argument("--variant", metavar="WHAT")
    parser.add_argument("--ship", action="store_true")
    options = parser.parse_args()
    config = dataclasses.replace(CONFIGS[options.corpus], **dict(options.settings))
    name = "-".join([options.corpus, *(options.variant or "").split()])
    folder = runtime.project_root() / "outputs" / "runs" / name
    pretrained, model, minutes = train(options.corpus, config, folder)
    cards, what = {}, options.variant or "as shipped"
    batches = int(pretrained.n_batches)
    before = {"pretraining": minutes["pretraining"]}
    cards["pretraining"], _ = evaluate(
        pretrained, options.corpus, f"{what}: pretraining alone", batches, before, folder
    )
    batches = int(model.n_batches)
    cards["adversarial"], temperature = evaluate(
        model, options.corpus, f"{what}: and the adversary", batches, minutes, folder
    )
    if options.ship:
        ship(options.corpus, model, cards, temperature, minutes, batches)


if __name__ == "__main__":
    main()
