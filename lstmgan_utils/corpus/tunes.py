"""The tunes that come with music21: 4,400 melodies to train on, with nothing to download."""

import hashlib
import os
import re
from pathlib import Path
from unittest import mock

from ..pianoroll.abc_notation import read_abc, without_graces
from .building import fill_store
from .songs import open_store, whole_song

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
    path = cache_folder(cache) / "builtin_tunes.store"
    try:
        return open_store(path)
    except (FileNotFoundError, ValueError):  # none yet, or one of an earlier version
        return fill_store(path, list_tunes(), read_tune, unique=True,
                          n_jobs=n_jobs, progress=progress)[0]  # fmt: skip


def cache_folder(cache=None):
    """Name the folder for what need not be made twice."""
    return Path(cache or os.environ.get("LSTMGAN_CACHE") or "~/.cache/lstmgan").expanduser()


def list_tunes():
    """List the tunes of the four collections without parsing them.

    Returns:
        list of (file hash, (source, name, ABC text)), sorted by file.

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
    """Read a text of unknown age: UTF-8 where it is, Latin-1 where it is not."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def split_tunes(text):
    """Split the text of an ABC file at its X: fields, one tune each."""
    return [tune for tune in re.split(r"(?m)^(?=X:)", text) if tune.startswith("X:")]


def read_tune(source, name, text):
    """Read one ABC tune.

    Args:
        source, name: str, for the table.
        text: str, the ABC of one tune.

    Returns:
        (note array of any length, row dict).

    Raises:
        ValueError: the tune has more than one voice, or no note, or music21 cannot read it.
    """
    try:
        notes, info = read_abc(text)
    except Exception as error:  # music21 raises its own kinds and many built-in ones
        raise ValueError(f"{name}: music21 cannot read it ({error!r})") from error
    if not len(notes):
        raise ValueError(f"{name}: no notes")
    text_columns = {"name": name, "source": source, "licence": LICENCE, "mode": info["mode"]}
    return whole_song(notes, info, **text_columns)


def parse_without_beams(text):
    """Parse ABC into a music21 score without beams, which take most of the time and are no notes.

    Returns:
        music21 stream, for what needs measures and repeats; `read_abc` is faster where notes do.
    """
    from music21 import converter, stream

    with mock.patch.object(stream.Stream, "makeBeams", lambda part, **_: part):
        return converter.parse(without_graces(text), format="abc")
