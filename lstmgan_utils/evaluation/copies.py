"""What pieces share: runs copied from training tunes, and notes that two pieces have in common.

Copies are sought by intervals and durations, so that a copy in another key is still a copy.
"""

from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd

from ..sampling import draw_latent, morph, sample_latents
from .descriptors import melody

RESULT = np.dtype([("run", "<i4"), ("tune", "<i4"), ("start", "<i4"), ("tune_start", "<i4")])
STEPS = tuple(2.0**-k for k in range(8, -1, -1))  # parts of the way from one song to another


def tokens(notes):
    """Return a number for each step of a melody, from length and interval: int64 ndarray.

    Introduced in lesson 10.
    """
    line = melody(notes)
    interval = np.diff(line["pitch"].astype(np.int64))
    return (interval + 128) * 2**16 + line["duration"][:-1]


def novelty(generated, training):
    """Return, for each piece, the longest run of notes that it shares with a training tune.

    Args:
        generated, training: lists of note arrays, or Songs.

    Returns:
        structured ndarray, shape (pieces,): run, notes whose intervals and durations agree one
        after the other (0 where none do); tune, the index of the first such training tune (−1 for
        none); start and tune_start, where the run starts in the melody of each, counted in notes.

    Introduced in lesson 10.
    """
    sequences = [tokens(notes) for notes in (*training, *generated)]
    n_tunes, lengths = len(training), np.array([len(one) + 1 for one in sequences], int)
    # All sequences end to end. A separator after each equals nothing but itself.
    text = np.concatenate([np.append(one, -1 - i) for i, one in enumerate(sequences)] or [[]])
    owner = np.repeat(np.arange(len(sequences)), lengths)
    start = np.arange(len(text)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    result = np.full(len(generated), np.array((0, -1, 0, 0), RESULT))
    place, keys = np.arange(len(text)), text
    for n_steps in range(1, len(text)):
        _, first, run = np.unique(keys, return_index=True, return_inverse=True)
        is_tune, source = owner[place] < n_tunes, place[first]
        shared = np.isin(run, run[is_tune]) & np.isin(run, run[~is_tune])
        if not shared.any():
            break
        # Places ascend: the first of equal runs is a tune's. The first of a piece is written last.
        found = np.flatnonzero(shared & ~is_tune)[::-1]
        here, there = place[found], source[run[found]]
        columns = n_steps + 1, owner[there], start[here], start[there]
        for name, values in zip(RESULT.names, columns, strict=True):
            result[name][owner[here] - n_tunes] = values
        place, run = place[shared], run[shared]
        # the next token as a number from 0 up, to make one key of run and token
        keys = run * len(text) + np.unique(text[place + n_steps], return_inverse=True)[1]
    return result


def shared_notes(first, second):
    """Return the share of notes (onset and pitch) that two pieces have in common (Dice 1945)."""
    a, b = ({(onset, pitch) for onset, _, pitch in one.tolist()} for one in (first, second))
    return 2 * len(a & b) / ((len(a) + len(b)) or float("nan"))


def blend_continuity(generator, seeds, measures=8, starts=(0.0, 0.25, 0.5), mix=morph):
    """Return how many notes two songs share that lie so far apart on the way between two seeds.

    Args:
        generator: Generator.
        seeds: ints; each song is blended with the next one's.
        measures: int, length of the songs.
        starts: floats, the places on the way from which steps are taken.
        mix: function of two latents and an amount, `sampling.morph` or `sampling.blend`.

    Returns:
        DataFrame with shared (mean share of common notes) for each step (part of the way, 1 is
        the whole of it).

    Introduced in lesson 09.
    """
    latents = [draw_latent(seed, measures) for seed in seeds]
    ways = list(zip(latents, latents[1:], strict=False))

    @cache
    def play(amount):
        return sample_latents(generator, np.stack([mix(a, b, amount) for a, b in ways]))

    shared = {
        str(Fraction(step)): np.nanmean([
            shared_notes(*pair)
            for start in starts if start + step <= 1
            for pair in zip(play(start), play(start + step), strict=True)
        ])
        for step in STEPS
    }  # fmt: skip
    return pd.DataFrame({"shared": shared}).rename_axis("step")
