"""Copies are found, in any key, and only copies; the search is right and fast."""

import time

import numpy as np
import pytest
from fixtures_learning import tiny_generator
from toy_tunes import toy_songs

from benchmarks import long_songs
from lstmgan_utils.evaluation.copies import novelty, tokens
from lstmgan_utils.evaluation.long_pieces import drift, long_form
from lstmgan_utils.pianoroll import crop, note_array, transpose


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
    a, b = tokens(piece), tokens(tune)
    best = 0
    for i in range(len(a)):
        for j in range(len(b)):
            n = 0
            while i + n < len(a) and j + n < len(b) and a[i + n] == b[j + n]:
                n += 1
            best = max(best, n)
    return best + 1 if best else 0


def test_by_hand():
    """C D E F in quarters, and up a fourth F G A, then a longer note: three notes agree."""
    tune = note_array([(0, 24, 60), (24, 24, 62), (48, 24, 64), (72, 24, 65)])
    piece = note_array([(0, 24, 65), (24, 24, 67), (48, 48, 69), (96, 24, 70)])
    found = novelty([piece], [tune])[0]
    assert (found["run"], found["tune"], found["start"], found["tune_start"]) == (3, 0, 0, 0)


@pytest.mark.parametrize("seed", range(5))
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
    stolen = transpose(tunes[37][20:30], shift)
    stolen["onset"] += piece["onset"][-1] + piece["duration"][-1] - stolen["onset"][0]
    found = novelty([np.concatenate([piece, stolen])], tunes)[0]
    assert found["run"] >= 10
    assert (found["tune"], found["start"], found["tune_start"]) == (37, 30, 20)


def test_another_rhythm_is_no_copy():
    tune = random_tunes(1, 40, 5)[0]
    other = tune.copy()
    other["onset"] *= 5
    other["duration"] *= 5
    assert novelty([other], [tune])["run"][0] == 0
    assert novelty([tune], [tune])["run"][0] == 40


def test_a_run_does_not_cross_from_tune_to_tune():
    first, second = random_tunes(2, 20, 6)
    later = second.copy()
    later["onset"] += first["onset"][-1] + first["duration"][-1]
    assert novelty([np.concatenate([first, later])], [first, second])["run"][0] == 20


def test_silence_and_single_notes_share_nothing():
    tune = random_tunes(1, 20, 7)[0]
    found = novelty([note_array([]), tune[:1], tune[:2]], [tune])
    assert found["run"].tolist() == [0, 0, 2]
    assert found["tune"].tolist() == [-1, -1, 0]
    assert len(novelty([], [tune])) == 0


def test_only_the_top_line_is_compared():
    tune = random_tunes(1, 20, 8)[0]
    bass = note_array([(int(n["onset"]), int(n["duration"]), 30) for n in tune])
    both = np.sort(np.concatenate([tune, bass]), order=("onset", "pitch"))
    assert novelty([both], [tune])["run"][0] == 20


def test_a_thousand_pieces_in_a_minute():
    """1,000 pieces of 64 notes against 4,400 tunes of 105: the size of the real task."""
    tunes, pieces = random_tunes(4400, 105, 9), random_tunes(1000, 64, 10)
    start = time.process_time()
    assert len(novelty(pieces, tunes)) == 1000
    assert time.process_time() - start < 60


# Long pieces


def song(measures, fading=False):
    """A tune of quarter notes; a fading one loses its notes in the last quarter of its time."""
    n_notes = 4 * measures * 3 // 4 if fading else 4 * measures
    rng = np.random.default_rng(measures)
    return note_array([(24 * i, 24, 60 + int(rng.integers(12))) for i in range(n_notes)])


def test_drift_sees_a_song_fade_into_silence():
    steady, fading = drift([song(200)] * 2), drift([song(200, fading=True)] * 2)
    assert steady["silence"]["last"] == 0 and steady["notes_per_beat"]["change"] == 0
    assert fading["silence"]["first"] == 0 and fading["silence"]["last"] == 1
    assert fading["notes_per_beat"]["change"] == -1


def test_drift_measures_the_change_in_standard_errors():
    rng = np.random.default_rng(0)
    songs = [note_array([(24 * i, 24, int(p)) for i, p in enumerate(rng.integers(50, 70, 800))])
             for _ in range(20)]  # fmt: skip
    rows = drift(songs)
    assert abs(rows["mean_interval"]["t"]) < 4
    for one in songs:
        one["pitch"][600:] = 60
    assert rows["mean_interval"]["first"] == drift(songs)["mean_interval"]["first"]
    assert drift(songs)["mean_interval"]["t"] < -20


def test_long_form_tells_a_tune_from_its_shuffled_measures():
    phrase = song(8)
    tune = np.concatenate([crop(phrase, 0, 768)] * 4)
    tune["onset"] = 24 * np.arange(len(tune))  # the same eight measures four times over
    rows = long_form([(tune, 32 * 96)], [(tune, 32 * 96)] * 3)
    assert rows["8"]["real"] == rows["8"]["generated"] == rows["16"]["real"] == 1
    assert rows["8"]["shuffled"] < 0.5 and rows["8"]["closer_to_real"]
    rows = long_form([(song(32), 32 * 96)], [(tune, 32 * 96)] * 3)
    assert not rows["8"]["closer_to_real"]


def test_long_songs_are_compared_with_tunes_in_their_own_metre(monkeypatch):
    monkeypatch.setattr(long_songs, "LONG_SEEDS", range(2))
    monkeypatch.setattr(long_songs, "BLEND_SEEDS", range(2))
    held_out = toy_songs(6)
    held_out.table["metre"][:3] = "3/4"
    found = [long_songs.measure(tiny_generator(), songs)["long_form.csv"]
             for songs in (held_out, held_out.select([3, 4, 5]))]  # fmt: skip
    for lag in ("4", "8"):  # toy tunes are too short for 16
        assert found[0][lag]["real"] == found[1][lag]["real"] > 0
