"""A tiny model and a few toy tunes: enough to train for seconds and to compare numbers."""

import dataclasses
import functools

import numpy as np
from toy_tunes import toy_songs

from lstmgan_utils.config import PRESETS
from lstmgan_utils.generator import Generator
from lstmgan_utils.pianoroll import note_array
from lstmgan_utils.vocabulary import learn_vocabulary
from lstmgan_utils.windows import prepare

TINY = dataclasses.replace(
    PRESETS["smoke"], n_patterns=30, max_pairs=4, embedding=8, units=12, pitch_units=10,
    pretraining_steps=4, adversarial_steps=6, dropout=0.0,
)  # fmt: skip
BRIEF = dataclasses.replace(TINY, measures=1, penalty=0.0)  # traced in half the time
CHORDS = note_array([(0, 48, 60), (12, 24, 64), (48, 30, 67), (0, 90, 48)])


def tiny_tunes(n_songs=4):
    """Prepare toy tunes: list of Tune."""
    return prepare(toy_songs(n_songs))


@functools.cache
def tiny_vocabulary():
    """Learn at most 30 patterns from the toy tunes and some chords with ties: Vocabulary."""
    pieces = [tune.notes for tune in tiny_tunes()] + [CHORDS]
    return learn_vocabulary(pieces, TINY.n_patterns, least=1)


def moved(network, before):
    """Count the weights of a network that have moved."""
    return sum((a != b).any() for a, b in zip(network.get_weights(), before, strict=True))


def tiny_generator(seed=0, config=TINY):
    """Build a generator whose random weights are large enough to matter: Generator."""
    generator = Generator(config, tiny_vocabulary())
    rng = np.random.default_rng(seed)
    generator.set_weights([rng.normal(0, 0.7, w.shape) for w in generator.get_weights()])
    generator.to_pitch.bias.assign(generator.to_pitch.bias - 2.0 * (np.arange(129) % 12 > 4))
    return generator
