"""The whole way, once, with small numbers: run every lesson in order, and look at what it leaves.

`tools.run_notebooks` runs the lessons here as it does for `make course`; only the parameters are
smaller (`smoke_parameters.json`), and every path that points to `outputs` leads to a folder that
is thrown away.
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

from lstmgan_utils import corpus, pianoroll
from lstmgan_utils.manifest import read_manifest
from tools.lessons import NOTEBOOKS, ROOT, lesson_paths, read_lesson, read_parameters
from tools.run_notebooks import run_notebooks

pytestmark = pytest.mark.notebooks
SMOKE = json.loads(Path(__file__).with_name("smoke_parameters.json").read_text(encoding="utf-8"))
MEASURES = 8
QUIETEST = 10 ** (-40 / 20)  # RMS of -40 dB of full scale


def redirected(values, outputs):
    """Send the parameters that are paths inside `outputs` to another folder."""
    inside = {
        name: value
        for name, value in values.items()
        if isinstance(value, str) and value.split("/")[0] == "outputs"
    }
    return {name: str(outputs / value[8:]) for name, value in inside.items()}


def smoke_parameters(outputs):
    """Give every lesson its small values, and its paths below `outputs`."""
    given = {}
    for path in lesson_paths():
        small = SMOKE.get(path.stem, {})
        values = read_parameters(read_lesson(path)) | small
        given[path.stem] = small | redirected(values, outputs)
    return given


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the course's wheel: Path."""
    return build_wheel(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Run the course once.

    Returns:
        (Path of its outputs, dict that `run_notebooks` returned).
    """
    outputs = tmp_path_factory.mktemp("course") / "outputs"
    record = run_notebooks(NOTEBOOKS, outputs / "pages", smoke_parameters(outputs), timeout=300)
    yield outputs, record
    shutil.rmtree(outputs, ignore_errors=True)


@pytest.fixture(scope="module")
def outputs(course):
    """Give the folder of artefacts."""
    return course[0]


@pytest.fixture(scope="module")
def sample():
    """Give what the sample's own manifest expects of each file, as rows by name."""
    with (ROOT / "data_sample" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file)}


def test_smoke_parameters_name_lessons():
    assert set(SMOKE) <= {path.stem for path in lesson_paths()}


def assert_clean(page):
    """Check that a page shows no error and no warning."""
    assert "output_error" not in page
    said = re.findall(r'output_stderr output_text">\s*<pre>(.*?)</pre>', page, re.DOTALL)
    assert [text for text in said if re.search(r"Warning|Error|Traceback", text)] == []


def test_every_lesson_is_a_page(outputs, lesson):
    assert_clean((outputs / "pages" / f"{lesson.stem}.html").read_text(encoding="utf-8"))


def test_every_lesson_runs_alone_on_colab(lesson, wheel, tmp_path):
    content = make_machine(tmp_path, lesson.stem)
    with on_machine(tmp_path, WHEEL=wheel):
        parameters = {lesson.stem: SMOKE[lesson.stem]} if lesson.stem in SMOKE else {}
        run_notebooks(content, content / "outputs" / "pages", parameters, timeout=300)
    page = content / "outputs" / "pages" / f"{lesson.stem}.html"
    assert_clean(page.read_text(encoding="utf-8"))


def test_pages_need_no_network(outputs):
    for page in (outputs / "pages").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        loads = re.findall(
            r"<(?:script|img|audio|source|link|iframe)[^>]*?(?:src|href)=.http[^>]*", text
        )
        assert loads == [], page.name


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


@pytest.fixture(scope="module")
def kept(outputs):
    """Give the rows of the scores that were kept and of those left out."""
    rows = read_manifest(outputs / "mxl/filtering.csv")
    return [[row for row in rows if row["status"] == status] for status in ("kept", "left out")]


def test_filter_keeps_what_the_sample_expects(kept, sample):
    expected = {name for name, row in sample.items() if row["expected"] == "kept"}
    assert {Path(row["file"]).stem for row in kept[0]} == expected
    assert kept[1] and all(row["reason"] for row in kept[1])


def test_kept_scores_are_in_the_store(outputs, kept):
    songs = corpus.open_store(outputs / "songs.store")
    assert len(songs) == len(kept[0])
    assert all(len(songs[i]) > 0 for i in range(len(songs)))


def test_training_leaves_samples(outputs):
    assert list(outputs.glob("runs/*/samples/step_*.mid"))
    assert list(outputs.glob("runs/*/config.json"))


def generated(outputs, *suffixes):
    """List the generated files of some kinds."""
    return [p for p in (outputs / "generated").rglob("*") if p.suffix in suffixes]


def test_music_comes_in_every_form(outputs):
    for suffixes in [(".mid",), (".mxl",), (".mp3", ".ogg", ".wav"), (".png",)]:
        assert generated(outputs, *suffixes), f"no {suffixes} in outputs/generated"


def test_generated_midi_has_notes_in_every_measure(outputs):
    longest = max(
        (pianoroll.read_midi(path) for path in generated(outputs, ".mid")), key=pianoroll.n_steps
    )
    measures = -(-pianoroll.n_steps(longest) // pianoroll.STEPS_PER_MEASURE)
    assert measures >= MEASURES
    assert len(longest) >= measures


def test_generated_sound_is_audible_and_not_clipped(outputs):
    for path in generated(outputs, ".mp3", ".ogg", ".wav"):
        samples, _ = soundfile.read(path, dtype="float32")
        assert np.sqrt(np.mean(np.square(samples))) > QUIETEST, path.name
        assert np.abs(samples).max() <= 1.0 and np.mean(np.abs(samples) >= 0.999) < 1e-4, path.name


def test_nothing_half_written_stays(outputs):
    assert list(outputs.rglob(".writing-*")) == []


def test_second_run_has_nothing_to_do(course, capsys):
    outputs, record = course
    again = run_notebooks(NOTEBOOKS, outputs / "pages", smoke_parameters(outputs), timeout=5)
    assert again == record
    assert capsys.readouterr().out.count("up to date") == len(record)
