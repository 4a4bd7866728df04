"""Make the corpus of piano parts anew: python -m benchmarks.make_piano_parts LIEDER [WORK]

LIEDER is a copy of github OpenScore/Lieder (CC0): manifest.csv and the scores in mxl/. The piano
parts are taken out of the scores (`filter_folder`) into WORK, read into a store, and written to
lstmgan_utils/corpora/piano. About 40 minutes on two busy cores; it goes on where it was stopped.
"""

import csv
import shutil
import sys
from pathlib import Path

from lstmgan_utils import corpus, filtering
from lstmgan_utils.piano_parts import LICENCE, SOURCE, write_parts


def facts_of(row, of_file):
    """Join what the score says of a song with what the corpus's own manifest says."""
    found = of_file[f"{row['name']}.mxl"]
    return row | {key: found[key].strip() for key in ("composer", "set", "title")}


def main(lieder, work="/tmp/piano_parts"):
    """Convert, read and write."""
    lieder, work = Path(lieder), Path(work)
    scores = work / "mxl"
    if not scores.is_dir():
        shutil.copytree(lieder / "mxl", scores)
    files = filtering.kept_files(filtering.filter_folder(scores, part="piano"))
    songs = corpus.build_store(files, work / "piano.store", source=SOURCE, licence=LICENCE)
    with open(lieder / "manifest.csv", newline="", encoding="utf-8") as file:
        of_file = {row["file"]: row for row in csv.DictReader(file)}
    columns = {name: songs.table[name].tolist() for name in ("name", "metre", "key", "pickup")}
    columns["on_grid"] = [f"{share:.4f}" for share in songs.table["on_grid"]]
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    write_parts(list(songs), [facts_of(row, of_file) for row in rows])
    print(f"{len(songs):,} songs, {songs.n_notes:,} notes")


if __name__ == "__main__":
    main(*sys.argv[1:])
