"""The file of a corpus: many note arrays and their table in one memory-mapped file.

    128 bytes  magic, version, the sizes and checksums of what follows, and their own checksum
    notes      the note arrays end to end, 7 bytes a note
    offsets    where each song starts, and the end (n_songs + 1 numbers)
    rows       one fixed-size record a song: name, metre, key ...

While a store is being built its songs wait in a journal beside it (`songs.store.journal`), so
that an interrupted build goes on where it stopped. Nothing in either file is ever executed, and
what a stranger wrote into one is checked before it is used.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np

from ..pianoroll import MAX_STEPS, NOTE_DTYPE, n_steps, steps_of
from ..runtime import atomic_path
from .songs import TEXT_COLUMNS, Songs, pack_rows, row_dtype, unpack_row

MAGIC = b"LSTMGAN songs\n"
VERSION = 2
CHECKSUM = struct.Struct("<I")
ALIGNMENT = 128
RECORD = struct.Struct("<III")  # a journal record: bytes of JSON, bytes of notes, checksum
MAX_JSON = 2**20  # bytes; a row has a few hundred
MAX_PIECE = 240_000  # time steps of a piece before it is split: 10,000 quarters
BLOCK = 2**17  # notes that are checked at once
# magic, version, songs, notes, widths of the text columns, checksums of the three sections
HEADER = struct.Struct(f"<14sHQQ{len(TEXT_COLUMNS)}I3I")


def write_store(path, songs):
    """Write a store in one pass, whole or not at all.

    Args:
        path: the store to write or replace.
        songs: iterable of (note array, row dict).

    Raises:
        ValueError: there is not one song.
    """
    rows, lengths = [], []

    def note_chunks():
        for notes, row in songs:
            rows.append(row)
            lengths.append(len(notes))
            yield np.asarray(notes, NOTE_DTYPE).tobytes()

    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(b"\0" * ALIGNMENT)
        checksums = [_write_section(file, note_chunks())]
        if not rows:
            raise _empty(path)
        offsets, packed = np.cumsum([0, *lengths], dtype="<i8"), pack_rows(rows)
        checksums += [_write_section(file, [part.tobytes()]) for part in (offsets, packed)]
        widths = [packed.dtype[c].itemsize for c in TEXT_COLUMNS]
        header = HEADER.pack(MAGIC, VERSION, len(rows), sum(lengths), *widths, *checksums)
        file.seek(0)
        file.write(header + CHECKSUM.pack(zlib.crc32(header)))


def _write_section(file, chunks):
    """Write chunks at the next aligned place; return their checksum."""
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    checksum = 0
    for chunk in chunks:
        file.write(chunk)
        checksum = zlib.crc32(chunk, checksum)
    return checksum


def open_store(path):
    """Open a store of songs by memory map, every byte of it checked.

    Args:
        path: a file that `build_store` wrote.

    Returns:
        Songs, read-only.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no store, of another version, cut short, damaged, or empty.

    Introduced in lesson 03.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such store; build one with corpus.build_store")
    if path.stat().st_size < ALIGNMENT:
        raise _no_store(path)
    content = np.asarray(np.memmap(path, mode="r"))
    arrays = {}
    for name, (start, end, dtype, checksum) in _sections(path, content).items():
        if zlib.crc32(content[start:end]) != checksum:
            raise _damaged(path, f"its {name} do not match their checksum")
        arrays[name] = content[start:end].view(dtype)
    notes, offsets, rows = arrays.values()
    if offsets[0] or offsets[-1] != len(notes) or (np.diff(offsets) < 0).any():
        raise _damaged(path, "its songs do not lie end to end")
    if not are_rows(rows):
        raise _damaged(path, "its table has numbers that no song has")
    if not are_notes(notes, offsets):
        raise _damaged(path, "its notes are not notes, sorted, of at most 19,200 time steps")
    return Songs(notes, offsets[:-1], offsets[1:], rows)


def _sections(path, content):
    """Check the header of a mapped store; return {name: (start, end, dtype, checksum)}."""
    magic, version, n_songs, n_notes, *numbers = HEADER.unpack_from(content)
    if magic != MAGIC:
        raise _no_store(path)
    if version != VERSION:
        raise ValueError(f"{path}: store version {version}, but this package reads version "
                         f"{VERSION}; delete the file and build it again")  # fmt: skip
    if CHECKSUM.unpack_from(content, HEADER.size)[0] != zlib.crc32(content[: HEADER.size]):
        raise _damaged(path, "its first bytes do not match their checksum")
    if not n_songs:
        raise _empty(path)
    widths, checksums = numbers[:-3], numbers[-3:]
    if min(widths) < 1 or (n_songs + 1) * sum(widths) + n_notes > 2 * len(content):
        raise _damaged(path, "it is cut short")  # before numpy is asked for a type of any size
    parts = {
        "notes": (n_notes, NOTE_DTYPE),
        "offsets": (n_songs + 1, np.dtype("<i8")),
        "rows": (n_songs, row_dtype(widths)),
    }
    sections, end = {}, ALIGNMENT
    for (name, (count, dtype)), checksum in zip(parts.items(), checksums, strict=True):
        start = end + -end % ALIGNMENT
        end = start + count * dtype.itemsize
        sections[name] = start, end, dtype, checksum
    if end != len(content):
        raise _damaged(path, "it is cut short, or has more bytes than it says")
    return sections


def are_rows(rows, longest=MAX_STEPS):
    """Return whether the numbers of all rows are within their bounds."""
    sound = (rows["program"] <= 127) & (rows["on_grid"] >= 0) & (rows["on_grid"] <= 1)
    sound &= (rows["pickup"] >= 0) & (rows["n_cut"] >= 0) & (rows["n_steps"] <= longest)
    return bool(sound.all())


def are_notes(notes, starts=(0,), longest=MAX_STEPS):
    """Return whether these are notes, and in order in each song.

    Args:
        notes: note array of songs end to end.
        starts: ints, where the songs start, sorted.
        longest: time steps of a song at most.
    """
    starts = np.asarray(starts)
    for first in range(0, len(notes), BLOCK):
        block = notes[first : first + BLOCK + 1]  # with the first note of the next block
        onset, pitch, duration = (block[c].astype(np.int64) for c in ("onset", "pitch", "duration"))
        inside = (onset >= 0) & (pitch >= 0) & (duration >= 1) & (onset + duration <= longest)
        rises = np.diff((onset << 23) + (pitch << 15) + duration) >= 0
        begin, end = np.searchsorted(starts, (first + 1, first + len(block)))
        rises[starts[begin:end] - first - 1] = True  # songs need not follow each other
        if not (inside.all() and rises.all()):
            return False
    return True


def _no_store(path):
    return ValueError(f"{path}: not a store of songs; build one with corpus.build_store")


def _damaged(path, what):
    return ValueError(f"{path}: damaged store ({what}); delete it and build it again")


def _empty(path):
    return ValueError(f"{path}: a store of 0 songs is of no use; build it again with "
                      "corpus.build_store, from a folder with songs in it")  # fmt: skip


class Journal:
    """Pieces read so far for a store that is still being built, {file hash: (notes, row)}.

    Args:
        path: the store that will be built; the journal lies beside it.
    """

    def __init__(self, path):
        self.path = Path(path).with_name(Path(path).name + ".journal")
        self.songs = {}
        if self.path.is_file():
            self._replay()

    def _replay(self):
        """Read every whole record, and cut off what an interrupted run left half-written."""
        content, place = self.path.read_bytes(), 0
        while place + RECORD.size <= len(content):
            n_json, n_notes, checksum = RECORD.unpack_from(content, place)
            end = place + RECORD.size + n_json + n_notes
            data = content[place + RECORD.size : end]
            if end > len(content) or zlib.crc32(data) != checksum:
                break
            try:
                notes, row = _read_record(data[:n_json], data[n_json:])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                break  # of an earlier version, or forged: its files are read again
            self.songs[row["file_hash"]] = notes, row
            place = end
        with open(self.path, "r+b") as file:
            file.truncate(place)

    def add(self, notes, row):
        """Append one piece to the file."""
        row = unpack_row(pack_rows([row])[0])
        text, data = json.dumps(row).encode(), np.asarray(notes, NOTE_DTYPE).tobytes()
        record = RECORD.pack(len(text), len(data), zlib.crc32(text + data)) + text + data
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            file.write(record)
        self.songs[row["file_hash"]] = np.frombuffer(data, NOTE_DTYPE), row

    def remove(self):
        """Delete the journal, once its songs are in the store."""
        self.path.unlink(missing_ok=True)


def _read_record(text, data):
    """Return (note array, row dict) of a journal record; raise if it is not what `add` wrote."""
    if len(text) > MAX_JSON:
        raise ValueError("too long a row")
    notes, row = np.frombuffer(data, NOTE_DTYPE), json.loads(text)
    packed = pack_rows([row])
    sound = are_rows(packed, MAX_PIECE) and are_notes(notes, longest=MAX_PIECE)
    if not sound or unpack_row(packed[0]) != row or row["n_steps"] != n_steps(notes):
        raise ValueError("not the notes and the row of a piece")
    steps_of(row["metre"])
    return notes, row
