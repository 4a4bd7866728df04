"""Descriptors of one piece, against values worked out by hand and against public packages."""

import math

import numpy as np
import pytest

from lstmgan_utils.evaluation import descriptors
from lstmgan_utils.evaluation.descriptors import GLOSSARY, describe, number_measures, similarity
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
    "used_pitch_classes": (3 + 2) / 2,
    "pitch_class_entropy": -(0.4 * math.log2(0.4) + 3 * 0.2 * math.log2(0.2)),
    "scale_consistency": 1,
    "top_pitch_share": 2 / 5,
    "mean_interval": (2 + 2 + 4 + 7) / 4,
    "repeated_pitch_rate": 0,
    "step_rate": 2 / 4,
    "groove_consistency": 1 - 1 / 96,  # one onset, at step 48, is missing in measure 2
    "repetition_1": 0,
    "similarity_1": 1 / 4,  # the C on the first beat, of four different notes
    "rhythm_repetition": 0,
    "ending_longer": 1,  # 72 steps against a median of 24
    "ending_home": 1,  # G, which sounds longest: G major fits best (271.9 against 240.8 for C)
} | {f"{name}_{size}": math.nan for name in ("repetition", "similarity") for size in (2, 4, 8)}


def test_every_descriptor_by_hand():
    found, moved = describe(PIECE, 192), describe(transpose(PIECE, 5), 192)
    assert set(BY_HAND) == set(GLOSSARY.index), "a descriptor without a value worked out by hand"
    for name, value in BY_HAND.items():
        assert found[name] == pytest.approx(value, nan_ok=True), name
        assert moved[name] == pytest.approx(value, nan_ok=True), f"{name} knows the key"
    assert found["length_histogram"][[1, 23, 47, 71]] == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert found["beat_histogram"][0] == 1
    assert found["interval_histogram"][[24 - 4, 24 + 2, 24 + 7]] == pytest.approx([0.25, 0.5, 0.25])
    for name in found.keys() - BY_HAND.keys():
        assert found[name].sum() == pytest.approx(1)


def test_silence_is_what_the_glossary_says_and_lengths_are_whole_measures():
    found = describe(SILENCE, 192)
    for name, on_silence in GLOSSARY["on silence"].items():
        value = {"NaN": math.nan, "its length": 192}.get(on_silence)
        value = float(on_silence) if value is None else value
        assert found[name] == pytest.approx(value, nan_ok=True), name
    assert all(np.isnan(found[name]).all() for name in found.keys() - BY_HAND.keys())
    without_time = describe(SILENCE)
    assert math.isnan(without_time["notes_per_beat"]) and math.isnan(without_time["silence"])
    assert describe(PIECE[:1])["silence"] == pytest.approx(72 / 96)  # of a whole measure
    with pytest.raises(ValueError, match="n_steps=191"):
        describe(PIECE, 191)


def test_chords_and_notes_over_a_measure_line():
    chord = note_array([(0, 24, 60), (0, 24, 64), (0, 24, 67), (24, 24, 60)])
    found = describe(chord, 96)
    assert found["polyphony"] == (3 + 1) / 2
    assert found["overlap_rate"] == found["polyphony_rate"] == 24 / 96
    assert descriptors.intervals(chord).tolist() == [-7], "the top line, not the inner voices"
    found = describe(note_array([(0, 48, 60), (24, 24, 64)]), 96)
    assert found["overlap_rate"] == 24 / 96 and found["polyphony_rate"] == 0
    found = describe(note_array([(48, 96, 60)]), 3 * 96)
    assert found["empty_measure_rate"] == 1 / 3
    assert found["used_pitch_classes"] == 1
    assert found["longest_rest"] == 144


def test_scales_and_keys():
    chromatic = note_array([(24 * i, 24, 60 + i) for i in range(12)])
    assert describe(chromatic, 288)["scale_consistency"] == 7 / 12
    a_minor = note_array([(24 * i, 24, p) for i, p in enumerate([57, 59, 60, 62, 64, 65, 67])])
    assert describe(a_minor, 192)["scale_consistency"] == 1
    tune = note_array([(24 * i, 24, p) for i, p in enumerate([60, 64, 67, 65, 62, 59, 60, 60])])
    for shift in range(-6, 6):
        assert descriptors.tonic(transpose(tune, shift)) == shift % 12
    assert descriptors.tonic(SILENCE) is None


def measures(text):
    """Write a tune, a measure a letter: the same letter, the same four notes; "." is silence."""
    rows = [(96 * place + 24 * beat, 24, 60 + (7 * (ord(letter) - 65) + beat) % 24)
            for place, letter in enumerate(text) if letter != "." for beat in range(4)]  # fmt: skip
    return note_array(rows), 96 * len(text)


@pytest.mark.parametrize(
    ("text", "size", "share"),
    [
        ("ABAB", 1, 2 / 3),  # of B A B, the A and the second B came before
        ("ABAB", 2, 1),  # the one phrase of two that could come again does
        ("ABCABC", 2, 2 / 3),  # of CA AB BC, AB and BC came before
        ("ABCDABCE", 4, 0),
        ("ABCDEFGHABCDEFGH", 8, 1),
        ("A...", 1, math.nan),  # silence repeats nothing
        ("AAA", 2, math.nan),  # a phrase of two can come again only after two others
    ],
)
def test_repetition(text, size, share):
    found = descriptors.repetition(number_measures(*measures(text)), size)
    assert found == pytest.approx(share, nan_ok=True)


def test_similarity_counts_shared_notes():
    notes, n_steps = measures("ABAC")
    assert similarity(notes, 2, n_steps) == pytest.approx(1 / 2)  # A = A, B shares none with C
    changed = notes.copy()
    changed["pitch"][8] += 1  # one of four notes of the second A: 3 shared of 5 different
    assert similarity(changed, 2, n_steps) == pytest.approx((3 / 5) / 2)
    assert math.isnan(similarity(notes, 4, n_steps))
    for lag, text in ((4, "ABCDABCE"), (8, "ABCDEFGHABCDEFGI")):  # the last measure is new
        assert similarity(measures(text)[0], lag, 96 * 2 * lag) == 1 - 1 / lag


@pytest.mark.parametrize(("fourth_bar", "share"), [((336, 48, 60), 1), ((336, 24, 62), 0.5)])
def test_endings(fourth_bar, share):
    """Two phrases of eight half notes; the second ends long and on C, the first as given."""
    rows = [(48 * i, 24, p) for i, p in enumerate([60, 62, 64, 65, 67, 65, 64, 62] * 2)]
    rows[7], rows[15] = fourth_bar, (720, 48, 60)
    found = descriptors.endings(note_array(rows), 4 * 96)
    assert found == {"ending_longer": share, "ending_home": share}


def test_agrees_with_muspy():
    """Where it is right: it hears notes a step too long, and calls the range of silence 0."""
    import muspy

    rng = np.random.default_rng(0)
    notes = note_array(zip(range(0, 720, 12), [9] * 60, rng.integers(50, 80, 60), strict=True))
    rows = [muspy.Note(int(n["onset"]), int(n["pitch"]), int(n["duration"])) for n in notes]
    music = muspy.Music(resolution=24, tracks=[muspy.Track(notes=rows)])
    found = describe(notes, 768)
    for name, *settings in (("pitch_range",), ("pitch_class_entropy",), ("scale_consistency",),
                            ("polyphony",), ("polyphony_rate",), ("groove_consistency", 96),
                            ("empty_measure_rate", 96)):  # fmt: skip
        assert found[name] == pytest.approx(getattr(muspy, name)(music, *settings)), name
