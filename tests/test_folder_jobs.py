"""The manifest keeps what is finished, whatever stopped the job."""

import sys

import pytest

from lstmgan_utils.folder_jobs import Manifest, read_manifest

COLUMNS = ("file", "status", "reason")
ODD_NAMES = ["a b.mid", 'say "hi".mid', "two\nlines.mid", "two\r\nlines.mid", "-j.mid", "🎵.mid",
             ",;'.mid", b"caf\xe9.mid".decode(errors="surrogateescape")]  # fmt: skip


def row(name, status="converted"):
    return {"file": name, "status": status, "reason": 'because, of "this"'}


def read(folder, column="file"):
    return [found[column] for found in read_manifest(folder / "m.csv")]


def test_odd_names_come_back_as_they_were_and_at_once(tmp_path):
    with Manifest(tmp_path / "m.csv", COLUMNS) as manifest:
        for count, name in enumerate(ODD_NAMES, 1):
            manifest.add(row(name))
            assert read(tmp_path) == ODD_NAMES[:count]


@pytest.mark.parametrize("cut", range(1, 40, 2))
def test_a_half_written_row_is_cut_off_and_the_rest_stays(tmp_path, cut):
    path = tmp_path / "m.csv"
    with Manifest(path, COLUMNS) as manifest:
        manifest.add(row("first\r\n.mid"))
        whole = path.stat().st_size
        manifest.add(row('second\r\n".mid'))
    data = path.read_bytes()
    path.write_bytes(data[: max(whole, len(data) - cut)])
    with Manifest(path, COLUMNS) as manifest:
        assert list(manifest.rows) == ["first\r\n.mid"]
        manifest.add(row("third.mid"))
    assert read(tmp_path) == ["first\r\n.mid", "third.mid"]


def test_the_last_row_of_a_file_counts_and_no_reason_is_too_long(tmp_path):
    with Manifest(tmp_path / "m.csv", COLUMNS) as manifest:
        manifest.add(row("a.mid", "failed"))
        manifest.add({"file": "a.mid", "status": "done", "reason": "\x00\n" + "x" * 163_000})
    assert read(tmp_path, "status") == ["done"]
    assert read(tmp_path, "reason") == ["  " + "x" * 297 + "…"]


def test_other_columns_start_a_new_record(tmp_path):
    (tmp_path / "m.csv").write_text("file,old\r\na.mid,1\r\n")
    with Manifest(tmp_path / "m.csv", COLUMNS) as manifest:
        assert manifest.rows == {}
    assert (tmp_path / "m.csv").read_text().splitlines() == ["file,status,reason"]


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks of this kind")
def test_two_jobs_do_not_write_to_one_manifest(tmp_path):
    pytest.importorskip("fcntl")
    with Manifest(tmp_path / "m.csv", COLUMNS), pytest.raises(ValueError, match="another job"):
        Manifest(tmp_path / "m.csv", COLUMNS)
    Manifest(tmp_path / "m.csv", COLUMNS).__exit__()  # afterwards it is free again


@pytest.mark.parametrize("text", ["name,status\r\na,b\r\n", "file\r\n" + "x" * 200_000 + "\r\n"])
def test_a_table_that_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match="m.csv is no manifest .* delete it and run again"):
        read(tmp_path)
