"""Continuity: does a small step in the latent make a small step in the music?"""

from fractions import Fraction
from functools import cache

import numpy as np

from .sampling import blend, draw_latent, play_latents
from .table import Table

STEPS = tuple(2.0**-k for k in range(8, -1, -1))  # parts of the way from one song to another


def shared_notes(first, second):
    """Tell which share of their notes two pieces have in common.

    Args:
        first, second: note arrays.

    Returns:
        float from 0 to 1, twice the number of common notes over the number of all (Dice 1945);
        a note is common where onset and pitch are. NaN where both are silent.

    Introduced in lesson 07.
    """
    keys = [{(onset, pitch) for onset, _, pitch in one.tolist()} for one in (first, second)]
    total = len(keys[0]) + len(keys[1])
    return 2 * len(keys[0] & keys[1]) / total if total else float("nan")


def blend_continuity(generator, seeds, measures=8, starts=(0.0, 0.25, 0.5)):
    """Blend songs, and tell how many notes two songs share that are so far apart on the way.

    Args:
        generator: Generator.
        seeds: ints; each song is blended with the next one's.
        measures: int, length of the songs.
        starts: floats, the places on the way from which steps are taken.

    Returns:
        Table with step (part of the way, 1 is the whole of it) and shared (mean share of common
        notes).

    Introduced in lesson 07.
    """
    latents = [draw_latent(seed, measures) for seed in seeds]
    ways = list(zip(latents, latents[1:], strict=False))

    @cache
    def play(amount):
        return play_latents(generator, np.stack([blend(a, b, amount) for a, b in ways]))

    rows = Table()
    for step in STEPS:
        pairs = [
            pair
            for start in starts
            if start + step <= 1
            for pair in zip(play(start), play(start + step), strict=True)
        ]
        shared = float(np.nanmean([shared_notes(*pair) for pair in pairs]))
        rows.append({"step": str(Fraction(step)), "shared": shared})
    return rows
