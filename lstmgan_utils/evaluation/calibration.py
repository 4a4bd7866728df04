"""Calibration: after training, real tunes say how eagerly the generator should copy itself."""

import math

import numpy as np
import pandas as pd

from ..generator import LOOKBACK
from ..pianoroll import STEPS_PER_MEASURE
from ..sampling import sample_many
from .baselines import clips
from .descriptors import similarity

SEEDS = range(2000, 2300)  # none of those that the generator is evaluated by


def calibrate_copies(generator, songs, *, seeds=SEEDS, rounds=5):
    """Shift the offers to copy, one number a look-back, until as much returns as in real tunes.

    A generator that hears its own words instead of true ones leaves the paths that it knows
    (exposure bias), and less comes back than in the tunes it learned from. A look-back of k
    measures is set by pieces of 2k measures, 8 at least, beside clips of that length.

    Args:
        generator: Generator; the bias of its offers to copy is changed.
        songs: Songs that it has learned from.
        seeds: iterable of ints for the pieces.
        rounds: int, how often to play, compare and shift.

    Returns:
        DataFrame with real and generated (mean similarities), and shift of the bias for each lag
        (measures); a look-back for which no song is long enough stays as it is and is left out.

    Introduced in lesson 06.
    """
    real = _returns(lambda length: _clips(songs, length), LOOKBACK)
    shifts = dict.fromkeys(LOOKBACK, 0.0)
    trained = generator.copy.bias.numpy()
    for _ in range(rounds):
        for lag, value in generated_returns(generator, real, seeds).items():
            # Half a nat a round at most, so that one round cannot throw it off.
            shifts[lag] += float(
                np.clip(math.log(max(real[lag], 1e-3) / max(value, 1e-3)), -0.5, 0.5)
            )
        generator.copy.bias.assign(trained + np.array(list(shifts.values()), "float32"))
    found = generated_returns(generator, real, seeds)
    shifts = {lag: shifts[lag] for lag in real}
    return pd.DataFrame({"real": real, "generated": found, "shift": shifts}).rename_axis("lag")


def generated_returns(generator, lags, seeds):
    """Measure how much returns in generated excerpts.

    Args:
        generator: Generator.
        lags: iterable of ints, measures.
        seeds: iterable of ints.

    Returns:
        dict of lag to float, mean similarity.
    """
    return _returns(lambda length: sample_many(generator, seeds, length, ending=False), lags)


def _returns(make, lags):
    """Measure what returns in the pieces that make(measures) gives; none, and a lag is left out."""
    pieces = {length: make(length) for length in {_length(lag) for lag in lags}}
    found = {}
    for lag in lags:
        length = _length(lag)
        values = [similarity(notes, lag, length * STEPS_PER_MEASURE) for notes in pieces[length]]
        if values:
            found[lag] = float(np.nanmean(values))
    return found


def _clips(songs, length):
    try:
        return clips(songs, length)
    except ValueError:  # no song is long enough
        return []


def _length(lag):
    """Measures of the pieces that tell about a look-back: first half and second half."""
    return max(8, 2 * lag)
