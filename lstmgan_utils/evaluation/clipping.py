"""Clips of equal length, the only fair things to compare, and sets of them.

Statistics change with the length of a piece, its place in the tune and its key. So every set is
made of clips of as many measures, cut at measure lines, moved to the key signature without sharps
or flats.
"""

from functools import cached_property

import numpy as np
import pandas as pd

from ..pianoroll import RESOLUTION, STEPS_PER_MEASURE, crop, fit_to_roll, n_steps, transpose
from ..vocabulary import key_shift
from .descriptors import GLOSSARY, MAX_INTERVAL, chords, describe, intervals, melody

DUPLE_METRES = ("4/4", "2/4", "2/2")  # whole or half measures of 4/4
SINGLES = ("note length", "onset in the beat", "melodic interval")
PAIRS = ("length, next length", "interval, next interval", "pitch class, place in measure")
CHORD = "chord"  # the set of pitch classes that sound together
# What `describe` returns of a piece of 8 measures, without synonyms.
FEATURES = list(GLOSSARY.index.drop(["n_notes", "tone_span", "repetition_8", "similarity_8"]))


def clips(songs, measures=8, seed=0, *, metres=DUPLE_METRES, align=4, per_song=1):
    """Return clips of whole measures of 4/4, cut from the songs that are long enough.

    Args:
        songs: Songs.
        measures: int, length of a clip.
        seed: int, which clip of each song.
        metres: tuple of str, songs in other metres are left out.
        align: int, a clip starts this many measures, or a multiple, after the pickup. With 4, it
            starts where most phrases do.
        per_song: int, clips of one song at most; they may overlap.

    Returns:
        list of note arrays in random order, each `96 * measures` steps long with its final
        silence.

    Raises:
        ValueError: no song is long enough.

    Introduced in lesson 08.
    """
    rng, length, found = np.random.default_rng(seed), measures * STEPS_PER_MEASURE, []
    for tune in home_tunes(songs, metres):
        # The last measure often lacks the beat that the pickup has: a quarter may be missing.
        starts = np.arange(0, n_steps(tune) + RESOLUTION - length + 1, align * STEPS_PER_MEASURE)
        for start in rng.permutation(starts)[:per_song]:
            clip = crop(tune, int(start), int(start) + length)
            clip = clip[clip["duration"] > 1]  # the edge may leave a splinter that no roll can hold
            if len(clip):
                found.append(clip)
    if not found:
        raise ValueError(f"no song of {', '.join(metres)} lasts {measures} measures; ask for fewer")
    return [found[i] for i in rng.permutation(len(found))]


def home_tunes(songs, metres=DUPLE_METRES):
    """Return whole tunes without pickup, in the key signature without sharps or flats.

    Args:
        songs: Songs.
        metres: tuple of str, songs in other metres are left out.

    Returns:
        list of note arrays as a roll can hold them.

    Introduced in lesson 08.
    """
    table = songs.table
    return [
        transpose(
            crop(fit_to_roll(songs[i]), int(table["pickup"][i]), n_steps(songs[i]) + 1),
            key_shift(table["key"][i]),
        )
        for i in np.flatnonzero(np.isin(table["metre"], metres))
    ]


class PieceSet:
    """Hold pieces of equal length, described once.

    Args:
        pieces: list of note arrays.
        n_steps: int, the length of every piece in time steps, final silence included.

    Raises:
        ValueError: no piece, or one that is longer.

    Introduced in lesson 08.
    """

    def __init__(self, pieces, n_steps=8 * STEPS_PER_MEASURE):
        self.pieces, self.n_steps = list(pieces), n_steps
        if not self.pieces:
            raise ValueError("a set without pieces cannot be compared; give some note arrays")

    def __len__(self):
        return len(self.pieces)

    @cached_property
    def table(self):
        """DataFrame of what `describe` returns, a row a piece."""
        return pd.DataFrame([describe(piece, self.n_steps) for piece in self.pieces])

    @cached_property
    def events(self):
        """list of dicts, one a piece, from `events`."""
        return [events(piece) for piece in self.pieces]

    def values(self, name):
        """float ndarray, shape (pieces,), or (pieces, bins) for a histogram; NaN where silent."""
        return np.stack(self.table[name])

    @cached_property
    def features(self):
        """float ndarray, shape (pieces, features); what is NaN is −1, outside every range."""
        return np.ascontiguousarray(self.table[FEATURES].fillna(-1.0))


def events(notes):
    """Return the events of a piece as numbers: dict of int ndarrays.

    A number stands for a note or an interval in `SINGLES`, for a pair of neighbours in `PAIRS`, for
    what sounds at an onset in `CHORD`.
    """
    length = np.minimum(notes["duration"], STEPS_PER_MEASURE).astype(int)
    top = np.minimum(melody(notes)["duration"], STEPS_PER_MEASURE).astype(int)
    step = np.clip(intervals(notes), -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    place = notes["pitch"].astype(int) % 12 * 100 + notes["onset"] % STEPS_PER_MEASURE
    pairs = (line[:-1] * 100 + line[1:] for line in (top, step))
    found = (length, notes["onset"] % RESOLUTION, step, *pairs, place, chords(notes))
    return dict(zip((*SINGLES, *PAIRS, CHORD), found, strict=True))
