"""The whole way with small numbers: each lesson alone as on Colab; in order, those that hand on.

`tools.run_notebooks` runs the lessons here as it does for `make course`; only the parameters are
smaller (`smoke_parameters.json`). What a lesson gives does not depend on the way that it is run, so
the lessons that neither take nor leave anything run once, from the wheel.
"""

import csv
import json
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
from tools.lessons import ROOT, lesson_paths
from tools.run_notebooks import LessonError, run_notebooks

pytestmark = pytest.mark.notebooks
SMOKE = json.loads((ROOT / "tests" / "smoke_parameters.json").read_text(encoding="utf-8"))
LESSONS = [path.stem for path in lesson_paths()]
HANDING_ON = ["01_midi_to_mxl", "02_single_instrument", "03_piano_rolls", "08_evaluation"]
MEASURES = 8
QUIETEST = 10 ** (-40 / 20)  # RMS of -40 dB of full scale


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Run every lesson from the wheel, each on a machine of its own: dict of name to outputs."""
    wheel, outputs = build_wheel(tmp_path_factory.mktemp("wheel")), {}
    for name in LESSONS:
        machine = tmp_path_factory.mktemp(name)
        content = make_machine(machine, name, SMOKE.get(name, {}))
        outputs[name] = content / "outputs"
        with on_machine(machine, WHEEL=wheel):
            run_notebooks(content, outputs[name] / "pages", timeout=600)
    yield outputs
    for folder in outputs.values():
        shutil.rmtree(folder.parent.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Run the lessons that hand something on, in order: (Path of the project, run's record)."""
    lessons = {name: SMOKE.get(name, {}) for name in HANDING_ON}
    project = make_project(tmp_path_factory.mktemp("course"), lessons)
    yield project, run_notebooks(project / "notebooks", project / "outputs/pages", timeout=600)
    shutil.rmtree(project, ignore_errors=True)


@pytest.fixture(scope="module")
def outputs(course):
    """The folder of artefacts of the lessons that ran in order."""
    return course[0] / "outputs"


@pytest.fixture(scope="module")
def sample():
    """What the sample's own manifest expects of each file: rows by name."""
    with (ROOT / "data_sample" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file)}


def test_smoke_parameters_name_lessons():
    assert set(SMOKE) | set(HANDING_ON) <= set(LESSONS)


def test_every_lesson_runs_alone_on_colab(machines, lesson):
    page = (machines[lesson.stem] / "pages" / f"{lesson.stem}.html").read_text(encoding="utf-8")
    assert "output_error" not in page
    said = re.findall(r'output_stderr output_text">\s*<pre>(.*?)</pre>', page, re.DOTALL)
    assert [text for text in said if re.search(r"Warning|Error|Traceback", text)] == []
    loads = re.findall(
        r"<(?:script|img|audio|source|link|iframe)[^>]*?(?:src|href)=.http[^>]*", page
    )
    assert loads == []


def test_a_lesson_alone_has_the_songs_of_the_whole_course(machines, outputs):
    songs = corpus.open_store(outputs / "songs.store")
    for name in ("03_piano_rolls", "04_discriminator", "08_training", "08_evaluation"):
        assert corpus.open_store(machines[name] / "songs.store").hash == songs.hash


def test_a_lesson_takes_what_the_one_before_left(course):
    for page in (course[0] / "outputs" / "pages").glob("0*.html"):
        text = page.read_text(encoding="utf-8")
        assert "output_error" not in text
        assert not re.search("No scores in|not filtered yet|is missing: making", text), page.name


def test_a_course_out_of_reach_is_one_sentence(tmp_path):
    content = make_machine(tmp_path, "00_start_here", {})
    with on_machine(tmp_path), pytest.raises(LessonError) as stopped:
        run_notebooks(content, tmp_path / "pages", timeout=60)
    last = str(stopped.value).strip().splitlines()[-1]
    assert "The course is out of reach: run this again, or upload its .zip" in last


def test_every_midi_file_is_converted_or_has_a_reason(outputs, sample):
    rows = {Path(row["file"]).stem: row for row in read_manifest(outputs / "mxl/conversion.csv")}
    assert set(rows) == set(sample)
    made = {path.stem for path in (outputs / "mxl").glob("*.mxl")}
    hopeless = {name for name, row in sample.items() if row["reason"] in ("unreadable", "no notes")}
    assert set(sample) - hopeless <= made
    assert [name for name in set(rows) - made if not rows[name]["reason"]] == []


def test_scores_are_whole(outputs):
    for path in (outputs / "mxl").rglob("*.mxl"):
        assert zipfile.ZipFile(path).testzip() is None


def test_filter_keeps_what_the_sample_expects_and_the_store_holds_it(outputs, sample):
    rows = read_manifest(outputs / "mxl/filtering.csv")
    kept = {Path(row["file"]).stem for row in rows if row["status"] == "kept"}
    assert kept == {name for name, row in sample.items() if row["expected"] == "kept"}
    left_out = [row["reason"] for row in rows if row["status"] == "left out"]
    assert left_out and all(left_out)
    songs = corpus.open_store(outputs / "songs.store")
    assert len(songs) == len(kept) and all(len(songs[i]) > 0 for i in range(len(songs)))


def test_training_leaves_samples(machines):
    assert list(machines["08_training"].glob("runs/*/samples/step_*.mid"))
    assert list(machines["08_training"].glob("runs/*/config.json"))


def generated(machines, *suffixes):
    """List the generated files of some kinds."""
    folders = [outputs / "generated" for outputs in machines.values()]
    return [p for folder in folders for p in folder.rglob("*") if p.suffix in suffixes]


def test_music_comes_in_every_form(machines):
    for suffixes in [(".mid",), (".mxl",), (".mp3", ".ogg", ".wav"), (".png",)]:
        assert generated(machines, *suffixes), f"no {suffixes} in outputs/generated"


def test_generated_midi_has_notes_in_every_measure(machines):
    pieces = (pianoroll.read_midi(path) for path in generated(machines, ".mid"))
    longest = max(pieces, key=pianoroll.n_steps)
    measures = -(-pianoroll.n_steps(longest) // pianoroll.STEPS_PER_MEASURE)
    assert len(longest) >= measures >= MEASURES


def test_generated_sound_is_audible_and_not_clipped(machines):
    for path in generated(machines, ".mp3", ".ogg", ".wav"):
        samples, _ = soundfile.read(path, dtype="float32")
        assert np.sqrt(np.mean(np.square(samples))) > QUIETEST, path.name
        assert np.abs(samples).max() <= 1.0 and np.mean(np.abs(samples) >= 0.999) < 1e-4, path.name


def test_nothing_half_written_stays(machines, outputs):
    assert [p for o in (outputs, *machines.values()) for p in o.rglob(".writing-*")] == []


def test_second_run_has_nothing_to_do(course, capsys):
    project, record = course
    again = run_notebooks(project / "notebooks", project / "outputs/pages", timeout=5)
    assert again == record
    assert capsys.readouterr().out.count("up to date") == len(record)
