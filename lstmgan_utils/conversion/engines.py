"""A folder of MIDI files to a folder of scores (MXL); any file may fail, and the rest goes on.

Two engines write scores: the quantiser of this package, and MuseScore. Each score is compared with
its MIDI file before it counts as made. `conversion.csv` records what was done, and why not; from
there the job goes on after any interruption.
"""

import tempfile
from collections import Counter
from pathlib import Path

from .. import runtime
from ..folder_jobs import Manifest, attempt, find_files
from ..pianoroll.midi import read_performance
from ..pianoroll.musicxml import check_size, write_mxl
from ..pianoroll.safe_reading import read_musicxml
from . import musescore
from .beats import find_beat
from .quantizer import quantize
from .score_check import check_score

ENGINES = ("auto", "musescore", "python")
SUFFIXES = (".mid", ".midi", ".kar", ".smf")
COLUMNS = ("file", "status", "reason", "engine", "seconds", "notes", "measures", "missing",
           "programs", "output", "asked", "source")  # fmt: skip
MAX_LOST = 0.1  # share of its notes that a score may lose and still count
DOUBT = 2.5  # cost of our own score above which MuseScore is asked as well
BATCH = 16  # files for one start of MuseScore: all that a kill can cost


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
    files, bad_folders = find_files(midi_folder, SUFFIXES, "MIDI file")
    mxl_folder.mkdir(parents=True, exist_ok=True)
    with Manifest(mxl_folder / "conversion.csv", COLUMNS) as manifest:
        manifest.add_folders(bad_folders, "failed")
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


def choose(checks):
    """Return the engine whose score has the lowest cost, and why: (str, str).

    Args:
        checks: dict of engine name to Check.

    Introduced in lesson 01.
    """
    engine = min(checks, key=lambda name: checks[name].cost)
    costs = ", ".join(f"{name} {check.cost:.2f}" for name, check in checks.items())
    return engine, f"lower cost ({costs})" if len(checks) > 1 else f"cost {checks[engine].cost:.2f}"


def _convert_batch(batch, work, midi_folder, mxl_folder, engine, program, timeout):
    """Convert the files of one batch; yield their rows of the manifest."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        pieces = [_Piece(midi_folder, Path(folder), timeout, *job) for job in batch]
        for piece in pieces:
            piece.draft(engine)
        doubtful = [piece for piece in pieces if program and piece.is_in_doubt()]
        files = [piece.path for piece in doubtful]
        scores = musescore.convert_batch(program, files, Path(folder), timeout)
        for piece, (path, reason) in zip(doubtful, scores, strict=True):
            if reason:
                piece.problems.append(reason)
            else:
                piece.attempt("musescore: ", piece.check, "musescore", path)
        for piece in pieces:
            yield piece.finish(mxl_folder) | {"asked": engine}


class _Piece:
    """One MIDI file on its way to a score: what was read, the scores, and what went wrong."""

    def __init__(self, midi_folder, work, timeout, name, source):
        self.name, self.source, self.path = name, source, midi_folder / name
        self.work, self.timeout = work, timeout
        self.performance, self.scores, self.problems, self.seconds = None, {}, [], 0.0

    def attempt(self, label, function, *arguments):
        """Call a function within the time limit; a failure becomes a problem with this label."""
        result, reason, seconds = attempt(self.timeout, function, *arguments)
        self.problems += [label + reason] if reason else []
        self.seconds += seconds
        return result

    def draft(self, engine):
        """Read the file and, unless MuseScore alone was asked for, write a score of our own."""
        self.performance = self.attempt("", self._read, engine)
        if self.performance and engine != "musescore":
            self.attempt("python: ", self._quantize)

    def _read(self, engine):
        performance = read_performance(self.path)
        if not performance.parts:
            raise ValueError("it holds no notes, so there is nothing to write down")
        performance = find_beat(performance)
        if performance.by_ear and engine == "musescore":
            raise ValueError("it was played without a click, which MuseScore cannot follow; "
                             "use engine='python'")  # fmt: skip
        check_size(performance)
        return performance

    def _quantize(self):
        path = Path(tempfile.mkdtemp(dir=self.work), "own.mxl")
        write_mxl(quantize(self.performance)[0], self.performance, path)
        self.check("python", path)

    def check(self, engine, path):
        """Compare a score with the performance; take it unless too much is lost."""
        check = check_score(self.performance, read_musicxml(path))
        n_played = self.performance.n_notes
        if check.missing > MAX_LOST * n_played:
            raise ValueError(f"the score lost {check.missing} of {n_played} notes")
        self.scores[engine] = path, check

    def is_in_doubt(self):
        """Return whether to ask MuseScore: our own score is missing or costly, and it can help."""
        own = self.scores.get("python")
        can_help = self.performance is not None and not self.performance.by_ear
        return can_help and (own is None or own[1].cost > DOUBT)

    def finish(self, mxl_folder):
        """Put the better score in its place; return the row of the manifest."""
        row = self.attempt("", self._put_best, mxl_folder) if self.scores else None
        row = row or {"status": "failed", "reason": "; ".join(self.problems)}
        seconds = f"{self.seconds:.3f}"
        return row | {"file": self.name, "source": self.source, "seconds": seconds}

    def _put_best(self, mxl_folder):
        engine, reason = choose({name: check for name, (_, check) in self.scores.items()})
        path, check = self.scores[engine]
        output = name_output(self.name)
        runtime.put_in_place(path, mxl_folder / output)
        programs = Counter()
        for part in self.performance.parts:
            programs["drums" if part.is_drum else part.program] += len(part.notes)
        remarks = [reason, *self.problems, *check.remarks, *self.performance.flaws]
        return vars(check) | {
            "status": "converted",
            "reason": "; ".join(remarks),
            "engine": engine,
            "programs": " ".join(f"{name}:{count}" for name, count in programs.items()),
            "output": output,
        }
