"""The encoding: every note array survives the roll, MIDI and the score as the rules say."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from midi_builder import midi, track
from music21 import chord, converter, harmony, meter, note, stream

from lstmgan_utils import pianoroll
from lstmgan_utils.pianoroll import crop, decode, encode, fit_to_roll, note_array, read_midi

MAX_STEPS = pianoroll.MAX_STEPS
SAMPLE = Path(__file__).parents[2] / "data_sample" / "truth"
NOTE = st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from([0, 1, 60, 61, 127]))
NOTES = st.lists(NOTE, max_size=30).map(note_array)
PIECE = note_array(
    [(0, 24, 60), (24, 8, 62), (32, 8, 64), (40, 8, 65), (48, 12, 60), (48, 12, 64), (48, 12, 67)]
    + [(60, 132, 72), (216, 12, 72), (228, 12, 72), (240, 6, 0), (246, 6, 127), (252, 132, 40)]
)  # triplets, a chord, a tie over the measure line, a rest, a repeated note, the outermost pitches
VOICES = note_array([(0, 96, 48), (0, 24, 60), (24, 36, 62), (48, 72, 64), (96, 24, 48)])


BAD_NOTES = [(-1, 4, 60), (0, 0, 60), (0, MAX_STEPS + 1, 60), (0, 4, -1), (0, 4, 128)]


def same(found, expected):
    """Compare note arrays, and show them as rows where they differ."""
    assert found.tolist() == expected.tolist()


@settings(max_examples=300, deadline=None)
@given(NOTES)
@example(note_array([(0, 1, 60), (1, 5, 60)]))  # a one-step note, struck again at once
@example(note_array([(0, 9, 60), (0, 5, 60), (4, 2, 60)]))  # three overlapping notes
def test_a_roll_gives_back_what_fits_in_it(notes):
    fitting = fit_to_roll(notes)
    same(decode(encode(notes, pianoroll.n_steps(notes) + 1)), fitting)
    same(fit_to_roll(fitting), fitting)
    same(decode(encode(fitting)), fitting)
    roll = encode(notes, 200)
    assert roll.dtype == np.uint8 and roll.shape == (200, 128)
    assert np.array_equal(encode(decode(roll), 200), roll)


@pytest.mark.parametrize(
    "rows, fitting, column",
    [
        ([(0, 3, 60), (3, 3, 60)], None, [1, 1, 0, 1, 1, 0]),
        ([(0, 6, 60)], None, [1, 1, 1, 1, 1, 0]),
        ([(0, 6, 60), (2, 3, 60)], [(0, 2, 60), (2, 3, 60)], [1, 0, 1, 1, 0, 0]),  # cut by the next
        ([(0, 1, 60), (3, 3, 60)], [(0, 2, 60), (3, 3, 60)], [1, 0, 0, 1, 1, 0]),
        ([(2, 1, 60)], [(2, 1, 60)], [0, 0, 1]),  # one step, at the end of the roll
        ([], [], []),
    ],
)
def test_rolls_by_hand(rows, fitting, column):
    roll = encode(note_array(rows))
    assert roll.shape == (len(column), 128) and roll[:, 60].tolist() == column
    same(decode(roll), note_array(rows if fitting is None else fitting))


def test_decoding_counts_from_the_threshold_to_the_end_of_the_roll():
    roll = np.zeros((4, 128))
    roll[:3, 60] = 0.3, 0.5, 0.7
    same(decode(roll), note_array([(1, 3, 60)]))
    same(decode(roll, 0.7), note_array([(2, 2, 60)]))
    same(decode(np.ones((4, 128))), note_array([(0, 4, pitch) for pitch in range(128)]))


def test_a_roll_holds_19200_steps_and_note_arrays_are_sorted():
    notes = note_array([(0, MAX_STEPS, 0), (MAX_STEPS - 2, 2, 127)])
    same(decode(encode(notes)), notes)
    notes = note_array([(9, 1, 5), (0, 2, 70), (0, 3, 60)])
    assert notes.tolist() == [(0, 3, 60), (0, 2, 70), (9, 1, 5)] and notes.itemsize <= 8
    assert pianoroll.transpose(notes, -5)["pitch"].tolist() == [55, 65, 0]
    assert [pianoroll.steps_of(m) for m in ("4/4", "6/8", "3/4", "7/16")] == [96, 72, 72, 42]


@pytest.mark.parametrize(
    "function, arguments, words",
    [
        (encode, (note_array([(1, MAX_STEPS, 60)]),), "19201 .* 19200.*crop"),
        (encode, (note_array([(0, 24, 60)]), 12), "24 .* 12.*crop"),
        *((decode, (np.zeros(shape),), r"\(time, 128\)") for shape in ((128, 96), (2, 9, 128))),
        *((note_array, ([(0, 4, 60), row],), re.escape(str(row))) for row in BAD_NOTES),
        *((pianoroll.transpose, (PIECE, by), "pitch 0 to 127") for by in (1, -1, 300)),
        *((pianoroll.steps_of, (metre,), repr(metre)) for metre in ("4", "4/0", "common", "")),
    ],
)
def test_what_cannot_be_is_refused_in_words(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


@settings(max_examples=100, deadline=None)
@given(NOTES, st.integers(0, 60), st.integers(0, 60))
def test_cropping_cuts_what_a_slice_of_every_note_would(notes, start, length):
    part = crop(notes, start, start + length)
    steps = {(step, n[2]) for n in notes.tolist() for step in range(n[0], n[0] + n[1])}
    kept = {(step + start, n[2]) for n in part.tolist() for step in range(n[0], n[0] + n[1])}
    assert kept == {cell for cell in steps if start <= cell[0] < start + length}


@settings(max_examples=30, deadline=None)
@given(NOTES.map(fit_to_roll))
def test_midi_reads_back_the_same(tmp_path_factory, notes):
    path = pianoroll.write_midi(notes, tmp_path_factory.mktemp("midi") / "a.mid")
    same(read_midi(path), notes)


def test_other_libraries_read_the_same_midi(tmp_path):
    path = pianoroll.write_midi(PIECE, tmp_path / "a.mid", tempo=90, program=73)
    theirs = pretty_midi.PrettyMIDI(str(path))
    assert [i.program for i in theirs.instruments] == [73]
    assert theirs.get_tempo_changes()[1] == pytest.approx([90])
    beats = [(n.start * 1.5, (n.end - n.start) * 1.5, n.pitch) for n in theirs.instruments[0].notes]
    same(note_array([(round(24 * a), round(24 * b), c) for a, b, c in beats]), PIECE)


def test_midi_beside_the_grid_is_rounded_and_counted(tmp_path):
    file = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=120)
    file.instruments += [pretty_midi.Instrument(5), pretty_midi.Instrument(0, is_drum=True)]
    for start, end in ((0, 0.5), (0.5, 0.6), (0.6, 1.0)):  # the middle note is a quintuplet
        file.instruments[0].notes.append(pretty_midi.Note(90, 60, start, end))
    file.instruments[1].notes.append(pretty_midi.Note(90, 36, 0, 1))
    file.write(str(tmp_path / "a.mid"))
    notes, info = read_midi(tmp_path / "a.mid", with_info=True)
    same(notes, note_array([(0, 24, 60), (24, 5, 60), (29, 19, 60)]))
    assert info == {"n_notes": 3, "n_off_grid": 2, "n_cut": 0, "metre": "4/4", "program": 5}


def test_a_long_piece_is_cut_at_a_measure_line(tmp_path):
    notes = note_array([(i * 72, 72, 60) for i in range(270)])
    found, info = read_midi(pianoroll.write_midi(notes, tmp_path / "a.mid"), with_info=True)
    same(found, crop(notes, 0, MAX_STEPS))
    assert info["n_cut"] == 4 and len(info["whole"]) == 270
    path = pianoroll.write_score(notes, tmp_path / "a.mxl", metre="3/4", pickup=24)
    found, info = pianoroll.read_score(path, with_info=True)
    assert pianoroll.n_steps(found) == 24 + 266 * 72 and info["n_cut"] == 4


def test_a_note_struck_again_before_its_release_at_one_instant_keeps_its_length(tmp_path):
    path = tmp_path / "a.mid"
    on, off = bytes([0x90, 60, 80]), bytes([0x80, 60, 0])
    path.write_bytes(midi(track((0, on), (480, on), (0, off), (480, off)), division=480))
    same(read_midi(path), note_array([(0, 24, 60), (24, 24, 60)]))


def engrave(xml):
    """Engrave MusicXML by Verovio: the (onset, duration, pitch) of its notes, ties joined."""
    verovio = pytest.importorskip("verovio")
    verovio.enableLog(verovio.LOG_WARNING)
    toolkit, notes = verovio.toolkit(), {}
    assert toolkit.loadData(xml)
    for moment in toolkit.renderToTimemap({}):
        now = round(24 * moment["qstamp"], 2)
        for name in moment.get("off", ()):
            notes[name][1] = now - notes[name][0]
        for name in moment.get("on", ()):
            notes[name] = [now, 0, toolkit.getMIDIValuesForElement(name)["pitch"]]
    ties = re.findall('<tie [^>]*startid="#(.*?)" endid="#(.*?)"', toolkit.getMEI())
    for first, second in sorted(ties, key=lambda tie: -notes[tie[0]][0]):
        onset, duration, pitch = notes.pop(second)
        assert [sum(notes[first][:2]), notes[first][2]] == [onset, pitch], "a tie to another note"
        notes[first][1] += duration
    return sorted(map(tuple, notes.values()))


def test_an_engraver_shows_each_note_of_polyphony_and_has_nothing_to_complain_of(capfd):
    names = ("bach_prelude_bwv846", "joplin_maple_leaf_rag", "clara_schumann_polonaise_2")
    for name, metre in zip(names, ("4/4", "2/4", "3/4"), strict=True):
        rows = np.loadtxt(SAMPLE / f"{name}.csv", int, delimiter=",", skiprows=1)
        notes = fit_to_roll(note_array(rows))
        assert engrave(pianoroll.to_musicxml(notes, metre=metre)) == sorted(notes.tolist())
    assert capfd.readouterr().err == ""


@settings(max_examples=25, deadline=None)
@given(
    NOTES.map(fit_to_roll).filter(len),
    st.sampled_from([("4/4", 0), ("3/4", 24), ("6/8", 12), ("7/16", 6), ("5/4", 40)]),
)
@example(note_array([(0, 20, 60), (20, 28, 60), (28, 8, 64)]), ("6/8", 12))  # triplets, ties, beams
@example(note_array([(0, 24, 67), (96, 6, 69), (336, 24, 74)]), ("4/4", 0))  # an empty measure
@example(VOICES, ("3/4", 24))
def test_engraver_and_music21_read_what_was_written(notes, time):
    metre, pickup = time
    assert engrave(pianoroll.to_musicxml(notes, 93, 0, metre, pickup)) == sorted(notes.tolist())
    found, info = pianoroll.notes_from_score(pianoroll.to_score(notes, 93, 0, metre, pickup))
    same(found, notes)
    assert (info["metre"], info["pickup"]) == time


def test_a_score_is_written_and_read_with_all_that_was_given(tmp_path):
    how = {"tempo": 92.5, "metre": "6/8", "pickup": 12, "program": 41}
    path = pianoroll.write_score(PIECE, tmp_path / "a.mxl", **how)
    found, info = pianoroll.read_score(path, with_info=True)
    same(found, PIECE)
    assert how.items() - {("tempo", 92.5)} <= info.items()
    assert (info["n_off_grid"], info["n_cut"], info["flaws"]) == (0, 0, [])
    marks = converter.parse(path).recurse().getElementsByClass("MetronomeMark")
    assert {mark.getQuarterBPM() for mark in marks} == {92.5}
    assert "<per-minute>97.6<" in pianoroll.to_musicxml(PIECE, tempo=97.5995)  # as MIDI keeps 97.6


def test_beams_join_the_notes_of_a_beat_and_triplets_stay_apart():
    """By hand: 2/4, an eighth and two 16ths under one beam, then a triplet of eighths."""
    rows = [(0, 12, 60), (12, 6, 62), (18, 6, 64), (24, 8, 65), (32, 8, 67), (40, 8, 69)]
    xml = pianoroll.to_musicxml(note_array(rows), metre="2/4")
    marks = re.compile('<beam number="1">(.*?)<|<tuplet type="(.*?)"')
    heads = [" ".join(map("".join, marks.findall(head))) for head in xml.split("<note>")[1:]]
    assert heads == ["begin", "continue", "end", "begin start", "continue", "end stop"]


def test_only_notes_are_read_and_staves_are_merged():
    upper = stream.Part([meter.TimeSignature("4/4"), harmony.ChordSymbol("C")])
    upper.append([note.Note(60).getGrace(), note.Note(62), chord.Chord([64, 67]), note.Rest()])
    lower = stream.Part([note.Note(48, quarterLength=4), note.Unpitched()])
    notes, _ = pianoroll.notes_from_score(stream.Score([upper, lower]))
    same(notes, note_array([(0, 96, 48), (0, 24, 62), (24, 24, 64), (24, 24, 67)]))
    fifths = stream.Part([note.Note(60, quarterLength=Fraction(1, 5)) for _ in range(5)])
    notes, info = pianoroll.notes_from_score(fifths)
    assert info["n_off_grid"] == 5 and notes["onset"].tolist() == [0, 5, 10, 14, 19]


@pytest.mark.parametrize(
    "head, found",
    [("M:6/8\nL:1/8\nK:G\nD|GAB dcB|", ("6/8", 12, 1)), ("L:1/8\nK:C\nD|GAB dcB|", ("4/4", 0, 0))],
)
def test_a_short_first_measure_is_a_pickup_of_its_metre(head, found):
    score = converter.parse(f"X:1\nT:t\n{head}AGE GED|\n", format="abc")
    notes, info = pianoroll.notes_from_score(score)
    assert (info["metre"], info["pickup"], info["fifths"]) == found
    assert notes["onset"][:3].tolist() == [0, 12, 24]


@pytest.mark.parametrize("name", ["a.mid", "a.mxl", "a.musicxml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    read = read_midi if name == "a.mid" else pianoroll.read_score
    with pytest.raises(FileNotFoundError, match=name):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"no music at all")
    with pytest.raises(ValueError, match=f"{name} is not a readable"):
        read(tmp_path / name)
