"""Long pieces: does a song of 200 measures stay itself, and does it come back to what it said?"""

from fractions import Fraction
from functools import cache

import numpy as np

from ..pianoroll import STEPS_PER_MEASURE, crop
from ..sampling import blend, draw_latent, play_latents
from .descriptors import GLOSSARY, describe
from .structure import shuffle_measures, similarity
from .table import Table

LAGS = (4, 8, 16)


def drift(songs, measures=200, part=48):
    """Compare the first measures of long pieces with their last.

    Args:
        songs: list of note arrays, each `measures` long.
        measures: int, length of the pieces.
        part: int, measures at either end; a multiple of 8 where `measures` is one, so that both
            parts start with a phrase.

    Returns:
        Table with statistic, first, last (means over the pieces), change (last / first − 1) and
        t (the mean difference in standard errors, NaN for a single piece). A |t| under 2 is what
        chance gives.

    Introduced in lesson 08.
    """
    length = part * STEPS_PER_MEASURE
    end = measures * STEPS_PER_MEASURE
    ends = ((0, length), (end - length, end))
    found = [[describe(crop(song, *edge), length) for song in songs] for edge in ends]
    rows = Table()
    for name in GLOSSARY:
        first, last = (np.array([one[name] for one in side]) for side in found)
        known = ~np.isnan(first) & ~np.isnan(last)
        if not known.any():
            continue
        difference = (last - first)[known]
        error = difference.std(ddof=1) / len(difference) ** 0.5 if len(difference) > 1 else 0
        first, last = float(np.mean(first[known])), float(np.mean(last[known]))
        rows.append({
            "statistic": name, "first": first, "last": last,
            "change": last / first - 1 if first else float("nan"),
            "t": float(difference.mean() / error) if error else float("nan"),
        })  # fmt: skip
    return rows


def long_form(generated, real, *, seed=0):
    """Compare how much comes back after 4, 8 and 16 measures: generated, real, and out of order.

    Args:
        generated: list of (note array, length in steps).
        real: list of (note array, length in steps), whole tunes in 4/4 from their first full
            measure, as `home_tunes` gives them.
        seed: int, for shuffling the measures of the real tunes.

    Returns:
        Table with lag (measures), generated, real, shuffled (mean similarities of measures that
        far apart) and closer_to_real.

    Introduced in lesson 08.
    """
    shuffled = [(shuffle_measures(notes, length, seed), length) for notes, length in real]
    rows = Table()
    for lag in LAGS:
        values = [
            float(np.nanmean([similarity(notes, lag, length) for notes, length in one]))
            for one in (generated, real, shuffled)
        ]
        rows.append({
            "lag": str(lag), "generated": values[0], "real": values[1], "shuffled": values[2],
            "closer_to_real": abs(values[0] - values[1]) < abs(values[0] - values[2]),
        })  # fmt: skip
    return rows


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
