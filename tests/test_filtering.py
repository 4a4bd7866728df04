"""The filter decides as the truth of data_sample says, and gives one plain reason for each."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from midi_builder import measures, midi, mxl, part_entry, play, scale, score, track

from lstmgan_utils import filtering, pianoroll, runtime
from lstmgan_utils.conversion import engines
from lstmgan_utils.corpus import build_store
from lstmgan_utils.folder_jobs import read_manifest
from lstmgan_utils.pianoroll import instruments
from lstmgan_utils.pianoroll.safe_reading import read_musicxml

SAMPLE = Path(__file__).parents[1] / "data_sample"
CHORD_NAMES = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
GRACE = "<note><grace/><pitch><step>D</step><octave>4</octave></pitch><voice>1</voice></note>"
DRUM = "<unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched>"


def run(folder, **settings):
    """Filter a folder in this process; return {file: row}."""
    path = filtering.filter_folder(folder, n_jobs=1, progress=False, **settings)
    return {row["file"]: row for row in read_manifest(path)}


@pytest.fixture(scope="module", params=["python", "musescore"])
def sample(request, tmp_path_factory):
    """Convert and filter the tricky files of data_sample, and some plain ones, with one engine."""
    if request.param == "musescore" and runtime.find_musescore() is None:
        pytest.skip("MuseScore is not installed")
    with open(SAMPLE / "manifest.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows = [row for row in rows if not row["file"].startswith("ryan_")] + rows[:4]
    folder = tmp_path_factory.mktemp("sample")
    for row in rows:
        (folder / row["file"]).symlink_to(SAMPLE / "midi" / row["file"])
    engines.convert_folder(folder, folder / "mxl", engine=request.param, n_jobs=1, progress=False)
    return rows, run(folder / "mxl")


def test_every_decision_on_the_sample_is_right_and_has_its_reason(sample):
    words = {"several instruments": "instruments sound", "too short": "too short",
             "drums only": "only percussion"}  # fmt: skip
    rows, found = sample
    assert sum(row["reason"] in words for row in rows) >= 10
    for row in rows:
        judged = found.get(row["file"].replace(".mid", ".mxl"), {"status": "left out"})
        assert judged["status"] == row["expected"], (row["file"], judged)
        assert words.get(row["reason"], "") in judged.get("reason", "")


CASES = {  # name -> (MusicXML, status, what the reason says)
    "one": (score((40, measures())), "kept", ""),
    "two parts of one program": (score((0, measures()), (0, measures())), "kept", ""),
    "same name, other program": (
        score((29, measures(), "Guitar"), (30, measures(), "Guitar")), "left out", "2 instruments"),
    "silent second": (score((0, measures()), (40, measures(note="<rest/>"))), "kept", ""),
    "one stray note": (
        score((0, measures()), (40, measures(1) + measures(7, "<rest/>"))), "left out", "2 instr"),
    "short": (score((0, measures(3))), "left out", "too short: 12 quarters, fewer than 16"),
    "just long enough": (score((0, measures(4))), "kept", ""),
    "drums beside": (
        score((0, measures()), (0, measures(note=DRUM), "Drums", 10)), "left out", "percussion"),
    "drums only": (score((0, measures(note=DRUM), "Drums", 10)), "left out", "only percussion"),
    "rests only": (score((0, measures(note="<rest/>"))), "left out", "nothing sounds"),
    "other names": (score((0, measures(), "Violin"), (0, measures(), "Piano")), "kept", ""),
    "chord symbols and grace notes": (score((0, measures(head=CHORD_NAMES + GRACE))), "kept", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Filter one folder that holds all the cases."""
    folder = tmp_path_factory.mktemp("cases")
    for name, (xml, *_) in CASES.items():
        mxl(folder / f"{name}.mxl", xml)
    return run(folder)


@pytest.mark.parametrize("name", CASES)
def test_one_instrument_means_one_sounding_program(judged, name):
    row = judged[f"{name}.mxl"]
    assert row["status"] == CASES[name][1] and CASES[name][2] in row["reason"]


PART = '<score-part id="{}"><part-name/></score-part>'
BRACE = '<part-group type="start"><group-symbol>brace</group-symbol></part-group>'


@pytest.mark.parametrize(
    ("ids", "group", "n_players"),
    [("1", "", 1), ("12", "", 2), ("12", BRACE, 1), ("12", BRACE.replace("brace", "line"), 2)],
)
def test_nameless_parts_are_one_instrument_only_if_a_brace_says_so(ids, group, n_players):
    entries = group + "".join(map(PART.format, ids)) + '<part-group type="stop"/>' * bool(group)
    bodies = "".join(f'<part id="{i}">{measures()}</part>' for i in ids)
    text = f"<score-partwise><part-list>{entries}</part-list>{bodies}</score-partwise>"
    players = instruments.find_players(text.encode())
    assert len(players) == n_players
    assert (filtering.why_left_out(players) == "") == (n_players == 1)


ABC = "X:1\nT:Café\nM:4/4\nL:1/4\nK:C\n" + "CDEF|" * 4 + "\n"


def test_scores_of_every_kind_and_encoding_are_read_or_have_a_row(tmp_path):
    text = score((0, measures(), "Café"))
    for name in ("utf-16", "windows-1252", "utf-8-sig"):
        xml = text.replace("UTF-8", name.removesuffix("-sig")).encode(name)
        (tmp_path / f"{name}.musicxml").write_bytes(xml)
        mxl(tmp_path / f"{name}.mxl", xml)
    (tmp_path / "utf-8.abc").write_text(ABC, encoding="utf-8")
    (tmp_path / "latin-1.abc").write_text(ABC, encoding="latin-1")
    bare = text.split("?>")[1]
    bad = {
        "lies.xml": (bare.encode("latin-1") * 3000, "cannot be parsed .*invalid token.* as UTF-8"),
        "page.xml": (b"<html/>", "not MusicXML"),
        "two.abc": ((ABC + "\n" + ABC).encode(), "holds 2 tunes; save each"),
        "voices.abc": (ABC.replace("K:C\n", "K:C\nV:1\nCDEF|\nV:2\n").encode(), "2 voices"),
        "words.abc": (b"alphabet", "not ABC"),
    }
    for name, (data, _) in bad.items():
        (tmp_path / name).write_bytes(data)
    rows = run(tmp_path)
    good = [row for row in rows.values() if row["file"] not in bad]
    assert len(good) == 8 and {row["status"] for row in good} == {"kept"}
    for name, (_, words) in bad.items():
        assert re.search(words, rows[name]["reason"]) and len(rows[name]["reason"]) <= 300
    for path in filtering.kept_files(tmp_path / "filtering.csv"):
        assert len(pianoroll.read_score(path)) == (16 if path.suffix == ".abc" else 32)
    with pytest.raises(ValueError, match="lies.xml is not a readable score .*UTF-8") as refused:
        pianoroll.read_score(tmp_path / "lies.xml")
    assert len(str(refused.value)) < 500


def test_pitches_that_midi_has_not_are_counted_and_said(tmp_path):
    """By hand: of 32 notes two are in octave 99 and three a quarter tone above C4, one of B9."""
    c4 = "<step>C</step><octave>4</octave>"
    text = score((0, measures())).replace(c4, c4.replace("4", "99"), 2)
    text = text.replace(c4, "<step>C</step><alter>0.5</alter><octave>4</octave>", 3)
    mxl(tmp_path / "a.mxl", text.replace(c4, "<step>B</step><octave>9</octave>", 1))
    mxl(tmp_path / "high.mxl", score((0, measures())).replace(c4, c4.replace("4", "99")))
    notes, info = pianoroll.read_score(tmp_path / "a.mxl", with_info=True)
    assert info["n_notes"] == 29 and info["flaws"] == [
        "3 notes left out: beyond MIDI's pitches, 0 to 127",
        "3 notes between two semitones (quarter tones) were rounded"]  # fmt: skip
    assert np.bincount(notes["pitch"])[[60, 61]].tolist() == [26, 3]
    build_store(sorted(tmp_path.glob("*.mxl")), tmp_path / "songs.store", progress=False)
    table = (tmp_path / "songs.csv").read_text()
    assert "; ".join(info["flaws"]) in table and "no pitched notes" in table


def test_tied_notes_are_one_note_and_chord_symbols_and_grace_notes_none():
    tied = measures(4).replace("<type>", '<tie type="start"/><tie type="stop"/><type>')
    tied = tied.replace('<tie type="stop"/>', "", 1)
    for text, n_notes in ((tied, 1), (measures(4, head=CHORD_NAMES + GRACE), 16)):
        xml = score((0, text)).encode()
        assert instruments.count_notes(instruments.parse(xml)) == (n_notes, 16.0)
        assert instruments.find_players(xml) == {0}


def test_an_instrument_that_changes_midway_is_two_only_if_both_sound():
    second = part_entry(1, 40).partition("<score-instrument")[2].replace("P1-I1", "P1-I2")
    both = part_entry(1, 0).replace("</score-part>", "<score-instrument" + second)
    plain = score((0, measures())).replace(part_entry(1, 0), both)
    changed = '<instrument id="P1-I2"/><type>'.join(plain.rsplit("<type>", 1))
    assert instruments.find_players(plain.encode()) == {0}
    assert instruments.find_players(changed.encode()) == {0, 40}


def test_the_midi_file_is_heard_where_the_score_forgot(tmp_path):
    switch = [*play(scale(16), program=0), *play(scale(16), program=19)]
    (tmp_path / "a.mid").write_bytes(midi(track(*switch)))
    engines.convert_folder(tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False)
    mxl(tmp_path / "mxl" / "a.mxl", score((19, measures())))  # as a forgetful program writes it
    row = run(tmp_path / "mxl")["a.mxl"]
    assert row["status"] == "left out"
    assert "in the MIDI file 2 instruments sound: 0 (piano), 19" in row["reason"]


def test_kept_files_are_there_and_only_other_settings_judge_again(tmp_path):
    (tmp_path / "band" / "parts").mkdir(parents=True)  # a folder of the user's, not ours
    for name, case in (("band/parts/a", "just long enough"), ("b", "one"), ("c", "short")):
        mxl(tmp_path / f"{name}.mxl", CASES[case][0])
    for n_rows, settings in ((3, {}), (3, {}), (6, {"min_quarters": 17}), (9, {})):
        rows = run(tmp_path, **settings)
        assert (tmp_path / "filtering.csv").read_text().count("\n") == 1 + n_rows
        assert rows["band/parts/a.mxl"]["status"] == ("left out" if settings else "kept")
    (tmp_path / "b.mxl").unlink()
    kept = filtering.kept_files(tmp_path / "filtering.csv")
    assert kept == [tmp_path / "band" / "parts" / "a.mxl"]


@pytest.mark.parametrize("part", [40, "viol"])
def test_one_part_is_taken_out_of_a_larger_piece(tmp_path, part):
    low = measures(note="<pitch><step>C</step><octave>2</octave></pitch>")
    mxl(tmp_path / "duo.mxl", score((0, low, "Piano"), (40, measures(), "Violin")))
    mxl(tmp_path / "solo.mxl", score((0, low, "Piano")))
    (tmp_path / ".work-filtering").mkdir()  # of a killed job
    rows = run(tmp_path, part=part)
    assert rows["solo.mxl"]["status"] == "left out"
    assert "no part plays" in rows["solo.mxl"]["reason"]
    (path,) = filtering.kept_files(tmp_path / "filtering.csv")
    assert path == tmp_path / "parts" / str(part) / "duo.mxl"
    parsed = instruments.parse(read_musicxml(path))
    assert {note.pitch.nameWithOctave for note in parsed.recurse().notes} == {"C4"}
    path.unlink()  # a part that is lost is taken out again; none is judged itself
    assert run(tmp_path, part=part).keys() == rows.keys() and path.is_file()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


MISTAKES = [("", {"min_quarters": -1}, "min_quarters"), ("", {"part": 128}, "part 128"),
            ("", {"part": " "}, "part ' '"), ("", {}, "holds no score"),
            ("none", {}, "is no folder")]  # fmt: skip


@pytest.mark.parametrize(("folder", "settings", "words"), MISTAKES)
def test_a_mistake_gets_one_clear_sentence(tmp_path, folder, settings, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        filtering.filter_folder(tmp_path / folder, **settings)
    with pytest.raises(FileNotFoundError, match="run the folder job"):
        filtering.kept_files(tmp_path / "filtering.csv")
