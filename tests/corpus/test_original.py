"""The format of the first attempt: read back what was written, refuse what is hostile."""

import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmgan_utils import corpus
from lstmgan_utils.corpus import original
from lstmgan_utils.pianoroll import MAX_STEPS, N_PITCHES, encode, note_array

ROLL = encode(note_array([(0, 24, 60), (24, 2, 0), (48, 96, 127)]))
FULL = np.vstack([ROLL, np.zeros((MAX_STEPS - len(ROLL), N_PITCHES), np.uint8)])


def zipped(tmp_path, content, name="song.zip", protocol=4):
    """Write an object, or bytes as they are, as the first attempt did."""
    data = content if isinstance(content, bytes) else pickle.dumps(content, protocol)
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("song", data)
    return tmp_path / name


@pytest.mark.parametrize("pitch_first", [False, True])
def test_what_is_written_is_read(tmp_path, pitch_first):
    path = corpus.write_original(ROLL, tmp_path / "song.zip", pitch_first=pitch_first)
    roll = corpus.read_original(path)
    assert roll.dtype == np.uint8 and np.array_equal(roll, FULL)
    with zipfile.ZipFile(path) as archive:
        rows = pickle.loads(archive.read(archive.namelist()[0]))
    assert isinstance(rows, list) and isinstance(rows[0], list)
    assert np.shape(rows) == ((128, 19200) if pitch_first else (19200, 128))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("content", [list(FULL.T.astype(float)), FULL], ids=["rows", "uint8"])
def test_arrays_are_read_too(tmp_path, content, protocol):
    path = zipped(tmp_path, content, protocol=protocol)
    assert np.array_equal(corpus.read_original(path), FULL)
    roll = corpus.read_original(zipped(tmp_path, FULL / 2, protocol=protocol))
    assert roll.dtype == np.float32 and roll.max() == 0.5


class Hostile:
    """Pickles as a call of a function that a roll has no use for."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, getattr, np.load, bytearray, np.full])
def test_hostile_pickle_is_refused_by_name(tmp_path, function):
    path = zipped(tmp_path, [Hostile(function, "touch owned")])
    with pytest.raises(ValueError, match=rf"song\.zip.*{function.__name__}"):
        corpus.read_original(path)
    assert not (tmp_path / "owned").exists() and not os.path.exists("owned")


def test_what_grows_too_large_is_refused(tmp_path, monkeypatch):
    make = np.array(0).__reduce__()[0]  # numpy's _reconstruct
    with pytest.raises(ValueError, match="empty array"):
        corpus.read_original(zipped(tmp_path, Hostile(make, np.ndarray, (10**9,), b"b")))
    with zipfile.ZipFile(tmp_path / "song.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("song", bytes(10**6))
    with pytest.raises(ValueError, match=r"song\.zip.*deflate"):
        corpus.read_original(tmp_path / "song.zip")
    monkeypatch.setattr(original, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"song\.zip.*unpacks to more than 1,000"):
        corpus.read_original(zipped(tmp_path, bytes(1001)))
    row = [[0.0] * 1000] * N_PITCHES
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"song\.zip"):  # nested lists do not multiply
        corpus.read_original(zipped(tmp_path, [row] * MAX_STEPS))


BIG = (10**9).to_bytes(4, "little")
BOMBS = {  # the middle of a pickle; each asks for 100 MB and more
    "two million lists, a byte each": b"(" + b"]" * 2_000_000 + b"e",
    "sets": b"(" + b"\x8f" * 500_000 + b"e",
    "dicts": b"(" + b"}" * 1_500_000 + b"e",
    "small tuples": b"(" + b"K\0\x85" * 1_500_000 + b"e",
    "larger ints": b"(" + b"M\xff\xff" * 3_000_000 + b"e",
    "a place far off in the memo": b"r" + BIG,
    "the same, in text": b"p1000000000\n",
    "an array of bytes": b"\x96" + BIG + bytes(4),
}


@pytest.mark.parametrize("middle", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_is_refused_before_it_is_built(tmp_path, monkeypatch, middle):
    monkeypatch.setattr(original, "MAX_BUILT", 90 * 2**20)
    path = zipped(tmp_path, b"\x80\x04]" + middle + b".")
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"song\.zip.*(memory|needs|expected)"):
            corpus.read_original(path)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


def test_one_array_copied_again_and_again_is_refused(tmp_path, monkeypatch):
    """Numpy copies bytes of the other byte order each time that an array is made of them."""
    shared = np.arange(10**6, dtype=">f8")
    state = shared.__reduce__()
    arrays = []
    for _ in range(30):  # thirty arrays of 8 MB, of one piece of data
        arrays.append(Hostile(state[0], *state[1]))
        arrays[-1].state = state[2]
    monkeypatch.setattr(Hostile, "__reduce__", lambda self: (*self.call, self.state))
    monkeypatch.setattr(original, "MAX_BUILT", 100 * 10**6)
    path = zipped(tmp_path, arrays)
    with pytest.raises(ValueError, match="memory"):
        corpus.read_original(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_a_clear_error_or_harmless(tmp_path_factory, data):
    good = pickle.dumps(list(FULL[:200]), data.draw(st.sampled_from([0, 2, 4, 5])))
    place = data.draw(st.integers(0, len(good) - 1) | st.integers(0, 300))
    bad = good[:place] + data.draw(st.binary(min_size=1, max_size=3)) + good[place + 1 :]
    with pytest.raises(ValueError, match=r"song\.zip is not a zipped roll"):
        corpus.read_original(zipped(tmp_path_factory.mktemp("zip"), bad))


@pytest.mark.parametrize("content", [[[0.0] * 128] * 5, [], 3, {"a": 1}, b"no pickle", "text"])
def test_other_contents_are_named(tmp_path, content):
    with pytest.raises(ValueError, match=r"song\.zip is not a zipped roll"):
        corpus.read_original(zipped(tmp_path, content))


def test_other_files_are_named(tmp_path):
    path = tmp_path / "song.zip"
    with pytest.raises(ValueError, match=r"\(128, 10\)"):
        corpus.write_original(np.zeros((128, 10)), path)
    with pytest.raises(FileNotFoundError, match=r"song\.zip"):
        corpus.read_original(path)
    path.write_text("no zip")
    with pytest.raises(ValueError, match=r"song\.zip"):
        corpus.read_original(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"")
        archive.writestr("b", b"")
    with pytest.raises(ValueError, match="2 files"):
        corpus.read_original(path)
