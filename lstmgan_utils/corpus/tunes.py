"""The tunes that come with music21: 4,400 melodies to train on, with nothing to download."""

import hashlib
import os
import re
from pathlib import Path

from ..pianoroll.abc_notation import read_abc
from .building import fill_store
from .songs import whole_song
from .store import open_store

COLLECTIONS = {
    "oneills1850": "O'Neill's Music of Ireland, 1903",
    "airdsAirs": "Aird's Airs, 1778-1801",
    "ryansMammoth": "Ryan's Mammoth Collection, 1883",
    "miscFolk": "American fife tunes; Northumbrian Minstrelsy, 1882",
}
LICENCE = "tune in the public domain; encoding: see license.txt of the music21 corpus"


def builtin_tunes(cache=None, *, n_jobs=None, progress=True):
    """Read the single-instrument tunes of music21's corpus once, and reopen them from then on.

    The tunes are taken as written, repeats not played out. A tune whose notes equal another's,
    whatever the key, is taken once.

    Args:
        cache: folder for the store; None for $LSTMGAN_CACHE or else ~/.cache/lstmgan.
        n_jobs: int, processes; None for one a core.
        progress: bool, show a progress bar.

    Returns:
        Songs, about 4,300.

    Raises:
        FileNotFoundError: music21 came without its corpus.

    Introduced in lesson 03.
    """
    folder = cache or os.environ.get("LSTMGAN_CACHE") or "~/.cache/lstmgan"
    path = Path(folder).expanduser() / "builtin_tunes.store"
    try:
        return open_store(path)
    except (FileNotFoundError, ValueError):  # none yet, or one of an earlier version
        return fill_store(path, list_tunes(), read_tune, unique=True,
                          n_jobs=n_jobs, progress=progress)[0]  # fmt: skip


def list_tunes():
    """Return [(file hash, (source, name, ABC text))] of the four collections, sorted by file.

    Raises:
        FileNotFoundError: this music21 came without its corpus.
    """
    from music21 import corpus

    jobs, folder = {}, Path(corpus.__file__).parent
    for source in COLLECTIONS:
        for file in sorted((folder / source).glob("*.abc")):
            for text in split_tunes(read_text(file)):
                title = re.search(r"(?m)^T:[ \t]*(.+?)\s*$", text)
                name = title[1] if title else file.stem
                file_hash = hashlib.sha256(text.encode()).hexdigest()[:16]
                jobs.setdefault(file_hash, (source, name, text))
    if not jobs:
        raise FileNotFoundError(f"{folder} holds no tunes: this music21 came without its corpus; "
                                "install music21 with pip")  # fmt: skip
    return list(jobs.items())


def read_text(file):
    """Read a text file in UTF-8 or, as older files are, in Latin-1."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def split_tunes(text):
    """Split the text of an ABC file at its X: fields into one text a tune."""
    return [tune for tune in re.split(r"(?m)^(?=X:)", text) if tune.startswith("X:")]


def read_tune(source, name, text):
    """Read one ABC tune: (note array of any length, row dict).

    Raises:
        ValueError: the tune has more than one voice, or no note, or music21 cannot read it.
    """
    try:
        notes, info = read_abc(text)
    except Exception as error:  # music21 raises its own kinds and many built-in ones
        raise ValueError(f"{name}: music21 cannot read it ({error!r})") from error
    if not len(notes):
        raise ValueError(f"{name}: no notes")
    return whole_song(notes, info, name=name, source=source, licence=LICENCE, mode=info["mode"])
