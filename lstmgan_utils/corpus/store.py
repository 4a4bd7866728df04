"""The file of a corpus: many note arrays and their table in one memory-mapped file.

    128 bytes  magic, version, the sizes and checksums of what follows
    notes      the note arrays end to end, 7 bytes a note
    offsets    where each song starts, and the end (n_songs + 1 numbers)
    rows       one fixed-size record a song: name, metre, key ...

While it is being built, each batch of songs waits in a store of its own in `songs.store.parts`, so
that an interrupted build goes on. What a stranger wrote into a store is checked before it is used.
"""

import contextlib
import hashlib
import shutil
import zlib
from pathlib import Path

import numpy as np

from ..folder_jobs import attempt, run_batches
from ..pianoroll import MAX_STEPS, NOTE_DTYPE, decode, read_midi, read_score
from ..runtime import atomic_path, progress_bar
from .original import read_original
from .songs import TEXT_COLUMNS, Songs, from_arrays, row_dtype, split_song, unpack_row, whole_song

MAGIC, VERSION = b"LSTMGAN songs\n", 2
HEADER = np.dtype([
    ("magic", "S14"), ("version", "<u2"), ("n_songs", "<u8"), ("n_notes", "<u8"),
    ("widths", "<u4", len(TEXT_COLUMNS)), ("checksums", "<u4", 3),
])  # fmt: skip
ALIGNMENT = 128
TIMEOUT = 300  # seconds for one song
FEW = 8  # songs that are read before another process has started


def write_store(path, songs):
    """Write (note array, row dict) pairs, one at least, as a store, whole or not at all: Songs."""
    songs = list(songs)
    whole = from_arrays(*zip(*songs, strict=True))
    offsets = np.append(0, whole.stops).astype("<i8")
    sections = [part.tobytes() for part in (whole.notes, offsets, whole.rows)]
    widths = [whole.rows.dtype[column].itemsize for column in TEXT_COLUMNS]
    checksums = [zlib.crc32(section) for section in sections]
    sizes = len(songs), len(whole.notes)
    header = np.array((MAGIC, VERSION, *sizes, widths, checksums), HEADER)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for section in (header.tobytes(), *sections):
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            file.write(section)
    return open_store(path)


def open_store(path):
    """Return the Songs of a store, mapped into memory read-only, every byte of it checked.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no store, of another version, cut short, damaged, or empty.

    Introduced in lesson 03.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such store; build one with corpus.build_store")
    content = np.asarray(np.memmap(path, mode="r")) if path.stat().st_size >= ALIGNMENT else b""
    try:
        notes, offsets, rows = _read_sections(content)
        sound = (rows["program"] <= 127) & (rows["on_grid"] >= 0) & (rows["on_grid"] <= 1)
        sound &= (rows["pickup"] >= 0) & (rows["n_cut"] >= 0) & (rows["n_steps"] <= MAX_STEPS)
        if not (sound.all() and are_notes(notes, offsets)):
            raise ValueError("damaged store (its notes or its table are not those of songs)")
    except ValueError as error:
        raise ValueError(f"{path}: {error}; build a new one with corpus.build_store") from None
    return Songs(notes, offsets[:-1], offsets[1:], rows)


def _read_sections(content):
    """Check the header and checksums of a mapped store; return its notes, offsets and rows."""
    header = content[: HEADER.itemsize].view(HEADER)[0] if len(content) else np.zeros((), HEADER)
    if (header["magic"], header["version"]) != (MAGIC, VERSION):
        raise ValueError(f"not a store of songs of version {VERSION}")
    n_songs, n_notes, widths = (header[name].tolist() for name in ("n_songs", "n_notes", "widths"))
    # before numpy is asked for a type of any size
    if not n_songs or not all(widths) or (n_songs + 1) * sum(widths) + n_notes > 2 * len(content):
        raise ValueError("damaged store (it is empty or cut short)")
    parts = (n_notes, NOTE_DTYPE), (n_songs + 1, np.dtype("<i8")), (n_songs, row_dtype(widths))
    sections, end = [], ALIGNMENT
    for (count, dtype), checksum in zip(parts, header["checksums"], strict=True):
        start = end + -end % ALIGNMENT
        end = start + count * dtype.itemsize
        section = content[start:end]
        if zlib.crc32(section) != checksum or len(section) != count * dtype.itemsize:
            raise ValueError("damaged store (cut short, or not what its checksums say)")
        sections.append(section.view(dtype))
    return sections


def are_notes(notes, offsets):
    """Return whether these are notes, in order in each song; `offsets` say where songs start."""
    if offsets[0] or offsets[-1] != len(notes) or (np.diff(offsets) < 0).any():
        return False
    onset, pitch, duration = (notes[c].astype(np.int64) for c in ("onset", "pitch", "duration"))
    inside = (onset >= 0) & (pitch >= 0) & (duration >= 1) & (onset + duration <= MAX_STEPS)
    rises = np.diff((onset << 23) + (pitch << 15) + duration, append=2**62) >= 0
    rises[offsets[offsets > 0] - 1] = True  # the last note of a song
    return bool(inside.all() and rises.all())


def build_store(files, path, *, source="", licence="", n_jobs=None, progress=True):
    """Read scores, MIDI files or zipped rolls into one store, and only those not read before.

    The CSV beside the store says which files were left out, and why, and which pieces of more than
    19,200 steps (800 quarters) became several songs.

    Args:
        files: paths of songs: `.mid`, `.zip` (the original format), or any score.
        path: the store to make or to renew.
        source, licence: str for the table.
        n_jobs: int, processes; None for one a core.
        progress: bool, show a progress bar.

    Returns:
        Songs, in the order of the files.

    Raises:
        FileNotFoundError: one of the files does not exist.
        ValueError: there is not one song in the files.

    Introduced in lesson 03.
    """
    import pandas as pd

    path, jobs, report = Path(path), {}, []
    for file in map(Path, files):
        file_hash = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        if file_hash in jobs:
            report.append((file.name, "left out", f"the same bytes as {jobs[file_hash][0].name}"))
        jobs.setdefault(file_hash, (file, source, licence))
    songs, reasons = fill_store(path, jobs.items(), read_song, n_jobs=n_jobs, progress=progress)
    flaws = {row["file_hash"]: row["flaws"] for row in map(unpack_row, songs.rows if songs else [])}
    for key, (file, *_) in jobs.items():
        status, remark = ("left out", reasons[key]) if key in reasons else ("stored", flaws[key])
        report.append((file.name, status, remark.replace(str(file), file.name)))
    with atomic_path(path.with_suffix(".csv")) as new:
        table = pd.DataFrame(report, columns=["file", "status", "reason"])
        table.to_csv(new, index=False, errors="backslashreplace")
    if songs is None:
        raise ValueError(
            f"{path} would hold 0 songs: none of the {len(jobs)} files listed can be used; choose "
            f"others ({path.with_suffix('.csv')} says why, each)"
        )
    return songs


def read_song(file, source, licence):
    """Read one file of any kind that the course knows: (note array of any length, row dict)."""
    suffix = file.suffix.lower()
    if suffix == ".zip":
        notes, info = decode(read_original(file)), {}
    else:
        read = read_midi if suffix in (".mid", ".midi") else read_score
        notes, info = read(file, with_info=True)
    notes, row = whole_song(notes, info, name=file.stem, source=source, licence=licence)
    row["flaws"] = "; ".join(info.get("flaws", ()))
    return notes, row


def fill_store(path, jobs, read, *, unique=False, n_jobs=None, progress=True):
    """Read what a store lacks, on all cores, and write the store anew.

    `jobs` are (file hash, arguments of `read`), the hashes all different; `read` returns (note
    array of any length, row dict), or raises ValueError; `unique` keeps one of the songs that equal
    each other but for the key. Returns (Songs, or None where there are none; dict of file hash to
    the reason why it is missing).
    """
    path, reasons = Path(path), {}
    parts = path.with_name(path.name + ".parts")
    known = _songs_of(path, *parts.glob("*.store"))
    missing = [job for job in jobs if job[0] not in known]
    n_jobs = 1 if len(missing) < FEW else n_jobs
    with progress_bar(total=len(missing), description="reading songs", progress=progress) as bar:
        for batch in run_batches(_read_batch, missing, (read, parts), n_jobs):
            reasons |= {key: reason for key, reason in batch if reason}
            bar.update(len(batch))
    known |= _songs_of(*parts.glob("*.store"))
    songs = [song for key, _ in jobs for song in known.get(key, [])]
    if unique:
        songs = drop_duplicates(songs)
    found = write_store(path, songs) if songs else None
    shutil.rmtree(parts, ignore_errors=True)
    return found, reasons


def _songs_of(*stores):
    """Return the songs of each file, {file hash: [(notes, row)]}; none of a damaged store."""
    found = {}
    for path in stores:
        with contextlib.suppress(FileNotFoundError, ValueError):
            songs, here = open_store(path), {}
            for row, notes in zip(map(unpack_row, songs.rows), songs, strict=True):
                here.setdefault(row["file_hash"], []).append((notes, row))
            found |= here
    return found


def _read_batch(jobs, read, parts):
    """Read some files into a store of their own; return [(key, why not, or "")]."""
    songs, reasons = [], []
    for key, arguments in jobs:
        song, reason, _ = attempt(TIMEOUT, read, *arguments)
        reasons.append((key, reason))
        songs += split_song(song[0], song[1] | {"file_hash": key}) if song else []
    if songs:
        write_store(parts / f"{songs[0][1]['file_hash']}.store", songs)
    return reasons


def drop_duplicates(songs):
    """Return the (note array, row dict) without those whose notes equal others', in any key."""
    unique = {}
    for notes, row in songs:
        steps = np.diff(notes["onset"]), np.diff(notes["pitch"]), notes["duration"]
        unique.setdefault(b"".join(part.tobytes() for part in steps), (notes, row))
    return list(unique.values())
