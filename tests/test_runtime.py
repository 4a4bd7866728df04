"""The ground floor: whole files or none, the project's folder, seeds, progress, a light report."""

import os
import random
import signal
import subprocess
import sys
import types

import numpy as np
import pytest

from lstmgan_utils import runtime
from tools.lessons import code_cells

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
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert target.stat().st_mode == ordinary.stat().st_mode


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), runtime.atomic_path(tmp_path / "a.txt") as path:
        path.write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    killed = subprocess.run([sys.executable, "-c", DIE_WHILE_WRITING, target], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".writing-")] == ["a.txt"]


def test_the_project_is_the_nearest_folder_with_a_pyproject(tmp_path, monkeypatch):
    inner = tmp_path / "course" / "notebooks"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert runtime.project_root() == inner.resolve()
    (tmp_path / "pyproject.toml").touch()
    assert runtime.project_root() == tmp_path.resolve()
    (tmp_path / "course" / "pyproject.toml").touch()
    assert runtime.project_root() == (tmp_path / "course").resolve()


def test_one_seed_sets_every_source_of_random_numbers():
    draws = []
    for _ in range(2):
        runtime.set_seed(3)
        draws.append((random.random(), np.random.random()))
    assert draws[0] == draws[1]


@pytest.mark.parametrize("progress", [True, False])
def test_progress_shows_only_when_asked(capsys, progress):
    assert list(runtime.progress_bar(range(3), description="songs", progress=progress)) == [0, 1, 2]
    said = capsys.readouterr()
    assert ("songs" in said.err) == progress
    assert said.out == ("songs: 3 in 0 s\n" if progress else ""), "one plain line stays"


def test_a_progress_bar_that_stopped_early_says_so(capsys):
    with runtime.progress_bar(total=9, description="songs") as bar:
        bar.update(2)
    assert capsys.readouterr().out == "songs: 2 of 9 in 0 s\n"


def test_the_report_names_versions_and_tools(capsys, monkeypatch):
    monkeypatch.setattr(runtime, "PACKAGES", ("numpy", "no-such-package"))
    runtime.report()
    text = capsys.readouterr().out
    assert f"numpy {np.__version__}" in text and "no-such-package absent" in text
    assert "CPU cores" in text and "MuseScore" in text


@pytest.mark.parametrize("colab", [False, True], ids=["elsewhere", "colab"])
def test_setup_cell_installs_on_colab_alone_and_upgrades_nothing(
    notebook, colab, monkeypatch, capsys
):
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(runtime, "gpu_names", lambda: [])
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(code_cells(notebook, "setup")[0].source, {})
    said = capsys.readouterr().out
    assert "tensorflow" in said and ("Change runtime type" in said) == colab
    assert len(commands) == (2 if colab else 0)
    for command in commands[1:]:
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        assert not {"-U", "--upgrade", "--force-reinstall"} & set(command)
