"""The file behind a corpus: many note arrays and their table in one memory-mapped file.

    128 bytes  magic, version, the sizes and checksums of what follows, and their own checksum
    notes      the note arrays end to end, 7 bytes a note
    offsets    where each song starts, and the end (n_songs + 1 numbers)
    rows       one fixed-size record a song: name, metre, key ...

While a store is being built its songs wait in a journal beside it (`songs.store.journal`), so
that an interrupted build goes on where it stopped. Nothing in either file is ever executed, and
what a stranger wrote into one is looked through before it is used.
"""

import json
import mmap
import struct
import zlib
from pathlib import Path

import numpy as np

from ..pianoroll import MAX_STEPS, NOTE_DTYPE, n_steps, steps_of
from ..runtime import atomic_path

MAGIC = b"LSTMGAN songs\n"
VERSION = 2
CHECKSUM = struct.Struct("<I")
ALIGNMENT = 128
RECORD = struct.Struct("<III")  # a journal record: bytes of JSON, bytes of notes, checksum
MAX_JSON = 2**20  # bytes; a row has a few hundred
MAX_PIECE = 240_000  # time steps of a piece before it is split: 10,000 quarters
BLOCK = 2**17  # notes that are checked at once
TEXT_COLUMNS = ("name", "source", "licence", "metre", "mode", "file_hash", "flaws")
NUMBER_COLUMNS = {
    "key": "<i1",  # sharps of the key signature, flats counted below zero
    "program": "<i2",  # General MIDI program 0-127, -1 where unknown
    "n_steps": "<i4",
    "pickup": "<i4",  # time steps before the first full measure
    "on_grid": "<f4",  # share of notes that the grid held exactly, 0-1
    "family": "<u8",  # tunes with the same opening share this number
    "n_cut": "<i4",  # notes that end early, where a piece was too long and had to be split
}
# magic, version, songs, notes, widths of the text columns, checksums of the three sections
HEADER = struct.Struct(f"<14sHQQ{len(TEXT_COLUMNS)}I3I")


def row_dtype(widths):
    """Make the type of the rows; `widths` are the bytes of each text column, in their order."""
    text = [(c, f"S{width}") for c, width in zip(TEXT_COLUMNS, widths, strict=True)]
    return np.dtype(text + list(NUMBER_COLUMNS.items()))


def pack_rows(rows):
    """Turn row dictionaries into one structured array, text as UTF-8 of the longest length.

    Args:
        rows: One dictionary a song, with every text and number column. What is not Unicode in a
            text (a file name may hold any bytes) is written out, as in "caf\\udce9".

    Returns:
        Structured array, shape (n_songs,).
    """
    text = {c: [str(row[c]).encode(errors="backslashreplace") for row in rows]
            for c in TEXT_COLUMNS}  # fmt: skip
    widths = [max(map(len, values), default=1) or 1 for values in text.values()]
    packed = np.zeros(len(rows), row_dtype(widths))
    for column in TEXT_COLUMNS:
        packed[column] = text[column]
    for column in NUMBER_COLUMNS:
        packed[column] = [row[column] for row in rows]
    return packed


def unpack_row(record):
    """Turn one record of the rows back into a dictionary of Python values."""
    values = dict(zip(record.dtype.names, record.item(), strict=True))
    return {c: v.decode(errors="replace") if c in TEXT_COLUMNS else v for c, v in values.items()}


def _write_section(file, chunks):
    """Write chunks at the next aligned place; return their checksum."""
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    checksum = 0
    for chunk in chunks:
        file.write(chunk)
        checksum = zlib.crc32(chunk, checksum)
    return checksum


def write_store(path, songs):
    """Write a store in one pass, to a temporary name first.

    Args:
        path: The store to write or replace.
        songs: Pairs of note array and row, taken one at a time.

    Raises:
        ValueError: There is not one song.
    """
    rows, lengths = [], []

    def note_chunks():
        for notes, row in songs:
            rows.append(row)
            lengths.append(len(notes))
            yield np.asarray(notes, dtype=NOTE_DTYPE).tobytes()

    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(b"\0" * ALIGNMENT)
        checksums = [_write_section(file, note_chunks())]
        if not rows:
            raise _empty(path)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("<i8")
        packed = pack_rows(rows)
        checksums += [_write_section(file, [part.tobytes()]) for part in (offsets, packed)]
        widths = [packed.dtype[c].itemsize for c in TEXT_COLUMNS]
        header = HEADER.pack(MAGIC, VERSION, len(rows), sum(lengths), *widths, *checksums)
        file.seek(0)
        file.write(header + CHECKSUM.pack(zlib.crc32(header)))


def read_store(path, *, verify=True):
    """Map a store into memory.

    Args:
        path: A file that `write_store` wrote.
        verify: Also read the notes once, to find damage anywhere in the file.

    Returns:
        The read-only arrays `notes`, `offsets` and `rows`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a store, of another version, cut short, damaged, or empty.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such store; build one with corpus.build_store")
    buffer = _map(path)
    arrays = {}
    for name, (start, size, dtype, checksum) in _sections(path, buffer).items():
        if verify or name != "notes":
            with memoryview(buffer)[start : start + size] as content:
                if zlib.crc32(content) != checksum:
                    raise _damaged(path, f"its {name} do not match their checksum")
        arrays[name] = np.ndarray(size // dtype.itemsize, dtype, buffer=buffer, offset=start)
    _check(path, arrays, verify)
    return arrays


def _map(path):
    """Map a file read-only; an empty file, which cannot be mapped, becomes empty bytes."""
    with open(path, "rb") as file:
        if path.stat().st_size == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _sections(path, buffer):
    """Check the first bytes of a mapped store; return {name: (start, bytes, dtype, checksum)}."""
    if len(buffer) < ALIGNMENT or buffer[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path}: not a store of songs; build one with corpus.build_store")
    _, version, n_songs, n_notes, *numbers = HEADER.unpack_from(buffer)
    if version != VERSION:
        raise ValueError(f"{path}: store version {version}, but this package reads version "
                         f"{VERSION}; delete the file and build it again")  # fmt: skip
    if CHECKSUM.unpack_from(buffer, HEADER.size)[0] != zlib.crc32(buffer[: HEADER.size]):
        raise _damaged(path, "its first bytes do not match their checksum")
    if not n_songs:
        raise _empty(path)
    widths, checksums = numbers[:-3], numbers[-3:]
    if min(widths) < 1 or (n_songs + 1) * sum(widths) + n_notes > 2 * len(buffer):
        raise _damaged(path, "it is cut short")  # before numpy is asked for a type of any size
    kinds = NOTE_DTYPE, np.dtype("<i8"), row_dtype(widths)
    sections, end = {}, ALIGNMENT
    for name, count, dtype, checksum in zip(
        ("notes", "offsets", "rows"), (n_notes, n_songs + 1, n_songs), kinds, checksums, strict=True
    ):
        start = -(-end // ALIGNMENT) * ALIGNMENT
        end = start + count * dtype.itemsize
        sections[name] = start, end - start, dtype, checksum
    if end != len(buffer):
        raise _damaged(path, "it is cut short, or has more bytes than it says")
    return sections


def _check(path, arrays, verify):
    """Refuse a store whose parts cannot be true together, whoever wrote it."""
    offsets, notes, rows = arrays["offsets"], arrays["notes"], arrays["rows"]
    if offsets[0] or offsets[-1] != len(notes) or (np.diff(offsets) < 0).any():
        raise _damaged(path, "its songs do not lie end to end")
    wrong = (rows["program"] > 127) | ~((rows["on_grid"] >= 0) & (rows["on_grid"] <= 1))
    wrong |= (np.minimum(rows["pickup"], rows["n_cut"]) < 0) | (rows["n_steps"] > MAX_STEPS)
    if wrong.any():
        raise _damaged(path, "its table has numbers that no song has")
    if verify and not are_notes(notes, offsets):
        raise _damaged(path, "its notes are not notes, sorted, of at most 19,200 time steps")


def are_notes(notes, starts=(0,), longest=MAX_STEPS):
    """Tell whether these are notes, and in order in each song.

    Args:
        notes: Note array, shape (notes,), of songs end to end.
        starts: Int array, where the songs start, sorted.
        longest: Time steps of a song at most.
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


def _damaged(path, what):
    return ValueError(f"{path}: damaged store ({what}); delete it and build it again")


def _empty(path):
    return ValueError(f"{path}: a store of 0 songs is of no use; build it again with "
                      "corpus.build_store, from a folder with songs in it")  # fmt: skip


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
            try:
                notes, row = _song_of(content[:n_json], content[n_json:])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                break  # of an earlier version, or forged: what it tells of is read again
            self.songs[row["file_hash"]] = notes, row
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


def _song_of(text, data):
    """Make (note array, row) of the two halves of a journal record, or raise what is wrong."""
    if len(text) > MAX_JSON:
        raise ValueError("too long a row")
    notes, row = np.frombuffer(data, NOTE_DTYPE), json.loads(text)
    steps_of(row["metre"])
    record = pack_rows([row])
    of_its_type = all(type(row[c]) is str for c in TEXT_COLUMNS) and all(
        type(row[c]) is (float if record.dtype[c].kind == "f" else int) for c in NUMBER_COLUMNS
    )
    if not of_its_type or set(row) != set(record.dtype.names):
        raise TypeError("not a row")
    sound = are_notes(notes, longest=MAX_PIECE) and row["n_steps"] == n_steps(notes)
    if not (sound and row["pickup"] >= 0 and row["n_cut"] >= 0 and 0 <= row["on_grid"] <= 1):
        raise ValueError("not notes")
    return notes, row
