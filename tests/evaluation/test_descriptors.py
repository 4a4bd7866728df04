"""Statistics of one piece, against values worked out by hand and against public packages."""

import math

import numpy as np
import pytest

from lstmgan_utils.evaluation import descriptors, structure
from lstmgan_utils.evaluation.descriptors import GLOSSARY, HISTOGRAMS, describe
from lstmgan_utils.pianoroll import note_array, transpose

# Two measures of 4/4: C D E(half) | C(a splinter of 2 steps), rest of 22 steps, G(dotted half)
PIECE = note_array([(0, 24, 60), (24, 24, 62), (48, 48, 64), (96, 2, 60), (120, 72, 67)])
SILENCE = note_array([])
BY_HAND = {
    "n_notes": 5,
    "notes_per_beat": 5 / 8,
    "silence": 22 / 192,
    "empty_measure_rate": 0,
    "longest_rest": 22,
    "longest_note": 72,
    "mean_duration": (24 + 24 + 48 + 2 + 72) / 5,
    "qualified_note_rate": 4 / 5,
    "polyphony": 1,
    "overlap_rate": 0,
    "polyphony_rate": 0,
    "pitch_range": 7,
    "tone_span": 7,
    "used_pitch_classes": (3 + 2) / 2,
    "pitch_class_entropy": -(0.4 * math.log2(0.4) + 3 * 0.2 * math.log2(0.2)),
    "scale_consistency": 1,
    "top_pitch_share": 2 / 5,
    "mean_interval": (2 + 2 + 4 + 7) / 4,
    "repeated_pitch_rate": 0,
    "step_rate": 2 / 4,
    "groove_consistency": 1 - 1 / 96,  # one onset, at step 48, is missing in measure 2
    "repetition_1": 0,
    "repetition_2": math.nan,
    "repetition_4": math.nan,
    "repetition_8": math.nan,
    "similarity_1": 1 / 4,  # the C on the first beat, of four different notes
    "similarity_2": math.nan,
    "similarity_4": math.nan,
    "similarity_8": math.nan,
    "rhythm_repetition": 0,
    "ending_longer": 1,  # 72 steps against a median of 24
    "ending_home": 1,  # G, which sounds longest: G major fits best (271.9 against 240.8 for C)
}


def test_every_statistic_by_hand():
    found = describe(PIECE, 192)
    assert set(BY_HAND) == set(GLOSSARY), "a statistic without a value worked out by hand"
    for name, value in BY_HAND.items():
        assert found[name] == pytest.approx(value, nan_ok=True), name


def test_histograms_by_hand():
    found = describe(PIECE, 192)
    assert found["length_histogram"][[1, 23, 47, 71]] == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert found["onset_histogram"][[0, 24, 48]] == pytest.approx([0.4, 0.4, 0.2])
    assert found["beat_histogram"][0] == 1
    assert found["interval_histogram"][[24 - 4, 24 + 2, 24 + 7]] == pytest.approx([0.25, 0.5, 0.25])
    assert found["pitch_class_histogram"][[0, 2, 4, 7]] == pytest.approx([0.4, 0.2, 0.2, 0.2])
    for name in HISTOGRAMS:
        assert found[name].sum() == pytest.approx(1)


def test_silence_is_what_the_glossary_says():
    found = describe(SILENCE, 192)
    for name, (_, _, on_silence, _, _) in GLOSSARY.items():
        value = {"NaN": math.nan, "its length": 192}.get(on_silence)
        value = float(on_silence) if value is None else value
        assert found[name] == pytest.approx(value, nan_ok=True), name
    assert all(np.isnan(found[name]).all() for name in HISTOGRAMS)


def test_no_time_at_all_has_no_shares():
    found = describe(SILENCE)
    assert math.isnan(found["notes_per_beat"]) and math.isnan(found["silence"])


def test_length_is_rounded_up_to_a_measure():
    assert describe(PIECE[:1])["silence"] == pytest.approx(72 / 96)


def test_notes_past_the_end_are_an_error():
    with pytest.raises(ValueError, match="n_steps=191"):
        describe(PIECE, 191)


def test_chords():
    chord = note_array([(0, 24, 60), (0, 24, 64), (0, 24, 67), (24, 24, 60)])
    found = describe(chord, 96)
    assert found["polyphony"] == (3 + 1) / 2
    assert found["overlap_rate"] == found["polyphony_rate"] == 24 / 96
    assert descriptors.intervals(chord).tolist() == [-7], "the top line, not the inner voices"
    pair = note_array([(0, 48, 60), (24, 24, 64)])
    found = describe(pair, 96)
    assert found["overlap_rate"] == 24 / 96 and found["polyphony_rate"] == 0


def test_a_note_over_the_measure_line_sounds_in_both():
    found = describe(note_array([(48, 96, 60)]), 3 * 96)
    assert found["empty_measure_rate"] == 1 / 3
    assert found["used_pitch_classes"] == 1
    assert found["longest_rest"] == 144


def test_out_of_scale_notes():
    chromatic = note_array([(24 * i, 24, 60 + i) for i in range(12)])
    assert describe(chromatic, 288)["scale_consistency"] == 7 / 12
    a_minor = note_array([(24 * i, 24, p) for i, p in enumerate([57, 59, 60, 62, 64, 65, 67])])
    assert describe(a_minor, 192)["scale_consistency"] == 1


def test_transposing_changes_no_relative_statistic():
    found, moved = describe(PIECE, 192), describe(transpose(PIECE, 5), 192)
    for name in GLOSSARY:
        assert found[name] == pytest.approx(moved[name], nan_ok=True), name


def measures(text, step=24):
    """Write a tune, a measure a letter: the same letter, the same four notes; "." is silence."""
    rows = [
        (96 * place + 24 * beat, step, 60 + (7 * (ord(letter) - 65) + beat) % 24)
        for place, letter in enumerate(text)
        if letter != "."
        for beat in range(4)
    ]
    return note_array(rows), 96 * len(text)


@pytest.mark.parametrize(
    ("text", "size", "share"),
    [
        ("ABCD", 1, 0),
        ("AAAA", 1, 1),
        ("ABAB", 1, 2 / 3),  # of B A B, the A and the second B came before
        ("ABAB", 2, 1),  # the one phrase of two that could come again does
        ("ABCABC", 2, 2 / 3),  # of CA AB BC, AB and BC came before
        ("ABCDABCD", 4, 1),
        ("ABCDABCE", 4, 0),
        ("ABCDEFGHABCDEFGH", 8, 1),
        ("A...", 1, math.nan),  # silence repeats nothing
        ("A.A.", 1, 1),
        ("AAA", 2, math.nan),  # a phrase of two can come again only after two others
    ],
)
def test_repetition(text, size, share):
    notes, n_steps = measures(text)
    words = structure.measure_words(notes, n_steps)
    assert structure.repetition(words, size) == pytest.approx(share, nan_ok=True)


def test_similarity_counts_shared_notes():
    notes, n_steps = measures("ABAC")
    assert structure.similarity(notes, 2, n_steps) == pytest.approx(
        1 / 2
    )  # A = A, B shares none with C
    changed = notes.copy()
    changed["pitch"][8] += 1  # one of four notes of the second A: 3 shared of 5 different
    assert structure.similarity(changed, 2, n_steps) == pytest.approx((3 / 5) / 2)
    assert math.isnan(structure.similarity(notes, 4, n_steps))
    for lag, text in ((4, "ABCDABCE"), (8, "ABCDEFGHABCDEFGI")):  # the last measure is new
        assert structure.similarity(measures(text)[0], lag, 96 * 2 * lag) == 1 - 1 / lag


def test_endings():
    scale = [60, 62, 64, 65, 67, 65, 64, 62]
    rows = [(48 * i, 24, p) for i, p in enumerate([*scale, *scale])]
    rows[7], rows[15] = (336, 48, 60), (720, 48, 60)
    found = structure.endings(note_array(rows), 4 * 96)
    assert found == {"ending_longer": 1, "ending_home": 1}
    rows[7] = (336, 24, 62)
    found = structure.endings(note_array(rows), 4 * 96)
    assert found == {"ending_longer": 0.5, "ending_home": 0.5}


@pytest.mark.parametrize("shift", range(-6, 6))
def test_home_note_moves_with_the_tune(shift):
    tune = note_array([(24 * i, 24, p) for i, p in enumerate([60, 64, 67, 65, 62, 59, 60, 60])])
    assert structure.home_note(tune) == 0
    assert structure.home_note(transpose(tune, shift)) == shift % 12


def test_home_note_of_nothing():
    assert structure.home_note(SILENCE) is None


def test_shuffling_keeps_the_measures_and_loses_the_order():
    notes, n_steps = measures("ABCDABCDABCDABCD")
    mixed = structure.shuffle_measures(notes, n_steps, seed=1)
    assert len(mixed) == len(notes)
    assert sorted(structure.measure_words(mixed, n_steps)) == sorted(
        structure.measure_words(notes, n_steps)
    )
    assert structure.similarity(notes, 4, n_steps) == 1 > structure.similarity(mixed, 4, n_steps)


def test_groove_is_fooled_by_silence():
    """The published formula calls silence beside a full measure almost the same groove."""
    notes, n_steps = measures("A.")
    assert describe(notes, n_steps)["groove_consistency"] == 1 - 4 / 96
    assert describe(notes, n_steps)["similarity_1"] == 0


# Public packages: right in some places, wrong in others


def muspy_music(notes):
    """Hand a note array to MusPy."""
    import muspy

    rows = [muspy.Note(int(n["onset"]), int(n["pitch"]), int(n["duration"])) for n in notes]
    return muspy, muspy.Music(resolution=24, tracks=[muspy.Track(notes=rows)])


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_muspy(seed):
    rng = np.random.default_rng(seed)
    notes = note_array(zip(range(0, 720, 12), [9] * 60, rng.integers(50, 80, 60), strict=True))
    muspy, music = muspy_music(notes)
    found = describe(notes, 768)
    assert found["pitch_range"] == muspy.pitch_range(music)
    assert found["pitch_class_entropy"] == pytest.approx(muspy.pitch_class_entropy(music))
    assert found["scale_consistency"] == pytest.approx(muspy.scale_consistency(music))
    assert found["polyphony"] == muspy.polyphony(music)
    assert found["polyphony_rate"] == muspy.polyphony_rate(music)
    assert found["groove_consistency"] == pytest.approx(muspy.groove_consistency(music, 96))
    assert found["empty_measure_rate"] == muspy.empty_measure_rate(music, 96)


def test_muspy_counts_a_note_end_as_sound():
    """A note that fills measure 1 of 3, then one that fills measure 3: one of three is empty."""
    notes = note_array([(0, 96, 60), (192, 95, 60)])
    muspy, music = muspy_music(notes)
    assert describe(notes, 288)["empty_measure_rate"] == 1 / 3
    assert muspy.empty_measure_rate(music, 96) == 0


def test_muspy_adds_a_measure_after_a_full_last_one():
    """Two equal measures have one groove; MusPy compares the second with a third that is not."""
    notes, n_steps = measures("AA")
    muspy, music = muspy_music(notes)
    assert describe(notes, n_steps)["groove_consistency"] == 1
    assert muspy.groove_consistency(music, 96) == pytest.approx(1 - 4 / 192)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pypianoroll(seed):
    """Where it is right: the range of pitches, and how often three sound at once."""
    from pypianoroll import metrics

    rng = np.random.default_rng(seed)
    rows = zip(range(0, 480, 8), rng.integers(2, 40, 60), rng.permutation(60) + 40, strict=True)
    notes = note_array(rows)
    roll, found = sounding_roll(notes, 576), describe(notes, 576)
    assert found["pitch_range"] == metrics.pitch_range(roll)
    assert found["polyphony_rate"] == metrics.polyphonic_rate(roll)
    assert 0 < found["polyphony_rate"] < 1


def sounding_roll(notes, n_steps):
    """Draw all steps of each note: ndarray, shape (n_steps, 128)."""
    roll = np.zeros((n_steps, 128))
    for onset, duration, pitch in notes.tolist():
        roll[onset : onset + duration, pitch] = 1
    return roll


def test_pypianoroll_takes_neighbours_for_one_pitch_class():
    """C in three octaves is one pitch class; seven neighbours are seven."""
    from pypianoroll import metrics

    octaves = note_array([(0, 24, 48), (24, 24, 60), (48, 24, 72)])
    assert describe(octaves, 96)["used_pitch_classes"] == 1
    assert metrics.n_pitch_classes_used(sounding_roll(octaves, 96)) == 3
    neighbours = note_array([(12 * i, 12, 60 + i) for i in range(7)])
    assert describe(neighbours, 96)["used_pitch_classes"] == 7
    assert metrics.n_pitch_classes_used(sounding_roll(neighbours, 96)) == 1


def test_pypianoroll_calls_the_full_beats_empty():
    """One beat of four sounds: three of four are empty."""
    from pypianoroll import metrics

    notes = note_array([(0, 24, 60)])
    assert describe(notes, 96, steps_per_measure=24)["empty_measure_rate"] == 3 / 4
    assert metrics.empty_beat_rate(sounding_roll(notes, 96), 24) == 1 / 4


def test_pypianoroll_miscounts_short_notes_or_stops():
    """One of two notes is too short; of a roll of bytes, pypianoroll makes an error."""
    from pypianoroll import metrics

    two = note_array([(0, 1, 60), (10, 10, 60)])
    roll = sounding_roll(two, 96)
    assert describe(two, 96)["qualified_note_rate"] == 1 / 2
    assert metrics.qualified_note_rate(roll, 3) == 1
    with pytest.raises(ValueError):
        metrics.qualified_note_rate(roll.astype(np.uint8), 3)


def test_muspy_calls_the_range_of_silence_zero():
    """A piece without notes has no range; 0 is what a single held pitch has."""
    muspy, music = muspy_music(SILENCE)
    assert muspy.pitch_range(music) == 0
    assert math.isnan(describe(SILENCE, 96)["pitch_range"])
    assert describe(PIECE[:1], 96)["pitch_range"] == 0
