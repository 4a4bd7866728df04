"""The format of the first attempt: one zip a song, holding a pickled list of 2,457,600 numbers.

A pickle can run any program when it is loaded. This reader builds lists, numbers and numpy
arrays and nothing else, and adds up the memory that they will take before it builds them.
"""

import io
import pickle
import pickletools
import re
import zipfile
from pathlib import Path

import numpy as np

from ..pianoroll import MAX_STEPS, N_PITCHES
from ..runtime import atomic_path

MAX_BYTES = 64 * 2**20  # the largest honest song, a list of 2.5 million floats, has 22 MB
MAX_BUILT = 400 * 2**20  # bytes in memory that a pickle may ask for; that song asks for 112 MB
OBJECT = 72  # bytes of a new list, tuple or number, and of the place that points to it
# Opcodes: floats, then integers, lists, tuples, None and at most 2.5 million places in the memo.
SIMPLE = re.compile(
    rb"((?:G.{8})*+)((?:[]()aetN\x85-\x89\x94]|[Khq].|M..|[Jj].{4}|r..[\0-\x25]\0)*+)", re.DOTALL
)
OTHERS = b"\x80\x95.X\x8cBC\x96c\x93Rb"  # protocol, frame, stop; text, bytes; names, two calls


def read_original(path):
    """Read the roll of one song from a zipped pickle, without running what the pickle says.

    Args:
        path: a zip that holds one pickled list or array, (19200, 128) or (128, 19200).

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
        check_pickle(data)
        roll = _as_roll(RollUnpickler(io.BytesIO(data)).load())
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


class RollUnpickler(pickle.Unpickler):
    """An unpickler that builds lists, numbers and numpy arrays, and refuses the rest by name."""

    def find_class(self, module, name):
        """Return a harmless stand-in for each of the few names that arrays need."""
        module = module.replace("numpy._core", "numpy.core")  # numpy 2 and 1 name it differently
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"its pickle asks for {module}.{name}, not part of a roll")
        return ALLOWED[module, name]


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


def check_pickle(data):
    """Raise ValueError unless a pickle holds what a roll needs and asks for at most 400 MB.

    A pickle has no loops, so adding up is a bound. A byte may ask for a list of 56, and a call may
    copy the largest piece of data.
    """
    stream, place, built, largest, opcode = io.BytesIO(data), 0, 0, 0, b""
    while opcode != b".":
        run = SIMPLE.match(data, place)
        built += 5 * (run.end(1) - place) + OBJECT * (run.end() - run.end(1))  # a float: 9 bytes
        if run.end() == place:
            opcode = data[place : place + 1]
            if opcode not in OTHERS:
                raise ValueError(f"byte {place:,} of its pickle is nothing that a roll needs")
            stream.seek(place)
            next(pickletools.genops(stream))  # moves to the next opcode
            size = stream.tell() - place
            largest = max(largest, size)
            built += OBJECT + 4 * size + largest * (opcode in b"Rb")
        if built > MAX_BUILT:
            raise ValueError(f"it asks for more than {MAX_BUILT:,} bytes of memory (a bomb?)")
        place = max(run.end(), stream.tell())


def _as_roll(content):
    """Return a list of rows as an array, each row checked before memory is taken for it."""
    widths = {len(row) for row in content}
    if len(widths) != 1 or {len(content), *widths} != {MAX_STEPS, N_PITCHES}:
        raise ValueError("its shape is neither (19200, 128) nor (128, 19200)")
    # numbers only: a nested list fails here
    roll = np.array([np.fromiter(row, np.float32, len(row)) for row in content])
    whole = roll.astype(np.uint8)
    return whole if np.array_equal(whole, roll) else roll


def _empty_array(_, shape, __):
    if tuple(shape) != (0,):  # what numpy writes; anything else would only take memory
        raise pickle.UnpicklingError(f"its pickle asks for an empty array of the shape {shape}")
    return np.empty(0)


def _number_type(name, *_):
    dtype = np.dtype(name)
    if dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"its pickle asks for numbers of type {name!r}")
    return dtype


def _array(data, dtype, shape, order):
    return np.frombuffer(data, dtype).reshape(shape, order=order)


ALLOWED = {
    ("numpy", "ndarray"): "ndarray",  # named only as an argument of _reconstruct
    ("numpy", "dtype"): _number_type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),
}
