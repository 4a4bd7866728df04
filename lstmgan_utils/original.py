"""The format of the first attempt: one zip a song, holding a pickled list of 2,457,600 numbers.

A pickle can run any program when it is loaded. This reader builds lists, numbers and numpy
arrays and nothing else, and looks at the size before it unpacks.
"""

import io
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np

from .pianoroll import MAX_STEPS, N_PITCHES
from .runtime import atomic_path

MAX_BYTES = 128 * 2**20  # the largest honest song, a list of 2.5 million floats, has 22 MB
CORE = re.compile(r"numpy\.(_?core)\.(multiarray|numeric)")  # numpy 1 and 2 name it differently


def read_original(path):
    """Read the roll of one song from a zipped pickle, without running what the pickle says.

    Args:
        path: a zip that holds one pickled list or array, (19200, 128) or (128, 19200).

    Returns:
        ndarray, shape (19200, 128), time before pitch: uint8 where all numbers are whole,
        float32 otherwise.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not such a zip, too large, of another shape, or hostile.

    Introduced in lesson 03.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        content = RollUnpickler(io.BytesIO(_unzip(path)), encoding="latin1").load()
        roll = _as_roll(content)
    except Exception as error:  # damaged bytes make pickle and zipfile raise nearly anything
        raise ValueError(f"{path} is not a zipped roll: {error}; leave it out") from error
    return roll.T if roll.shape[0] == N_PITCHES else roll


def write_original(roll, path, *, pitch_first=False):
    """Write a roll as the first attempt stored it: a pickled list of lists of floats in a zip.

    Args:
        roll: ndarray, shape (time, 128), at most 19,200 steps; padded with silence.
        path: the zip to make.
        pitch_first: bool, write (128, 19200) as the code did, not (19200, 128) as it was described.

    Returns:
        Path of the zip.

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
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(zipfile.ZipInfo(Path(path).stem + ".pkl"), data,
                         zipfile.ZIP_DEFLATED)  # fmt: skip
    return Path(path)


class RollUnpickler(pickle.Unpickler):
    """An unpickler that builds lists, numbers and numpy arrays, and refuses the rest by name."""

    def find_class(self, module, name):
        """Give a harmless stand-in for each of the few names that arrays need."""
        module = CORE.sub(r"numpy.core.\2", module)
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"its pickle asks for {module}.{name}, which no roll needs"
            ) from None


def _unzip(path):
    """Return the one file of a zip, after a look at its size."""
    with zipfile.ZipFile(path) as archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(files) != 1:
            raise ValueError(f"it holds {len(files)} files instead of one")
        if files[0].file_size > MAX_BYTES:
            raise ValueError(f"it unpacks to {files[0].file_size:,} bytes, a roll to fewer than "
                             f"{MAX_BYTES:,}")  # fmt: skip
        return archive.read(files[0])


def _as_roll(content):
    """Turn a list of rows into an array, checking each row before memory is taken for it."""
    shapes = {MAX_STEPS: N_PITCHES, N_PITCHES: MAX_STEPS}
    width = shapes.get(len(content))
    if width is None or any(len(row) != width for row in content):
        raise ValueError("its shape is neither (19200, 128) nor (128, 19200)")
    roll = np.empty((len(content), width), np.float32)
    for target, row in zip(roll, content, strict=True):
        target[:] = np.fromiter(row, np.float32, width)  # numbers only: a nested list fails here
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


def _number(dtype, data):
    return np.frombuffer(data, dtype, 1)[0]


def _array(data, dtype, shape, order):
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _bytes(text, _):
    return text.encode("latin1")


ALLOWED = {
    ("numpy", "ndarray"): "ndarray",  # named only as an argument of _reconstruct
    ("numpy", "dtype"): _number_type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("_codecs", "encode"): _bytes,
}
