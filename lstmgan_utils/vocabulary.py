"""Tokens: any piano roll as a list of (pitch, rhythm pattern) pairs a beat.

In one beat, a pitch is silent or has a *pattern*: which of its 24 time steps sound. Few patterns
exist, so that 256 of them write nearly all music. A *token* is one such pair as a number,
`pitch * patterns + pattern`; the tokens of a beat stand in order, from the lowest pitch up, and
END, larger than all of them, fills the row.
"""

import functools
import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from .pianoroll import MAX_STEPS, N_PITCHES, RESOLUTION, crop, decode, encode, n_steps

BEATS_PER_MEASURE = {"4/4": 4, "3/4": 3, "6/8": 3}  # in quarter notes; the metres that we model
METRES = list(BEATS_PER_MEASURE)
SECTION = 16  # measures, the length of most tunes; the generator's memory starts afresh after them
SAME_AS = {  # two measures of the first are written as one of the second, or the other way round
    "2/4": "4/4", "2/2": "4/4", "4/8": "4/4", "3/8": "6/8", "12/8": "6/8", "6/4": "3/4",
}  # fmt: skip
ENOUGH = 0.9  # share of beats: with fewer known ones, music is no longer itself
PLACES = 1 << np.arange(RESOLUTION)[::-1]  # a pattern as a number: the first step counts most
QUARTER = int(PLACES[:-1].sum())  # the pattern of a note that fills its beat
WEIGHTS = Path(__file__).parent / "weights"


def modelled_metre(metre):
    """Return the metre under which a piece is learned, or None where it is left out.

    Introduced in lesson 04.
    """
    metre = SAME_AS.get(metre, metre)
    return metre if metre in BEATS_PER_MEASURE else None


def key_shift(fifths):
    """Return the semitones, -6 to 5, that move a key signature to the one without accidentals.

    Args:
        fifths: int, sharps of the key signature, or minus its flats.

    Introduced in lesson 04.
    """
    return (-7 * int(fifths) + 6) % 12 - 6


class Vocabulary:
    """The patterns that are known, and how music is written in them.

    Args:
        numbers: ints, the patterns: bit 23 is the first step of the beat, bit 0 the last.
        durations: ints, the lengths of notes that music has, in time steps; () for any.

    Raises:
        ValueError: no pattern, or a number that is none.
    """

    def __init__(self, numbers, durations=()):
        self.numbers = np.unique(np.asarray(numbers, np.int64))
        if not len(self.numbers) or self.numbers[0] < 1 or self.numbers[-1] >= 2**RESOLUTION:
            raise ValueError("patterns are numbers from 1 to 2 ** 24 - 1; give at least one")
        self.patterns = (self.numbers[:, None] & PLACES > 0).astype(np.uint8)
        self.durations = np.unique(np.asarray(durations, np.int64))
        self.end = N_PITCHES * len(self)
        self._nearest = {}

    def __len__(self):
        return len(self.numbers)

    def tokenize(self, music):
        """Write music in tokens; an unknown pattern becomes the nearest, for that pitch alone.

        Args:
            music: note array, or roll, shape (time, 128).

        Returns:
            int32 ndarray, shape (beats, pairs of the fullest beat); END fills each row.

        Introduced in lesson 06.
        """
        beat, pitch, number = columns(_as_roll(music))
        pattern = np.minimum(np.searchsorted(self.numbers, number), len(self) - 1)
        for i in np.flatnonzero(self.numbers[pattern] != number):
            pattern[i] = self.nearest(int(number[i]))
        return self._in_rows(beat, pitch * len(self) + pattern, n_beats(music))

    def detokenize(self, tokens):
        """Return the note array that tokens, an int array of shape (beats, pairs), stand for.

        Introduced in lesson 06.
        """
        return decode(self.to_roll(tokens))

    def to_roll(self, tokens):
        """Return the roll that tokens stand for: uint8 ndarray, shape (24 * beats, 128)."""
        tokens = np.asarray(tokens)
        roll = np.zeros((len(tokens), N_PITCHES, RESOLUTION), np.uint8)
        beat, slot = np.nonzero(tokens < self.end)
        pitch, pattern = np.divmod(tokens[beat, slot], len(self))
        roll[beat, pitch] = self.patterns[pattern]
        return roll.transpose(0, 2, 1).reshape(-1, N_PITCHES)

    def known_durations(self, notes):
        """Shorten each note of a note array to a length that music has.

        Two beats that are both well formed may hold a tied note as no music has it: a triplet
        tied to a sixteenth. A note shorter than all known lengths stays as it is.
        """
        place = np.searchsorted(self.durations, notes["duration"], side="right") - 1
        notes = notes.copy()
        notes["duration"][place >= 0] = self.durations[place[place >= 0]]
        return notes

    def nearest(self, number):
        """Find the pattern that differs least: ties over the beat kept, then onsets, then cells.

        Where ties cannot be kept, no end opens: not its own, nor that of the beat before.
        """
        if number not in self._nearest:  # remembered then, since rare patterns come again
            pattern = (number & PLACES > 0).astype(np.uint8)
            opens = (self.patterns[:, 0] < pattern[0]) | (self.patterns[:, -1] > pattern[-1])
            edges = (self.patterns != pattern)[:, [0, -1]].sum(axis=1)
            onsets = (_onsets(self.patterns) != _onsets(pattern)).sum(axis=1)
            cells = (self.patterns != pattern).sum(axis=1)
            self._nearest[number] = int(np.lexsort((cells, onsets, edges, opens))[0])
        return self._nearest[number]

    def exact(self, music):
        """Return which beats the vocabulary writes exactly: bool ndarray, shape (beats,)."""
        beat, _, number = columns(_as_roll(music))
        known = np.ones(n_beats(music), bool)
        known[beat[~np.isin(number, self.numbers)]] = False
        return known

    def training_tokens(self, music, max_pairs):
        """Write music as the generator can: at most so many pairs a beat, no open end.

        Of a fuller beat the outer voices stay. A pattern that sounds to the end of its beat while
        the pitch does not go on in the next beat is closed (see `close_ends`).

        Args:
            music: note array or roll.
            max_pairs: int.

        Returns:
            int32 ndarray, shape (beats, max_pairs).
        """
        roll = self.to_roll(outer_voices(self.tokenize(music), max_pairs, self.end))
        tokens = self.tokenize(close_ends(roll))
        missing = max_pairs - tokens.shape[1]
        return np.pad(tokens, ((0, 0), (0, missing)), constant_values=self.end)

    def _in_rows(self, beat, token, length):
        counts = np.bincount(beat, minlength=length)
        rows = np.full((length, counts.max(initial=0)), self.end, np.int32)
        rows[beat, np.arange(len(beat)) - np.repeat(np.cumsum(counts) - counts, counts)] = token
        return rows


@functools.cache
def default_vocabulary():
    """Return the Vocabulary of the piano weights, which knows most music."""
    facts = json.loads((WEIGHTS / "piano" / "config.json").read_text())
    return Vocabulary(facts["patterns"], facts["durations"])


def tokenize(music, vocabulary=None):
    """Write music in tokens: `Vocabulary.tokenize`; None stands for `default_vocabulary`."""
    return (vocabulary or default_vocabulary()).tokenize(music)


def detokenize(tokens, vocabulary=None):
    """Return the note array of tokens: `Vocabulary.detokenize`; None as for `tokenize`."""
    return (vocabulary or default_vocabulary()).detokenize(tokens)


def exact_share(pieces, vocabulary=None):
    """Return the share of the beats of some music that a vocabulary writes exactly.

    Args:
        pieces: iterable of note arrays or rolls.
        vocabulary: Vocabulary; None for `default_vocabulary`.

    Returns:
        float from 0 to 1; NaN without a beat.

    Warns:
        UserWarning: less than 90 %.

    Introduced in lesson 06.
    """
    vocabulary = vocabulary or default_vocabulary()
    known = np.concatenate([np.zeros(0, bool), *(vocabulary.exact(music) for music in pieces)])
    share = float(known.mean()) if len(known) else float("nan")
    if share < ENOUGH:
        warnings.warn(
            f"only {share:.1%} of {len(known):,} beats are written exactly, the others in the "
            "nearest known rhythms; learn a vocabulary from music like this (learn_vocabulary)",
            stacklevel=2,
        )
    return share


def learn_vocabulary(pieces, n_patterns=256, least=3):
    """Collect the commonest patterns of some music, and the lengths of its notes.

    Args:
        pieces: iterable of note arrays or rolls.
        n_patterns: int, the most patterns to keep; that of a quarter note comes on top where it
            is not among them, since it can end any tie.
        least: int; patterns and lengths that fewer pieces have are left out, as slips of a pen,
            unless nothing would be left.

    Returns:
        Vocabulary.

    Raises:
        ValueError: the pieces hold no note.

    Introduced in lesson 06.
    """
    patterns, spread, durations, sounds = Counter(), Counter(), Counter(), False
    for music in pieces:
        roll = _as_roll(music)
        sounds |= bool(roll.any())
        roll = close_ends(roll)
        found = Counter(columns(roll)[2].tolist())
        patterns.update(found)
        spread.update(found.keys())
        durations.update(np.unique(decode(roll)["duration"]).tolist())
    least = min(least, max(spread.values(), default=0))
    known = [number for number, _ in patterns.most_common() if spread[number] >= least]
    lengths = [length for length, count in durations.items() if count >= least]
    return Vocabulary([*known[:n_patterns], QUARTER] if sounds else [], lengths)


def columns(roll):
    """List what each pitch plays in each beat: three int arrays, beat, pitch, pattern number."""
    beats = roll.reshape(-1, RESOLUTION, N_PITCHES)
    numbers = np.einsum("bsp,s->bp", beats, PLACES, dtype=np.int64)
    beat, pitch = np.nonzero(numbers)
    return beat, pitch, numbers[beat, pitch]


def outer_voices(tokens, max_pairs, end):
    """Leave out inner voices where a beat has more than so many pairs."""
    counts = (tokens < end).sum(axis=1)
    slot = np.arange(min(max_pairs, tokens.shape[1]))
    skipped = np.maximum(counts - max_pairs, 0)[:, None] * (slot >= max_pairs // 2)
    return np.take_along_axis(tokens, slot + skipped, axis=1)


def close_ends(roll):
    """Silence the last step of a beat where the same pitch does not sound in the next one.

    A note's last step is silent. What sounds through the last step of a beat and is silent in
    the first of the next would last one step too long.

    Args:
        roll: uint8 ndarray, shape (24 * beats, 128).

    Returns:
        uint8 ndarray, the same shape.

    Introduced in lesson 06.
    """
    roll = roll.copy()
    last, first = roll[RESOLUTION - 1 : -1 : RESOLUTION], roll[RESOLUTION::RESOLUTION]
    last &= first
    return roll


def n_beats(music):
    """Count the beats that music fills, the last one perhaps in part."""
    return -(-(len(music) if music.ndim == 2 else n_steps(music)) // RESOLUTION)


def _as_roll(music):
    """Return the roll of a note array; one that is a roll is filled up to whole beats."""
    if music.ndim == 2:
        return np.pad(music, ((0, -len(music) % RESOLUTION), (0, 0)))
    length = RESOLUTION * min(n_beats(music), MAX_STEPS // RESOLUTION)
    return encode(crop(music, 0, MAX_STEPS), length)


def _onsets(patterns):
    """Mark the steps at which a note begins."""
    before = np.concatenate([np.zeros_like(patterns[..., :1]), patterns[..., :-1]], axis=-1)
    return patterns > before
