"""Sets against sets: hand-computed scores, published code, and known cases in the right order."""

import math

import numpy as np
import pytest
from toy_tunes import toy_songs

from lstmgan_utils import evaluation, fidelity, overlaps, spread, targets
from lstmgan_utils.clipping import clips, home_tunes, noise_like
from lstmgan_utils.corpus import from_arrays, song_row
from lstmgan_utils.overlaps import PieceSet
from lstmgan_utils.pianoroll import note_array, transpose
from lstmgan_utils.table import Table


def tune(*durations, pitch=60):
    """Notes of these lengths on one pitch, end to end."""
    onsets = np.cumsum((0, *durations[:-1]))
    return note_array([(on, d, pitch) for on, d in zip(onsets, durations, strict=True)])


def test_overlap_of_lengths_by_hand():
    ours, real = PieceSet([tune(24, 24, 12, 12)]), PieceSet([tune(24, 24, 24, 48)])
    # shares: 24 steps 1/2 and 3/4, so the overlap is 1/2; 12 and 48 are not shared
    assert overlaps.event_overlap(ours, real, "note length")[0] == pytest.approx(1 / 2)
    # pairs: 24-24, 24-12, 12-12 against 24-24 twice, 24-48: min(1/3, 2/3)
    assert overlaps.event_overlap(ours, real, "length, next length")[0] == pytest.approx(1 / 3)
    assert overlaps.event_overlap(ours, real, "melodic interval")[0] == pytest.approx(1)


def test_overlap_of_chords_by_hand():
    held = [(0, 48, 60), (0, 24, 64), (24, 24, 67), (48, 24, 72)]  # C+E, C held under G, C alone
    ours, real = PieceSet([note_array(held)]), PieceSet([note_array(held[:2] + held[3:])])
    assert ours.events[0]["chord"].tolist() == [1 + 2**4, 1 + 2**7, 1]
    # shares of C+E, C+G, C: a third each, against a half, none and a half
    assert overlaps.event_overlap(ours, real, "chord")[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", (*overlaps.SINGLES, *overlaps.PAIRS, overlaps.CHORD))
def test_a_set_overlaps_itself_wholly(name):
    pieces = PieceSet(clips(toy_songs(8)))
    value, low, high = overlaps.event_overlap(pieces, pieces, name)
    assert value == pytest.approx(1) and low <= value <= high


def test_longer_notes_than_a_measure_count_as_a_measure():
    ours, real = PieceSet([tune(96)]), PieceSet([tune(300)])
    assert overlaps.event_overlap(ours, real, "note length")[0] == 1


def test_distances_by_hand():
    assert spread.distances(np.array([0.0, 3.0, 7.0])).tolist() == [3, 7, 4]
    points = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert spread.distances(points, points[:1]).tolist() == [0, 5]


def test_smooth_density_is_a_gaussian():
    """Two values d apart have Scott's width (d / 2) · 2^−0.2: compare with the formula."""
    grid = np.linspace(-5, 7, 2001)
    values, width = np.array([0.0, 2.0]), 2**-0.2
    expected = sum(np.exp(-0.5 * ((grid - v) / width) ** 2) for v in values)
    np.testing.assert_allclose(
        spread.smooth_density(values, grid), expected / expected.sum(), atol=2e-5
    )


def test_divergence_by_hand():
    """The real 0 and 1 lie 1 apart: a peak. To ours, at 0, they lie 0 and 1: two Gaussians.

    So the divergence is −log of the share that the two Gaussians have where the peak is, and the
    overlapped area is that share.
    """
    area, divergence = spread.spread_overlap(np.array([0.0]), np.array([0.0, 1.0]))
    grid, width = np.linspace(-0.1, 1.1, 1001), 0.5 * 2**-0.2  # Scott: deviation · n^(−1/5)
    gaussians = sum(np.exp(-0.5 * ((grid - place) / width) ** 2) for place in (0, 1))
    share = (gaussians / gaussians.sum())[np.abs(grid - 1).argmin()]
    assert divergence == pytest.approx(-math.log(share), rel=1e-3)
    assert area == pytest.approx(share, rel=1e-2)


def test_spread_of_equal_and_of_far_sets():
    real = np.random.default_rng(0).normal(size=300)
    area, divergence = spread.spread_overlap(real + 0.0, real)
    assert area > 0.98 and divergence < 0.01
    area, divergence = spread.spread_overlap(real + 100, real)
    assert area < 0.01 and divergence > 10


def test_spread_without_variance_or_values():
    same = np.ones(5)
    assert spread.spread_overlap(same, same) == (pytest.approx(1), pytest.approx(0))
    assert all(map(math.isnan, spread.spread_overlap(same * np.nan, same)))


def test_manifold_scores_by_hand():
    """With one neighbour: real 0 1 10 11 have balls of 1; of 0.5, 30 the first is in two balls."""
    real, ours = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([[0.5], [30.0]])
    found = {k: v[0] for k, v in fidelity.manifold_scores(ours, real, k=1).items()}
    # the balls of ours have the radius 29.5: that of 0.5 holds all four real ones
    assert found == {"precision": 0.5, "density": 1.0, "coverage": 0.5, "recall": 1.0}


def test_manifold_scores_agree_with_prdc():
    prdc = pytest.importorskip("prdc")
    rng = np.random.default_rng(0)
    real, ours = rng.normal(size=(80, 6)), rng.normal(0.5, 1, size=(80, 6))
    expected = prdc.compute_prdc(real, ours, nearest_k=5)
    for name, (value, low, high) in fidelity.manifold_scores(ours, real, k=5).items():
        assert value == pytest.approx(expected[name]) and low <= value <= high


def test_too_few_pieces_for_neighbours():
    with pytest.raises(ValueError, match="6 pieces"):
        fidelity.manifold_scores(np.zeros((5, 2)), np.zeros((9, 2)))


def test_frechet_distance_by_hand():
    """In one dimension: (difference of means)² + (difference of standard deviations)²."""
    real = np.array([[-1.0], [1.0]])
    assert fidelity.frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    assert fidelity.frechet_distance(3 * real + 4, real) == pytest.approx(4**2 + 2 * 2**2)


def test_frechet_interval_holds_the_distance():
    rng = np.random.default_rng(0)
    value, low, high = fidelity.frechet_interval(rng.normal(size=(90, 2)), rng.normal(size=(90, 2)))
    assert 0 <= low < value < high < 1
    same = np.array([[-1.0], [1.0]])
    assert all(map(math.isnan, fidelity.frechet_interval(same, same, n_bootstrap=0)[1:]))


def test_frechet_distance_knows_about_correlation():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 1))
    tied = np.hstack([a, a])
    free = np.hstack([a, rng.normal(size=(4000, 1))])
    # S = [[1,1],[1,1]] against the unit matrix: 2 + 2 − 2 √2
    assert fidelity.frechet_distance(tied, free) == pytest.approx(4 - 2 * 2**0.5, abs=0.05)


def test_classifier_guesses_when_there_is_nothing_to_see():
    rng = np.random.default_rng(3)
    same = fidelity.classifier_accuracy(rng.normal(size=(150, 8)), rng.normal(size=(150, 8)))
    far = fidelity.classifier_accuracy(rng.normal(size=(150, 8)), rng.normal(3, 1, size=(150, 8)))
    assert set(same) == {"logistic regression", "random forest"}
    for name in same:
        value, low, high = same[name]
        assert low <= 0.5 <= high and high - low < 0.15, name
        assert far[name][0] > 0.98


def test_mean_interval():
    mean, low, high = overlaps.mean_interval(np.array([1.0, 3.0, np.nan] * 100))
    assert mean == 2 and high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.25)
    assert all(map(math.isnan, overlaps.mean_interval([np.nan])))


# Clips


def songs_of(notes, **row):
    """One song with values of its own in the table."""
    return from_arrays([notes], [song_row(notes) | row])


def test_clips_start_after_the_pickup_and_in_the_home_key():
    notes = note_array([(0, 24, 66), *((24 + 24 * i, 24, 67) for i in range(64))])  # in G
    found = clips(songs_of(notes, pickup=24, key=1), measures=8, align=8)
    assert {len(clip) for clip in found} == {32}
    assert found[0]["onset"][0] == 0 and set(found[0]["pitch"]) == {67 + 5}


def test_clips_are_aligned_to_phrases():
    notes = note_array([(24 * i, 24, 40 + i) for i in range(80)])  # 20 measures
    found = clips(songs_of(notes), measures=8, align=4, per_song=9)
    assert sorted(clip["pitch"][0] for clip in found) == [40, 56, 72, 88]


def test_clips_may_lack_the_beat_of_the_pickup_but_no_more():
    whole = note_array([(24 * i, 24, 60) for i in range(31)])
    assert len(clips(songs_of(whole))) == 1
    with pytest.raises(ValueError, match="8 measures"):
        clips(songs_of(whole[:30]))


def test_clips_leave_other_metres_out():
    notes = tune(*[24] * 32)
    with pytest.raises(ValueError, match="no song"):
        clips(songs_of(notes, metre="6/8"))
    assert len(clips(songs_of(notes, metre="6/8"), metres=("6/8",))) == 1


def test_home_tunes_move_the_key_signature_to_c():
    tonics = {0: 60, 1: 67, 2: 62, -1: 65, 3: 69, -3: 63}
    for fifths, tonic in tonics.items():
        moved = home_tunes(songs_of(tune(24, pitch=tonic), key=fifths))[0]
        assert moved["pitch"][0] % 12 == 0


def test_noise_has_the_density_of_the_real_clips():
    real = clips(toy_songs(20))
    noise = noise_like(real, 300, seed=1)
    mean = [np.mean([len(piece) for piece in one]) for one in (real, noise)]
    assert mean[0] == pytest.approx(mean[1], rel=0.05)
    assert max(statistics["overlap_rate"] for statistics in PieceSet(noise).descriptions) == 0
    assert all((a == b).all() for a, b in zip(noise, noise_like(real, 300, seed=1), strict=True))


# The whole table


@pytest.fixture(scope="module")
def toys():
    """Training songs, and held-out songs."""
    return toy_songs(120, seed=1), toy_songs(60, seed=2)


def test_compare_puts_real_between_its_anchors(toys):
    training, held_out = (clips(songs) for songs in toys)
    table = evaluation.compare(clips(toy_songs(60, seed=3)), held_out, training, n_bootstrap=50)
    for name in ("overlap: interval, next interval", "coverage", "precision"):
        row = table[name]
        assert row["floor"] < 0.5 < row["low"] <= row["generated"] <= row["high"]
        assert row["generated"] == pytest.approx(row["ceiling"], abs=0.15)
    forest = table["classifier: random forest"]
    assert forest["low"] <= 0.5 and forest["generated"] < 0.6 and forest["floor"] > 0.95
    assert table["Fréchet distance"]["generated"] < 0.1 * table["Fréchet distance"]["floor"]


def test_compare_makes_its_own_ceiling(toys):
    held_out = clips(toys[1])
    table = evaluation.compare(held_out, held_out, n_bootstrap=10)
    assert table["overlap: note length"]["generated"] == pytest.approx(1)
    assert 0.8 < table["overlap: note length"]["ceiling"] < 1


def test_scorecard_passes_new_music_and_fails_noise(toys):
    training, held_out = toys
    real = evaluation.scorecard(clips(toy_songs(60, seed=4)), held_out, training, n_bootstrap=20)
    missed = [row["measure"] for row in real if row["met"] is False]
    # toy tunes share short runs by chance, and a handful of 60 may be the longest
    assert set(missed) <= {"shared run: longest (notes)", "shared run: 95th percentile (notes)"}
    noise = evaluation.scorecard(
        noise_like(clips(held_out), 60, seed=7), held_out, training, n_bootstrap=20
    )
    assert sum(row["met"] is False for row in noise) > 12
    assert real.column("measure") == noise.column("measure")


def test_writers_judged_together_score_as_each_alone(toys):
    """The anchors are shared; the scores are those of single cards."""
    training, held_out = toys
    writers = {"real": clips(toy_songs(30, seed=4)), "noise": noise_like(clips(held_out), 30)}
    cards = evaluation.scorecards(writers, held_out, training, n_bootstrap=5)
    alone = evaluation.scorecard(writers["real"], held_out, training, n_bootstrap=5)
    assert str(cards["real"]) == str(alone)
    assert cards["real"].column("floor") == pytest.approx(
        cards["noise"].column("floor"), nan_ok=True
    )
    league = evaluation.league_table(cards)
    assert league["coverage"]["noise"] < 0.2 < league["coverage"]["real"]


def test_piano_is_held_to_its_own_targets(toys):
    training, held_out = toys
    doubled = [
        np.sort(np.concatenate([c, transpose(c, -12)])) for c in clips(toy_songs(40, seed=4))
    ]
    (card,) = evaluation.scorecards(
        {"octaves": doubled}, held_out, training, n_bootstrap=0, targets=targets.PIANO
    ).values()
    assert card["overlap: chord"]["met"] and card["overlap: chord"]["target"] == "≥ 0.95 of ceiling"
    assert card["polyphony"]["generated"] == 2 and card["polyphony"]["held_out"] == 1
    assert card["polyphony"]["met"] is False and card["notes_per_beat"]["met"] is False
    assert card["empty_measure_rate"]["target"].startswith("within 0.02 or")
    assert "silence" not in card.column("measure")


def test_scorecard_catches_silence_copies_and_a_held_note(toys):
    training, held_out = toys
    clip = clips(training)[0]
    held = note_array([(0, 500, 60), (500, 24, 62), (524, 24, 64)])
    pieces = [clip] * 10 + [note_array([])] * 10 + [held]
    card = evaluation.scorecard(pieces, held_out, training, n_bootstrap=5)
    for name in ("distinct pieces", "sounds at all", "holds no note over 4 measures",
                 "a note in every two measures", "shared run: longest (notes)"):  # fmt: skip
        assert card[name]["met"] is False, name
    assert card["sounds at all"]["generated"] == pytest.approx(11 / 21)


def test_transposition_matters_only_to_pitch_classes(toys):
    """A set in another key is told apart: that is why both sides are moved to one key."""
    held_out = clips(toys[1])
    moved = [transpose(clip, 6) for clip in held_out]
    table = evaluation.compare(moved, held_out, n_bootstrap=5)
    assert table["overlap: melodic interval"]["generated"] == pytest.approx(1)
    assert table["overlap: pitch class, place in measure"]["generated"] < 0.4


def test_table_shows_and_finds_rows(tmp_path):
    table = Table([{"measure": "a < b", "value": 0.12345, "met": True, "x": math.nan}])
    assert table["a < b"]["value"] == 0.12345
    assert str(table).splitlines()[1].split() == ["a", "<", "b", "0.123", "yes", "–"]
    assert "a &lt; b" in table._repr_html_()
    table.to_csv(tmp_path / "t.csv")
    assert "0.12345" in (tmp_path / "t.csv").read_text()
    with pytest.raises(KeyError, match="coverage"):
        table["coverage"]
