"""The sample collection: small, of known content, and the same bytes at each building."""

import csv
import hashlib
import runpy

import numpy as np

from lstmgan_utils.pianoroll import n_steps, note_array, read_midi
from tools.lessons import ROOT

SAMPLE = ROOT / "data_sample"
with open(SAMPLE / "manifest.csv", newline="") as stream:
    ROWS = list(csv.DictReader(stream))


def truth(row):
    """Read the notes that a file was performed from."""
    with open(SAMPLE / "truth" / row["truth"], newline="") as file:
        return note_array(list(csv.reader(file))[1:])


def test_manifest_lists_every_file_and_its_checksum():
    assert {row["file"] for row in ROWS} == {file.name for file in (SAMPLE / "midi").iterdir()}
    assert {row["truth"] for row in ROWS} - {""} == {f.name for f in (SAMPLE / "truth").iterdir()}
    for row in ROWS:
        data = (SAMPLE / "midi" / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"], row["file"]


def test_expectations_agree_with_the_truth_and_performed_notes_stay_near_it():
    for row in filter(lambda row: row["truth"], ROWS):
        written, quarters = truth(row), n_steps(truth(row)) / 24
        assert quarters == float(row["quarters"]) and len(written) == int(row["n_notes"])
        assert (row["reason"] == "too short") == (quarters < 16), row["file"]
        if len(row["programs"].split()) > 1:
            continue
        played = read_midi(SAMPLE / "midi" / row["file"])
        assert len(played) == len(written), row["file"]
        order = [np.lexsort((notes["onset"], notes["pitch"])) for notes in (played, written)]
        moved = played["onset"][order[0]] - written["onset"][order[1]]
        if row["jitter_ms"] == "0":
            assert np.array_equal(played[["onset", "pitch"]], written[["onset", "pitch"]])
        limit = 2 * int(row["jitter_ms"]) / 1000 * float(row["tempo"]) / 60 * 24 + 1
        assert abs(moved).max() <= limit, row["file"]


def test_building_again_gives_the_same_bytes(tmp_path):
    script = runpy.run_path(str(SAMPLE / "make_data_sample.py"))
    manifest = script["main"](tmp_path)  # it holds the checksum of each MIDI file
    assert manifest.read_bytes() == (SAMPLE / "manifest.csv").read_bytes()
    for name in {row["truth"] for row in ROWS} - {""}:
        again = (tmp_path / "truth" / name).read_bytes()
        assert again == (SAMPLE / "truth" / name).read_bytes(), name
