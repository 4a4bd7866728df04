"""A folder of MIDI files to a folder of scores (MXL), in batches that survive any file.

Two engines write scores: the quantiser of this package, and MuseScore. Each score is read back and
compared with its MIDI file before it counts as made. What was played without a click gets its beats
by ear, or no score. `conversion.csv` in the folder of scores records what was done, and why not;
from there the job goes on after any interruption.
"""

import itertools
import os
import tempfile
from collections import Counter
from pathlib import Path

from .. import runtime
from ..folder_jobs import Manifest, attempt, check_room, find_files
from ..pianoroll.midi import read_performance
from ..pianoroll.musicxml import check_size, write_mxl
from ..pianoroll.rolls import MAX_STEPS
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
LONG_TEXT = 2**16  # bytes of lyrics beyond which MuseScore needs minutes
LONGEST_NAME = 255  # bytes that a file system allows
DOUBT = 2.5  # cost of our own score above which MuseScore is asked as well


def convert_folder(
    midi_folder, mxl_folder, *, engine="auto", n_jobs=None, timeout=60, progress=True
):
    """Convert every MIDI file of a folder, and of the folders in it, to a score.

    Args:
        midi_folder: the folder to read; links to folders are not followed.
        mxl_folder: the folder to write, with the same folders in it.
        engine: "musescore", "python" (the quantiser of this package), or "auto": the
            quantiser, and MuseScore where it is there and the first score is in doubt; then the
            score with the lower cost (see `score_check`).
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
        outputs = name_outputs(files, manifest.rows)
        jobs = [(*job, outputs[job[0]]) for job in manifest.unfinished(midi_folder, files, engine)]
        settings = (midi_folder, mxl_folder, engine, program, timeout)
        manifest.run(_convert_batch, jobs, settings, n_jobs, "MIDI to MXL", progress)
    return manifest.path


def _find_program(engine):
    """Return the path of MuseScore; None where it is not needed, or not there and optional."""
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r} is unknown; choose one of {', '.join(ENGINES)}")
    program = runtime.find_musescore() if engine != "python" else None
    if engine == "musescore" and program is None:
        raise FileNotFoundError(
            "MuseScore was not found; install it, set MUSESCORE to it, or use engine='python'"
        )
    return program


def name_outputs(files, rows):
    """Name the score of each MIDI file: "a.mid" gives a.mxl; if taken a.mid.mxl, a.mid.2.mxl, ….

    Args:
        files: list of str, paths inside the MIDI folder.
        rows: dict, the manifest's rows; a name given before stays.

    Returns:
        dict of str to str, paths inside the folder of scores, no two alike even where case does not
        count; their last parts are no longer than a disk allows.
    """
    outputs = {name: rows[name]["output"] for name in files if rows.get(name, {}).get("output")}
    taken = {output.casefold() for output in outputs.values()}
    for name in files:
        if name not in outputs:
            names = (_name_output(name, number) for number in itertools.count())
            outputs[name] = next(output for output in names if output.casefold() not in taken)
            taken.add(outputs[name].casefold())
    return outputs


def _name_output(name, number):
    """Name a score for which `number` names are taken."""
    path = Path(name)
    if number == 0:
        return path.with_suffix(".mxl").as_posix()
    end = ".mxl" if number == 1 else f".{number}.mxl"
    stem = os.fsencode(path.name)[: LONGEST_NAME - len(end)].decode(errors="ignore")
    return path.with_name(stem + end).as_posix()


def choose(checks):
    """Return the engine whose score has the lowest cost, and why.

    Args:
        checks: dict of engine name to Check.

    Returns:
        (str engine, str reason).

    Introduced in lesson 01.
    """
    engine = min(checks, key=lambda name: checks[name].cost)
    costs = ", ".join(f"{name} {check.cost:.2f}" for name, check in checks.items())
    return engine, f"lower cost ({costs})" if len(checks) > 1 else f"cost {checks[engine].cost:.2f}"


def _convert_batch(batch, work, midi_folder, mxl_folder, engine, program, timeout):
    """Convert the files of one batch; yield their rows of the manifest."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        pieces = (_Piece(*job, midi_folder, Path(folder), timeout) for job in batch)
        drafts = (piece.draft(engine) for piece in pieces)
        if program:
            drafts = list(drafts)  # MuseScore is asked for all in doubt at once: its start is slow
            _ask_musescore(program, [piece for piece in drafts if piece.is_in_doubt()])
        for piece in drafts:
            yield piece.finish(mxl_folder) | {"asked": engine}


def _ask_musescore(program, pieces):
    """Let MuseScore write scores of the pieces that suit it, in one run."""
    pieces = [piece for piece in pieces if piece.suits_musescore()]
    if not pieces:
        return
    files, work, timeout = [piece.path for piece in pieces], pieces[0].work, pieces[0].timeout
    for number, path, reason in musescore.convert_batch(program, files, work, timeout):
        piece = pieces[number]
        if path is None:
            check_room(work)
            piece.problems.append(reason)
        else:
            piece.attempt("musescore: ", piece.check, "musescore", path)


class _Piece:
    """One MIDI file on its way to a score: what was read, the scores, and what went wrong."""

    def __init__(self, name, source, output, midi_folder, work, timeout):
        self.row = {"file": name, "source": source, "status": "failed"}
        self.path, self.output, self.work, self.timeout = midi_folder / name, output, work, timeout
        self.performance, self.scores, self.problems, self.seconds = None, {}, [], 0.0

    def attempt(self, label, function, *arguments):
        """Call a function within the time limit; a failure becomes a problem with this label."""
        result, reason, seconds = attempt(self.timeout, function, *arguments)
        self.problems += [label + reason] if reason else []
        self.seconds += seconds
        return result

    def draft(self, engine):
        """Read the file and, unless MuseScore alone was asked for, write a score of our own."""
        self.performance = self.attempt("", self._read)
        if self.performance and engine != "musescore":
            self.attempt("python: ", self._quantize)
        return self

    def _read(self):
        """Read the MIDI file; it must hold a note, and a beat in its ticks or to be heard."""
        performance = read_performance(self.path)
        if not performance.parts:
            raise ValueError("it holds no notes, so there is nothing to write down")
        if min(part.notes["onset"][0] for part in performance.parts) >= MAX_STEPS:
            raise ValueError("its first note comes after 800 quarters of silence, past the end of "
                             "what a song can hold; cut the silence in an editor")  # fmt: skip
        check_size(performance)
        performance = find_beat(performance)
        if performance.by_ear:
            check_size(performance)
        return performance

    def _quantize(self):
        path = Path(tempfile.mkdtemp(dir=self.work), "own.mxl")
        write_mxl(quantize(self.performance)[0], self.performance, path)
        self.check("python", path)

    def check(self, engine, path):
        """Compare a score with the performance; take it unless too much is lost."""
        check = check_score(self.performance, read_musicxml(path))
        n_played = check.n_notes - check.n_extra + check.n_missing
        if check.n_missing > MAX_LOST * n_played:
            raise ValueError(f"the score lost {check.n_missing} of {n_played} notes")
        self.scores[engine] = path, check

    def is_in_doubt(self):
        """Whether MuseScore is to be asked: there is no score of our own, or a costly one."""
        own = self.scores.get("python")
        return self.performance is not None and (own is None or own[1].cost > DOUBT)

    def suits_musescore(self):
        """Whether MuseScore can read the file in time; if not, that is a problem."""
        if self.performance.by_ear:
            self.problems.append("musescore: played without a click, which it cannot follow; "
                                 "use engine='python'")  # fmt: skip
        elif self.performance.text_bytes > LONG_TEXT:
            self.problems.append("musescore: more lyrics than it can read in time")
        else:
            return True
        return False

    def finish(self, mxl_folder):
        """Put the better score in its place; return the row of the manifest."""
        made = self.attempt("", self._put_best, mxl_folder) if self.scores else None
        row = self.row | (made or {"reason": "; ".join(self.problems)})
        return row | {"seconds": f"{self.seconds:.3f}"}

    def _put_best(self, mxl_folder):
        engine, reason = choose({name: check for name, (_, check) in self.scores.items()})
        path, check = self.scores[engine]
        runtime.put_in_place(path, mxl_folder / self.output)
        programs = Counter()
        for part in self.performance.parts:
            programs["drums" if part.is_drum else part.program] += len(part.notes)
        remarks = [reason, *self.problems, *check.remarks(), *self.performance.flaws]
        return {
            "status": "converted",
            "reason": "; ".join(remarks),
            "engine": engine,
            "notes": check.n_notes,
            "measures": check.n_measures,
            "missing": check.n_missing,
            "programs": " ".join(f"{name}:{count}" for name, count in programs.items()),
            "output": self.output,
        }
