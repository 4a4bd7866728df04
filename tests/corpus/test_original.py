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


class Call:
    """Pickles as a call of a function, which a hostile pickle may choose."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


BIG = (10**9).to_bytes(4, "little")
MAKE, *ARRAY = np.arange(10**6, dtype=">f8").__reduce__()  # _reconstruct; its arguments, the data
FUNCTIONS = os.system, eval, getattr, np.load, bytearray, np.full
REFUSED = {f.__name__: ([Call(f, ("touch owned",))], f.__name__) for f in FUNCTIONS} | {
    "an empty array of 8 GB": (Call(MAKE, (np.ndarray, (10**9,), b"b")), "empty array"),
    # numpy copies numbers of the other byte order each time that an array is made of them
    "one array of 8 MB copied thirty times": ([Call(MAKE, *ARRAY) for _ in range(30)], "memory"),
    "the same long row": ([[[0.0] * 1000] * N_PITCHES] * MAX_STEPS, "sequence"),
    # the middle of a pickle; each asks for 100 MB and more
    "two million lists, a byte each": (b"(" + b"]" * 2_000_000 + b"e", "memory"),
    "sets": (b"(" + b"\x8f" * 500_000 + b"e", "needs"),
    "dicts": (b"(" + b"}" * 1_500_000 + b"e", "needs"),
    "small tuples": (b"(" + b"K\0\x85" * 1_500_000 + b"e", "memory"),
    "larger ints": (b"(" + b"M\xff\xff" * 3_000_000 + b"e", "memory"),
    "a place far off in the memo": (b"r" + BIG, "needs"),
    "the same, in text": (b"p1000000000\n", "needs"),
    "an array of bytes": (b"\x96" + BIG + bytes(4), "expected"),
    "five rows": ([[0.0] * 128] * 5, "shape"),
    "an empty list": ([], "shape"),
    "a number": (3, "iterable"),
    "a text": ("text", "shape"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_hostile_pickle_is_refused_by_name_and_not_built(tmp_path, monkeypatch, content, reason):
    monkeypatch.setattr(original, "MAX_BUILT", 90 * 2**20)
    if isinstance(content, bytes):
        content = b"\x80\x04]" + content + b"."
    path = zipped(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"song\.zip is not a zipped roll.*{reason}"):
            corpus.read_original(path)
        assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "owned").exists() and not os.path.exists("owned")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_a_clear_error_or_harmless(tmp_path_factory, data):
    good = pickle.dumps(list(FULL[:200]), data.draw(st.sampled_from([2, 4, 5])))
    place = data.draw(st.integers(0, len(good) - 1) | st.integers(0, 300))
    bad = good[:place] + data.draw(st.binary(min_size=1, max_size=3)) + good[place + 1 :]
    with pytest.raises(ValueError, match=r"song\.zip is not a zipped roll"):
        corpus.read_original(zipped(tmp_path_factory.mktemp("zip"), bad))


def test_other_files_are_named(tmp_path, monkeypatch):
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("song", bytes(10**6))
    with pytest.raises(ValueError, match=r"song\.zip.*deflate"):
        corpus.read_original(path)
    monkeypatch.setattr(original, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"song\.zip.*unpacks to more than 1,000"):
        corpus.read_original(zipped(tmp_path, bytes(1001)))
