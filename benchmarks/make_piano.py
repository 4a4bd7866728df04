"""Make the corpus of piano music, `corpus.builtin_piano`, anew.

Usage: python -m benchmarks.make_piano LIEDER [WORK [OUTPUT]]
LIEDER is a copy of github OpenScore/Lieder (CC0): manifest.csv and the scores in mxl/. Their piano
parts are taken out into WORK and written to OUTPUT. About 40 minutes on two busy cores; it goes on
where it was stopped.
"""

import csv
import shutil
import sys
from pathlib import Path

import numpy as np

from lstmgan_utils import filtering
from lstmgan_utils.corpus import song_row, tunes
from lstmgan_utils.corpus.store import fill_store
from lstmgan_utils.pianoroll import read_score
from lstmgan_utils.runtime import atomic_path

COLUMNS = ("name", "composer", "set", "title", "metre", "key", "pickup", "on_grid")


def read_part(file):
    """Read one part, at most 200 measures of it: (note array, row dict)."""
    notes, info = read_score(file, with_info=True)
    return notes, song_row(notes, info, name=file.stem)


def write_piano(songs, facts, folder):
    """Write songs as columns that compress well, and a manifest.

    Args:
        songs: list of note arrays.
        facts: list of dicts with a value for each of COLUMNS, one a song.
        folder: Path.
    """
    columns = {
        "lengths": np.array([len(song) for song in songs], np.int32),
        "duration": np.concatenate([song["duration"] for song in songs]).astype("<u2"),
        "wait": np.concatenate([np.diff(song["onset"], prepend=0) for song in songs]).astype("<u2"),
        "pitch": np.concatenate([song["pitch"] for song in songs]).astype(np.uint8),
    }
    with atomic_path(folder / "notes.npz") as path:
        np.savez_compressed(path, **columns)
    with (
        atomic_path(folder / "manifest.csv") as path,
        open(path, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(facts)


def main(lieder, work="/tmp/piano_parts", output=tunes.PIANO):
    """Take the parts out, read and write them."""
    lieder, work = Path(lieder), Path(work)
    if not (work / "mxl").is_dir():
        shutil.copytree(lieder / "mxl", work / "mxl")
    files = filtering.kept_files(filtering.filter_folder(work / "mxl", part="piano"))
    songs, _ = fill_store(work / "piano.store", [(f.stem, (f,)) for f in files], read_part)
    with open(lieder / "manifest.csv", newline="", encoding="utf-8") as file:
        published = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    facts = []
    for i, name in enumerate(songs.table["name"].tolist()):
        row = {column: songs.table[column][i] for column in ("metre", "key", "pickup")}
        row |= {column: published[name][column].strip() for column in ("composer", "set", "title")}
        facts.append(row | {"name": name, "on_grid": f"{songs.table['on_grid'][i]:.4f}"})
    write_piano(list(songs), facts, Path(output))
    print(f"{len(songs):,} songs, {len(songs.notes):,} notes")


if __name__ == "__main__":
    main(*sys.argv[1:])
