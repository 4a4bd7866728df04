"""The sample collection: small, of known content, and the same bytes at each building."""

import csv
import hashlib
import runpy

import numpy as np
import pytest

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


def test_expectations_agree_with_the_truth():
    for row in ROWS:
        if row["truth"]:
            quarters = n_steps(truth(row)) / 24
            assert quarters == float(row["quarters"]) and len(truth(row)) == int(row["n_notes"])
            assert (row["reason"] == "too short") == (quarters < 16), row["file"]
        if row["reason"] == "several instruments":
            assert len(row["programs"].split()) > 1 or row["file"] == "program_switch.mid"


def test_performed_notes_stay_near_the_truth():
    for row in ROWS:
        if row["truth"] and len(row["programs"].split()) == 1:
            played, written = read_midi(SAMPLE / "midi" / row["file"]), truth(row)
            assert len(played) == len(written), row["file"]
            order = [np.lexsort((notes["onset"], notes["pitch"])) for notes in (played, written)]
            moved = played["onset"][order[0]] - written["onset"][order[1]]
            if row["jitter_ms"] == "0":
                assert np.array_equal(played[["onset", "pitch"]], written[["onset", "pitch"]])
            limit = 2 * int(row["jitter_ms"]) / 1000 * float(row["tempo"]) / 60 * 24 + 1
            assert abs(moved).max() <= limit, row["file"]


@pytest.mark.parametrize("name", ["zero_bytes", "text", "cut_short", "ppq_zero"])
def test_broken_files_are_broken(name):
    with pytest.raises(ValueError, match=name):
        read_midi(SAMPLE / "midi" / f"broken_{name}.mid")


def test_building_again_gives_the_same_bytes(tmp_path):
    script = runpy.run_path(str(SAMPLE / "make_data_sample.py"))
    manifest = script["main"](tmp_path)
    assert manifest.read_bytes() == (SAMPLE / "manifest.csv").read_bytes()
    for row in ROWS:
        data = (tmp_path / "midi" / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"], row["file"]
        if row["truth"]:
            name = row["truth"]
            again = (tmp_path / "truth" / name).read_bytes()
            assert again == (SAMPLE / "truth" / name).read_bytes(), name
