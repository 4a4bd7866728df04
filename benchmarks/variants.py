"""What else was tried: one change at a time, from the same warm-up, with the same steps.

Usage: python -m benchmarks.variants WARM_UP_RUN FOLDER [--steps N] [NAME …]

WARM_UP_RUN is a run folder that holds the last save of the warm-up. Each variant trains for
`--steps` adversarial batches (those of WARM_UPS for a warm-up of their own), plays the seeds 0 to
399 and writes FOLDER/NAME.json. With `--gather`, what FOLDER holds is added to experiments.csv.
"""

import argparse
import csv
import dataclasses
import json
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lstmgan_utils import (
    corpus,
    evaluation,
    gan,
    generator,
    pianoroll,
    runs,
    runtime,
    sampling,
    training,
    windows,
)
from lstmgan_utils.config import LATENT_SIZE, PRESETS
from lstmgan_utils.discriminator import build_discriminator
from lstmgan_utils.generator import relu6_sixth

EXPERIMENTS = Path(__file__).parent / "experiments.csv"
SCORES = {  # column of experiments.csv: row of the scorecard
    "note_length": "overlap: note length",
    "onset_in_beat": "overlap: onset in the beat",
    "melodic_interval": "overlap: melodic interval",
    "interval_pair": "overlap: interval, next interval",
    "coverage": "coverage",
    "recall": "recall",
    "logistic_regression": "classifier: logistic regression",
    "random_forest": "classifier: random forest",
    **{name: name for name in ("silence", "notes_per_beat", "repetition_1", "repetition_2",
                               "similarity_4", "ending_longer", "ending_home")},
}  # fmt: skip
SEEDS = range(400)
LOW, HIGH = 48, 96  # the pitches that generators of cells may paint
CELLS_UNITS = 192


class Hinge(gan.LSTMGAN):
    """Hinge loss with a spectrally normalised discriminator (Miyato et al. 2018)."""

    def __init__(self, config, vocabulary):
        super().__init__(dataclasses.replace(config, penalty=0.0), vocabulary)
        use_discriminator(self, keras.models.clone_model(self.discriminator, clone_function=tame))

    def judge_players(self, real, fake):
        real, fake = self.score(real), self.score(fake)
        d_loss = tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + fake))
        return d_loss, -tf.reduce_mean(fake)


def tame(layer):
    """Copy a layer; one with a kernel gets the spectral norm 1."""
    copy = layer.__class__.from_config(layer.get_config())
    if isinstance(layer, keras.layers.Conv1D | keras.layers.Dense):
        return keras.layers.SpectralNormalization(copy, name=layer.name)
    return copy


class Wasserstein(gan.LSTMGAN):
    """WGAN-GP (Gulrajani et al. 2017), one step of the critic for one of the generator."""

    def __init__(self, config, vocabulary):
        super().__init__(dataclasses.replace(config, penalty=20.0), vocabulary)  # 20 / 2 = 10

    def judge_players(self, real, fake):
        real, fake = tf.reduce_mean(self.score(real)), tf.reduce_mean(self.score(fake))
        return fake - real, -fake

    def penalize(self, real, fake):
        mix = tf.random.uniform((real.shape[0], 1, 1))
        between = mix * real + (1 - mix) * fake
        with tf.GradientTape() as tape:
            tape.watch(between)
            total = tf.reduce_sum(self.score(between))
        slope = tf.sqrt(tf.reduce_sum(tape.gradient(total, between) ** 2, axis=(1, 2)) + 1e-12)
        return tf.reduce_mean((slope - 1) ** 2)


class FeatureMatching(gan.LSTMGAN):
    """The generator also matches the mean of the discriminator's last hidden layer."""

    def __init__(self, config, vocabulary):
        super().__init__(config, vocabulary)
        hidden = self.discriminator.get_layer("dense").output
        self.listen = keras.Model(self.discriminator.input, hidden)

    def judge_players(self, real, fake):
        d_loss, g_loss = super().judge_players(real, fake)
        gap = tf.reduce_mean(self.listen(real), axis=0) - tf.reduce_mean(self.listen(fake), axis=0)
        return d_loss, g_loss + 0.1 * tf.reduce_sum(gap**2)


class WithoutForm(gan.LSTMGAN):
    """The discriminator is not told how alike the measures are."""

    def __init__(self, config, vocabulary):
        super().__init__(config, vocabulary)
        use_discriminator(self, rebuilt(config, lambda roll: roll, form=False))


class OnsetsAndChroma(gan.LSTMGAN):
    """The discriminator also sees where notes begin and the twelve pitch classes."""

    def __init__(self, config, vocabulary):
        super().__init__(config, vocabulary)

        def streams(roll):
            before = keras.ops.pad(roll[:, :-1], [[0, 0], [1, 0], [0, 0]])
            onsets = roll * (1 - before)
            octaves = keras.ops.pad(roll, [[0, 0], [0, 0], [0, 4]])  # 132 = 11 octaves
            octaves = keras.ops.reshape(octaves, (-1, roll.shape[1], 11, 12))
            return keras.ops.concatenate([roll, onsets, keras.ops.sum(octaves, axis=2)], axis=-1)

        use_discriminator(self, rebuilt(config, streams, form=True))


class SoftWords(gan.LSTMGAN):
    """Rolls are mixtures of words (Gumbel-softmax, temperature .5), not binary."""

    def __init__(self, config, vocabulary):
        super().__init__(config, vocabulary)
        self.generator.__class__ = SoftGenerator


class SoftGenerator(generator.Generator):
    """Plays mixtures of words."""

    def call(self, latent, words=None, training=None):
        usual = generator.choose_word
        generator.choose_word = lambda scores, softness: tf.nn.softmax(scores / 0.5)
        try:
            return self.paint(self.play(latent, words=words))
        finally:
            generator.choose_word = usual


def use_discriminator(model, network):
    """Give a game another discriminator."""
    model.discriminator = network
    logits = network.get_layer("logits").output
    model.judge = keras.Model(network.input, logits, name="judge")


def rebuilt(config, streams, form):
    """Build the discriminator on other streams, with or without the similarity of measures."""
    plain = build_discriminator(config)
    x = streams(plain.input)
    for name in ("chords", "sixteenths", "quarters", "measures", "pairs_of_measures"):
        layer = plain.get_layer(name)
        x = layer.__class__.from_config(layer.get_config())(x)
    x = keras.layers.Flatten()(x)
    if form:
        x = keras.layers.Concatenate()([x, plain.get_layer("similarity")(plain.input)])
    x = keras.layers.Dense(config.filters[-1], activation="leaky_relu", name="dense")(x)
    logits = keras.layers.Dense(2, name="logits")(x)
    return keras.Model(plain.input, keras.layers.Softmax()(logits), name="discriminator")


class Cells(keras.Model):
    """An LSTM over beats that paints 24 x 48 cells a beat itself, without words.

    Args:
        activation: "relu6_sixth", "sigmoid" or "voice" (a softmax over pitches and a rest).
        binary: "" for real-valued cells, "straight-through" or "stochastic".
    """

    def __init__(self, activation, binary):
        super().__init__(name="generator")
        self.activation, self.binary = activation, binary
        units = CELLS_UNITS
        self.lstms = [keras.layers.LSTM(units, return_sequences=True) for _ in range(2)]
        self.pitches = HIGH - LOW + (activation == "voice")
        self.to_cells = keras.layers.Dense(24 * self.pitches)
        self.lstms[0].build((None, None, 2 * LATENT_SIZE + 4))
        self.lstms[1].build((None, None, units))
        self.to_cells.build((None, None, units))
        if activation == "sigmoid":  # as many cells sound at first as in music
            self.to_cells.bias.assign(tf.fill(self.to_cells.bias.shape, -3.5))
        self.built = True

    def call(self, latent, training=None):
        batch, beats, _ = latent.shape
        song = tf.repeat(latent[:, :1], beats, axis=1)
        place = tf.repeat(tf.one_hot(tf.range(beats) % 4, 4)[None], batch, axis=0)
        x = tf.concat([latent, song, place], axis=-1)
        for layer in self.lstms:
            x = layer(x)
        x = tf.reshape(self.to_cells(x), (batch, beats * 24, self.pitches))
        if self.activation == "voice":
            soft = tf.nn.softmax(x)[..., :-1]
            hard = tf.one_hot(tf.argmax(x, axis=-1), self.pitches)[..., :-1]
        elif self.activation == "sigmoid":
            soft = tf.sigmoid(x)
            threshold = tf.random.uniform(soft.shape) if self.binary == "stochastic" else 0.5
            hard = tf.cast(soft > threshold, tf.float32)
        else:
            soft = relu6_sixth(x)
            hard = tf.cast(soft > 0.5, tf.float32)
        cells = soft + tf.stop_gradient(hard - soft) if self.binary else soft
        return tf.pad(cells, [[0, 0], [0, 0], [LOW, pianoroll.N_PITCHES - HIGH]])


class CellsGAN(gan.LSTMGAN):
    """The game for generators of cells: no warm-up, no words."""

    activation, binary = "sigmoid", "straight-through"

    def __init__(self, config, vocabulary):
        config = dataclasses.replace(
            config, model="first_try", warm_up_steps=0, likelihood_weight=0.0, loss="relativistic",
            g_learning_rate=1e-3, d_learning_rate=1e-3,
        )  # fmt: skip
        super().__init__(config)
        self.generator = Cells(self.activation, self.binary)
        self.average = Cells(self.activation, self.binary)
        self.average.set_weights(self.generator.get_weights())


def cells(activation, binary):
    """Name a game of cells."""
    return type("CellsGAN", (CellsGAN,), {"activation": activation, "binary": binary})


def words_alone(config, vocabulary):
    """Words without a warm-up: the adversary is the only teacher."""
    return gan.LSTMGAN(
        dataclasses.replace(config, likelihood_weight=0.0, g_learning_rate=1e-3), vocabulary
    )


def changed(**settings):
    """Name a game with other settings."""
    return lambda config, vocabulary: gan.LSTMGAN(
        dataclasses.replace(config, **settings), vocabulary
    )


# name: (what is changed, the game, whether it goes on from the warm-up)
VARIANTS = {
    "baseline": ("relativistic, R1 + R2, likelihood .2, form stream, softness 1", changed(), True),
    "cross-entropy": ("softmax cross-entropy, R1 + R2", changed(loss="cross_entropy"), True),
    "no-penalty": ("relativistic without R1 and R2", changed(penalty=0.0), True),
    "hinge": ("hinge loss, spectral norm, no penalty", Hinge, True),
    "wgan-gp": ("WGAN-GP, one critic step a step", Wasserstein, True),
    "no-likelihood": ("the adversary alone after the warm-up", changed(
        likelihood_weight=0.0), True),
    "feature-matching": ("and means of the last hidden layer matched", FeatureMatching, True),
    "without-form": ("the discriminator does not compare measures", WithoutForm, True),
    "onsets-chroma": ("the discriminator also sees onsets and chroma", OnsetsAndChroma, True),
    "soft-words": ("mixtures of words (Gumbel-softmax .5), not binary", SoftWords, True),
    "softness-half": ("straight-through with temperature .5", changed(softness=0.5), True),
    "equal-rates": ("both learning rates 2e-4", changed(d_learning_rate=2e-4), True),
    "faster": ("generator 6e-4, discriminator 2e-3", changed(
        g_learning_rate=6e-4, d_learning_rate=2e-3), True),
    "16-measures": ("the discriminator hears 16 measures", changed(measures=16), True),
    "words-alone": ("words, no warm-up, no likelihood", words_alone, False),
    "cells-relu6": ("cells, relu6/6, real-valued, no warm-up", cells("relu6_sixth", ""), False),
    "cells-sigmoid": ("cells, sigmoid, real-valued, no warm-up", cells("sigmoid", ""), False),
    "cells-straight": ("cells, sigmoid, straight-through, no warm-up",
                       cells("sigmoid", "straight-through"), False),
    "cells-stochastic": ("cells, sigmoid, stochastic straight-through, no warm-up",
                         cells("sigmoid", "stochastic"), False),
    "cells-voice": ("one voice, softmax over pitches and a rest, no warm-up",
                    cells("voice", "straight-through"), False),
}  # fmt: skip


# name: (what is changed, settings, what is replaced)
WARM_UPS = {
    "own-keys": ("warm-up in each tune's own key", {}, (windows, "key_shift", lambda fifths: 0)),
    "no-dropout": ("warm-up without dropout", {"dropout": 0.0}, None),
    "no-copy": ("warm-up without the offer to copy", {},
                (generator, "offer", lambda scores, copy, offers: scores)),
}  # fmt: skip


def play(network):
    """Play the seeds 0 to 399 for 8 measures."""
    if hasattr(network, "vocabulary"):
        return sampling.sample_many(network, SEEDS, 8)
    latents = np.stack([sampling.draw_latent(seed, 8) for seed in SEEDS])
    rolls = np.concatenate([network(part).numpy() for part in np.split(latents, 8)])
    return [pianoroll.decode(roll > 0.5) for roll in rolls]


def run(name, warm_up, folder, steps, seconds):
    """Train one variant and write its scores.

    It stops after `steps` batches or `seconds` of training, whichever comes first.
    """
    what, build, goes_on = VARIANTS[name]
    songs = corpus.builtin_tunes()
    training_side, _ = songs.split(0)
    tunes = windows.prepare(songs.select(training_side))
    config, vocabulary = runs.read_config(warm_up)
    # The game had this softness until "softness-half" had won.
    config = dataclasses.replace(config, warm_up_steps=0, softness=1.0)
    model = build(config, vocabulary)
    if goes_on:
        what, start = f"from {Path(warm_up).name}: {what}", gan.load_training(warm_up)
        for part in ("generator", "average", "encoder"):
            getattr(model, part).set_weights(getattr(start, part).get_weights())
    model.compile()
    model.enter(gan.ADVERSARIAL)
    batches = windows.training_batches(tunes, vocabulary, model.config, 10_000)
    step = tf.function(model.train_step)
    began, done, history = time.monotonic(), 0, []
    for data in batches.take(steps):
        losses = {key: float(value) for key, value in step(data).items()}
        done += 1
        if done % 20 == 0:
            history.append(losses)
            print(name, done, f"{time.monotonic() - began:.0f} s", losses, flush=True)
        if time.monotonic() - began > seconds or not np.isfinite(sum(losses.values())):
            break
    facts = {"adversarial_batches": done, "losses": history[-3:]}
    write(name, what, model, songs, began, folder, facts)


def run_warm_up(name, folder):
    """Warm up on other terms and write the scores."""
    what, settings, replaced = WARM_UPS[name]
    if replaced:
        setattr(*replaced)
    songs = corpus.builtin_tunes()
    training_side, _ = songs.split(0)
    config = dataclasses.replace(PRESETS["laptop"], adversarial_steps=0, **settings)
    began = time.monotonic()
    folder_of_run = Path(folder) / name
    model = training.train(songs.select(training_side), folder_of_run, config, every=100)
    write(name, what, model, songs, began, folder, {"warm_up_batches": config.warm_up_steps})


def write(name, what, model, songs, began, folder, facts):
    """Judge the running average of a game and write what came of it."""
    minutes = (time.monotonic() - began) / 60
    tunes, held_out = (songs.select(side) for side in songs.split(0))
    pieces = play(model.average)
    scores = {"sounding pieces": float(np.mean([len(piece) > 0 for piece in pieces]))}
    if scores["sounding pieces"] > 0.5:
        card = evaluation.scorecard(pieces, held_out, tunes, measures=8)
        scores |= card["generated"].to_dict()
    facts = {
        "run": name, "what": what, "data_hash": tunes.hash, "seed": model.config.seed,
        "seeds_judged": len(SEEDS), "minutes": round(minutes, 1), "scores": scores,
        "machine": machine(), **facts,
    }  # fmt: skip
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")


def machine():
    """Name the GPU, or count the cores that this process may use."""
    for gpu in tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
    return f"{len(os.sched_getaffinity(0))} cores"


def gather(folder):
    """Add what the variants wrote to experiments.csv; a run of the same name is replaced."""
    with EXPERIMENTS.open(newline="", encoding="utf-8") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    for path in sorted(Path(folder).glob("*.json")):
        facts = json.loads(path.read_text())
        scores = facts.pop("scores")
        known = {name: round(scores[row], 3) for name, row in SCORES.items() if row in scores}
        rows[facts["run"]] = facts | known
    columns = ["run", "what", "data_hash", "seed", "seeds_judged", "warm_up_batches",
               "adversarial_batches", "minutes", "machine", *SCORES]  # fmt: skip
    with runtime.atomic_path(EXPERIMENTS) as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("warm_up")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", default=[*VARIANTS, *WARM_UPS])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--gather", action="store_true", help="train nothing, gather the scores")
    options = parser.parse_args()
    for name in [] if options.gather else options.names:
        if name in WARM_UPS:
            run_warm_up(name, options.folder)
        else:
            run(name, options.warm_up, options.folder, options.steps, options.seconds)
    if options.gather:
        gather(options.folder)
