"""Build a store: read many songs on all cores, once, and go on after an interruption."""

import csv
import hashlib
from pathlib import Path

from ..folder_jobs import attempt, run_batches
from ..pianoroll import RESOLUTION, decode, read_midi, read_score
from ..pianoroll.rolls import list_flaws
from ..runtime import atomic_path, progress_bar
from .original import read_original
from .songs import split_song, unpack_row, whole_song
from .store import MAX_PIECE, Journal, open_store, write_store

TIMEOUT = 300  # seconds for one song
FEW = 8  # songs that are read before another process has started


def build_store(files, path, *, source="", licence="", n_jobs=None, progress=True):
    """Read scores, MIDI files or zipped rolls into one store, and only those not read before.

    A file that cannot be read is left out; the CSV beside the store says why. A piece that is
    longer than 19,200 steps (800 quarters) becomes several songs; the CSV says so too, and how many
    notes end early for it.

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
    path, jobs, report = Path(path), {}, []
    for file in map(Path, files):
        file_hash = _hash_file(file)
        if file_hash in jobs:
            report.append((file.name, "left out", f"the same bytes as {jobs[file_hash][0].name}"))
        jobs.setdefault(file_hash, (file, source, licence))
    songs, reasons = fill_store(path, jobs.items(), read_song, n_jobs=n_jobs, progress=progress)
    remarks = reasons | _remarks(songs)
    for key, (file, *_) in jobs.items():
        remark = remarks.get(key, "").replace(str(file), file.name)
        report.append((file.name, "left out" if key in reasons else "stored", remark))
    text = {"encoding": "utf-8", "errors": "backslashreplace"}  # as names stand in the table
    report_path = path.with_suffix(".csv")
    with atomic_path(report_path) as temporary, open(temporary, "w", newline="", **text) as stream:
        csv.writer(stream).writerows([("file", "status", "reason"), *sorted(report)])
    if songs is None:
        raise _no_songs(path, [file for file, *_ in jobs.values()])
    return songs


def _hash_file(path):
    """Return the first 16 hexadecimal digits of a file's SHA-256."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the list of files")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _remarks(songs):
    """Return what each file, by its hash, lost on the way: odd pitches, a length of one song."""
    found = {}
    for row in map(unpack_row, songs.rows if songs else []):
        found.setdefault(row["file_hash"], []).append(row)
    remarks = {}
    for key, rows in found.items():
        n_cut = sum(row["n_cut"] for row in rows)
        split = (f"longer than 800 quarters: split at measure lines into {len(rows)} songs, "
                 f"{n_cut} of its notes cut short")  # fmt: skip
        texts = (split if len(rows) > 1 or n_cut else "", rows[0]["flaws"])
        remarks[key] = "; ".join(filter(None, texts))
    return remarks


def _no_songs(path, files):
    """Return the error of a build that found nothing to build from."""
    why = "the list of files is empty; look whether its folder holds scores or MIDI files"
    if files:
        folders = ", ".join(sorted({str(file.parent) for file in files})[:3])
        why = (f"none of the {len(files)} files from {folders} can be used; choose others: "
               f"{path.with_suffix('.csv')} says why, file by file")  # fmt: skip
    return ValueError(f"{path} would hold 0 songs: {why}")


def read_song(file, source, licence):
    """Read one file of any kind that the course knows: (note array of any length, row dict).

    Raises:
        ValueError: no notes, or too long a piece.
    """
    suffix = file.suffix.lower()
    if suffix == ".zip":
        notes, info = decode(read_original(file)), {}
    elif suffix in (".mid", ".midi"):
        notes, info = read_midi(file, with_info=True)
    else:
        notes, info = read_score(file, with_info=True)
    if not len(notes):
        raise ValueError(f"{file} has no pitched notes; leave it out")
    notes, row = whole_song(notes, info, name=file.stem, source=source, licence=licence)
    row["flaws"] = "; ".join(list_flaws(info)) if "n_beyond" in info else ""
    if row["n_steps"] > MAX_PIECE:
        quarters = MAX_PIECE // RESOLUTION
        raise ValueError(f"{file} lasts longer than {quarters:,} quarters (a gap, or a note "
                         "without an end?); cut it in an editor")  # fmt: skip
    return notes, row


def fill_store(path, jobs, read, *, unique=False, n_jobs=None, progress=True):
    """Read what a store lacks, on all cores, and write the store anew.

    Args:
        path: the store.
        jobs: list of (file hash, arguments of `read`), the hashes all different.
        read: function that returns (note array of any length, row dict), or raises ValueError.
        unique: bool, keep one of the songs that equal each other but for the key.
        n_jobs: int, processes; None for one a core.
        progress: bool, show a progress bar.

    Returns:
        (Songs, or None and no store where there are none; dict from file hash to the reason why
        a song is not in the store).
    """
    known, journal, reasons = _songs_of(path), Journal(path), {}
    missing = [job for job in jobs if job[0] not in known and job[0] not in journal.songs]
    n_jobs = 1 if len(missing) < FEW else n_jobs
    for key, notes, row in _read_all(missing, read, n_jobs, progress):
        if notes is None:
            reasons[key] = row
        else:
            journal.add(notes, row | {"file_hash": key})
    known |= {key: split_song(*song) for key, song in journal.songs.items()}
    songs = [song for key, _ in jobs for song in known.get(key, [])]
    if songs:
        write_store(path, drop_duplicates(songs) if unique else songs)
    journal.remove()
    return open_store(path) if songs else None, reasons


def _songs_of(path):
    """Return the songs of each file in an earlier store; none where it is missing or damaged."""
    try:
        songs = open_store(path)
    except (FileNotFoundError, ValueError):
        return {}
    found = {}
    for row, notes in zip(map(unpack_row, songs.rows), songs, strict=True):
        found.setdefault(row["file_hash"], []).append((notes, row))
    return found


def _read_all(jobs, read, n_jobs, progress):
    """Yield (key, notes, row) of each job when it is done, or (key, None, reason)."""
    with progress_bar(total=len(jobs), description="reading songs", progress=progress) as bar:
        for batch in run_batches(_read_batch, jobs, (read,), n_jobs):
            yield from batch
            bar.update(len(batch))


def _read_batch(jobs, read):
    """Read some files, so that nothing in one of them can stop the build."""
    attempts = [(key, attempt(TIMEOUT, read, *arguments)) for key, arguments in jobs]
    return [(key, *(song or (None, reason))) for key, (song, reason, _) in attempts]


def drop_duplicates(songs):
    """Yield the (note array, row dict) whose notes, in whatever key, were not seen before."""
    seen = set()
    for notes, row in songs:
        relative = notes.copy()
        relative["onset"] -= notes["onset"][:1].sum()
        relative["pitch"] -= notes["pitch"][:1].sum(dtype="i1")
        content = hashlib.sha256(relative.tobytes()).digest()
        if content not in seen:
            seen.add(content)
            yield notes, row
