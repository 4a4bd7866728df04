"""The file behind a corpus: many note arrays and their table in one memory-mapped file.

    64 bytes   magic, version, place and checksum of the index
    notes      the note arrays end to end, 7 bytes a note
    offsets    where each song starts, and the end (n_songs + 1 numbers)
    rows       one fixed-size record a song: name, metre, key ...
    index      JSON: type, place, size and checksum of the three sections above

While a store is being built its songs wait in a journal beside it (`songs.store.journal`), so
that an interrupted build goes on where it stopped. Nothing in either file is ever executed.
"""

import json
import mmap
import struct
import zlib
from pathlib import Path

import numpy as np

from .pianoroll import NOTE_DTYPE
from .runtime import atomic_path

MAGIC = b"LSTMGAN songs\n"
VERSION = 1
PRELUDE = struct.Struct("<14sHQQI")  # magic, version, place, size and checksum of the index
RECORD = struct.Struct("<III")  # a journal record: bytes of JSON, bytes of notes, checksum
ALIGNMENT = 64
TEXT_COLUMNS = ("name", "source", "licence", "metre", "mode", "file_hash")
NUMBER_COLUMNS = {
    "key": "<i1",  # sharps of the key signature, flats counted below zero
    "program": "<i2",  # General MIDI program 0-127, -1 where unknown
    "n_steps": "<i4",
    "pickup": "<i4",  # time steps before the first full measure
    "on_grid": "<f4",  # share of notes that the grid held exactly, 0-1
    "family": "<u8",  # tunes with the same opening share this number
}


def pack_rows(rows):
    """Turn row dictionaries into one structured array, text as UTF-8 of the longest length.

    Args:
        rows: One dictionary a song, with every text and number column.

    Returns:
        Structured array, shape (n_songs,).
    """
    text = {c: [str(row[c]).encode() for row in rows] for c in TEXT_COLUMNS}
    widths = [(c, f"S{max(map(len, text[c]), default=1) or 1}") for c in TEXT_COLUMNS]
    packed = np.zeros(len(rows), dtype=widths + list(NUMBER_COLUMNS.items()))
    for column in TEXT_COLUMNS:
        packed[column] = text[column]
    for column in NUMBER_COLUMNS:
        packed[column] = [row[column] for row in rows]
    return packed


def unpack_row(record):
    """Turn one record of the rows back into a dictionary of Python values."""
    values = dict(zip(record.dtype.names, record.item(), strict=True))
    return {c: v.decode() if c in TEXT_COLUMNS else v for c, v in values.items()}


def _write_section(file, chunks, dtype):
    """Write chunks at the next aligned place; say where they are and what they add up to."""
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    start, checksum = file.tell(), 0
    for chunk in chunks:
        file.write(chunk)
        checksum = zlib.crc32(chunk, checksum)
    return {"dtype": dtype, "start": start, "size": file.tell() - start, "crc32": checksum}


def write_store(path, songs):
    """Write a store in one pass, to a temporary name first.

    Args:
        path: The store to write or replace.
        songs: Pairs of note array and row, taken one at a time.
    """
    rows, lengths = [], []

    def note_chunks():
        for notes, row in songs:
            rows.append(row)
            lengths.append(len(notes))
            yield np.asarray(notes, dtype=NOTE_DTYPE).tobytes()

    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(b"\0" * PRELUDE.size)
        sections = {"notes": _write_section(file, note_chunks(), np.dtype(NOTE_DTYPE).descr)}
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("<i8")
        packed = pack_rows(rows)
        sections["offsets"] = _write_section(file, [offsets.tobytes()], "<i8")
        sections["rows"] = _write_section(file, [packed.tobytes()], packed.dtype.descr)
        index = json.dumps(sections).encode()
        place = file.tell()
        file.write(index)
        file.seek(0)
        file.write(PRELUDE.pack(MAGIC, VERSION, place, len(index), zlib.crc32(index)))


def read_store(path, *, verify=True):
    """Map a store into memory.

    Args:
        path: A file that `write_store` wrote.
        verify: Also read the notes once, to find damage anywhere in the file.

    Returns:
        The read-only arrays `notes`, `offsets` and `rows`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a store, of another version, cut short, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such store; build one with corpus.build_store")
    buffer = _map(path)
    arrays = {}
    for name, section in _read_index(path, buffer).items():
        start, stop = section["start"], section["start"] + section["size"]
        dtype = _as_dtype(section["dtype"])
        if verify or name != "notes":
            with memoryview(buffer)[start:stop] as content:
                if len(content) != section["size"] or zlib.crc32(content) != section["crc32"]:
                    raise _damaged(path, f"its {name} do not match their checksum")
        shape = section["size"] // dtype.itemsize
        arrays[name] = np.ndarray(shape, dtype, buffer=buffer, offset=start)
    return arrays


def _map(path):
    """Map a file read-only; an empty file, which cannot be mapped, becomes empty bytes."""
    with open(path, "rb") as file:
        if path.stat().st_size == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _read_index(path, buffer):
    """Check the first bytes and the index of a mapped store; return the index."""
    if len(buffer) < PRELUDE.size or buffer[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path}: not a store of songs; build one with corpus.build_store")
    _, version, place, size, checksum = PRELUDE.unpack(buffer[: PRELUDE.size])
    if version != VERSION:
        raise ValueError(
            f"{path}: store version {version}, but this package reads version "
            f"{VERSION}; delete the file and build it again"
        )
    index = buffer[place : place + size]
    if len(index) != size or zlib.crc32(index) != checksum or len(buffer) != place + size:
        raise _damaged(path, "its index is missing or cut short")
    return json.loads(index)


def _as_dtype(text):
    """Make a dtype of what JSON keeps of one: a name, or a list of (field, name) lists."""
    return np.dtype(text if isinstance(text, str) else [tuple(field) for field in text])


def _damaged(path, what):
    return ValueError(f"{path}: damaged store ({what}); delete it and build it again")


class Journal:
    """Songs read so far for a store that is still being built.

    Args:
        path: The store that will be built; the journal lies beside it.
    """

    def __init__(self, path):
        self.path = Path(path).with_name(Path(path).name + ".journal")
        self.songs = {}
        self._replay()

    def _replay(self):
        """Read every whole record, and cut off what an interrupted run left half-written."""
        if not self.path.is_file():
            return
        buffer, place = self.path.read_bytes(), 0
        while place + RECORD.size <= len(buffer):
            n_json, n_notes, checksum = RECORD.unpack_from(buffer, place)
            end = place + RECORD.size + n_json + n_notes
            content = buffer[place + RECORD.size : end]
            if end > len(buffer) or zlib.crc32(content) != checksum:
                break
            row = json.loads(content[:n_json])
            self.songs[row["file_hash"]] = (np.frombuffer(content[n_json:], NOTE_DTYPE), row)
            place = end
        with open(self.path, "r+b") as file:
            file.truncate(place)

    def add(self, notes, row):
        """Append one song and flush it to the disk."""
        text, data = json.dumps(row).encode(), np.asarray(notes, dtype=NOTE_DTYPE).tobytes()
        record = RECORD.pack(len(text), len(data), zlib.crc32(text + data)) + text + data
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            file.write(record)
        self.songs[row["file_hash"]] = (np.frombuffer(data, NOTE_DTYPE), row)

    def remove(self):
        """Delete the journal, once its songs are in the store."""
        self.path.unlink(missing_ok=True)
