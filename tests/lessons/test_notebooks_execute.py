"""The whole way with small numbers: each lesson alone as on Colab; in order, those that hand on.

`tools.run_notebooks` runs the lessons here as it does for `make course`; only the parameters are
smaller (SMALL). What a lesson gives does not depend on the way that it is run, so the lessons that
neither take nor leave anything run once, from the wheel.
"""

import csv
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from colab_machine import build_wheel, make_machine, on_machine
from jupyter_browser import make_project

from lstmgan_utils import corpus, pianoroll
from lstmgan_utils.folder_jobs import read_manifest
from tools.lessons import ROOT, lesson_paths, read_lesson, read_parameters
from tools.run_notebooks import LessonError, run_notebooks

pytestmark = pytest.mark.notebooks
SMALL = {"SEEDS": [0, 1], "ENGINE": "python", "LONG_MEASURES": 16, "STEPS": 4, "BATCH_SIZE": 4}
SMALL |= {"PRESET": "smoke", "PRETRAINING": 10, "BATCHES": 20, "EVERY": 5, "BROKEN_BATCHES": 4}
SMALL |= {"FREE_BATCHES": 3, "FINE_TUNING": 2, "N_PIECES": 16, "N_WORDS": 64, "MAX_PAIRS": 2}
SMALL |= {"TEST_SHARE": 0.5, "SONGS": "outputs/songs.store"}
KNOWN = {path.stem: read_parameters(read_lesson(path)) for path in lesson_paths()}
SMOKE = {lesson: {k: v for k, v in SMALL.items() if k in known} for lesson, known in KNOWN.items()}
# From the folder of MIDI files to the store, and what evaluates with that store.
HANDING_ON = [name for name, known in KNOWN.items() if {"MIDI_FOLDER", "TEST_SHARE"} & set(known)]
QUIETEST = 10 ** (-40 / 20)  # RMS of -40 dB of full scale


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Run every lesson from the wheel, each on a machine of its own: dict of name to outputs."""
    wheel, outputs = build_wheel(tmp_path_factory.mktemp("wheel")), {}
    for name, parameters in SMOKE.items():
        machine = tmp_path_factory.mktemp(name)
        content = make_machine(machine, name, parameters)
        outputs[name] = content / "outputs"
        with on_machine(machine, WHEEL=wheel):
            run_notebooks(content, outputs[name] / "pages", timeout=600)
    yield outputs
    for folder in outputs.values():
        shutil.rmtree(folder.parent.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The folder of artefacts of the lessons that hand something on, run in order."""
    project = make_project(tmp_path_factory.mktemp("course"), {n: SMOKE[n] for n in HANDING_ON})
    run_notebooks(project / "notebooks", project / "outputs/pages", timeout=600)
    yield project / "outputs"
    shutil.rmtree(project, ignore_errors=True)


def test_every_small_number_makes_some_lesson_quick():
    assert set().union(*SMOKE.values()) == set(SMALL)


def test_every_lesson_runs_alone_on_colab(machines, lesson):
    page = (machines[lesson.stem] / "pages" / f"{lesson.stem}.html").read_text(encoding="utf-8")
    assert "output_error" not in page and len(page) < 3e6
    said = re.findall(r'output_stderr output_text">\s*<pre>(.*?)</pre>', page, re.DOTALL)
    assert [text for text in said if re.search(r"Warning|Error|Traceback", text)] == []
    loads = re.findall(r"<(?:script|img|audio|source|link|iframe)[^>]*? (?:src|href)=.(.{6})", page)
    assert {start.split(":")[0] for start in loads} <= {"data"}, "a page needs no other file"


def test_a_lesson_alone_has_the_songs_of_the_whole_course(machines, outputs):
    songs = corpus.open_store(outputs / "songs.store")
    alone = [path / "songs.store" for path in machines.values() if (path / "songs.store").exists()]
    assert len(alone) > 1 and {corpus.open_store(path).hash for path in alone} == {songs.hash}


def test_a_lesson_takes_what_the_one_before_left(outputs):
    for name in HANDING_ON:
        text = (outputs / "pages" / f"{name}.html").read_text(encoding="utf-8")
        assert "output_error" not in text
        assert not re.search("No scores in|not filtered yet|is missing: making", text), name


def test_a_course_out_of_reach_is_one_sentence(tmp_path):
    content = make_machine(tmp_path, next(iter(SMOKE)), {})
    with on_machine(tmp_path), pytest.raises(LessonError) as stopped:
        run_notebooks(content, tmp_path / "pages", timeout=60)
    last = str(stopped.value).strip().splitlines()[-1]
    assert "The course is out of reach: run this again, or upload its .zip" in last


def test_every_midi_file_is_a_kept_score_or_has_a_reason(outputs):
    with (ROOT / "data_sample" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        sample = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    rows = {Path(row["file"]).stem: row for row in read_manifest(outputs / "mxl/conversion.csv")}
    assert set(rows) == set(sample)
    made = {path.stem for path in (outputs / "mxl").glob("*.mxl")}
    assert all(zipfile.ZipFile(path).testzip() is None for path in (outputs / "mxl").glob("*.mxl"))
    hopeless = {name for name, row in sample.items() if row["reason"] in ("unreadable", "no notes")}
    assert set(sample) - hopeless <= made
    assert [name for name in set(rows) - made if not rows[name]["reason"]] == []

    rows = read_manifest(outputs / "mxl/filtering.csv")
    kept = {Path(row["file"]).stem for row in rows if row["status"] == "kept"}
    assert kept == {name for name, row in sample.items() if row["expected"] == "kept"}
    left_out = [row["reason"] for row in rows if row["status"] == "left out"]
    assert left_out and all(left_out)
    songs = corpus.open_store(outputs / "songs.store")
    assert len(songs) == len(kept) and all(len(songs[i]) > 0 for i in range(len(songs)))


def test_music_comes_in_every_form_and_its_sound_is_audible_and_not_clipped(machines):
    made = [path for outputs in machines.values() for path in outputs.rglob("*.*")]
    assert any(path.match("runs/*/samples/*.mid") for path in made)
    generated = [path for path in made if path.parent.name == "generated"]
    assert {path.suffix for path in generated} >= {".mid", ".mxl", ".png"}
    midi = [path for path in generated if path.suffix == ".mid"]
    longest = max(map(pianoroll.read_midi, midi), key=pianoroll.n_steps)
    measures = -(-pianoroll.n_steps(longest) // pianoroll.STEPS_PER_MEASURE)
    assert len(longest) >= measures >= 8, "a note in every measure"
    sounds = [path for path in generated if path.suffix in (".mp3", ".ogg", ".wav")]
    assert sounds
    for path in sounds:
        samples, _ = soundfile.read(path, dtype="float32")
        assert np.sqrt(np.mean(np.square(samples))) > QUIETEST, path.name
        assert np.abs(samples).max() <= 1.0 and np.mean(np.abs(samples) >= 0.999) < 1e-4, path.name


def test_nothing_half_written_stays_and_a_second_run_has_nothing_to_do(machines, outputs, capsys):
    assert [p for o in (outputs, *machines.values()) for p in o.rglob(".writing-*")] == []
    run_notebooks(outputs.parent / "notebooks", outputs / "pages", timeout=5)
    assert capsys.readouterr().out.count("up to date") == len(HANDING_ON)
