"""How faithful and how fast the conversion is: each engine side by side, against the known truth.

Usage: python -m benchmarks.bench_conversion [number of files for the speeds, 34]
"""

import collections
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks import truth_set
from benchmarks.written_notes import read_notes
from lstmgan_utils import runtime
from lstmgan_utils.conversion import engines
from lstmgan_utils.folder_jobs import read_manifest
from lstmgan_utils.pianoroll.safe_reading import read_musicxml

SAMPLE = runtime.project_root() / "data_sample"
COPIES = 4  # of the sample, to time processes with
COLLECTION = 130_000  # files of the collection that the course grew out of


def f1(found, truth):
    """Compare two lists of notes as multisets: 2 * both / (found + truth)."""
    found, truth = collections.Counter(found), collections.Counter(truth)
    return 2 * sum((found & truth).values()) / max(found.total() + truth.total(), 1)


def read_written(path):
    """Read (onset, duration, pitch) rows of a score, in time steps."""
    notes = read_notes(read_musicxml(path))
    rows = np.column_stack([notes["onset"], notes["end"] - notes["onset"], notes["pitch"]])
    return [tuple(row) for row in np.round(rows).astype(int).tolist()]


def compare(found, truth, may_shift=False):
    """Return (F1 of onset and pitch, F1 of onset, duration and pitch).

    Without a click nobody knows where the first measure began: then all notes together may be
    moved by whole steps, and the best of the eight likeliest moves counts. Nothing else is
    forgiven: a piece at half or twice its tempo, or one beat lost on the way, counts as wrong.
    """
    shifts = [0]
    if may_shift:
        places = {}
        for onset, _, pitch in truth:
            places.setdefault(pitch, []).append(onset)
        moves = (there - onset for onset, _, pitch in found for there in places.get(pitch, ()))
        shifts = [shift for shift, _ in collections.Counter(moves).most_common(8)] or [0]
    scores = []
    for shift in shifts:
        moved = [(onset + shift, duration, pitch) for onset, duration, pitch in found]
        onsets = [[(on, pitch) for on, _, pitch in notes] for notes in (moved, truth)]
        scores.append((f1(*onsets), f1(moved, truth)))
    return max(scores)


def fidelity(way, engine, folder):
    """Convert the set of one way; return ({piece: (onset F1, note F1)}, refused, seconds)."""
    start = time.perf_counter()
    rows = read_manifest(convert(engine, folder / engine / way, 1, folder / way))
    seconds, scores = time.perf_counter() - start, {}
    for row in rows:
        truth = np.load((folder / way / row["file"]).with_suffix(".npy")).tolist()
        written = read_written(folder / engine / way / row["output"]) if row["output"] else []
        scores[row["file"]] = compare(written, truth, way == "live")
    return scores, sum(not row["output"] for row in rows), seconds


def convert(engine, folder, n_jobs=None, midi_folder=SAMPLE / "midi"):
    """Convert the sample, or another folder, with one engine; return the manifest."""
    return engines.convert_folder(midi_folder, folder, engine=engine, n_jobs=n_jobs, progress=False)


def print_fidelity():
    """Print the mean F1 of each engine for each way of playing, and where auto chose badly."""
    engines = ["python", "musescore", "auto"] if runtime.find_musescore() else ["python"]
    print("F1 over (onset, pitch), over (onset, duration, pitch); a refused piece counts as 0")
    with tempfile.TemporaryDirectory() as folder:
        truth_set.main(folder)
        for way in ("exact", "click", "live", "free"):
            found = {engine: fidelity(way, engine, Path(folder)) for engine in engines}
            for engine, (scores, refused, seconds) in found.items():
                onset, note = np.mean([*scores.values()], axis=0)
                print(f"{way:6} {engine:10} {len(scores):3} pieces  {onset:.4f}  {note:.4f}  "
                      f"{refused:2} refused  {seconds:5.1f} s")  # fmt: skip
            best = {n: max(found[e][0][n] for e in engines) for n in found[engines[-1]][0]}
            worse = [n for n, score in found[engines[-1]][0].items() if score < best[n]]
            print(f"{way:6} {engines[-1]} took the worse score of {len(worse)}: {worse}")


def timed(function, *arguments):
    """Call a function and return the seconds it took."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def by_music21(files, folder):
    """Import and export as music21 does it by itself."""
    from music21 import converter

    for number, file in enumerate(files):
        converter.parse(file, forceSource=True).write("mxl", folder / f"{number}.mxl")


def by_quantizer(files, folder):
    """Read, quantise and write with the fallback of the package."""
    for number, file in enumerate(files):
        performance = engines.read_performance(file)
        parts, _ = engines.quantize(performance)
        engines.write_mxl(parts, performance, folder / f"{number}.mxl")


def one_by_one(files, folder):
    """Start MuseScore once a file."""
    for number, file in enumerate(files):
        work = folder / str(number)
        work.mkdir()
        list(engines.ask_musescore(runtime.find_musescore(), [file], work, 60))


def in_one_batch(files, folder):
    """Start MuseScore once for all files."""
    list(engines.ask_musescore(runtime.find_musescore(), files, folder, 60))


def print_speeds(n_files):
    """Print seconds a file, the best of two rounds, and the ratios, all sides in this one run."""
    files = sorted((SAMPLE / "midi").glob("ryan_*.mid"))[:n_files]
    sides = {"music21": by_music21, "quantiser": by_quantizer}
    if runtime.find_musescore():
        sides |= {"MuseScore, one a file": one_by_one, "MuseScore, one batch": in_one_batch}
    with tempfile.TemporaryDirectory() as folder:
        by_music21(files[:1], Path(folder))  # its import is not counted
    seconds = dict.fromkeys(sides, np.inf)
    for name, function in [*sides.items()] * 2:
        with tempfile.TemporaryDirectory() as folder:
            seconds[name] = min(seconds[name], timed(function, files, Path(folder)) / len(files))
    for name, value in seconds.items():
        print(f"{name:22} {value:.3f} s a file")
    ratio = seconds["music21"] / seconds["quantiser"]
    print(f"quantiser / music21: {ratio:.1f} times as fast (target 2)")
    if len(sides) > 2:
        ratio = seconds["MuseScore, one a file"] / seconds["MuseScore, one batch"]
        print(f"MuseScore batch / one process a file: {ratio:.1f} times as fast (target 4)")


def print_workers():
    """Print what a second process gains, and what the large collection would take."""
    engines = ["python", "musescore", "auto"] if runtime.find_musescore() else ["python"]
    with tempfile.TemporaryDirectory() as folder:
        n_files = copy_sample(Path(folder, "midi"))
        for engine in engines:
            seconds = {1: np.inf, 2: np.inf}
            for turn, n_jobs in enumerate((2, 1, 2, 1, 2)):  # the first starts the processes
                output = Path(folder, f"{engine}{turn}")
                took = timed(convert, engine, output, n_jobs, Path(folder, "midi"))
                seconds[n_jobs] = min(seconds[n_jobs], took)
            pace = seconds[2] / n_files
            print(
                f"{engine}: two processes {seconds[1] / seconds[2]:.2f} times as fast as one "
                f"(target 1.8); {3600 / pace:,.0f} files an hour, {COLLECTION:,} in "
                f"{COLLECTION * pace / 3600:.1f} h"
            )


def copy_sample(folder):
    """Fill a folder with copies of the sample, as a collection has more files than batches."""
    for copy in range(COPIES):
        shutil.copytree(SAMPLE / "midi", folder / str(copy))
    return sum(path.is_file() for path in folder.rglob("*"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_fidelity()
    print_speeds(int(sys.argv[1]) if len(sys.argv) > 1 else 34)
    print_workers()
