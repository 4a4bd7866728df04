"""Piano music to train on, with nothing to download: the piano parts of 1,400 songs (CC0).

OpenScore Lieder, transcribed by volunteers, holds songs for voice and piano of the 19th and early
20th century. `notes.npz` holds what the pianist plays, `manifest.csv` which song it is.
"""

import csv
import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .pianoroll import NOTE_DTYPE
from .runtime import atomic_path
from .songs import from_arrays, song_row

FOLDER = Path(__file__).parent / "corpora" / "piano"
SOURCE, LICENCE = "OpenScore Lieder", "CC0 1.0"
COLUMNS = ("name", "composer", "set", "title", "metre", "key", "pickup", "on_grid")


def piano_parts(folder=FOLDER):
    """Read the piano parts that come with the package.

    Songs of one cycle share a family, so that `Songs.split` keeps them on one side.

    Args:
        folder: where `write_parts` wrote.

    Returns:
        Songs, about 1,400.

    Introduced in lesson 03.
    """
    with open(Path(folder) / "manifest.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    songs = read_notes(Path(folder) / "notes.npz")
    if len(table) != len(songs):
        raise ValueError(f"{folder} names {len(table)} songs and holds {len(songs)}; fetch it anew")
    return from_arrays(songs, [_row(*pair) for pair in zip(songs, table, strict=True)])


def _row(notes, facts):
    numbers = {name: int(facts[name]) for name in ("key", "pickup")}
    return song_row(
        notes, name=f"{facts['composer']}: {facts['title']}", source=SOURCE, licence=LICENCE,
        metre=facts["metre"], program=0, on_grid=float(facts["on_grid"]),
        family=cycle_family(facts), **numbers,
    )  # fmt: skip


def cycle_family(facts):
    """Number a song by its composer and cycle, or by itself where it belongs to none."""
    whose = facts["composer"], facts["set"].strip() or facts["name"]
    digest = hashlib.blake2b("\n".join(whose).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def write_parts(songs, table, folder=FOLDER):
    """Write piano parts compactly.

    Args:
        songs: list of note arrays.
        table: list of dicts with a value for each of `COLUMNS`, a row a song.
        folder: str or Path, created where it is missing.
    """
    folder = Path(folder)
    write_notes(songs, folder / "notes.npz")
    manifest = folder / "manifest.csv"
    with atomic_path(manifest) as path, open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def write_notes(songs, path):
    """Write note arrays as columns that compress well: steps since the last onset, and so on."""
    notes = np.concatenate([np.empty(0, NOTE_DTYPE), *songs])
    lengths = np.array([len(song) for song in songs], np.int32)
    waits = [np.diff(song["onset"], prepend=0) for song in songs]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file, lengths=lengths, duration=notes["duration"].astype("<u2"),
            wait=np.concatenate([np.empty(0, int), *waits]).astype("<u2"),
            pitch=notes["pitch"].astype(np.uint8),
        )  # fmt: skip


def read_notes(path):
    """Read what `write_notes` wrote: list of note arrays.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            lengths, *columns = (file[name] for name in ("lengths", "wait", "duration", "pitch"))
        songs = []
        for wait, duration, pitch in zip(
            *(np.split(column, np.cumsum(lengths)[:-1]) for column in columns), strict=True
        ):
            notes = np.empty(len(wait), NOTE_DTYPE)
            notes["onset"], notes["duration"] = np.cumsum(wait), duration
            notes["pitch"] = pitch
            songs.append(notes)
        return songs
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); fetch the project anew") from error
