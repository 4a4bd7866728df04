"""The runner itself, on lessons of two cells: order, parameters, resuming, errors, pages."""

import asyncio
import signal
import subprocess
import sys
import time
from queue import Empty

import nbformat
import pytest

from tools import run_notebooks as runner
from tools.lesson_pages import freeze_widgets
from tools.lessons import ROOT
from tools.run_notebooks import LessonError, in_slices, inject_parameters, run_notebooks

PARAMETERS = {"tags": ["parameters"]}


def write_lesson(folder, name, *sources, parameters="N = 1  # @param"):
    """Write a small lesson: a title, a parameters cell and some code cells."""
    cells = [
        nbformat.v4.new_markdown_cell(
            f"# {name} title\n<!-- navigation -->\n\n*At the end you will hear {name}.*"
        ),
        nbformat.v4.new_code_cell(parameters, metadata=PARAMETERS),
        *(nbformat.v4.new_code_cell(source) for source in sources),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return notebook


@pytest.fixture(autouse=True)
def no_ingredients(monkeypatch):
    """Let these lessons depend on themselves alone, not on a package that is being edited."""
    monkeypatch.setattr(runner, "INGREDIENTS", ())


@pytest.fixture
def folder(tmp_path):
    """Give an empty folder for lessons."""
    path = tmp_path / "notebooks"
    path.mkdir()
    return path


@pytest.fixture
def pages(tmp_path):
    """Give the place of the pages, in a folder of outputs that exists."""
    path = tmp_path / "outputs" / "pages"
    path.parent.mkdir()
    return path


WRITES = "from pathlib import Path\nPath('../outputs/a.txt').write_text(str(N))"
READS = "from pathlib import Path\nprint('read', Path('../outputs/a.txt').read_text())"


def test_runs_in_order_and_skips_what_is_current(folder, pages, capsys):
    write_lesson(folder, "00_a", WRITES)
    write_lesson(folder, "01_b", READS)
    record = run_notebooks(folder, pages, {"00_a": {"N": 7}})
    assert record["00_a"]["made"] == ["a.txt"]
    assert "read 7" in (pages / "01_b.html").read_text(encoding="utf-8")
    index = (pages / "index.html").read_text(encoding="utf-8")
    assert index.index("00_a title") < index.index("01_b title")

    capsys.readouterr()
    assert run_notebooks(folder, pages, {"00_a": {"N": 7}}) == record
    assert capsys.readouterr().out.count("up to date") == 2

    # A file that is gone is made again; the lesson after it depends on code, not on that file.
    (pages.parent / "a.txt").unlink()
    run_notebooks(folder, pages, {"00_a": {"N": 7}})
    assert capsys.readouterr().out.count("up to date") == 1
    assert (pages.parent / "a.txt").read_text() == "7"

    # Another parameter upstream runs both again.
    assert run_notebooks(folder, pages, {"00_a": {"N": 8}})["01_b"]["key"] != record["01_b"]["key"]
    assert "read 8" in (pages / "01_b.html").read_text(encoding="utf-8")


def test_error_names_lesson_and_keeps_pages_before_it(folder, pages):
    write_lesson(folder, "00_a", "print(N)")
    write_lesson(folder, "01_b", "raise OSError('the disk is full')")
    with pytest.raises(LessonError, match=r"(?s)01_b\.ipynb stopped.*the disk is full"):
        run_notebooks(folder, pages)
    assert sorted(path.name for path in pages.iterdir()) == ["00_a.html", "manifest.json"]


def test_timeout_is_for_the_whole_lesson(folder, pages):
    write_lesson(folder, "00_a", *["import time; time.sleep(1.5)"] * 4)
    with pytest.raises(LessonError, match="longer than 3 s"):
        run_notebooks(folder, pages, timeout=3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"09_z": {}}, "09_z, which is no lesson"), ({"00_a": {"M": 1}}, "00_a.ipynb: M is no param")],
)
def test_no_lessons_and_unknown_parameters_are_refused(folder, pages, parameters, message):
    with pytest.raises(FileNotFoundError, match="holds no lesson"):
        run_notebooks(folder, pages)
    write_lesson(folder, "00_a", "print(N)")
    with pytest.raises(ValueError, match=message):
        run_notebooks(folder, pages, parameters)


def test_parameters_are_injected_after_their_cell(folder):
    notebook = write_lesson(folder, "00_a", "print(N)")
    inject_parameters(notebook, {"N": [1, "two", None]})
    assert [cell.source for cell in notebook.cells[2:]] == ["N = [1, 'two', None]", "print(N)"]


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_killed_run_goes_on(folder, pages, stop):
    write_lesson(folder, "00_a", WRITES)
    write_lesson(folder, "01_b", "import time; time.sleep(N)", parameters="N = 600  # @param")
    code = (
        "from tools import run_notebooks as runner; runner.INGREDIENTS = (); "
        f"runner.run_notebooks({str(folder)!r}, {str(pages)!r})"
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **quiet)
    while not (pages / "manifest.json").is_file():
        assert process.poll() is None
        time.sleep(0.2)
    time.sleep(1)
    process.send_signal(stop)
    process.wait(30)
    assert sorted(path.name for path in pages.iterdir()) == ["00_a.html", "manifest.json"]

    before = (pages / "00_a.html").stat().st_mtime_ns
    record = run_notebooks(folder, pages, {"01_b": {"N": 0}})
    assert set(record) == {"00_a", "01_b"}
    assert (pages / "00_a.html").stat().st_mtime_ns == before


def test_a_change_of_the_package_shows_in_the_key(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "INGREDIENTS", ("room/**/*.py",))
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text("x = 1")
    before = runner.hash_ingredients(tmp_path)
    (room / "note.txt").write_text("no ingredient")
    assert runner.hash_ingredients(tmp_path) == before
    (room / "a.py").write_text("x = 2")
    assert runner.hash_ingredients(tmp_path) != before


def test_widgets_become_what_they_show(folder, pages):
    write_lesson(
        folder,
        "00_a",
        "import ipywidgets as w\nfrom IPython.display import display\nw.IntSlider()",
        "o = w.Output()\ndisplay(w.VBox([o]))\nwith o:\n    print('inside ' + 'the box')",
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass",
    )
    run_notebooks(folder, pages)
    page = (pages / "00_a.html").read_text(encoding="utf-8")
    assert "IntSlider, live in the running notebook" in page and "inside the box" in page
    assert "widget-view" not in page and "<script" not in page
    assert "HBox" not in page and "it/s" not in page.split("tqdm(")[-1]


def test_picture_of_a_widget_is_kept():
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "image/png": "aGk="}
    output = nbformat.v4.new_output("display_data", data=data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    freeze_widgets(notebook)
    assert [dict(o.data) for o in notebook.cells[0].outputs] == [{"image/png": "aGk="}]


@pytest.mark.parametrize(("late", "timeout"), [(True, None), (False, 0.5)])
def test_slices_find_a_late_message_and_wait_no_longer_than_asked(late, timeout):
    asked = []

    async def receive(timeout):
        asked.append(timeout)
        if late and len(asked) == 4:
            return "reply"
        await asyncio.sleep(0 if late else timeout)
        raise Empty

    if late:
        assert asyncio.run(in_slices(receive)(timeout=timeout)) == "reply"
    else:
        with pytest.raises(Empty):
            asyncio.run(in_slices(receive, 0.2)(timeout=timeout))
        assert len(asked) >= 2 and max(asked) <= 0.2 and sum(asked) <= 0.6
