"""The format of the first attempt: one zip a song, holding a pickled list of 2,457,600 numbers.

A pickle can run any program when it is loaded. Before this reader loads one it checks that there
is nothing in it but lists of numbers, and how much memory they can take.
"""

import pickle
import re
import zipfile
from pathlib import Path

import numpy as np

from ..pianoroll import MAX_STEPS, N_PITCHES
from ..runtime import atomic_path

MAX_BYTES = 32 * 2**20  # the largest honest song, a list of 2.5 million floats, has 22 MB
MAX_LISTS = 400_000  # 72 bytes each; floats may hold this byte by chance, at most 86,000 of 22 MB
# floats, lists, integers up to 255, places in the memo (up to 2.5 million), protocol and frames
NUMBERS = re.compile(
    rb"(?:(?:G.{8})++|[]()ae\x88\x89\x94]|[Khq].|j.{4}|r..[\0-\x25]\0|\x80.|\x95.{8})*+", re.DOTALL
)


def read_original(path):
    """Read the roll of one song from a zipped pickle, without running what the pickle says.

    Args:
        path: a zip that holds one pickled list of lists, (19200, 128) or (128, 19200).

    Returns:
        ndarray, (19200, 128), time before pitch: uint8 where all numbers are whole, else float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not such a zip, too large, of another shape, or hostile.

    Introduced in lesson 03.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        data = _unzip(path)
        _check_pickle(data)
        roll = _as_roll(pickle.loads(data))
    except Exception as error:  # damaged bytes make pickle and zipfile raise nearly anything
        reason = str(error)[:200] or repr(error)  # a hostile file may make it long
        raise ValueError(f"{path} is not a zipped roll: {reason}; leave it out") from error
    return roll.T if roll.shape[0] == N_PITCHES else roll


def write_original(roll, path, *, pitch_first=False):
    """Write a roll as the first attempt stored it, a pickled list of lists of floats in a zip.

    Args:
        roll: ndarray, shape (time, 128), at most 19,200 steps; padded with silence.
        path: the zip to make; returned as a Path.
        pitch_first: bool, write (128, 19200) as the code did, not (19200, 128) as it was described.

    Raises:
        ValueError: the roll has another shape.

    Introduced in lesson 03.
    """
    roll = np.asarray(roll)
    if roll.ndim != 2 or roll.shape[1] != N_PITCHES or len(roll) > MAX_STEPS:
        raise ValueError(f"a roll here is (time up to {MAX_STEPS}, 128), not {roll.shape}; crop it")
    full = np.zeros((MAX_STEPS, N_PITCHES))
    full[: len(roll)] = roll
    data = pickle.dumps((full.T if pitch_first else full).tolist())
    with atomic_path(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{Path(path).stem}.pkl", data)
    return Path(path)


def _unzip(path):
    """Return the one file of a zip, at most MAX_BYTES of it."""
    with zipfile.ZipFile(path) as archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(files) != 1:
            raise ValueError(f"it holds {len(files)} files instead of one")
        if files[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is not compressed by the usual method, deflate; zip it again")
        data = archive.open(files[0]).read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_BYTES:,} bytes")
    return data


def _check_pickle(data):
    """Raise ValueError unless a pickle holds numbers and no more lists than a roll may need."""
    end = NUMBERS.match(data).end()
    if data[end:] != b".":
        raise ValueError(f"its pickle asks for more than lists of numbers: {data[end : end + 60]}")
    if data.count(b"]") > MAX_LISTS:
        raise ValueError(f"it holds more than {MAX_LISTS:,} lists (a bomb?)")


def _as_roll(content):
    """Return a list of rows as an array, each row checked before memory is taken for it."""
    widths = {len(row) for row in content}
    if len(widths) != 1 or {len(content), *widths} != {MAX_STEPS, N_PITCHES}:
        raise ValueError("its shape is neither (19200, 128) nor (128, 19200)")
    # numbers only: a nested list fails here
    roll = np.array([np.fromiter(row, np.float32, len(row)) for row in content])
    whole = roll.astype(np.uint8)
    return whole if np.array_equal(whole, roll) else roll
