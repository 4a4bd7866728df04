"""Batches of tokens for training: sections of 16 measures, each with the section before it."""

import numpy as np

from . import windows
from .pair_generator import N_BLANKS, NOTHING
from .pianoroll import steps_of
from .vocabulary import BEATS_PER_MEASURE, METRES, SECTION

SHORTEST = 4  # measures: what is left after the last whole section is a section from here on


def cut_sections(pieces, metres):
    """Cut pieces in tokens into sections of 16 measures, as the generator's memory is cut.

    Args:
        pieces: list of int arrays, shape (beats, pairs).
        metres: int ndarray, shape (pieces,), indices into `METRES`.

    Returns:
        four int32 ndarrays: tokens, shape (sections, 64, pairs), NOTHING after the end; the 64
        beats before, NOTHING where the piece begins; metres, shape (sections,); beats from here to
        the end of the piece's last measure, shape (sections,).

    Introduced in lesson 06.
    """
    columns = [], [], [], []
    for tokens, metre in zip(pieces, metres, strict=True):
        per_measure = BEATS_PER_MEASURE[METRES[metre]]
        length = -(-len(tokens) // per_measure) * per_measure
        padded = np.pad(
            tokens, ((N_BLANKS, N_BLANKS), (0, 0)), constant_values=NOTHING
        )  # as many before as after
        last = max(1, len(tokens) - SHORTEST * per_measure + 1)
        for start in range(0, last, SECTION * per_measure):
            section = padded[start + N_BLANKS :][:N_BLANKS].copy()
            section[SECTION * per_measure :] = NOTHING
            row = section, padded[start:][:N_BLANKS], metre, length - start
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    return tuple(np.array(column, np.int32) for column in columns)


def token_batch(sections, n_beats, batch_size, seed, number):
    """Draw batch `number` of a seeded, endless series of sections; each is as likely.

    Returns:
        what `cut_sections` returns, a row a pick; but one half of the lengths are -1, so that the
        generator learns to play with and without an end in sight.

    Introduced in lesson 06.
    """
    rng = np.random.default_rng([seed, 2, number])
    picks = rng.integers(len(sections[0]), size=batch_size)
    tokens, before, metres, lengths = (column[picks] for column in sections)
    lengths[rng.random(batch_size) < 0.5] = -1
    return tokens[:, :n_beats], before, metres, lengths


def sections_of(tunes, vocabulary, pairs):
    """Write tunes, a list of `windows.Tune`, in tokens and cut them into sections."""
    metres = [METRES.index(tune.metre) for tune in tunes]
    return cut_sections([vocabulary.prepare(tune.notes, pairs) for tune in tunes], metres)


def training_batches(tunes, vocabulary, config, first=0, with_rolls=True):
    """Feed endless batches of (rolls, tokens, tokens before, metres, lengths) to training.

    Args:
        tunes: list of `windows.Tune`.
        vocabulary: tokens.Vocabulary.
        config: PairConfig.
        first: int, the number of the first batch, to resume.
        with_rolls: bool, False while nobody looks at them.

    Returns:
        tf.data.Dataset.

    Introduced in lesson 06.
    """
    import tensorflow as tf

    sections = sections_of(tunes, vocabulary, config.pairs)
    size, n_beats = config.batch_size, min(config.warm_up_beats, N_BLANKS)

    def draw(number):
        return token_batch(sections, n_beats, size, config.seed, int(number))

    of_pairs = [tf.TensorSpec((size, n, config.pairs), tf.int32) for n in (n_beats, N_BLANKS)]
    of_tunes = [tf.TensorSpec((size,), tf.int32)] * 2
    batches = windows._numbered(draw, first, (*of_pairs, *of_tunes))
    if not with_rolls:
        return batches.map(lambda *tokens: (tf.zeros((size, 0, 128), tf.uint8), *tokens))
    length = config.measures * steps_of("4/4")
    rolls = windows.roll_batches(tunes, length, size, seed=config.seed, first=first)
    return tf.data.Dataset.zip(rolls, batches).map(lambda roll, tokens: (roll, *tokens))
