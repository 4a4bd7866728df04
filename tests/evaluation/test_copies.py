"""Copies are found, in any key, and only copies; small steps in the latent keep most notes."""

import numpy as np
import pytest
from fixtures_learning import tiny_generator

from benchmarks.long_pieces import blend_continuity
from lstmgan_utils.evaluation.copies import novelty, shared_notes, tokens
from lstmgan_utils.pianoroll import note_array, transpose


def random_tunes(n_tunes, n_notes, seed):
    """Tunes of random notes: three lengths, twenty pitches."""
    rng = np.random.default_rng(seed)
    tunes = []
    for _ in range(n_tunes):
        duration = rng.choice([6, 12, 24], n_notes)
        onset = np.cumsum(duration) - duration
        tunes.append(note_array(np.column_stack([onset, duration, rng.integers(55, 75, n_notes)])))
    return tunes


def slow_run(piece, tune):
    """The longest common run, by trying all pairs of places."""
    a, b = tokens(piece).tolist(), tokens(tune).tolist()
    for n in range(min(len(a), len(b)), 0, -1):
        runs = {tuple(a[i : i + n]) for i in range(len(a) - n + 1)}
        if any(tuple(b[j : j + n]) in runs for j in range(len(b) - n + 1)):
            return n + 1
    return 0


def after(first, second):
    """Two pieces end to end."""
    later = second.copy()
    later["onset"] += first["onset"][-1] + first["duration"][-1] - second["onset"][0]
    return np.concatenate([first, later])


def test_by_hand():
    """C D E F in quarters, and up a fourth F G A, then a longer note: three notes agree."""
    tune = note_array([(0, 24, 60), (24, 24, 62), (48, 24, 64), (72, 24, 65)])
    piece = note_array([(0, 24, 65), (24, 24, 67), (48, 48, 69), (96, 24, 70)])
    assert novelty([piece], [tune, tune])[0].item() == (3, 0, 0, 0)  # the first of equal tunes


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_trying_all_places(seed):
    tunes, pieces = random_tunes(6, 40, seed), random_tunes(4, 30, seed + 100)
    for piece, found in zip(pieces, novelty(pieces, tunes), strict=True):
        runs = [slow_run(piece, tune) for tune in tunes]
        assert found["run"] == max(runs)
        if found["run"]:
            assert runs[found["tune"]] == max(runs)
            a = tokens(piece)[found["start"] :][: found["run"] - 1]
            b = tokens(tunes[found["tune"]])[found["tune_start"] :][: found["run"] - 1]
            assert (a == b).all()


@pytest.mark.parametrize("shift", [-7, 0, 3])
def test_a_planted_copy_is_caught(shift):
    """Ten notes of a tune, moved to another key and place, inside a piece of random notes."""
    tunes, piece = random_tunes(50, 60, 1), random_tunes(1, 30, 2)[0]
    found = novelty([after(piece, transpose(tunes[37][20:30], shift))], tunes)[0]
    assert found["run"] >= 10
    assert (found["tune"], found["start"], found["tune_start"]) == (37, 30, 20)


def test_what_is_no_copy():
    first, second = random_tunes(2, 40, 6)
    slower = first.copy()
    slower["onset"] *= 5
    slower["duration"] *= 5  # another rhythm
    # A run does not cross from tune to tune; silence and single notes share nothing.
    pieces = [first, slower, after(first, second), note_array([]), first[:1], first[:2]]
    found = novelty(pieces, [first, second])
    assert found["run"].tolist() == [40, 0, 40, 0, 0, 2]
    assert found["tune"].tolist() == [0, -1, 0, -1, -1, 0]
    assert len(novelty([], [first])) == 0
    bass = [(int(n["onset"]), int(n["duration"]), 30) for n in first]  # only the top line counts
    both = np.sort(np.concatenate([first, note_array(bass)]), order=("onset", "pitch"))
    assert novelty([both], [first])["run"] == 40


def test_shared_notes_by_hand():
    a = note_array([(0, 24, 60), (24, 24, 62), (48, 24, 64)])
    b = note_array([(0, 12, 60), (24, 24, 63), (48, 24, 64), (72, 24, 65), (96, 24, 67)])
    assert shared_notes(a, b) == pytest.approx(2 * 2 / (3 + 5))  # lengths do not matter
    assert shared_notes(a, a) == 1 and shared_notes(a, note_array([])) == 0
    assert np.isnan(shared_notes(note_array([]), note_array([])))


def test_neighbours_on_the_way_share_more_than_the_ends():
    shared = blend_continuity(tiny_generator(), [0, 1, 2, 3], measures=4)["shared"]
    assert shared.between(0, 1).all() and shared["1/256"] > shared["1"] + 0.2
