"""Long pieces: does a song of 200 measures stay itself, and does it come back to what it said?"""

import numpy as np

from .form import shuffle_measures, similarity
from .pianoroll import STEPS_PER_MEASURE, crop
from .statistics import GLOSSARY, describe
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
