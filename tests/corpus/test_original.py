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


@pytest.mark.parametrize("protocol", [3, 5])
def test_every_protocol_and_kind_of_number_is_read(tmp_path, protocol):
    for rows in (FULL.tolist(), FULL.astype(bool).T.tolist()):
        path = zipped(tmp_path, rows, protocol=protocol)
        assert np.array_equal(corpus.read_original(path), FULL)
    roll = corpus.read_original(zipped(tmp_path, (FULL / 2).tolist(), protocol=protocol))
    assert roll.dtype == np.float32 and roll.max() == 0.5


class Call:
    """Pickles as a call of a function, which a hostile pickle may choose."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


BIG = (10**9).to_bytes(4, "little")
FUNCTIONS = os.system, eval, getattr, np.load, bytearray, np.full
REFUSED = {f.__name__: ([Call(f, ("touch owned",))], f.__name__) for f in FUNCTIONS} | {
    "an array": (np.zeros(5), "numpy"),
    "the same long row": ([[[0.0] * 1000] * N_PITCHES] * MAX_STEPS, "sequence"),
    # the middle of a pickle; each would ask for 100 MB and more
    "two million lists, a byte each": (b"(" + b"]" * 2_000_000 + b"e", "a bomb"),
    "sets": (b"(" + b"\x8f" * 500_000 + b"e", "more than lists"),
    "dicts": (b"(" + b"}" * 1_500_000 + b"e", "more than lists"),
    "small tuples": (b"(" + b"K\0\x85" * 1_500_000 + b"e", "more than lists"),
    "larger ints": (b"(" + b"M\xff\xff" * 3_000_000 + b"e", "more than lists"),
    "a place far off in the memo": (b"r" + BIG, "more than lists"),
    "an array of bytes": (b"\x96" + BIG + bytes(4), "more than lists"),
    "five rows": ([[0.0] * 128] * 5, "shape"),
    "a number": (3, "iterable"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_hostile_pickle_is_refused_by_name_and_not_built(tmp_path, content, reason):
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
    good = pickle.dumps(FULL[:20].tolist(), data.draw(st.sampled_from([2, 4, 5])))
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
    archives = {"2 files": (0, ["a", "b"]), "deflate": (zipfile.ZIP_BZIP2, ["song"])}
    for reason, (method, names) in archives.items():
        with zipfile.ZipFile(path, "w", method) as archive:
            for name in names:
                archive.writestr(name, bytes(10**6))
        with pytest.raises(ValueError, match=rf"song\.zip.*{reason}"):
            corpus.read_original(path)
    path.write_text("no zip")
    with pytest.raises(ValueError, match=r"song\.zip"):
        corpus.read_original(path)
    monkeypatch.setattr(original, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"song\.zip.*unpacks to more than 1,000"):
        corpus.read_original(zipped(tmp_path, bytes(1001)))
