"""Songs for learners without files of their own: music21's 4,400 tunes, and the sample.

`need_…` make in seconds, out of the sample, what a lesson lacks of those before it: on Colab each
notebook is a machine of its own, so `outputs/` starts empty there.
"""

import hashlib
import os
import re
from pathlib import Path

from .. import filtering, runtime
from ..conversion.engines import convert_folder
from ..pianoroll.scores import decode_abc, read_abc
from .building import build_store, fill_store
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
            for text in split_tunes(decode_abc(file.read_bytes())):
                title = re.search(r"(?m)^T:[ \t]*(.+?)\s*$", text)
                name = title[1] if title else file.stem
                file_hash = hashlib.sha256(text.encode()).hexdigest()[:16]
                jobs.setdefault(file_hash, (source, name, text))
    if not jobs:
        raise FileNotFoundError(f"{folder} holds no tunes: this music21 came without its corpus; "
                                "install music21 with pip")  # fmt: skip
    return list(jobs.items())


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


def need_scores(mxl_folder, midi_folder="data_sample/midi"):
    """Return the scores in MusicXML, list of Path; where there are none, convert MIDI files first.

    Args:
        mxl_folder: folder of the scores.
        midi_folder: folder to convert with the quick engine, from the project's folder.

    Introduced in lesson 02.
    """
    mxl_folder = Path(mxl_folder)
    if not any(path.suffix.lower() in filtering.SUFFIXES for path in mxl_folder.rglob("*")):
        print(f"No scores in {mxl_folder.name}/ yet: the quick engine converts {midi_folder}.")
        midi_folder = runtime.locate(midi_folder)
        convert_folder(midi_folder, mxl_folder, engine="python", progress=False)
    kinds = (".mxl", ".musicxml", ".xml")
    return sorted(path for path in mxl_folder.rglob("*") if path.suffix.lower() in kinds)


def need_kept(mxl_folder, midi_folder="data_sample/midi"):
    """Return the scores that lesson 02 kept, list of Path; filter the folder first if need be.

    Args:
        mxl_folder, midi_folder: as for `need_scores`.

    Introduced in lesson 03.
    """
    manifest = Path(mxl_folder) / "filtering.csv"
    if not manifest.is_file():
        need_scores(mxl_folder, midi_folder)
        print("The scores are not filtered yet: keeping those for one instrument.")
        filtering.filter_folder(mxl_folder, progress=False)
    return filtering.kept_files(manifest)


def need_songs(place):
    """Return the Songs to learn from; build lesson 03's store of the sample where it is missing.

    Args:
        place: str, a store, from the project's folder, or "builtin" for music21's tunes.

    Raises:
        FileNotFoundError: there is no such store, and it has another name than lesson 03's.

    Introduced in lesson 04.
    """
    if place == "builtin":
        return builtin_tunes()
    path = runtime.locate(place)
    if path.is_file():
        return open_store(path)
    if path.name != "songs.store":  # somebody's own: a sample under its name would deceive them
        raise FileNotFoundError(f"{place} does not exist; lesson 03 makes one of your files")
    print(f"{place} is missing: making it of the sample, as lessons 01 to 03 do.")
    return build_store(need_kept(path.parent / "mxl"), path, progress=False)
