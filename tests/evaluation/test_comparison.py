"""Whole tables: known cases between ceiling and floor, wins counted fairly, long pieces."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
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
    assert table.loc["overlap: note length", "generated"] == pytest.approx(1)
    assert 0.8 < table.loc["overlap: note length", "ceiling"] < 1
    assert table.loc["overlap: melodic interval", "generated"] == pytest.approx(1)
    assert table.loc["overlap: pitch class, place in measure", "generated"] < 0.4


def test_scorecards_pass_new_music_and_fail_noise_silence_and_copies(toys):
    training, held_out = toys
    held = note_array([(0, 500, 60), (500, 24, 62), (524, 24, 64)])
    copied = [clips(training)[0]] * 10 + [note_array([])] * 10 + [held]
    real, noise = clips(toy_songs(60, seed=4)), evaluation.noise_like(clips(held_out), 60, seed=7)
    generators = {"real": real, "noise": noise, "copied": copied}
    cards = evaluation.scorecards(generators, held_out, training, n_bootstrap=5)
    missed = {name: set(card.index[card["met"].eq(False)]) for name, card in cards.items()}
    # toy tunes share short runs by chance, and a handful of 60 may be the longest
    runs = {"shared run: longest (notes)", "shared run: 95th percentile (notes)"}
    assert missed["real"] <= runs | {"classifier: random forest"}
    assert len(missed["noise"]) > 12
    assert missed["copied"] > {"distinct pieces", "sounds at all", "holds no note over 4 measures",
                               "shared run: longest (notes)", "impossible_durations"}  # fmt: skip
    assert cards["copied"].loc["sounds at all", "generated"] == pytest.approx(11 / 21)
    assert cards["copied"].loc["impossible_durations", "generated"] == pytest.approx(1 / 21)
    table = evaluation.comparison_table(cards)
    assert table.loc["coverage", "noise"] < 0.2 < table.loc["coverage", "real"]


def test_piano_is_held_to_targets_of_its_own(toys):
    """Tunes doubled at the octave: other notes a beat and pitches at once, the same chords."""
    training, held_out = toys
    plain = clips(toy_songs(60, seed=4), align=8)
    doubled = [np.sort(np.concatenate([clip, transpose(clip, 12)]), order=("onset", "pitch"))
               for clip in plain]  # fmt: skip
    cards = evaluation.scorecards({"plain": plain, "doubled": doubled}, held_out, training,
                                  targets="piano", align=8, per_song=2, n_bootstrap=0)  # fmt: skip
    told = {name: card.loc[card["target"] != "", "met"] for name, card in cards.items()}
    assert told["plain"][["notes_per_beat", "polyphony", "empty_measure_rate"]].all()
    assert not told["doubled"][["notes_per_beat", "polyphony", "classifier: random forest"]].any()
    assert told["doubled"][["overlap: chord", "used_pitch_classes", "repetition_1"]].all()
    assert (
        "silence" not in told["plain"] and "overlap: interval, next interval" not in told["plain"]
    )
    own = pd.DataFrame({"sense": "±", "limit": 9.0, "times": ""}, ["polyphony"])
    card = evaluation.scorecard(doubled, held_out, training, targets=own, n_bootstrap=0)
    assert card.loc[card["target"] != "", "met"].to_dict() == {"polyphony": True}
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


def row(metric, held_out=math.nan, ceiling=0.95, **scores):
    """A comparison table of one metric: a score, or a score with the ends of its interval."""
    found = {"held_out": held_out, "ceiling": ceiling, "floor": 0.0}
    for name, values in scores.items():
        values = values if isinstance(values, tuple) else (values, math.nan, math.nan)
        found |= dict(zip((name, f"{name} low", f"{name} high"), values, strict=True))
    return pd.DataFrame(found, pd.Index([metric], name="metric"))


@pytest.mark.parametrize(
    ("metric", "score", "real", "distance"),
    [
        ("silence", 0.3, {"held_out": 0.1}, 0.2),
        ("overlap: x", 0.9, {}, 0.05),
        ("overlap: x", 0.99, {}, 0),  # over the ceiling is no fault
        ("classifier: random forest", 0.45, {}, 0.05),
        ("Fréchet distance", 3, {"ceiling": 1}, 2),
        ("shared run: longest (notes)", 3, {"held_out": 20}, 0),
        ("silence", math.nan, {"held_out": 0.1}, math.nan),
    ],
)
def test_distance_from_real_music(metric, score, real, distance):
    found = comparison.distance_from_real(row(metric, us=score, **real), "us").iloc[0]
    assert found == pytest.approx(distance, nan_ok=True)


@pytest.mark.parametrize(
    ("ours", "baseline", "outcome"),
    [
        ((0.9, 0.8, 1.0), (0.5, 0.4, 0.6), "nearer"),
        ((0.5, 0.4, 0.6), (0.9, 0.8, 1.0), "farther"),
        ((0.5, 0.4, 0.8), (0.9, 0.7, 1.0), "alike"),  # the intervals meet
        (0.9, 0.5, "nearer"),  # no intervals
        (0.5, 0.5, "alike"),
        (math.nan, (0.5, 0.4, 0.6), ""),
    ],
)
def test_outcome(ours, baseline, outcome):
    table = row("m", held_out=1.0, us=ours, them=baseline)
    assert comparison.outcomes(table, "us", "them").tolist() == [outcome]


def test_wins_are_counted_and_losses_named():
    scores = {"m0": (1.0, 0.9), "m1": (0.5, 0.8), "m2": (0.7, 0.7)}
    table = pd.concat(
        row(name, held_out=1.0, us=us, them=them) for name, (us, them) in scores.items()
    )
    assert evaluation.count_wins(table, "us", ["them"]).loc["them"].tolist() == [1, 1, 1, "m1"]
    assert comparison.rescale(table, "us").tolist() == [1.0, 0.5, 0.7]


def song(measures, fading=False):
    """A tune of quarter notes; a fading one loses its notes in the last quarter of its time."""
    n_notes = 4 * measures * 3 // 4 if fading else 4 * measures
    rng = np.random.default_rng(measures)
    return note_array([(24 * i, 24, 60 + int(rng.integers(12))) for i in range(n_notes)])


def test_drift_sees_a_song_fade_into_silence_and_counts_in_standard_errors():
    steady, fading = (evaluation.drift([song(200, fading)] * 2) for fading in (False, True))
    assert steady.loc["silence", "last"] == 0 == steady.loc["notes_per_beat", "change"]
    assert fading.loc["silence", ["first", "last"]].tolist() == [0, 1]
    assert fading.loc["notes_per_beat", "change"] == -1
    rng = np.random.default_rng(0)
    songs = [note_array([(24 * i, 24, int(p)) for i, p in enumerate(rng.integers(50, 70, 800))])
             for _ in range(20)]  # fmt: skip
    before = evaluation.drift(songs).loc["mean_interval"]
    for one in songs:
        one["pitch"][600:] = 60
    after = evaluation.drift(songs).loc["mean_interval"]
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
