"""Batches for training, drawn from note arrays on the fly: rolls of a few measures, and tokens.

Each batch depends on nothing but the seed and its own number, so that a run that was
interrupted at batch 700 goes on with batch 700.
"""

import dataclasses
import itertools

import numpy as np

from .config import MAX_PAIRS
from .pianoroll import MAX_STEPS, N_PITCHES, RESOLUTION, crop, encode, n_steps, steps_of
from .pianoroll import transpose as transpose_notes
from .vocabulary import BEATS_PER_MEASURE, METRES, SECTION, key_shift, modelled_metre

PHRASE_MEASURES = 4  # windows start where phrases do
N_BLANKS = SECTION * max(BEATS_PER_MEASURE.values())  # beats that a look-back reaches
NOTHING = -1  # in place of a token: no music there, before a piece begins and after its end


@dataclasses.dataclass(frozen=True)
class Tune:
    """A song made ready: one key signature, its first full measure at step 0."""

    notes: np.ndarray  # note array
    metre: str
    index: int  # in the Songs it came from


def prepare(songs, metres=METRES):
    """Return a list of Tune: songs in one key signature, their first full measure at step 0.

    Songs in other than the given `metres` (of `vocabulary.METRES`) are left out; ValueError where
    none is left. Introduced in lesson 04.
    """
    tunes = []
    for index, notes in enumerate(songs):
        metre = modelled_metre(str(songs.table["metre"][index]))
        full = crop(notes, int(songs.table["pickup"][index]), MAX_STEPS)
        if metre in metres and len(full):
            shift = key_shift(songs.table["key"][index])
            low, high = int(notes["pitch"].min()) + shift, int(notes["pitch"].max()) + shift
            shift += 12 * (low < 0) - 12 * (high >= N_PITCHES)
            tunes.append(Tune(transpose_notes(full, shift), metre, index))
    if not tunes:
        raise ValueError(f"none of {len(songs)} songs is in {', '.join(metres)}; add other songs")
    return tunes


def window(tune, start, length):
    """Return `length` time steps of a tune as a roll, uint8 ndarray of shape (length, 128).

    Notes that go on after the end stay open. Introduced in lesson 04.
    """
    reach = min(length + RESOLUTION, MAX_STEPS)
    return encode(crop(tune.notes, start, start + reach), reach)[:length]


def window_starts(tunes, length, metre="4/4"):
    """Return where windows of `length` time steps may start: every fourth measure with room behind.

    The list holds (tune, list of first time steps) of each tune that is long enough. Where none
    is, each tune starts once, to be filled up with silence; ValueError where none is in the metre.
    Introduced in lesson 08.
    """
    step = PHRASE_MEASURES * steps_of(metre)
    of_metre = [tune for tune in tunes if tune.metre == metre]
    if not of_metre:
        raise ValueError(f"no tune is in {metre}; choose another metre or add songs")
    rooms = [(tune, n_steps(tune.notes) - length + RESOLUTION) for tune in of_metre]
    starts = [(tune, list(range(0, room, step))) for tune, room in rooms if room > 0]
    return starts or [(tune, [0]) for tune in of_metre]


def roll_batch(starts, length, batch_size, seed, number):
    """Return batch `number` of a seeded, endless series of random windows; each tune is as likely.

    `starts` come from `window_starts`, batches count from 0. The rolls are a uint8 ndarray, shape
    (batch, length, 128). Introduced in lesson 04.
    """
    rng = np.random.default_rng([seed, 1, number])
    rolls = []
    for pick in rng.integers(len(starts), size=batch_size):
        tune, first_steps = starts[pick]
        rolls.append(window(tune, rng.choice(first_steps), length))
    return np.stack(rolls)


def cut_sections(pieces, metres):
    """Cut pieces in tokens into sections of 16 measures, as the generator's memory is cut.

    `pieces` are int arrays, shape (beats, pairs); `metres` index `METRES`. Returns four int32
    ndarrays: tokens, shape (sections, 64, pairs), NOTHING (-1) after the end; the 64 beats before,
    NOTHING where the piece begins; metres, shape (sections,); beats from here to the end of the
    piece's last measure, shape (sections,). What is left after the last whole section is one too,
    from a phrase of 4 measures on. Introduced in lesson 08.
    """
    rows = []
    for tokens, metre in zip(pieces, metres, strict=True):
        per_measure = BEATS_PER_MEASURE[METRES[metre]]
        length = -(-len(tokens) // per_measure) * per_measure
        padded = np.pad(tokens, ((N_BLANKS, N_BLANKS), (0, 0)), constant_values=NOTHING)
        last = max(1, len(tokens) - PHRASE_MEASURES * per_measure + 1)
        for start in range(0, last, SECTION * per_measure):
            section = padded[start + N_BLANKS :][:N_BLANKS].copy()
            section[SECTION * per_measure :] = NOTHING
            rows.append((section, padded[start:][:N_BLANKS], metre, length - start))
    return tuple(np.array(column, np.int32) for column in zip(*rows, strict=True))


def token_batch(sections, n_beats, batch_size, seed, number):
    """Return batch `number` of a seeded, endless series of sections; each is as likely.

    The columns are those of `cut_sections`, of each section its first `n_beats`; but one half of
    the lengths are -1, so that the generator learns to write with and without an end in sight.
    Introduced in lesson 08.
    """
    rng = np.random.default_rng([seed, 2, number])
    picks = rng.integers(len(sections[0]), size=batch_size)
    tokens, before, metres, lengths = (column[picks] for column in sections)
    lengths[rng.random(batch_size) < 0.5] = -1
    return tokens[:, :n_beats], before, metres, lengths


def sections_of(tunes, vocabulary, max_pairs):
    """Return tunes in tokens, cut into sections, as `cut_sections` returns them."""
    metres = [METRES.index(tune.metre) for tune in tunes]
    pieces = [vocabulary.training_tokens(tune.notes, max_pairs) for tune in tunes]
    return cut_sections(pieces, metres)


def pairs_needed(tunes, vocabulary, share=0.998):
    """Return how many pairs a beat hold so large a share of the beats of some tunes, at most 12."""
    rows = [vocabulary.tokenize(tune.notes) for tune in tunes]
    counts = np.concatenate([(tokens < vocabulary.end).sum(axis=1) for tokens in rows])
    return int(np.clip(np.quantile(counts, share, method="inverted_cdf"), 1, MAX_PAIRS))


def roll_batches(tunes, length, batch_size=32, *, seed=0, first=0):
    """Return endless batches of rolls of 4/4 for `fit`, shorter tunes filled up with silence.

    The tf.data.Dataset holds uint8 tensors, shape (batch, length, 128); `length` is at most 19,200
    time steps. The same seed gives the same batches, from batch `first` on.
    """
    starts = window_starts(tunes, length)

    def draw(number):
        return roll_batch(starts, length, batch_size, seed, number)

    return _numbered(draw, first)


def training_batches(tunes, vocabulary, config, first=0):
    """Return endless batches of (rolls, tokens, tokens before, metres, lengths) for `LSTMGAN.fit`.

    The tf.data.Dataset holds a uint8 tensor of rolls, shape (batch, time, 128), and what
    `token_batch` returns, from batch `first` on.
    """
    length = config.measures * steps_of("4/4")
    starts, size = window_starts(tunes, length), config.batch_size
    sections = sections_of(tunes, vocabulary, config.max_pairs)
    n_beats = min(config.pretraining_beats, N_BLANKS)

    def draw(number):
        rolls = roll_batch(starts, length, size, config.seed, number)
        return rolls, *token_batch(sections, n_beats, size, config.seed, number)

    return _numbered(draw, first)


def _numbered(draw, first):
    """Return a dataset of draw(first), draw(first + 1), …, all of one shape."""
    import tensorflow as tf

    def batches():
        return map(draw, itertools.count(first))

    specs = tf.nest.map_structure(lambda part: tf.TensorSpec(part.shape, part.dtype), draw(first))
    return tf.data.Dataset.from_generator(batches, output_signature=specs).prefetch(4)
