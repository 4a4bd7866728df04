"""Whole tables: known cases between ceiling and floor, targets, long pieces."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures_learning import tiny_generator
from toy_tunes import toy_songs

from benchmarks import long_pieces
from lstmgan_utils import evaluation
from lstmgan_utils.evaluation import clips, comparison
from lstmgan_utils.pianoroll import crop, note_array, transpose


@pytest.fixture(scope="module")
def toys():
    """Training songs, and held-out songs."""
    return toy_songs(120, seed=1), toy_songs(60, seed=2)


def test_compare_puts_real_between_its_anchors(toys):
    training, held_out = (clips(songs) for songs in toys)
    table = evaluation.compare(clips(toy_songs(60, seed=3)), held_out, training, n_bootstrap=50)
    for name in ("overlap: interval, next interval", "coverage", "precision"):
        row = table.loc[name]
        assert row["floor"] < 0.5 < row["low"] <= row["generated"] <= row["high"]
        assert row["generated"] == pytest.approx(row["ceiling"], abs=0.15)
    forest = table.loc["classifier: random forest"]
    assert forest["low"] <= 0.5 and forest["generated"] < 0.6 and forest["floor"] > 0.95
    frechet = table.loc["Fréchet distance"]
    assert frechet["generated"] < 0.1 * frechet["floor"]


def test_compare_makes_its_own_ceiling_and_knows_the_key(toys):
    """A set in another key is told apart: that is why both sides are moved to one key."""
    held_out = clips(toys[1])
    moved = [transpose(clip, 6) for clip in held_out]
    table = evaluation.compare(moved, held_out, n_bootstrap=5)
    same = table.loc[["overlap: note length", "overlap: melodic interval"]]
    assert (same["generated"] > 0.95).all() and same["ceiling"].between(0.8, 1).all()
    assert table.loc["overlap: pitch class, place in measure", "generated"] < 0.4


def test_scorecards_pass_new_music_and_fail_noise_silence_and_copies(toys):
    training, held_out = toys
    held = note_array([(0, 500, 60), (500, 24, 62), (524, 24, 64)])
    copied = [clips(training)[0]] * 10 + [note_array([])] * 10 + [held]
    real, noise = clips(toy_songs(60, seed=4)), evaluation.noise_like(clips(held_out), 60, seed=7)
    generators = {"real": real, "noise": noise, "copied": copied}
    cards = {name: evaluation.scorecard(pieces, held_out, training, n_bootstrap=5)
             for name, pieces in generators.items()}  # fmt: skip
    missed = {name: set(card.index[card["met"].eq(False)]) for name, card in cards.items()}
    # toy tunes share short runs by chance, and a handful of 60 may be the longest
    runs = {"shared run: longest (notes)", "shared run: 95th percentile (notes)"}
    assert missed["real"] <= runs | {"classifier: random forest"}
    assert len(missed["noise"]) > 12
    assert missed["copied"] > {"distinct pieces", "sounds at all", "holds no note over 4 measures",
                               "shared run: longest (notes)", "impossible_durations"}  # fmt: skip
    assert cards["copied"].loc["sounds at all", "generated"] == pytest.approx(11 / 21)
    assert cards["copied"].loc["impossible_durations", "generated"] == pytest.approx(1 / 21)
    coverage = {name: card.loc["coverage", "generated"] for name, card in cards.items()}
    assert coverage["noise"] < 0.2 < coverage["real"]
    assert 0.9 < comparison.rescale(cards["real"])["coverage"] < 1.1


def test_piano_is_held_to_targets_of_its_own(toys):
    """Tunes doubled at the octave: other notes a beat and pitches at once, the same chords."""
    training, held_out = toys
    plain = clips(toy_songs(60, seed=4), align=8)
    doubled = [np.sort(np.concatenate([clip, transpose(clip, 12)]), order=("onset", "pitch"))
               for clip in plain]  # fmt: skip
    told = {}
    for name, pieces in {"plain": plain, "doubled": doubled}.items():
        card = evaluation.scorecard(pieces, held_out, training, targets="piano", align=8,
                                    per_song=2, n_bootstrap=0)  # fmt: skip
        told[name] = card.loc[card["target"] != "", "met"]
    assert told["plain"][["notes_per_beat", "polyphony", "empty_measure_rate"]].all()
    assert not told["doubled"][["notes_per_beat", "polyphony", "classifier: random forest"]].any()
    assert told["doubled"][["overlap: chord", "used_pitch_classes", "repetition_1"]].all()
    assert not {"silence", "overlap: interval, next interval"} & set(told["plain"].index)
    with pytest.raises(ValueError, match="no targets 'jazz'; there are folk, piano"):
        evaluation.scorecard(doubled, held_out, training, targets="jazz")


@pytest.mark.parametrize(
    ("sense", "limit", "times", "passing", "failing", "told"),
    [
        ("≥", 0.7, "", 0.7, 0.69, "≥ 0.7"),
        ("≤", 0.7, "", 0.7, 0.71, "≤ 0.7"),
        ("≥", 0.5, "ceiling", 0.41, 0.39, "≥ 0.5 × ceiling"),
        ("≤", 1, "held_out", 0.5, 0.51, "≤ 1 × held_out"),
        ("±", 0.1, "", 0.59, 0.39, "± 0.1 or 0.060"),
        ("±", 0.02, "", 0.55, 0.57, "± 0.02 or 0.060"),  # chance allows more
        ("±", 0.2, "held_out", 0.41, 0.61, "± 0.2 × held_out or 0.060"),
    ],
)
def test_targets_by_hand(sense, limit, times, passing, failing, told):
    for value, met in ((passing, True), (failing, False), (math.nan, False)):
        row = SimpleNamespace(generated=value, held_out=0.5, ceiling=0.8, chance=0.06,
                              sense=sense, limit=limit, times=times)  # fmt: skip
        assert comparison.target(row) == (told, met)


def song(measures, fading=False):
    """A tune of quarter notes; a fading one loses its notes in the last quarter of its time."""
    n_notes = 4 * measures * 3 // 4 if fading else 4 * measures
    rng = np.random.default_rng(measures)
    return note_array([(24 * i, 24, 60 + int(rng.integers(12))) for i in range(n_notes)])


def test_drift_sees_a_song_fade_into_silence_and_counts_in_standard_errors():
    steady, fading = (long_pieces.drift([song(200, fading)] * 2) for fading in (False, True))
    assert steady.loc["silence", "last"] == 0 == steady.loc["notes_per_beat", "change"]
    assert fading.loc["silence", ["first", "last"]].tolist() == [0, 1]
    assert fading.loc["notes_per_beat", "change"] == -1
    rng = np.random.default_rng(0)
    songs = [note_array([(24 * i, 24, int(p)) for i, p in enumerate(rng.integers(50, 70, 800))])
             for _ in range(20)]  # fmt: skip
    before = long_pieces.drift(songs).loc["mean_interval"]
    for one in songs:
        one["pitch"][600:] = 60
    after = long_pieces.drift(songs).loc["mean_interval"]
    assert after["t"] < -20 < -4 < before["t"] < 4 and before["first"] == after["first"]


def test_long_form_tells_a_tune_from_its_shuffled_measures():
    phrase = song(8)
    tune = np.concatenate([crop(phrase, 0, 768)] * 4)
    tune["onset"] = 24 * np.arange(len(tune))  # the same eight measures four times over
    table = long_pieces.long_form([(tune, 32 * 96)], [(tune, 32 * 96)] * 3)
    assert (table.loc[[8, 16], ["generated", "real"]] == 1).all(axis=None)
    assert table.loc[8, "shuffled"] < 0.5 and table.loc[8, "closer_to_real"]
    table = long_pieces.long_form([(song(32), 32 * 96)], [(tune, 32 * 96)] * 3)
    assert not table.loc[8, "closer_to_real"]


def test_long_pieces_are_compared_with_tunes_in_their_own_metre():
    held_out = toy_songs(6)
    held_out.table["metre"][:3] = "3/4"
    found = [
        long_pieces.measure(tiny_generator(), songs, range(2), range(2))["long_form.csv"]["real"]
        for songs in (held_out, held_out.select([3, 4, 5]))
    ]
    assert found[0].equals(found[1]) and (found[0][[4, 8]] > 0).all()  # they are too short for 16
