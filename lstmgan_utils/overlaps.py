"""Overlaps: how far what happens in one set of pieces happens as often in another.

Sets of pieces of equal length are compared, never single pieces. The reference set is real music.
"""

import functools

import numpy as np

from . import statistics
from .glossary import GLOSSARY
from .pianoroll import RESOLUTION, STEPS_PER_MEASURE

SINGLES = ("note length", "onset in the beat", "melodic interval")
PAIRS = ("length, next length", "interval, next interval", "pitch class, place in measure")
CHORD = "chord"  # the set of pitch classes that sound together
# What `describe` tells of a piece of 8 measures, without synonyms: the space of `fidelity`.
FEATURES = tuple(
    name for name in GLOSSARY
    if name not in ("n_notes", "tone_span", "repetition_8", "similarity_8")
)  # fmt: skip


class PieceSet:
    """Pieces of equal length, described once.

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

    @functools.cached_property
    def descriptions(self):
        """list of dicts, one a piece, from `statistics.describe`."""
        return [statistics.describe(piece, self.n_steps) for piece in self.pieces]

    @functools.cached_property
    def events(self):
        """list of dicts, one a piece, from `events`."""
        return [events(piece) for piece in self.pieces]

    def values(self, name):
        """float ndarray, shape (pieces,), or (pieces, bins) for a histogram; NaN where silent."""
        return np.array([found[name] for found in self.descriptions])

    @functools.cached_property
    def features(self):
        """float ndarray, shape (pieces, features); what is NaN is −1, outside every range."""
        table = [[found[name] for name in FEATURES] for found in self.descriptions]
        return np.nan_to_num(np.array(table), nan=-1.0)


def events(notes):
    """Number what happens in a piece, so that equal numbers mean the same happening.

    Args:
        notes: note array.

    Returns:
        dict of int ndarrays: one number a note (or interval) for `SINGLES`, one a pair for `PAIRS`,
        one an onset for `CHORD`.

    Introduced in lesson 08.
    """
    line = statistics.melody(notes)
    length = np.minimum(line["duration"], STEPS_PER_MEASURE).astype(int)
    limit = statistics.MAX_INTERVAL
    step = np.clip(statistics.intervals(notes), -limit, limit) + limit
    pitch_class = notes["pitch"].astype(int) % 12
    return {
        "note length": np.minimum(notes["duration"], STEPS_PER_MEASURE).astype(int),
        "onset in the beat": notes["onset"] % RESOLUTION,
        "melodic interval": step,
        "length, next length": length[:-1] * 100 + length[1:],
        "interval, next interval": step[:-1] * 100 + step[1:],
        "pitch class, place in measure": pitch_class * 100 + notes["onset"] % STEPS_PER_MEASURE,
        CHORD: statistics.chords(notes),
    }


def overlap(shares, other):
    """Overlap of histograms that each sum to 1: Σ min(p, q), 1 for equal ones, 0 for disjoint ones.

    Args:
        shares, other: float ndarrays, shape (…, bins).

    Returns:
        float or ndarray, shape (…).

    Introduced in lesson 08.
    """
    return np.minimum(shares, other).sum(axis=-1)


def count_events(piece_events, bins):
    """Count each event in each piece: float32 ndarray, shape (pieces, bins).

    Args:
        piece_events: list of int ndarrays.
        bins: sorted int ndarray of the events to count.
    """
    counts = np.zeros((len(piece_events), len(bins)), np.float32)
    for row, found in zip(counts, piece_events, strict=True):
        row += np.bincount(np.searchsorted(bins, found), minlength=len(bins))
    return counts


def event_overlap(generated, reference, name, n_bootstrap=200, seed=0):
    """Overlap of what happens in two sets, all pieces of a set counted together.

    Args:
        generated, reference: PieceSet.
        name: str, one of `SINGLES` or `PAIRS`, or `CHORD`.
        n_bootstrap: int, how often both sets are drawn anew (whole pieces) for the interval.
        seed: int.

    Returns:
        (value, low, high), a 95 % interval.

    Introduced in lesson 08.
    """
    sets = [[found[name] for found in one.events] for one in (generated, reference)]
    bins = np.unique(np.concatenate([*sets[0], *sets[1]]))
    counts = [count_events(one, bins) for one in sets]
    rng = np.random.default_rng(seed)
    value = overlap(*(_shares(count.sum(0)) for count in counts))
    drawn = overlap(*(_shares(_draws(rng, len(count), n_bootstrap) @ count) for count in counts))
    value, low, high = interval(float(value), drawn)
    return value, max(low, 0.0), min(high, 1.0)


def _shares(counts):
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)


def _draws(rng, n, n_bootstrap):
    """How often each of n pieces is drawn, n times with replacement: shape (n_bootstrap, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).astype(np.float32)


def interval(value, drawn):
    """Put the middle 95 % of bootstrap draws around the value itself.

    Drawing pieces anew makes two sets look less alike than they are, so the draws are moved until
    their mean lies on the value.

    Returns:
        (value, low, high).
    """
    drawn = np.asarray(drawn)
    if not len(drawn):
        return value, float("nan"), float("nan")
    low, high = np.quantile(drawn - drawn.mean(), (0.025, 0.975))
    return value, float(value + low), float(value + high)


def mean_interval(values, n_bootstrap=200, seed=0):
    """Mean over pieces with its 95 % bootstrap interval; pieces without a value are left out.

    Args:
        values: float ndarray, shape (pieces,).
        n_bootstrap, seed: int.

    Returns:
        (mean, low, high), NaN where no piece has a value.

    Introduced in lesson 08.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if not len(values):
        return (float("nan"),) * 3
    draws = _draws(np.random.default_rng(seed), len(values), n_bootstrap)
    return interval(float(values.mean()), draws @ values / len(values))
