"""Many files, one in twenty bad, and a job killed again and again: is anything lost or done twice?

Usage: python -m benchmarks.bench_faults [--files 10000] [--kills 20] [--seed 0]
It ends with an error if a file was lost, converted twice or wrongly passed over.
"""

import argparse
import collections
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.written_notes import read_notes
from lstmgan_utils.pianoroll.safe_reading import read_musicxml
from tests.midi_builder import midi as midi_file
from tests.midi_builder import play, track
from tests.pianoroll.test_hostile_input import BAD_MIDI

COLLECTION = 130_000  # files of the collection that the course grew out of
BAD_SHARE = 0.05
COSTLY = ("100,000 notes",)  # most of a megabyte each
MEMORY_TARGET = 2e9  # bytes, of all processes of the job together
PAUSE = 0.1  # seconds between two looks at the job
LAST_BREATH = 10  # seconds that the processes of a killed job may take to end
QUIET = os.environ | {"PYTHONWARNINGS": "ignore"}  # joblib tells what a kill left, and clears it
CODE = (
    "import sys; from lstmgan_utils.conversion import convert_folder\n"
    "convert_folder(sys.argv[1], sys.argv[2], engine='python', progress=False)"
)


def make_collection(folder, n_files, rng):
    """Write MIDI files into subfolders; return {name: its number of notes, or why it is bad}."""
    kinds = [kind for kind in BAD_MIDI if kind not in COSTLY]
    bad = set(rng.choice(n_files, round(BAD_SHARE * n_files), replace=False).tolist())
    truth = {}
    for number in range(n_files):
        name = f"{number // 1000:03}/{number:06}.mid"
        if number in bad:
            data, truth[name] = BAD_MIDI[kinds[rng.integers(len(kinds))]]
        else:
            data, truth[name] = make_tune(rng)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return truth


def make_tune(rng):
    """Write a random melody; return (bytes, number of notes)."""
    durations = rng.choice([0.5, 0.5, 1, 1, 2], rng.integers(16, 100))
    onsets = np.cumsum(durations) - durations
    pitches = rng.integers(48, 85, len(durations)).tolist()
    rows = list(zip(onsets, 0.9 * durations, pitches, strict=True))
    return midi_file(track(*play(rows, program=int(rng.integers(128))))), len(rows)


class Job:
    """A conversion in processes of its own, which can be killed, and is watched all the time."""

    def __init__(self, midi_folder, mxl_folder):
        self.folders = (midi_folder, mxl_folder)
        self.sessions, self.peak = set(), 0  # process ids; bytes

    def run(self, kill_at=None, pause=0.0):
        """Run until `kill_at` files are finished, and `pause` seconds longer; then kill it.

        Returns:
            bool: it was killed before its end.
        """
        command = [sys.executable, "-c", CODE, *map(str, self.folders)]
        process = subprocess.Popen(command, env=QUIET, start_new_session=True)
        self.sessions.add(process.pid)
        deadline = None
        while process.poll() is None and (deadline is None or time.monotonic() < deadline):
            if deadline is None and kill_at is not None and self.n_finished() >= kill_at:
                deadline = time.monotonic() + pause
            self.peak = max(self.peak, sum(map(memory, self.processes())))
            time.sleep(PAUSE if deadline is None else 0)
        killed = process.poll() is None
        if killed:
            process.send_signal(signal.SIGKILL)  # this one process, as a user or the system would
        process.wait()
        return killed

    def n_finished(self):
        """Count the rows of the manifest, which may not be there yet."""
        path = self.folders[1] / "conversion.csv"
        return max(path.read_bytes().count(b"\n") - 1, 0) if path.is_file() else 0

    def processes(self):
        """List the processes that the job, and killed ones before it, started and that live."""
        return [process for process in psutil.process_iter() if session(process) in self.sessions]

    def leftovers(self):
        """Count the processes that are still there some seconds after the last end."""
        deadline = time.monotonic() + LAST_BREATH
        while self.processes() and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return len(self.processes())


def session(process):
    """Return the session of a process; None if it ended meanwhile."""
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return os.getsid(process.pid) if alive else None
    except (OSError, psutil.Error):
        return None


def memory(process):
    """Count the bytes of memory that a process occupies; 0 if it ended meanwhile."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def examine(truth, mxl_folder):
    """Compare what a job left with what it was given; return {fault: how many}."""
    with open(mxl_folder / "conversion.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    counts = collections.Counter(row["file"] for row in rows)
    last = {row["file"]: row for row in rows}
    outputs = {row["output"] for row in rows} - {""}
    there = {
        path.relative_to(mxl_folder).as_posix() for path in mxl_folder.rglob("*") if path.is_file()
    }
    return {
        "good files not converted": sum(
            not is_whole(last.get(name), n_notes, mxl_folder)
            for name, n_notes in truth.items()
            if isinstance(n_notes, int)
        ),
        "bad files without their reason": sum(
            not is_reported(last.get(name), reason)
            for name, reason in truth.items()
            if isinstance(reason, str)
        ),
        "files with two rows": sum(count > 1 for count in counts.values()),
        "rows of no file": len(counts.keys() - truth.keys()),
        "stray files": len(there - outputs - {"conversion.csv"})
        + sum(path.name.startswith(".") for path in mxl_folder.rglob("*") if path.is_dir()),
    }


def is_whole(row, n_notes, mxl_folder):
    """Whether a good file has a score that can be read and holds all of its notes."""
    if row is None or row["status"] != "converted":
        return False
    notes = read_notes(read_musicxml(mxl_folder / row["output"]))
    return len(notes) == n_notes


def is_reported(row, reason):
    """Whether a bad file is in the manifest, with a reason that says what is wrong."""
    return row is not None and row["status"] == "failed" and reason in row["reason"]


def survive(folder, n_files, n_kills, seed=0):
    """Convert a collection in a job that is killed at random moments.

    Args:
        folder: Path of an empty folder.
        n_files, n_kills, seed: int.

    Returns:
        DataFrame with found, target and met for each metric.
    """
    rng = np.random.default_rng(seed)
    truth = make_collection(folder / "midi", n_files, rng)
    job = Job(folder / "midi", folder / "mxl")
    moments = np.sort(rng.integers(0, n_files * 19 // 20, n_kills))
    start = time.perf_counter()
    kills = sum(job.run(moment, rng.uniform(0, 0.5)) for moment in moments)
    job.run()
    seconds = time.perf_counter() - start
    faults = examine(truth, folder / "mxl") | {"processes left over": job.leftovers()}
    n_bad = sum(isinstance(value, str) for value in truth.values())
    rows = [
        ("files", n_files, "", None),
        ("bad files among them", n_bad, "", None),
        ("kills before the end", kills, n_kills, kills == n_kills),
        *((name, count, 0, count == 0) for name, count in faults.items()),
        ("peak memory, MB", job.peak / 1e6, MEMORY_TARGET / 1e6, job.peak < MEMORY_TARGET),
        ("seconds, kills and new starts included", seconds, "", None),
        ("files an hour, the same", 3600 * n_files / seconds, "", None),
        (f"hours for {COLLECTION:,} files", COLLECTION * seconds / n_files / 3600, "", None),
    ]
    return pd.DataFrame(rows, columns=("metric", "found", "target", "met")).set_index("metric")


def main():
    """Print the table; fail if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = survive(Path(folder), options.files, options.kills, options.seed)
    print(table)
    if table["met"].eq(False).any():
        sys.exit("a target was missed")


if __name__ == "__main__":
    main()
