"""Calibration: after training, real tunes say how eagerly the generator should copy itself."""

import math

import numpy as np

from .clipping import clips
from .form import similarity
from .lookback import LOOKBACK
from .pianoroll import STEPS_PER_MEASURE
from .sampling import sample_many
from .table import Table

SEEDS = range(2000, 2300)  # none of those that the generator is judged by


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
        Table with lag (measures), real and generated (mean similarities), and shift of the bias;
        a look-back for which no song is long enough stays as it is and is left out.

    Introduced in lesson 06.
    """
    real = {lag: value for lag in LOOKBACK if not math.isnan(value := _real_return(songs, lag))}
    shifts = dict.fromkeys(LOOKBACK, 0.0)
    trained = generator.copy.bias.numpy()
    for _ in range(rounds):
        for lag, value in generated_returns(generator, real, seeds).items():
            # Eager at first, and never on account of a return that few pieces have.
            shifts[lag] += float(np.clip(math.log(real[lag] / max(value, 1e-3)), -0.5, 0.5))
        generator.copy.bias.assign(trained + np.array(list(shifts.values()), "float32"))
    found = generated_returns(generator, real, seeds)
    return Table(
        {"lag": str(lag), "real": real[lag], "generated": found[lag], "shift": shifts[lag]}
        for lag in real
    )


def generated_returns(generator, lags, seeds):
    """Measure how much returns in generated excerpts.

    Args:
        generator: Generator.
        lags: iterable of ints, measures.
        seeds: iterable of ints.

    Returns:
        dict of lag to float, mean similarity.
    """
    pieces = {}
    for length in {_length(lag) for lag in lags}:
        pieces[length] = sample_many(generator, seeds, length, ending=False)
    return {lag: _mean_return(pieces[_length(lag)], lag) for lag in lags}


def _real_return(songs, lag):
    try:
        return _mean_return(clips(songs, _length(lag)), lag)
    except ValueError:  # no song is long enough
        return math.nan


def _mean_return(pieces, lag):
    n_steps = _length(lag) * STEPS_PER_MEASURE
    return float(np.nanmean([similarity(notes, lag, n_steps) for notes in pieces]))


def _length(lag):
    """Measures of the pieces that tell about a look-back: first half and second half."""
    return max(8, 2 * lag)
