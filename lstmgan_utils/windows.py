"""Batches for training, drawn from note arrays on the fly: rolls of a few measures, and tokens.

Each batch depends on nothing but the seed and its own number, so that a run that was
interrupted at batch 700 goes on with batch 700.
"""

import dataclasses

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

    @property
    def n_measures(self):
        """int, the measures it fills, the last one perhaps in part."""
        return -(-n_steps(self.notes) // steps_of(self.metre))


def prepare(songs, metres=METRES):
    """Move songs to one key signature and their first full measure to step 0.

    Args:
        songs: Songs.
        metres: list of str, the metres to keep, from `vocabulary.METRES`.

    Returns:
        list of Tune; songs in other metres are left out.

    Raises:
        ValueError: no song is left.

    Introduced in lesson 04.
    """
    tunes = []
    for index, notes in enumerate(songs):
        metre = modelled_metre(str(songs.table["metre"][index]))
        if metre in metres and len(notes):
            pickup, shift = int(songs.table["pickup"][index]), key_shift(songs.table["key"][index])
            low, high = int(notes["pitch"].min()) + shift, int(notes["pitch"].max()) + shift
            shift += 12 * (low < 0) - 12 * (high >= N_PITCHES)
            full = crop(notes, pickup, MAX_STEPS)
            if len(full):
                tunes.append(Tune(transpose_notes(full, shift), metre, index))
    if not tunes:
        raise ValueError(f"none of {len(songs)} songs is in {', '.join(metres)}; add other songs")
    return tunes


def window(tune, start, length):
    """Draw `length` time steps of a tune as a roll; notes that go on after the end stay open.

    Returns:
        uint8 ndarray, shape (length, 128).

    Introduced in lesson 04.
    """
    reach = min(length + RESOLUTION, MAX_STEPS)
    return encode(crop(tune.notes, start, start + reach), reach)[:length]


def window_starts(tunes, length, metre="4/4"):
    """List where windows of `length` time steps may start: every fourth measure with room behind.

    Returns:
        list of (tune, list of first time steps), a pair a tune that is long enough. Where no
        tune is, each tune once from its start, to be filled up with silence.

    Raises:
        ValueError: no tune is in the metre.

    Introduced in lesson 08.
    """
    step = PHRASE_MEASURES * steps_of(metre)
    of_metre = [tune for tune in tunes if tune.metre == metre]
    if not of_metre:
        raise ValueError(f"no tune is in {metre}; choose another metre or add songs")
    rooms = [(tune, n_steps(tune.notes) - length + RESOLUTION) for tune in of_metre]
    starts = [(tune, list(range(0, room, step))) for tune, room in rooms if room > 0]
    return starts or [(tune, [0]) for tune in of_metre]


def roll_batch(starts, length, batch_size, seed, number, semitones=(0, 0)):
    """Draw batch `number` of a seeded, endless series of random windows; each tune is as likely.

    Args:
        starts: from `window_starts`.
        length: int, time steps.
        batch_size: int.
        seed: int.
        number: int, counts the batches from 0.
        semitones: (low, high), the range of random transpositions.

    Returns:
        uint8 ndarray, shape (batch, length, 128).

    Introduced in lesson 04.
    """
    rng = np.random.default_rng([seed, 1, number])
    shifts = rng.integers(semitones[0], semitones[1] + 1, size=batch_size)
    rolls = []
    for pick in rng.integers(len(starts), size=batch_size):
        tune, first_steps = starts[pick]
        rolls.append(window(tune, rng.choice(first_steps), length))
    moved = [np.roll(roll, shift, axis=1) for roll, shift in zip(rolls, shifts, strict=True)]
    return np.stack(moved)


def cut_sections(pieces, metres):
    """Cut pieces in tokens into sections of 16 measures, as the generator's memory is cut.

    Args:
        pieces: list of int arrays, shape (beats, pairs).
        metres: list of int, indices into `METRES`.

    Returns:
        four int32 ndarrays: tokens, shape (sections, 64, pairs), NOTHING (-1) after the end; the
        64 beats before, NOTHING where the piece begins; metres, shape (sections,); beats from
        here to the end of the piece's last measure, shape (sections,). What is left after the
        last whole section is one too, from a phrase of 4 measures on.

    Introduced in lesson 08.
    """
    columns = [], [], [], []
    for tokens, metre in zip(pieces, metres, strict=True):
        per_measure = BEATS_PER_MEASURE[METRES[metre]]
        length = -(-len(tokens) // per_measure) * per_measure
        padded = np.pad(tokens, ((N_BLANKS, N_BLANKS), (0, 0)), constant_values=NOTHING)
        last = max(1, len(tokens) - PHRASE_MEASURES * per_measure + 1)
        for start in range(0, last, SECTION * per_measure):
            section = padded[start + N_BLANKS :][:N_BLANKS].copy()
            section[SECTION * per_measure :] = NOTHING
            row = section, padded[start:][:N_BLANKS], metre, length - start
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    return tuple(np.array(column, np.int32) for column in columns)


def token_batch(sections, n_beats, batch_size, seed, number):
    """Draw batch `number` of a seeded, endless series of sections; each is as likely.

    Args:
        sections: from `cut_sections`.
        n_beats: int, beats to read of each section.
        batch_size, seed, number: as for `roll_batch`.

    Returns:
        what `cut_sections` returns, a row a pick; but one half of the lengths are -1, so that the
        generator learns to write with and without an end in sight.

    Introduced in lesson 08.
    """
    rng = np.random.default_rng([seed, 2, number])
    picks = rng.integers(len(sections[0]), size=batch_size)
    tokens, before, metres, lengths = (column[picks] for column in sections)
    lengths[rng.random(batch_size) < 0.5] = -1
    return tokens[:, :n_beats], before, metres, lengths


def sections_of(tunes, vocabulary, max_pairs):
    """Write tunes in tokens and cut them into sections: what `cut_sections` returns."""
    metres = [METRES.index(tune.metre) for tune in tunes]
    pieces = [vocabulary.training_tokens(tune.notes, max_pairs) for tune in tunes]
    return cut_sections(pieces, metres)


def pairs_needed(tunes, vocabulary, share=0.998):
    """Return how many pairs a beat hold so large a share of the beats of some tunes, at most 12."""
    rows = [vocabulary.tokenize(tune.notes) for tune in tunes]
    counts = np.concatenate([(tokens < vocabulary.end).sum(axis=1) for tokens in rows])
    return int(np.clip(np.quantile(counts, share, method="inverted_cdf"), 1, MAX_PAIRS))


def roll_batches(tunes, length, batch_size=32, *, metre="4/4", seed=0, first=0, semitones=(0, 0)):
    """Feed endless batches of rolls to `fit`.

    Args:
        tunes: list of Tune from `prepare`.
        length: int, time steps of each roll, up to 19,200; shorter tunes are filled up with
            silence where none is long enough.
        batch_size: int.
        metre: str, the metre of the tunes to draw from.
        seed: int; the same seed gives the same batches.
        first: int, the number of the first batch, to resume.
        semitones: (low, high), the range of random transpositions.

    Returns:
        tf.data.Dataset of uint8 tensors, shape (batch, length, 128).
    """
    import tensorflow as tf

    starts = window_starts(tunes, length, metre)

    def draw(number):
        return roll_batch(starts, length, batch_size, seed, int(number), semitones)

    return _numbered(draw, first, tf.TensorSpec((batch_size, length, N_PITCHES), tf.uint8))


def training_batches(tunes, vocabulary, config, first=0):
    """Feed endless batches of (rolls, tokens, tokens before, metres, lengths) to `LSTMGAN.fit`.

    Args:
        tunes: list of Tune.
        vocabulary: Vocabulary.
        config: Config.
        first: int, the number of the first batch, to resume.

    Returns:
        tf.data.Dataset of a roll tensor, uint8, shape (batch, time, 128), and what `token_batch`
        returns.
    """
    import tensorflow as tf

    sections = sections_of(tunes, vocabulary, config.max_pairs)
    size, n_beats = config.batch_size, min(config.pretraining_beats, N_BLANKS)

    def draw(number):
        return token_batch(sections, n_beats, size, config.seed, int(number))

    of_tokens = [tf.TensorSpec((size, n, config.max_pairs), tf.int32) for n in (n_beats, N_BLANKS)]
    of_tunes = [tf.TensorSpec((size,), tf.int32)] * 2
    tokens = _numbered(draw, first, (*of_tokens, *of_tunes))
    length = config.measures * steps_of("4/4")
    rolls = roll_batches(tunes, length, size, seed=config.seed, first=first)
    return tf.data.Dataset.zip(rolls, tokens).map(lambda roll, music: (roll, *music))


def _numbered(draw, first, specs):
    """Make a dataset of draw(first), draw(first + 1), … with known shapes."""
    import tensorflow as tf

    flat = tf.nest.flatten(specs)

    def one(number):
        tensors = tf.numpy_function(draw, [number], [spec.dtype for spec in flat])
        tensors = [tensors] if len(flat) == 1 and not isinstance(tensors, list) else tensors
        for tensor, spec in zip(tensors, flat, strict=True):
            tensor.set_shape(spec.shape)
        return tf.nest.pack_sequence_as(specs, tensors)

    numbers = tf.data.Dataset.range(first, 2**62)
    return numbers.map(one, num_parallel_calls=2, deterministic=True).prefetch(4)
