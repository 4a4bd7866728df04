"""Whole files or none, where things lie, seeds, a light report; Colab: setup and files."""

import importlib.util
import os
import signal
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lstmgan_utils import runtime
from tools.build_navigation import setup_source

DIE_WHILE_WRITING = """
import os, signal, sys
from lstmgan_utils.runtime import atomic_path
with atomic_path(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_appears_whole_and_readable_by_all_whom_the_umask_allows(tmp_path):
    target = tmp_path / "new" / "a.weights.h5"
    with runtime.atomic_path(target) as path:
        assert path.parent == target.parent and path.name.endswith(".weights.h5")
        path.write_text("whole")
        assert not target.exists()
    assert os.listdir(target.parent) == ["a.weights.h5"] and target.read_text() == "whole"
    (tmp_path / "ordinary").touch()
    assert target.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_failure_or_a_kill_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), runtime.atomic_path(target) as path:
        path.write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a.txt"] and target.read_text() == "old"
    if sys.platform != "win32":
        killed = subprocess.run([sys.executable, "-c", DIE_WHILE_WRITING, target], timeout=60)
        assert killed.returncode == -signal.SIGKILL and target.read_text() == "old"


def test_places_count_from_the_nearest_project_or_lie_in_the_sample(tmp_path, monkeypatch):
    inner = tmp_path / "course" / "notebooks"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    for root in (inner, tmp_path, tmp_path / "course"):  # without, outside, and the nearest
        if root != inner:
            (root / "pyproject.toml").touch()
        assert runtime.project_root() == root.resolve()
    assert len(list(runtime.locate("data_sample/midi").glob("*.mid"))) > 40
    assert runtime.locate("outputs/a.store") == root.resolve() / "outputs" / "a.store"
    assert runtime.locate(inner) == inner
    (root / "data_sample" / "midi").mkdir(parents=True)  # the learner's own
    assert list(runtime.locate("data_sample/midi").iterdir()) == []


def test_progress_shows_when_asked_and_leaves_nothing(capsys):
    for progress in (True, False):
        bar = runtime.progress_bar(range(3), description="songs", progress=progress)
        assert list(bar) == [0, 1, 2]
        said = capsys.readouterr()
        assert ("songs" in said.err) == progress and said.out == ""


def test_the_report_names_versions_and_what_plays(capsys, monkeypatch):
    monkeypatch.setattr(runtime, "find_soundfont", lambda: None)
    runtime.report()
    text = capsys.readouterr().out
    assert f"numpy {np.__version__}" in text and "CPU cores" in text and "built-in" in text


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A stand-in for google.colab on an empty machine.

    `commands` were run, `drive` is asked for, `chosen` files come, `saved` ones go.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LSTMGAN_CACHE", "")  # so that it is put back afterwards
    monkeypatch.delenv("LSTMGAN_CACHE")
    here = types.SimpleNamespace(commands=[], drive=lambda place: None, chosen={}, saved={})

    def upload():  # like Colab's: it writes into the working directory
        for name, data in here.chosen.items():
            Path(name).write_bytes(data)

    def download(name):
        here.saved[Path(name).name] = Path(name).read_bytes()

    def run(command, **_):
        here.commands.append(command)
        return types.SimpleNamespace(returncode=0)

    drive = types.SimpleNamespace(mount=lambda place: here.drive(place))
    files = types.SimpleNamespace(upload=upload, download=download)
    for name, module in {"": here, ".drive": drive, ".files": files}.items():
        monkeypatch.setitem(sys.modules, "google.colab" + name, module)
    monkeypatch.setattr(subprocess, "run", run)
    return here


def test_setup_cell_installs_the_course_once_and_upgrades_nothing(colab, monkeypatch, capsys):
    exec(setup_source(), {})  # here the course is installed
    assert "CPU cores" in capsys.readouterr().out and len(colab.commands) == 1
    find = importlib.util.find_spec
    hide = {"lstmgan_utils": lambda name: None}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: hide.get(name, find)(name))
    exec(setup_source(), {})
    _, pip, _ = colab.commands
    assert pip[:4] == [sys.executable, "-m", "pip", "install"]
    assert not {"-U", "--upgrade", "--force-reinstall"} & set(pip)


def test_elsewhere_nothing_is_installed_or_asked(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "notebooks")  # paths count from the project's folder
    monkeypatch.setattr(subprocess, "run", None)
    exec(setup_source().replace("KEEP_ON_DRIVE = False", "KEEP_ON_DRIVE = True"), {})
    said = capsys.readouterr().out
    assert "tensorflow" in said and "runtime type" not in said and os.listdir(".") == []
    assert runtime.upload("midi") == []
    (tmp_path / "song.mid").touch()
    runtime.download("song.mid")
    said = capsys.readouterr().out
    assert str(tmp_path / "midi") in said and str(tmp_path / "song.mid") in said
    with pytest.raises(FileNotFoundError, match=r"missing.mid does not exist"):
        runtime.download("missing.mid")


def test_outputs_outlive_the_machine_on_drive(colab, tmp_path, monkeypatch, capsys):
    (tmp_path / "Drive").mkdir()
    for machine in ("monday", "tuesday"):
        (tmp_path / machine).mkdir()
        monkeypatch.chdir(tmp_path / machine)
        colab.drive = lambda place: os.path.lexists(place) or os.symlink(tmp_path / "Drive", place)
        for _ in range(2):  # the setup cell may run again
            runtime.prepare_colab(keep_on_drive=True)
        with open(f"outputs/{machine}.txt", "w"):
            pass
    assert sorted(os.listdir("outputs")) == ["monday.txt", "tuesday.txt"]
    assert os.environ["LSTMGAN_CACHE"].startswith(str(tmp_path / "monday" / "drive"))


def test_drive_is_never_required(colab, tmp_path, capsys):
    def decline(place):
        raise ValueError("mount failed")

    for colab.drive, said in ((decline, "not used: mount failed"), (lambda _: None, "rename it")):
        runtime.prepare_colab(keep_on_drive=True)
        assert said in capsys.readouterr().out
        (tmp_path / "outputs").mkdir(exist_ok=True)
        (tmp_path / "outputs" / "mine.txt").touch()
    assert os.listdir(tmp_path / "outputs") == ["mine.txt"]


def test_files_come_into_the_folder_and_a_run_goes_home_and_comes_back(colab, tmp_path):
    colab.chosen = {"a.mid": b"a", "b.mid": b"b"}
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "old.mid").touch()
    assert [path.name for path in runtime.upload(tmp_path / "midi")] == ["a.mid", "b.mid"]
    assert (tmp_path / "midi" / "b.mid").read_bytes() == b"b" and Path.cwd() == tmp_path
    weights = Path("mine/weights/step_000010.weights.h5")
    (tmp_path / "runs" / weights).parent.mkdir(parents=True)
    (tmp_path / "runs" / weights).write_bytes(bytes(range(256)))
    runtime.download("runs/mine")
    assert list(colab.saved) == ["mine.zip"]
    colab.chosen = colab.saved
    (back,) = runtime.upload("runs/back")
    assert back == tmp_path / "runs/back" / weights and back.read_bytes() == bytes(range(256))


def test_a_zip_is_named_when_broken_and_cannot_leave_the_folder(colab, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil", "w") as archive:
        archive.writestr("../outside.mid", b"!")
    colab.chosen = {"evil.zip": (tmp_path / "evil").read_bytes()}
    assert runtime.upload(tmp_path / "midi") == [] and not (tmp_path / "outside.mid").exists()
    colab.chosen = {"half.zip": b"PK\3\4"}
    with pytest.raises(ValueError, match="half.zip is no whole .zip file"):
        runtime.upload(tmp_path)
