"""Building a store: read many songs on all cores, once, and go on after an interruption."""

import csv
import hashlib
from pathlib import Path

from .folder_jobs import run_batches
from .original import read_original
from .pianoroll import decode, read_midi, read_score
from .runtime import atomic_path, progress_bar
from .songs import open_store, song_row
from .store import Journal, unpack_row, write_store

FEW = 8  # songs that are read before another process has started


def build_store(files, path, *, source="", licence="", append=False, n_jobs=None, progress=True):
    """Read scores, MIDI files or zipped rolls into one store, and only those not read before.

    A file that cannot be read is left out; the CSV beside the store says why.

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

    Introduced in lesson 03.
    """
    path, jobs, report = Path(path), {}, []
    for file in map(Path, files):
        file_hash = hash_file(file)
        if file_hash in jobs:
            report.append((file.name, "left out", f"the same bytes as {jobs[file_hash][0].name}"))
        jobs.setdefault(file_hash, (file, source, licence))
    reasons = fill_store(path, list(jobs.items()), read_song, append=append,
                         n_jobs=n_jobs, progress=progress)  # fmt: skip
    for key, (file, *_) in jobs.items():
        reason = reasons.get(key, "").replace(str(file), file.name)
        report.append((file.name, "left out" if reason else "stored", reason))
    write_report(path.with_suffix(".csv"), report)
    return open_store(path)


def write_report(path, report):
    """Write what became of each file as a CSV with the columns file, status, reason."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
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
        (note array, row dict).
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
    return notes, song_row(notes, info, name=file.stem, source=source, licence=licence)


def fill_store(path, jobs, read, *, append=False, unique=False, n_jobs=None, progress=True):
    """Read what a store lacks, on all cores, and write the store anew.

    Args:
        path: the store.
        jobs: list of (file hash, arguments of `read`).
        read: function that returns (note array, row dict), or raises ValueError.
        append: bool, keep the songs that are in the store already.
        unique: bool, keep one of the songs that equal each other but for the key.
        n_jobs: int, processes; None for one a core.
        progress: bool, show a progress bar.

    Returns:
        dict from file hash to the reason why a song is not in the store.
    """
    known, journal = _songs_of(path), Journal(path)
    order = dict.fromkeys([*(known if append else []), *(key for key, _ in jobs)])
    known |= journal.songs
    reasons = {}
    missing = [job for job in jobs if job[0] not in known]
    n_jobs = 1 if len(missing) < FEW else n_jobs
    for key, notes, row in _read_all(missing, read, n_jobs, progress):
        if notes is None:
            reasons[key] = row
        else:
            journal.add(notes, row | {"file_hash": key})
    known |= journal.songs
    songs = [known[key] for key in order if key in known]
    if not songs:
        why = next(iter(reasons.values()), "there are none")
        raise ValueError(f"no song for {path.name} in {len(jobs)} files ({why}); give other files")
    write_store(path, drop_duplicates(songs) if unique else songs)
    journal.remove()
    return reasons


def _songs_of(path):
    """List the songs of an earlier store by file hash; of none or a damaged one, nothing."""
    try:
        songs = open_store(path)
    except (FileNotFoundError, ValueError):
        return {}
    rows = map(unpack_row, songs.rows)
    return {row["file_hash"]: (notes, row) for row, notes in zip(rows, songs, strict=True)}


def _read_all(jobs, read, n_jobs, progress):
    """Yield (key, notes, row) of each job when it is done, or (key, None, reason)."""
    with progress_bar(total=len(jobs), description="reading songs", progress=progress) as bar:
        for batch in run_batches(_read_batch, jobs, (read,), n_jobs):
            yield from batch
            bar.update(len(batch))


def _read_batch(jobs, read):
    return [_attempt(read, key, arguments) for key, arguments in jobs]


def _attempt(read, key, arguments):
    try:
        return key, *read(*arguments)
    except (ValueError, OSError) as error:
        return key, None, str(error)


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
