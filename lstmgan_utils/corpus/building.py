"""Building a store: read many songs on all cores, once, and go on after an interruption."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

from ..folder_jobs import attempt, run_batches
from ..pianoroll import RESOLUTION, decode, read_midi, read_score
from ..pianoroll.rolls import list_flaws
from ..runtime import atomic_path, progress_bar
from .original import read_original
from .songs import open_store, split_song, whole_song
from .store import MAX_PIECE, Journal, unpack_row, write_store

TIMEOUT = 300  # seconds for one song
FEW = 8  # songs that are read before another process has started


def build_store(files, path, *, source="", licence="", append=False, n_jobs=None, progress=True):
    """Read scores, MIDI files or zipped rolls into one store, and only those not read before.

    A file that cannot be read is left out; the CSV beside the store says why. A piece that is
    longer than 19,200 steps (800 quarters) becomes several songs; the CSV says so too, and how many
    notes end early for it.

    Args:
        files: paths of songs: `.mid`, `.zip` (the original format), or any score.
        path: the store to make or to renew.
        source, licence: str for the table.
        append: bool, keep the songs that are in the store already.
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
        file_hash = hash_file(file)
        if file_hash in jobs:
            report.append((file.name, "left out", f"the same bytes as {jobs[file_hash][0].name}"))
        jobs.setdefault(file_hash, (file, source, licence))
    songs, reasons = fill_store(path, list(jobs.items()), read_song, append=append,
                                n_jobs=n_jobs, progress=progress)  # fmt: skip
    remarks = reasons | _remarks(songs)
    for key, (file, *_) in jobs.items():
        status = "left out" if key in reasons else "stored"
        remark = remarks.get(key, "").replace(str(file), file.name)
        report.append((file.name, status, remark))
    write_report(path.with_suffix(".csv"), report)
    if songs is None:
        raise _no_songs(path, [file for file, *_ in jobs.values()])
    return songs


def _remarks(songs):
    """Say of each file, by its hash, what it lost on the way: odd pitches, a length of one song."""
    n_songs, n_cut, flaws = Counter(), Counter(), {}
    for row in map(unpack_row, songs.rows if songs else []):
        key = row["file_hash"]
        n_songs[key] += 1
        n_cut[key] += row["n_cut"]
        flaws[key] = row["flaws"]
    long = {
        key: f"longer than 800 quarters: split at measure lines into {number} songs, "
        f"{n_cut[key]} of its notes cut short"
        for key, number in n_songs.items()
        if number > 1 or n_cut[key]
    }
    return {key: "; ".join(filter(None, [long.get(key), flaws[key]])) for key in n_songs}


def _no_songs(path, files):
    """Make the error of a build that found nothing to build from."""
    if not files:
        return ValueError(f"{path} would hold 0 songs: the list of files is empty; look whether "
                          "the folder that you listed holds scores or MIDI files")  # fmt: skip
    folders = ", ".join(sorted({str(file.parent) for file in files})[:3])
    return ValueError(f"{path} would hold 0 songs: none of the {len(files)} files from {folders} "
                      f"can be used; {path.with_suffix('.csv')} says why, file by file. Choose "
                      "other files")  # fmt: skip


def write_report(path, report):
    """Write what became of each file as a CSV with the columns file, status, reason."""
    text = {"encoding": "utf-8", "errors": "backslashreplace"}  # as names stand in the table
    with atomic_path(path) as temporary, open(temporary, "w", newline="", **text) as file:
        csv.writer(file).writerows([("file", "status", "reason"), *sorted(report)])


def hash_file(path):
    """Return the first 16 hexadecimal digits of a file's SHA-256.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist; check the list of files")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def read_song(file, source, licence):
    """Read one file of any kind that the course knows, and describe it.

    Returns:
        (note array of any length, row dict).

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


def fill_store(path, jobs, read, *, append=False, unique=False, n_jobs=None, progress=True):
    """Read what a store lacks, on all cores, and write the store anew.

    Args:
        path: the store.
        jobs: list of (file hash, arguments of `read`).
        read: function that returns (note array of any length, row dict), or raises ValueError.
        append: bool, keep the songs that are in the store already.
        unique: bool, keep one of the songs that equal each other but for the key.
        n_jobs: int, processes; None for one a core.
        progress: bool, show a progress bar.

    Returns:
        (Songs, or None where there are none, and no store is written then;
        dict from file hash to the reason why a song is not in the store).
    """
    known, journal, reasons = _songs_of(path), Journal(path), {}
    order = dict.fromkeys([*(known if append else []), *(key for key, _ in jobs)])
    missing = [job for job in jobs if job[0] not in known and job[0] not in journal.songs]
    n_jobs = 1 if len(missing) < FEW else n_jobs
    for key, notes, row in _read_all(missing, read, n_jobs, progress):
        if notes is None:
            reasons[key] = row
        else:
            journal.add(notes, row | {"file_hash": key})
    known |= {key: split_song(*song) for key, song in journal.songs.items()}
    songs = [song for key in order for song in known.get(key, [])]
    if songs:
        write_store(path, drop_duplicates(songs) if unique else songs)
    journal.remove()
    return open_store(path) if songs else None, reasons


def _songs_of(path):
    """List the songs of each file in an earlier store; of none or a damaged one, nothing."""
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
    results = []
    for key, arguments in jobs:
        song, reason, _ = attempt(TIMEOUT, read, *arguments)
        results.append((key, *(song or (None, reason))))
    return results


def drop_duplicates(songs):
    """Yield the songs whose notes, first pitch subtracted, were not seen before.

    Args:
        songs: iterable of (note array, row dict).

    Yields:
        (note array, row dict).
    """
    seen = set()
    for notes, row in songs:
        relative = notes.copy()
        relative["onset"] -= notes["onset"][:1].sum()
        relative["pitch"] -= notes["pitch"][:1].sum(dtype="i1")
        content = hashlib.sha256(relative.tobytes()).digest()
        if content not in seen:
            seen.add(content)
            yield notes, row
