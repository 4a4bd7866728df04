"""A lesson makes what it misses, touches nothing that is there, and never deceives about whose."""

import shutil

import pytest

from lstmgan_utils import runtime
from lstmgan_utils.corpus import needs
from lstmgan_utils.folder_jobs import read_manifest

TUNE = "ryan_neal_gows_wife_strathspey"


@pytest.fixture
def midi(tmp_path):
    """A folder with one file of the sample."""
    (tmp_path / "midi").mkdir()
    shutil.copy(runtime.data_sample() / "midi" / f"{TUNE}.mid", tmp_path / "midi")
    return tmp_path / "midi"


def test_the_chain_is_made_once_and_said(midi, tmp_path, capsys):
    mxl = tmp_path / "outputs" / "mxl"
    kept = needs.need_kept(mxl, midi)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["No", "The"]
    assert [path.stem for path in kept] == [TUNE]
    assert {row["engine"] for row in read_manifest(mxl / "conversion.csv")} == {"python"}
    before = {path: path.stat().st_mtime_ns for path in mxl.iterdir()}
    assert needs.need_kept(mxl, midi) == kept and len(needs.need_scores(mxl, "nowhere")) == 1
    songs = needs.need_songs(str(mxl.parent / "songs.store"))
    assert len(songs) == 1 and len(needs.need_songs(str(mxl.parent / "songs.store"))) == 1
    assert {path: path.stat().st_mtime_ns for path in mxl.iterdir()} == before
    assert capsys.readouterr().out.count("missing") == 1


def test_nobodys_own_store_is_replaced_by_the_sample(tmp_path):
    with pytest.raises(FileNotFoundError, match="mine.store does not exist; lesson 03"):
        needs.need_songs(str(tmp_path / "mine.store"))
    assert list(tmp_path.iterdir()) == []
