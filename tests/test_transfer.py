"""Uploads and downloads: through the browser on Colab, a word elsewhere."""

import sys
import types
import zipfile
from pathlib import Path

import pytest

from lstmgan_utils import runtime


@pytest.fixture
def colab(monkeypatch):
    """A stand-in for google.colab: `chosen` files come, `saved` ones go."""
    here = types.SimpleNamespace(chosen={}, saved={})

    def upload():  # like Colab's: it writes into the working directory
        for name, data in here.chosen.items():
            Path(name).write_bytes(data)
        return here.chosen

    def download(name):
        here.saved[Path(name).name] = Path(name).read_bytes()

    for name in ("google", "google.colab", "google.colab.files"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    vars(sys.modules["google.colab.files"]).update(upload=upload, download=download)
    return here


def test_uploads_land_in_the_folder(colab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    colab.chosen = {"a.mid": b"a", "b.mid": b"b"}
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "old.mid").touch()
    assert [path.name for path in runtime.upload(tmp_path / "midi")] == ["a.mid", "b.mid"]
    assert (tmp_path / "midi" / "b.mid").read_bytes() == b"b" and Path.cwd() == tmp_path


def test_a_run_goes_home_and_comes_back_whole(colab, tmp_path):
    run = tmp_path / "runs" / "mine"
    (run / "weights").mkdir(parents=True)
    (run / "config.json").write_text("{}")
    (run / "weights" / "step_000010.weights.h5").write_bytes(bytes(range(256)))
    runtime.download(run)
    assert list(colab.saved) == ["mine.zip"]
    colab.chosen = colab.saved
    runtime.upload(tmp_path / "elsewhere")
    back = tmp_path / "elsewhere" / "mine"
    assert (back / "weights" / "step_000010.weights.h5").read_bytes() == bytes(range(256))
    assert (back / "config.json").is_file() and not (tmp_path / "elsewhere" / "mine.zip").exists()


def test_a_zip_cannot_leave_the_folder(colab, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil", "w") as archive:
        archive.writestr("../outside.mid", b"!")
    colab.chosen = {"evil.zip": (tmp_path / "evil").read_bytes()}
    runtime.upload(tmp_path / "midi")
    assert not (tmp_path / "outside.mid").exists()
    assert (tmp_path / "midi" / "outside.mid").read_bytes() == b"!"


def test_a_broken_zip_is_named(colab, tmp_path):
    colab.chosen = {"half.zip": b"PK\3\4"}
    with pytest.raises(ValueError, match="half.zip is no whole .zip file"):
        runtime.upload(tmp_path)


def test_elsewhere_nothing_is_asked(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "notebooks")  # paths count from the project's folder
    assert runtime.upload("midi") == []
    (tmp_path / "song.mid").touch()
    runtime.download("song.mid")
    said = capsys.readouterr().out
    assert str(tmp_path / "midi") in said and str(tmp_path / "song.mid") in said


def test_nothing_to_download_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.mid does not exist"):
        runtime.download(tmp_path / "missing.mid")
