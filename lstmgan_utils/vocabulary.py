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

from .pianoroll import MAX_STEPS, N_PITCHES, RESOLUTION, crop, decode, encode

BEATS_PER_MEASURE = {"4/4": 4, "3/4": 3, "6/8": 3}  # in quarter notes; the metres that we model
METRES = list(BEATS_PER_MEASURE)
SECTION = 16  # measures, the length of most tunes; the generator's memory starts afresh after them
# Two measures of the first are written as one of the second, or the other way round.
SAME_AS = {"2/4": "4/4", "2/2": "4/4", "4/8": "4/4", "3/8": "6/8", "12/8": "6/8", "6/4": "3/4"}
PLACES = 1 << np.arange(RESOLUTION)[::-1]  # a pattern as a number: the first step counts most
QUARTER = int(PLACES[:-1].sum())  # the pattern of a note that fills its beat
WEIGHTS = Path(__file__).parent / "weights"


def modelled_metre(metre):
    """Return the metre that a piece is learned in, None for left out. Introduced in lesson 04."""
    metre = SAME_AS.get(metre, metre)
    return metre if metre in BEATS_PER_MEASURE else None


def key_shift(fifths):
    """Return the semitones, -6 to 5, that move a key signature to the one without accidentals.

    `fifths` counts its sharps, or minus its flats. Introduced in lesson 04.
    """
    return (-7 * int(fifths) + 6) % 12 - 6


class Vocabulary:
    """The patterns that are known, and how music is written in them.

    `numbers` are the patterns: bit 23 is the first step of the beat, bit 0 the last; ValueError
    for none, or one that is none. `durations` are the lengths of notes that music has, in time
    steps; () for any. Music is a note array, or a roll of shape (time, 128).
    """

    def __init__(self, numbers, durations=()):
        self.numbers = np.unique(np.asarray(numbers, np.int64))
        if not len(self.numbers) or self.numbers[0] < 1 or self.numbers[-1] >= 2**RESOLUTION:
            raise ValueError("patterns are numbers from 1 to 2 ** 24 - 1; give at least one")
        self.patterns = (self.numbers[:, None] & PLACES > 0).astype(np.uint8)
        self.durations = np.unique(np.asarray(durations, np.int64))
        self.end = N_PITCHES * len(self)
        self.nearest = functools.cache(self.nearest)  # since rare patterns come again

    def __len__(self):
        return len(self.numbers)

    def tokenize(self, music):
        """Write music in tokens; an unknown pattern becomes the nearest, for that pitch alone.

        The tokens are int32, shape (beats, pairs of the fullest beat); END fills each row.
        Introduced in lesson 06.
        """
        n_beats, beat, pitch, number = columns(_as_roll(music))
        pattern = np.minimum(np.searchsorted(self.numbers, number), len(self) - 1)
        for i in np.flatnonzero(self.numbers[pattern] != number):
            pattern[i] = self.nearest(int(number[i]))
        slot = np.arange(len(beat)) - np.searchsorted(beat, beat)
        tokens = np.full((n_beats, slot.max(initial=-1) + 1), self.end, np.int32)
        tokens[beat, slot] = pitch * len(self) + pattern
        return tokens

    def detokenize(self, tokens):
        """Return the note array of tokens, shape (beats, pairs). Introduced in lesson 06."""
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
        """Shorten notes to lengths that music has: not a triplet tied to a sixteenth.

        A note shorter than all known lengths stays as it is.
        """
        place = np.searchsorted(self.durations, notes["duration"], side="right") - 1
        notes = notes.copy()
        notes["duration"][place >= 0] = self.durations[place[place >= 0]]
        return notes

    def nearest(self, number):
        """Find the pattern that differs least: ties over the beat kept, then onsets, then cells.

        Where ties cannot be kept, no end opens: not its own, nor that of the beat before.
        """
        pattern = (number & PLACES > 0).astype(np.uint8)
        differs = self.patterns != pattern
        opens = (self.patterns[:, 0] < pattern[0]) | (self.patterns[:, -1] > pattern[-1])
        ties = differs[:, [0, -1]].sum(axis=1)
        onsets = (_onsets(self.patterns) != _onsets(pattern)).sum(axis=1)
        return np.lexsort((differs.sum(axis=1), onsets, ties, opens))[0]

    def exact(self, music):
        """Return which beats the vocabulary writes exactly: bool ndarray, shape (beats,)."""
        n_beats, beat, _, number = columns(_as_roll(music))
        return ~np.isin(np.arange(n_beats), beat[~np.isin(number, self.numbers)])

    def training_tokens(self, music, max_pairs):
        """Write music as the generator can: at most so many pairs a beat, no open end.

        Of a fuller beat the outer voices stay, open ends are closed (see `close_ends`). Returns
        int32 of shape (beats, max_pairs).
        """
        roll = self.to_roll(outer_voices(self.tokenize(music), max_pairs, self.end))
        tokens = self.tokenize(close_ends(roll))
        missing = max_pairs - tokens.shape[1]
        return np.pad(tokens, ((0, 0), (0, missing)), constant_values=self.end)


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
    """Return the share of the beats of pieces that a vocabulary writes exactly: float, 0 to 1.

    None stands for `default_vocabulary`. Without a beat it is NaN; below 90 % a UserWarning names
    the remedy, since music is no longer itself. Introduced in lesson 06.
    """
    vocabulary = vocabulary or default_vocabulary()
    known = np.concatenate([np.zeros(0, bool), *(vocabulary.exact(music) for music in pieces)])
    share = float(known.mean()) if len(known) else float("nan")
    if share < 0.9:
        warnings.warn(
            f"only {share:.1%} of {len(known):,} beats are written exactly, the others in the "
            "nearest known rhythms; learn a vocabulary from music like this (learn_vocabulary)",
            stacklevel=2,
        )
    return share


def learn_vocabulary(pieces, n_patterns=256, least=3):
    """Build a Vocabulary of the commonest patterns of pieces, and the lengths of their notes.

    At most `n_patterns` are kept; that of a quarter note comes on top where it is not among them,
    since it can end any tie. Patterns and lengths that fewer than `least` pieces have are left
    out, as slips of a pen, unless nothing would be left. Raises ValueError where no note sounds.
    Introduced in lesson 06.
    """
    patterns, spread, durations, sounds = Counter(), Counter(), Counter(), False
    for music in pieces:
        roll = _as_roll(music)
        sounds |= bool(roll.any())
        roll = close_ends(roll)
        found = Counter(columns(roll)[-1].tolist())
        patterns.update(found)
        spread.update(found.keys())
        durations.update(np.unique(decode(roll)["duration"]).tolist())
    least = min(least, max(spread.values(), default=0))
    known = [number for number, _ in patterns.most_common() if spread[number] >= least]
    lengths = [length for length, count in durations.items() if count >= least]
    return Vocabulary([*known[:n_patterns], QUARTER] if sounds else [], lengths)


def columns(roll):
    """Count the beats and list what sounds in them: three int arrays, beat, pitch, pattern."""
    beats = roll.reshape(-1, RESOLUTION, N_PITCHES)
    numbers = np.einsum("bsp,s->bp", beats, PLACES, dtype=np.int64)
    beat, pitch = np.nonzero(numbers)
    return len(beats), beat, pitch, numbers[beat, pitch]


def outer_voices(tokens, max_pairs, end):
    """Leave out inner voices where a beat has more than so many pairs."""
    counts = (tokens < end).sum(axis=1)
    slot = np.arange(min(max_pairs, tokens.shape[1]))
    skipped = np.maximum(counts - max_pairs, 0)[:, None] * (slot >= max_pairs // 2)
    return np.take_along_axis(tokens, slot + skipped, axis=1)


def close_ends(roll):
    """Silence the last step of a beat where the same pitch does not sound in the next one.

    A note's last step is silent: else it would last one step too long. The roll is uint8, shape
    (24 * beats, 128).
    """
    roll = roll.copy()
    last, first = roll[RESOLUTION - 1 : -1 : RESOLUTION], roll[RESOLUTION::RESOLUTION]
    last &= first
    return roll


def _as_roll(music):
    """Return music, a note array or a roll, as a roll of whole beats."""
    roll = music if music.ndim == 2 else encode(crop(music, 0, MAX_STEPS))
    return np.pad(roll, ((0, -len(roll) % RESOLUTION), (0, 0)))


def _onsets(patterns):
    """Mark the steps at which a note begins."""
    return np.diff(patterns.astype(np.int8), prepend=0, axis=-1) > 0
