"""Songs for learners without files of their own: music21's 4,400 tunes, piano music, the sample.

`need_…` make in seconds, out of the sample, what a lesson lacks of those before it: on Colab each
notebook is a machine of its own, so `outputs/` starts empty there.
"""

import hashlib
import os
import re
from pathlib import Path

import numpy as np

from .. import filtering, runtime
from ..conversion.engines import convert_folder
from ..pianoroll import NOTE_DTYPE
from ..pianoroll.scores import decode_abc, read_abc
from .songs import song_row, whole_song
from .store import build_store, fill_store, open_store, write_store

# O'Neill's Music of Ireland, 1903; Aird's Airs, 1778-1801; Ryan's Mammoth Collection, 1883;
# American fife tunes and the Northumbrian Minstrelsy, 1882
COLLECTIONS = ("oneills1850", "airdsAirs", "ryansMammoth", "miscFolk")
LICENCE = "tune in the public domain; encoding: see license.txt of the music21 corpus"
PIANO = Path(__file__).parent / "piano"


def builtin_tunes(cache=None, *, n_jobs=None, progress=True):
    """Read the single-instrument tunes of music21's corpus once, and reopen them from then on.

    They are taken as written, repeats not played out, and tunes with equal notes only once.

    They are about 4,300 Songs. `cache` is the store's folder, None for $LSTMGAN_CACHE or else
    ~/.cache/lstmgan; `n_jobs` and `progress` are those of `build_store`.
    Introduced in lesson 03.
    """

    def build(path):
        how = {"unique": True, "n_jobs": n_jobs, "progress": progress}
        return fill_store(path, list_tunes(), read_tune, **how)[0]

    return _cached(cache, "builtin_tunes.store", build)


def _cached(cache, name, build):
    """Open the store of this name in the cache; build it where there is none that is sound."""
    folder = cache or os.environ.get("LSTMGAN_CACHE") or "~/.cache/lstmgan"
    path = Path(folder).expanduser() / name
    try:
        return open_store(path)
    except (FileNotFoundError, ValueError):  # none yet, or one of an earlier version
        return build(path)


def list_tunes():
    """Return [(file hash, (source, name, ABC text))] of the four collections, sorted by file."""
    from music21 import corpus

    jobs, folder = {}, Path(corpus.__file__).parent
    for source in COLLECTIONS:
        for file in sorted((folder / source).glob("*.abc")):
            for text in re.split(r"(?m)^(?=X:)", decode_abc(file.read_bytes()))[1:]:
                title = re.search(r"(?m)^T:[ \t]*(.+?)\s*$", text)
                name = title[1] if title else file.stem
                file_hash = hashlib.sha256(text.encode()).hexdigest()[:16]
                jobs.setdefault(file_hash, (source, name, text))
    return list(jobs.items())


def read_tune(source, name, text):
    """Read one ABC tune of one voice: (note array of any length, row dict)."""
    notes, info = read_abc(text)
    return whole_song(notes, info, name=name, source=source, licence=LICENCE, mode=info["mode"])


def builtin_piano(cache=None):
    """Return the piano parts of OpenScore Lieder (CC0), which come with the package: 1,403 Songs.

    The songs of one cycle share a family, so that `Songs.split` keeps them on one side. `cache` is
    as for `builtin_tunes`.
    """
    return _cached(cache, "builtin_piano.store", lambda path: write_store(path, read_piano(PIANO)))


def read_piano(folder):
    """Yield the (note array, row dict) that `benchmarks.make_piano` wrote into a folder."""
    import pandas as pd

    with np.load(folder / "notes.npz") as file:
        starts = np.cumsum(file["lengths"])[:-1]
        columns = [np.split(file[name], starts) for name in ("wait", "duration", "pitch")]
    table = pd.read_csv(folder / "manifest.csv", keep_default_na=False).to_dict("records")
    for wait, duration, pitch, facts in zip(*columns, table, strict=True):
        notes = np.empty(len(wait), NOTE_DTYPE)
        notes["onset"], notes["duration"], notes["pitch"] = np.cumsum(wait), duration, pitch
        # the songs of a cycle are a family, and so is a song of its own
        cycle = f"{facts['composer']}\n{facts['set'] or facts['name']}".encode()
        family = int.from_bytes(hashlib.blake2b(cycle, digest_size=8).digest(), "little")
        name = f"{facts['composer']}: {facts['title']}"
        known = {column: facts[column] for column in ("metre", "key", "pickup", "on_grid")}
        yield notes, song_row(notes, name=name, source="OpenScore Lieder", licence="CC0 1.0",
                              program=0, family=family, **known)  # fmt: skip


def need_scores(mxl_folder, midi_folder="data_sample/midi"):
    """Return the scores in MusicXML, list of Path; where there are none, convert MIDI files first.

    `midi_folder` counts from the project's folder. Introduced in lesson 02.
    """
    mxl_folder = Path(mxl_folder)
    if not any(path.suffix.lower() in filtering.SUFFIXES for path in mxl_folder.rglob("*")):
        print(f"No scores in {mxl_folder.name}/ yet: the quick engine converts {midi_folder}.")
        convert_folder(runtime.locate(midi_folder), mxl_folder, engine="python", progress=False)
    kinds = (".mxl", ".musicxml", ".xml")
    return sorted(path for path in mxl_folder.rglob("*") if path.suffix.lower() in kinds)


def need_kept(mxl_folder, midi_folder="data_sample/midi"):
    """Return the scores that lesson 02 kept, list of Path; filter the folder first if need be.

    The arguments are those of `need_scores`. Introduced in lesson 03.
    """
    manifest = Path(mxl_folder) / "filtering.csv"
    if not manifest.is_file():
        need_scores(mxl_folder, midi_folder)
        print("The scores are not filtered yet: keeping those for one instrument.")
        filtering.filter_folder(mxl_folder, progress=False)
    return filtering.kept_files(manifest)


def need_songs(place):
    """Return the Songs to learn from; build lesson 03's store of the sample where it is missing.

    `place` is a store, from the project's folder, or "builtin" for music21's tunes;
    FileNotFoundError where it has another name than lesson 03's. Introduced in lesson 04.
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
