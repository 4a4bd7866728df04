"""Distances between sets: hand-computed values, and published code."""

import math

import numpy as np
import pytest
from toy_tunes import toy_songs

from lstmgan_utils.evaluation import PieceSet, clips, descriptors, distances
from lstmgan_utils.pianoroll import note_array


def tune(*durations, pitch=60):
    """Notes of these lengths on one pitch, end to end."""
    onsets = np.cumsum((0, *durations[:-1]))
    return note_array([(on, d, pitch) for on, d in zip(onsets, durations, strict=True)])


def event_overlap(ours, real, name):
    """The overlap of one kind of events of two lists of note arrays, with its interval."""
    return distances.event_overlap(*(PieceSet(pieces).events[name] for pieces in (ours, real)))


def test_overlap_of_lengths_by_hand():
    ours, real = [tune(24, 24, 12, 12)], [tune(24, 24, 24, 48)]
    # shares: 24 steps 1/2 and 3/4, so the overlap is 1/2; 12 and 48 are not shared
    assert event_overlap(ours, real, "note length")[0] == pytest.approx(1 / 2)
    # pairs: 24-24, 24-12, 12-12 against 24-24 twice, 24-48: min(1/3, 2/3)
    assert event_overlap(ours, real, "length, next length")[0] == pytest.approx(1 / 3)
    assert event_overlap(ours, real, "melodic interval")[0] == pytest.approx(1)
    # what is longer than a measure counts as a measure
    assert event_overlap([tune(96)], [tune(300)], "note length")[0] == 1
    pieces = clips(toy_songs(8))
    for name in PieceSet(pieces).events:
        value, low, high = event_overlap(pieces, pieces, name)
        assert value == pytest.approx(1) and low <= value <= high


def test_overlap_of_chords_by_hand():
    """C under E, then G over the held C, then C alone, against C, C-E, C-G and F."""
    ours = note_array([(0, 48, 60), (0, 24, 64), (24, 24, 67), (48, 24, 72)])
    real = note_array([(0, 48, 48), (12, 12, 76), (24, 24, 55), (60, 24, 65)])
    assert descriptors.chords(ours).tolist() == [1 + 2**4, 1 + 2**7, 1]
    assert descriptors.chords(real).tolist() == [1, 1 + 2**4, 1 + 2**7, 2**5]
    # thirds and quarters: C-E, C-G and C are shared, 1/4 each
    assert event_overlap([ours], [real], "chord")[0] == pytest.approx(3 / 4)


def test_mean_interval_by_hand():
    mean, low, high = distances.mean_interval(np.array([1.0, 3.0] * 100))
    assert mean == 2 and high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.25)
    assert all(map(math.isnan, distances.mean_interval([])))


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
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 1))
    tied, free = np.hstack([a, a]), np.hstack([a, rng.normal(size=(4000, 1))])
    # S = [[1,1],[1,1]], without full rank, against the unit matrix: 2 + 2 − 2 √2
    assert distances.frechet_distance(tied, free) == pytest.approx(4 - 2 * 2**0.5, abs=0.05)


def test_classifiers_guess_when_there_is_nothing_to_see():
    rng = np.random.default_rng(3)
    same = distances.classifier_accuracy(rng.normal(size=(150, 8)), rng.normal(size=(150, 8)))
    far = distances.classifier_accuracy(rng.normal(size=(150, 8)), rng.normal(3, 1, size=(150, 8)))
    assert set(same) == {"classifier: logistic regression", "classifier: random forest"}
    for name, (_, low, high) in same.items():
        assert low <= 0.5 <= high and high - low < 0.15, name
        assert far[name][0] > 0.98
