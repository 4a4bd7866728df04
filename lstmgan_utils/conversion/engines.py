"""A folder of MIDI files to a folder of scores (MXL); any file may fail, and the rest goes on.

Two engines write scores: the quantiser of this package, and MuseScore. Each score is compared with
its MIDI file before it counts as made. `conversion.csv` records what was done, and why not; from
there the job goes on after any interruption.
"""

import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections import Counter
from operator import itemgetter
from pathlib import Path

import numpy as np

from .. import runtime
from ..folder_jobs import Manifest, attempt, find_files
from ..pianoroll.midi import read_performance
from ..pianoroll.musicxml import check_size, write_mxl
from ..pianoroll.scores import read_score
from .beats import find_beat
from .quantizer import quantize
from .score_check import check_score

ENGINES = ("auto", "musescore", "python")
SUFFIXES = (".mid", ".midi", ".kar", ".smf")
COLUMNS = ("file", "status", "reason", "engine", "seconds", "notes", "missing", "programs",
           "output", "asked", "source")  # fmt: skip
DOUBT = 2.5  # cost of our own score above which MuseScore is asked as well
BATCH = 16  # files for one start of MuseScore: all that a kill can cost

OPTIONS = """<?xml version="1.0" encoding="UTF-8"?>
<MidiOptions><HumanPerformance>false</HumanPerformance><QuantValue>3</QuantValue>
<SplitStaff>true</SplitStaff><SimplifyDurations>true</SimplifyDurations>
<ShowStaccato>false</ShowStaccato><Quintuplets>false</Quintuplets><Septuplets>false</Septuplets>
<Nonuplets>false</Nonuplets></MidiOptions>
"""  # "human performance" would re-beat played files; QuantValue 3 is a 32nd, the shortest note
START = 10.0  # MuseScore's own start on a busy machine


def convert_folder(
    midi_folder, mxl_folder, *, engine="auto", n_jobs=None, timeout=60, progress=True
):
    """Convert every MIDI file of a folder, and of the folders in it, to a score.

    Args:
        midi_folder, mxl_folder: the folders to read and to write.
        engine: "python" (the quantiser of this package), "musescore", or "auto": the quantiser,
            and where its score is in doubt MuseScore as well; then the score of the lower cost.
        n_jobs: int, processes; None for all cores, or what `joblib.parallel_config` says.
        timeout: float, seconds that one file may take.
        progress: bool, show a progress bar.

    Returns:
        Path of the manifest, `mxl_folder/conversion.csv`.

    Raises:
        FileNotFoundError: no such folder, or no MuseScore where it was asked for.
        ValueError: an unknown engine, an empty or unreadable folder, or another job at work there.
        OSError: the disk is full.

    Introduced in lesson 01.
    """
    program = _find_program(engine)
    midi_folder, mxl_folder = Path(midi_folder), Path(mxl_folder)
    files = find_files(midi_folder, SUFFIXES, "MIDI file")
    mxl_folder.mkdir(parents=True, exist_ok=True)
    with Manifest(mxl_folder / "conversion.csv", COLUMNS) as manifest:
        jobs = manifest.unfinished(midi_folder, files, engine)
        settings = (midi_folder, mxl_folder, engine, program, timeout)
        most = BATCH if program else 1
        manifest.run(_convert_batch, jobs, settings, n_jobs, "MIDI to MXL", progress, most)
    return manifest.path


def _find_program(engine):
    """Return the path of MuseScore; None where it is not needed, or not there and optional."""
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r} is unknown; choose one of {', '.join(ENGINES)}")
    program = runtime.find_musescore() if engine != "python" else None
    if engine == "musescore" and program is None:
        raise FileNotFoundError("no MuseScore: install it, set MUSESCORE, or use engine='python'")
    return program


def name_output(name):
    """Return the name of a MIDI file's score; no two share one: a.mid a.mxl, a.kar a.kar.mxl."""
    stem = name.removesuffix(".mid")
    return f"{name if stem.lower().endswith(SUFFIXES) else stem}.mxl"


def _convert_batch(batch, work, midi_folder, mxl_folder, engine, program, timeout):
    """Convert the files of one batch; yield their rows of the manifest."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        pieces = [_Piece(midi_folder / name, timeout) for name, _ in batch]
        for number, piece in enumerate(pieces):
            piece.attempt("", piece.read, engine)
            if piece.performance and engine != "musescore":
                piece.attempt("python: ", piece.quantize, Path(folder, f"own{number}.mxl"))
        doubtful = [piece for piece in pieces if program and piece.is_in_doubt()]
        files = [piece.path for piece in doubtful]
        scores = ask_musescore(program, files, Path(folder), timeout)
        for piece, score in zip(doubtful, scores, strict=True):
            piece.attempt("musescore: ", piece.read_back, *score)
        for (name, source), piece in zip(batch, pieces, strict=True):
            if piece.checks:
                piece.attempt("", piece.finish, mxl_folder, name_output(name))
            row = piece.row or {"status": "failed", "reason": "; ".join(piece.problems)}
            done = {"file": name, "source": source, "asked": engine}
            yield row | done | {"seconds": f"{piece.seconds:.3f}"}


class _Piece:
    """One MIDI file on its way to a score: what was read, the scores, and what went wrong."""

    def __init__(self, path, timeout):
        self.path, self.timeout, self.seconds, self.problems = path, timeout, 0.0, []
        self.performance, self.checks, self.row = None, [], None

    def attempt(self, label, function, *arguments):
        """Call a function within the time limit; a failure becomes a problem with this label."""
        _, reason, seconds = attempt(self.timeout, function, *arguments)
        self.problems += [label + reason] if reason else []
        self.seconds += seconds

    def read(self, engine):
        performance = read_performance(self.path)
        if not performance.parts:
            raise ValueError("it holds no notes, so there is nothing to write down")
        performance = find_beat(performance)
        if performance.by_ear and engine == "musescore":
            raise ValueError("it was played without a click, which MuseScore cannot follow; "
                             "use engine='python'")  # fmt: skip
        check_size(performance)
        self.performance = performance

    def quantize(self, path):
        """Write a score of our own; compare its notes with those that were played."""
        parts, _ = quantize(self.performance)
        write_mxl(parts, self.performance, path)
        pitched = [part.notes for part in parts if not part.is_drum]
        self.check("python", path, np.concatenate([np.zeros((0, 3), int), *pitched]))

    def read_back(self, path, reason):
        """Read the score that MuseScore wrote, if it did."""
        if reason:
            raise ValueError(reason)
        notes = read_score(path)
        ends = notes["onset"] + notes["duration"]
        self.check("musescore", path, np.column_stack([notes["onset"], ends, notes["pitch"]]))

    def check(self, engine, path, rows):
        cost, n_missing, remarks = check_score(self.performance, rows)
        counts = {"engine": engine, "notes": len(rows), "missing": n_missing}
        self.checks.append((cost, path, counts, remarks))

    def is_in_doubt(self):
        """Return whether to ask MuseScore: our own score is missing or costly, and it can help."""
        can_help = self.performance and not self.performance.by_ear
        return can_help and (not self.checks or self.checks[0][0] > DOUBT)

    def finish(self, mxl_folder, output):
        """Put the score of the lowest cost in its place, and fill in the row of the manifest."""
        _, path, counts, remarks = min(self.checks, key=itemgetter(0))
        runtime.put_in_place(path, mxl_folder / output)
        costs = [f"cost {cost:.2f} ({score['engine']})" for cost, _, score, _ in self.checks]
        programs = Counter()
        for part in self.performance.parts:
            programs["drums" if part.is_drum else part.program] += len(part.notes)
        self.row = counts | {
            "status": "converted",
            "reason": "; ".join([*costs, *self.problems, *remarks, *self.performance.flaws]),
            "programs": " ".join(f"{name}:{count}" for name, count in programs.items()),
            "output": output,
        }


def _run_musescore(program, pairs, work, timeout):
    """Run MuseScore once, on (MIDI path, MXL path) pairs; return why it stopped early, or ""."""
    job, options = work / "job.json", work / "options.xml"
    job.write_text(json.dumps([{"in": str(midi), "out": str(mxl)} for midi, mxl in pairs]))
    options.write_text(OPTIONS)
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software",
                                "XDG_RUNTIME_DIR": str(work)}  # fmt: skip
    process = subprocess.Popen(
        [program, "-M", str(options), "-j", str(job)], env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        return f"MuseScore needed more than {timeout:g} s"
    finally:
        if process.poll() is None:  # end it, with what it started, where the system can
            getattr(os, "killpg", os.kill)(process.pid, 9)
            process.wait()
    return "" if code == 0 else f"MuseScore stopped with code {code}"


def ask_musescore(program, files, work, timeout):
    """Convert MIDI files with MuseScore, into the empty folder `work`, in one run.

    Its batch mode ends at the first file that it cannot read, and its exit code proves nothing: so
    what is missing afterwards is tried alone. Yields for each file (Path of the MXL, reason why it
    is not there or ""). `timeout`: seconds for one file.
    """
    pairs = [(work / f"{number}.mid", work / f"{number}.mxl") for number in range(len(files))]
    for file, (midi, _) in zip(files, pairs, strict=True):
        shutil.copyfile(file, midi)  # no quote, newline or dash in its own name can do harm
    if len(pairs) > 1:
        _run_musescore(program, pairs, work, timeout + START + 2 * len(pairs))
    for midi, mxl in pairs:
        reason = ""
        if not zipfile.is_zipfile(mxl):  # a zip lists its members at its end
            stopped = _run_musescore(program, [(midi, mxl)], work, timeout)
            reason = "" if zipfile.is_zipfile(mxl) else stopped or "MuseScore wrote nothing"
        yield mxl, reason
