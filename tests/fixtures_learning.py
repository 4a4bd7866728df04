"""A tiny model and a few toy tunes: enough to train for seconds and to compare numbers."""

import dataclasses

import numpy as np
from toy_tunes import toy_songs

from lstmgan_utils.config import PRESETS
from lstmgan_utils.generator import Generator
from lstmgan_utils.vocabulary import cut_beats, learn_vocabulary
from lstmgan_utils.windows import prepare

TINY = dataclasses.replace(
    PRESETS["smoke"], n_words=40, embedding=8, warm_up_steps=4, adversarial_steps=6, dropout=0.0
)
BRIEF = dataclasses.replace(TINY, measures=1, penalty=0.0)  # traced in half the time


def tiny_tunes(n_songs=4):
    """Prepare toy tunes: list of Tune."""
    return prepare(toy_songs(n_songs))


def tiny_vocabulary():
    """Learn at most 40 words from the toy tunes: Vocabulary."""
    return learn_vocabulary((cut_beats(tune.notes) for tune in tiny_tunes()), TINY.n_words)[0]


def moved(network, before):
    """Count the weights of a network that have moved."""
    return sum((a != b).any() for a, b in zip(network.get_weights(), before, strict=True))


def tiny_generator(seed=0):
    """Build a generator whose random weights are large enough to matter: Generator."""
    generator = Generator(TINY, tiny_vocabulary())
    rng = np.random.default_rng(seed)
    generator.set_weights([rng.normal(0, 0.5, w.shape) for w in generator.get_weights()])
    return generator
