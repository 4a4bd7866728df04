"""The runner itself, on lessons of two cells: order, parameters, resuming, errors."""

import json
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import run_notebooks as runner
from tools.run_notebooks import LessonError, run_notebooks

WRITES = "from pathlib import Path\nPath('../outputs/a.txt').write_text(str(N))"
READS = "from pathlib import Path\nprint('read', Path('../outputs/a.txt').read_text())"


def write_lesson(folder, name, *sources):
    """Write a small lesson: a title, a parameters cell and some code cells."""
    title = new_markdown_cell(f"# {name} title\n<!-- navigation -->\n\n5 minutes")
    parameters = new_code_cell("N = 1  # @param", metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[title, parameters, *map(new_code_cell, sources)])
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for lessons that depend on themselves alone, beside one of outputs."""
    monkeypatch.setattr(runner, "INGREDIENTS", ())
    for name in ("notebooks", "outputs"):
        (tmp_path / name).mkdir()
    return tmp_path / "notebooks"


@pytest.fixture
def pages(folder):
    """The place of the pages."""
    return folder.parent / "outputs" / "pages"


def test_runs_in_order_and_skips_what_is_current(folder, pages, capsys):
    write_lesson(folder, "00_a", WRITES)
    write_lesson(folder, "01_b", READS)
    record = run_notebooks(folder, pages, {"00_a": {"N": 7}})
    assert record["00_a"]["made"] == ["a.txt", "pages/00_a.html"]
    assert "read 7" in (pages / "01_b.html").read_text(encoding="utf-8")
    index = (pages / "index.html").read_text(encoding="utf-8")
    assert index.index('href="00_a.html"') < index.index('href="01_b.html"')

    capsys.readouterr()
    assert run_notebooks(folder, pages, {"00_a": {"N": 7}}) == record
    assert capsys.readouterr().out.count("up to date") == 2

    # A file that is gone is made again; the lesson after it depends on code, not on that file.
    (pages.parent / "a.txt").unlink()
    run_notebooks(folder, pages, {"00_a": {"N": 7}})
    assert capsys.readouterr().out.count("up to date") == 1
    assert (pages.parent / "a.txt").read_text() == "7"

    # Another parameter upstream runs both again.
    run_notebooks(folder, pages, {"00_a": {"N": 8}})
    assert "read 8" in (pages / "01_b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("if N:\n    raise OSError('the disk is full')", "the disk is full"),
        ("import os\nif N:\n    os._exit(1)", "Kernel died"),
        ("import time\ntime.sleep(4 * N)", "longer than 3 s"),
    ],
    ids=["an error", "a kernel that dies", "a lesson that takes too long"],
)
def test_a_lesson_that_stops_is_named_and_the_next_run_goes_on(folder, pages, source, message):
    write_lesson(folder, "00_a", "print(N)")
    run_notebooks(folder, pages)
    write_lesson(folder, "01_b", source)
    with pytest.raises(LessonError, match=rf"(?s)01_b\.ipynb stopped.*{message}"):
        run_notebooks(folder, pages, timeout=3)
    assert not (pages / "01_b.html").exists()
    before = (pages / "00_a.html").stat().st_mtime_ns
    record = run_notebooks(folder, pages, {"01_b": {"N": 0}})
    assert json.loads((pages / "manifest.json").read_text()) == record
    assert list(record) == ["00_a", "01_b"]
    assert (pages / "00_a.html").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"09_z": {}}, "09_z, which is no lesson"), ({"00_a": {"M": 1}}, "M is no .* of 00_a.ipynb")],
)
def test_no_lessons_and_unknown_parameters_are_refused(folder, pages, parameters, message):
    with pytest.raises(FileNotFoundError, match="holds no lesson"):
        run_notebooks(folder, pages)
    write_lesson(folder, "00_a", "print(N)")
    with pytest.raises(ValueError, match=message):
        run_notebooks(folder, pages, parameters)


@pytest.mark.parametrize("name", ["missing.json", "setup.txt"])
def test_a_parameters_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, name):
    (tmp_path / "setup.txt").write_text("{no JSON")
    monkeypatch.setattr(sys, "argv", ["run_notebooks", "--parameters", str(tmp_path / name)])
    with pytest.raises(SystemExit, match=f"{name} is no JSON file"):
        runner.main()


def test_a_change_of_the_package_shows_in_the_key(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "INGREDIENTS", ("room/**/*.py",))
    (tmp_path / "room").mkdir()
    hashes = []
    for name, text in [("a.py", "x = 1"), ("note.txt", "no ingredient"), ("a.py", "x = 2")]:
        (tmp_path / "room" / name).write_text(text)
        hashes.append(runner.hash_ingredients(tmp_path))
    assert hashes[0] == hashes[1] != hashes[2]
