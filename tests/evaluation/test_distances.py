"""Distances between sets: hand-computed values, and published code."""

import math

import numpy as np
import pytest
from toy_tunes import toy_songs

from lstmgan_utils.evaluation import PieceSet, clips, distances
from lstmgan_utils.pianoroll import note_array


def tune(*durations, pitch=60):
    """Notes of these lengths on one pitch, end to end."""
    onsets = np.cumsum((0, *durations[:-1]))
    return note_array([(on, d, pitch) for on, d in zip(onsets, durations, strict=True)])


def test_overlap_of_lengths_by_hand():
    ours, real = PieceSet([tune(24, 24, 12, 12)]), PieceSet([tune(24, 24, 24, 48)])
    # shares: 24 steps 1/2 and 3/4, so the overlap is 1/2; 12 and 48 are not shared
    assert distances.event_overlap(ours, real, "note length")[0] == pytest.approx(1 / 2)
    # pairs: 24-24, 24-12, 12-12 against 24-24 twice, 24-48: min(1/3, 2/3)
    assert distances.event_overlap(ours, real, "length, next length")[0] == pytest.approx(1 / 3)
    assert distances.event_overlap(ours, real, "melodic interval")[0] == pytest.approx(1)
    # what is longer than a measure counts as a measure
    ours, real = PieceSet([tune(96)]), PieceSet([tune(300)])
    assert distances.event_overlap(ours, real, "note length")[0] == 1
    pieces = PieceSet(clips(toy_songs(8)))
    for name in pieces.events:
        value, low, high = distances.event_overlap(pieces, pieces, name)
        assert value == pytest.approx(1) and low <= value <= high


def test_overlap_of_chords_by_hand():
    """C under E, then G over the held C, then C alone, against C, C-E, C-G and F."""
    ours = PieceSet([note_array([(0, 48, 60), (0, 24, 64), (24, 24, 67), (48, 24, 72)])])
    real = PieceSet([note_array([(0, 48, 48), (12, 12, 76), (24, 24, 55), (60, 24, 65)])])
    assert ours.events["chord"][0].tolist() == [1 + 2**4, 1 + 2**7, 1]
    assert real.events["chord"][0].tolist() == [1, 1 + 2**4, 1 + 2**7, 2**5]
    # thirds and quarters: C-E, C-G and C are shared, 1/4 each
    assert distances.event_overlap(ours, real, "chord")[0] == pytest.approx(3 / 4)


def test_mean_interval_by_hand():
    mean, low, high = distances.mean_interval(np.array([1.0, 3.0, np.nan] * 100))
    assert mean == 2 and high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.25)
    assert all(map(math.isnan, distances.mean_interval([np.nan])))


def test_impossible_durations_by_hand():
    real = [tune(24, 12), tune(48)]
    found = distances.impossible_durations([tune(12, 48), tune(24, 25), note_array([])], real)
    assert found.tolist() == [False, True, False]


def test_divergence_by_hand():
    """The real 0 and 1 lie 1 apart: a peak. To ours, at 0, they lie 0 and 1: two Gaussians.

    So the divergence is −log of the share that the two Gaussians have where the peak is, and the
    overlapped area is that share.
    """
    area, divergence = distances.spread_overlap(np.array([0.0]), np.array([0.0, 1.0]))
    grid, width = np.linspace(-0.1, 1.1, 1001), 0.5 * 2**-0.2  # Scott: deviation · n^(−1/5)
    gaussians = sum(np.exp(-0.5 * ((grid - place) / width) ** 2) for place in (0, 1))
    share = (gaussians / gaussians.sum())[np.abs(grid - 1).argmin()]
    assert divergence == pytest.approx(-math.log(share), rel=1e-3)
    assert area == pytest.approx(share, rel=1e-2)


def test_spread_of_equal_far_and_constant_sets():
    real, same = np.random.default_rng(0).normal(size=300), np.ones(5)
    area, divergence = distances.spread_overlap(real + 0.0, real)
    assert area > 0.98 and divergence < 0.01
    area, divergence = distances.spread_overlap(real + 100, real)
    assert area < 0.01 and divergence > 10
    assert distances.spread_overlap(same, same) == (pytest.approx(1), pytest.approx(0))
    ours, real = np.arange(30) % 7 / 4096, np.arange(40) % 9 / 4096
    far = distances.spread_overlap(ours + 2**20, real + 2**20)  # distances stay exact there
    assert far == pytest.approx(distances.spread_overlap(ours, real), rel=1e-9)
    assert all(map(math.isnan, distances.spread_overlap(same * np.nan, same)))


def test_manifold_scores_by_hand():
    """With one neighbour: real 0 1 10 11 have balls of 1; of 0.5, 30 the first is in two balls."""
    real, ours = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([[0.5], [30.0]])
    found = {k: v[0] for k, v in distances.manifold_scores(ours, real, k=1).items()}
    # the balls of ours have the radius 29.5: that of 0.5 holds all four real ones
    assert found == {"precision": 0.5, "density": 1.0, "coverage": 0.5, "recall": 1.0}
    with pytest.raises(ValueError, match="6 pieces"):
        distances.manifold_scores(np.zeros((5, 2)), np.zeros((9, 2)))


def test_manifold_scores_agree_with_prdc():
    prdc = pytest.importorskip("prdc")
    rng = np.random.default_rng(0)
    real, ours = rng.normal(size=(80, 6)), rng.normal(0.5, 1, size=(80, 6))
    expected = prdc.compute_prdc(real, ours, nearest_k=5)
    for name, (value, low, high) in distances.manifold_scores(ours, real, k=5).items():
        assert value == pytest.approx(expected[name]) and low <= value <= high


def test_frechet_distance_by_hand():
    """In one dimension: (difference of means)² + (difference of standard deviations)²."""
    real = np.array([[-1.0], [1.0]])
    assert distances.frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    assert distances.frechet_distance(3 * real + 4, real) == pytest.approx(4**2 + 2 * 2**2)
    assert all(map(math.isnan, distances.frechet_interval(real, real, n_bootstrap=0)[1:]))
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 1))
    tied, free = np.hstack([a, a]), np.hstack([a, rng.normal(size=(4000, 1))])
    # S = [[1,1],[1,1]], without full rank, against the unit matrix: 2 + 2 − 2 √2
    assert distances.frechet_distance(tied, free) == pytest.approx(4 - 2 * 2**0.5, abs=0.05)
    value, low, high = distances.frechet_interval(free[:90], free[100:190])
    assert 0 <= low < value < high < 1


def test_classifiers_guess_when_there_is_nothing_to_see():
    rng = np.random.default_rng(3)
    same = distances.classifier_accuracy(rng.normal(size=(150, 8)), rng.normal(size=(150, 8)))
    far = distances.classifier_accuracy(rng.normal(size=(150, 8)), rng.normal(3, 1, size=(150, 8)))
    assert set(same) == {"classifier: logistic regression", "classifier: random forest"}
    for name, (_, low, high) in same.items():
        assert low <= 0.5 <= high and high - low < 0.15, name
        assert far[name][0] > 0.98
