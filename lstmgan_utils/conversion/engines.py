"""A folder of MIDI files to a folder of scores (MXL), in batches that survive any file.

Two engines write scores: the quantiser of this package, and MuseScore. Each score is read back and
compared with its MIDI file before it counts as made. What was played without a click gets its beats
by ear, or no score. What was done, and why not, stands in
`conversion.csv` in the folder of scores; from there the job goes on after any interruption.
"""

import itertools
import os
import tempfile
from pathlib import Path

from .. import runtime
from ..folder_jobs import (
    Manifest,
    attempt,
    check_room,
    find_files,
    fingerprint,
    record_folders,
    size_of,
    told_when_full,
    work_folder,
)
from ..pianoroll.midi import read_performance
from ..pianoroll.musicxml import check_size, write_mxl
from ..pianoroll.rolls import MAX_STEPS
from ..pianoroll.safe_reading import read_musicxml
from ..runtime import progress_bar, put_in_place
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
NO_TICKS = "musescore: played without a click, which it cannot follow; use engine='python'"
TOO_MUCH_TEXT = "musescore: more lyrics than it can read in time"


@told_when_full()
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
    program = find_engine(engine)
    midi_folder, mxl_folder = Path(midi_folder), Path(mxl_folder)
    files, bad_folders = find_files(midi_folder, SUFFIXES, "MIDI file")
    mxl_folder.mkdir(parents=True, exist_ok=True)
    path = mxl_folder / "conversion.csv"
    with Manifest(path, COLUMNS) as manifest, work_folder(manifest, "conversion") as work:
        record_folders(manifest, bad_folders, "failed")
        outputs = name_outputs(files, manifest.rows)
        jobs = [(name, outputs[name], fingerprint(midi_folder / name)) for name in files]
        rows = manifest.rows
        jobs = [job for job in jobs if not _is_done(rows.get(job[0]), job, engine, mxl_folder)]
        settings = (midi_folder, mxl_folder, work, engine, program, timeout)
        with progress_bar(total=len(jobs), description="MIDI to MXL", progress=progress) as bar:
            manifest.record(_convert_batch, jobs, settings, n_jobs, work, bar, _weigh)
    return path


def find_engine(engine):
    """Find the program that an engine needs.

    Returns:
        str, MuseScore; None where it is not needed, or not there and not insisted on.

    Raises:
        ValueError: an unknown engine.
        FileNotFoundError: engine "musescore", and no MuseScore.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r} is unknown; choose one of {', '.join(ENGINES)}")
    program = runtime.find_musescore() if engine != "python" else None
    if engine == "musescore" and program is None:
        raise FileNotFoundError(
            "MuseScore was not found; install it, set MUSESCORE to it, or use engine='python'"
        )
    return program


def _is_done(row, job, engine, mxl_folder):
    """Tell whether the manifest says that a file, as it now is, was dealt with in this way."""
    if row is None or row["source"] != job[2] or row["asked"] != engine:
        return False
    return row["status"] == "failed" or (mxl_folder / row["output"]).is_file()


def name_outputs(files, rows):
    """Give each MIDI file the name of its score; a.mid and a.MIDI in one folder must not share one.

    Args:
        files: list of str, paths inside the MIDI folder.
        rows: dict, the manifest's rows; a name given before stays.

    Returns:
        dict of str to str.
    """
    outputs = {name: rows[name]["output"] for name in files if rows.get(name, {}).get("output")}
    taken = {output.casefold() for output in outputs.values()}
    for name in files:
        if name not in outputs:
            names = (name_output(name, number) for number in itertools.count())
            outputs[name] = next(output for output in names if output.casefold() not in taken)
            taken.add(outputs[name].casefold())
    return outputs


def name_output(name, number):
    """Name the score of a MIDI file: "a.mid" gives a.mxl; if that is taken a.mid.mxl, a.mid.2.mxl…

    Args:
        name: str, path inside the MIDI folder.
        number: int, how many names for it are taken.

    Returns:
        str, path inside the folder of scores; its last part is no longer than a disk allows.
    """
    path = Path(name)
    if number == 0:
        return path.with_suffix(".mxl").as_posix()
    end = ".mxl" if number == 1 else f".{number}.mxl"
    stem = os.fsencode(path.name)[: LONGEST_NAME - len(end)].decode(errors="ignore")
    return path.with_name(stem + end).as_posix()


def choose(checks):
    """Choose the score with the lowest cost, and say why.

    Args:
        checks: dict of engine name to Check.

    Returns:
        (str engine, str reason).

    Introduced in lesson 01.
    """
    engine = min(checks, key=lambda name: checks[name].cost)
    costs = ", ".join(f"{name} {check.cost:.2f}" for name, check in checks.items())
    return engine, f"lower cost ({costs})" if len(checks) > 1 else f"cost {checks[engine].cost:.2f}"


def _weigh(job):
    return size_of(job[2])


def _convert_batch(batch, midi_folder, mxl_folder, work, engine, program, timeout):
    """Convert the files of one batch; gives their rows of the manifest, one by one."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        job = _Batch(batch, midi_folder, mxl_folder, Path(folder), engine, program, timeout)
        yield from job.rows()


class _Batch:
    """One batch on its way: read all files, let MuseScore make its scores, then file by file."""

    def __init__(self, batch, midi_folder, mxl_folder, work, engine, program, timeout):
        self.batch, self.midi_folder, self.mxl_folder = batch, midi_folder, mxl_folder
        self.work, self.engine, self.program, self.timeout = work, engine, program, timeout

    def rows(self):
        """Convert, and give one row a file."""
        read = [attempt(self.timeout, self._read, job[0]) for job in self.batch]
        own = (self._try_own(number, result[0]) for number, result in enumerate(read))
        by_musescore = {}
        if self.program:
            own = list(own)  # MuseScore is asked for all in doubt at once: its start is slow
            by_musescore = self._run_musescore(read, own)
        for number, ((name, output, source), (performance, reason, seconds), mine) in enumerate(
            zip(self.batch, read, own, strict=True)
        ):
            row = {"file": name, "status": "failed", "asked": self.engine, "source": source}
            if performance is not None:
                others = by_musescore.get(number)
                found, reason, more = attempt(
                    self.timeout, self._finish, performance, mine, others, output
                )
                row |= found or {}
                seconds += mine[2] + more
            yield row | {"reason": reason or row.get("reason"), "seconds": f"{seconds:.3f}"}

    def _read(self, name):
        """Read one MIDI file; it must hold a note, and a beat in its ticks or to be heard."""
        performance = read_performance(self.midi_folder / name)
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

    def _try_own(self, number, performance):
        """Write a score with the quantiser: ((path, Check) or None, reason, seconds)."""
        if performance is None or self.engine == "musescore":
            return None, "", 0.0
        return attempt(self.timeout, self._write_own, number, performance)

    def _write_own(self, number, performance):
        """Write a score with the quantiser and check it: (path, Check)."""
        path = self.work / f"{number}.python.mxl"
        write_mxl(quantize(performance)[0], performance, path)
        return path, check_loss(check_score(performance, read_musicxml(path)))

    def _run_musescore(self, read, own):
        """Ask MuseScore about the files in doubt: {number: (path, reason)}."""
        chosen = [
            number
            for number, (performance, *_) in enumerate(read)
            if performance and is_in_doubt(own[number][0]) and not _unfit(performance)
        ]
        if not chosen:
            return {}
        files = [self.midi_folder / self.batch[number][0] for number in chosen]
        made = musescore.convert_batch(self.program, files, self.work, self.timeout)
        made = {chosen[place]: (path, reason) for place, path, reason in made}
        if not all(path for path, _ in made.values()):
            check_room(self.work)
        return made

    def _finish(self, performance, own, by_musescore, output):
        """Take the better score of one file, and put it in its place."""
        result, problem, _ = own
        scores, problems = {}, [f"python: {problem}"] if problem else []
        if result:
            scores["python"] = result
        if self.program and is_in_doubt(result):
            path, problem = by_musescore or (None, _unfit(performance))
            try:
                if path is not None:
                    check = check_loss(check_score(performance, read_musicxml(path)))
                    scores["musescore"] = path, check
            except ValueError as error:
                problem = f"musescore: {error}"
            problems += [problem] if problem else []
        if not scores:
            raise ValueError("; ".join(problems))
        engine, reason = choose({name: check for name, (_, check) in scores.items()})
        path, check = scores[engine]
        put_in_place(path, self.mxl_folder / output)
        return _row(performance, check, engine, "; ".join([reason, *problems]), output)


def is_in_doubt(own):
    """Tell whether MuseScore is to be asked: our quantiser made no score, or a costly one.

    Args:
        own: (path, Check), or None.
    """
    return own is None or own[1].cost > DOUBT


def _unfit(performance):
    """Say why a file is nothing for MuseScore: "" where it is."""
    if performance.by_ear:
        return NO_TICKS
    return TOO_MUCH_TEXT if performance.text_bytes > LONG_TEXT else ""


def check_loss(check):
    """Refuse a score that lost more of its music than may be.

    Args:
        check: Check.

    Returns:
        Check, as it came.

    Raises:
        ValueError: what was lost.
    """
    n_played = check.n_notes - check.n_extra + check.n_missing
    if check.n_missing > MAX_LOST * n_played:
        raise ValueError(f"the score lost {check.n_missing} of {n_played} notes")
    return check


def list_losses(check):
    """Say in which ways a score holds less, or more, than was played: list of str."""
    off = check.length_error
    return [text for text, is_so in (
        (f"{check.n_missing} notes missing", check.n_missing),
        (f"{check.n_doubled} struck twice at once, written once", check.n_doubled),
        (f"{check.n_extra} notes too many", check.n_extra),
        (f"it ends {abs(off):.1f} quarters {'late' if off > 0 else 'early'}", abs(off) >= 1),
    ) if is_so]  # fmt: skip


def _row(performance, check, engine, reason, output):
    """Write down what was made, and from what."""
    programs = {}
    for part in performance.parts:
        name = "drums" if part.is_drum else part.program
        programs[name] = programs.get(name, 0) + len(part.notes)
    return {
        "status": "converted",
        "reason": "; ".join([reason, *list_losses(check), *performance.flaws]),
        "engine": engine,
        "notes": check.n_notes,
        "measures": check.n_measures,
        "missing": check.n_missing,
        "programs": " ".join(f"{name}:{count}" for name, count in programs.items()),
        "output": output,
    }
