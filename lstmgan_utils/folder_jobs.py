"""What every folder job needs: the list of files, processes, a time limit, and the manifest.

Nothing here knows music. A job runs its files in batches through joblib (all cores, or a Dask
cluster under `joblib.parallel_config(backend="dask")`), builds each output in a work folder beside
its place, renames it into place, and records it in a manifest from which it can be resumed.
"""

import _thread
import contextlib
import csv
import errno
import functools
import io
import math
import os
import re
import shutil
import signal
import tempfile
import threading
import time
import uuid
from pathlib import Path

from .runtime import progress_bar, shorten

BATCH = 32  # files a batch: MuseScore's start costs little then
BATCH_BYTES = 2**16  # of files: for MIDI about two seconds of MuseScore, all that a kill can cost
JOURNAL = ".journal.csv"  # what a process has finished of its batch
DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
ROOM = 2**20  # bytes; with less, a program that wrote nothing may have found no room
LISTENING = 0.5  # seconds between two looks at whether the job still lives
LEAVE = getattr(signal, "SIGUSR1", signal.SIGINT)  # nohup and scripts may switch Ctrl-C's off
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # file names need not be UTF-8
END = "\r\n"  # a row counts only with its line end: the mark that it was written whole
_orphaned = threading.Event()  # in a process whose job was killed


def run_batches(function, jobs, settings, n_jobs, weigh=None):
    """Run jobs in batches over the processes of joblib.

    Args:
        function: called as function(list of jobs, *settings), in another process.
        jobs: list.
        settings: tuple.
        n_jobs: int, processes; None for what `joblib.parallel_config` says, or all cores.
        weigh: function that returns the bytes of a job, to bound a batch in bytes too.

    Yields:
        what `function` returns, in the order in which batches finish.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend

    if n_jobs is None:
        active = get_active_backend()[1]
        n_jobs = active if active not in (1, None) else -1
    size = max(1, min(BATCH, math.ceil(len(jobs) / (2 * effective_n_jobs(n_jobs)))))
    batches = cut_batches(jobs, size, weigh or (lambda job: 0))
    if n_jobs == 1 or len(batches) < 2:
        yield from (function(batch, *settings) for batch in batches)
        return
    parallel = Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
    owner = os.getpid()
    yield from parallel(delayed(_run_batch)(owner, function, batch, settings) for batch in batches)


def cut_batches(jobs, size, weigh):
    """Return a list of lists of 1 to `size` jobs; if several, of at most BATCH_BYTES together."""
    batches, weight = [], 0
    for job in jobs:
        weight += weigh(job)
        if not batches or len(batches[-1]) == size or weight > BATCH_BYTES:
            batches.append([])
            weight = weigh(job)
        batches[-1].append(job)
    return batches


def _run_batch(owner, function, batch, settings):
    """Run one batch in a process of the job, which then ends with the job."""
    if _orphaned.is_set():  # more batches may wait in the queue
        os._exit(1)
    if os.getppid() == owner:  # not so in the job itself, or on a cluster
        _watch(owner)
    return function(batch, *settings)


@functools.cache  # once a process, however many batches it is given
def _watch(owner):
    if threading.current_thread() is threading.main_thread():  # not so in a Dask worker
        signal.signal(LEAVE, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(owner,), daemon=True).start()


def _end_with(owner):
    """End this process when the job was killed: joblib's would wait for work for minutes."""
    while os.getppid() == owner:
        time.sleep(LISTENING)
    _orphaned.set()
    _thread.interrupt_main(LEAVE)  # what it started (MuseScore) ends, unfinished files go
    time.sleep(4 * LISTENING)
    os._exit(1)


def find_files(folder, suffixes, what, skip=None):
    """List the files of a folder by their names, sorted, without following links to folders.

    Args:
        folder: the folder.
        suffixes: tuple of str, what the names end in, in lower case.
        what: str, what such a file is called.
        skip: str, a folder in it to leave out; hidden ones are left out always.

    Returns:
        (list of str: paths inside the folder, with "/"; dict of str to str: folders that cannot be
        read, or that pose as files, and why).

    Raises:
        FileNotFoundError: no such folder.
        ValueError: it cannot be read, or holds no such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; give the folder that holds the {what}s")
    found, bad = [], {}

    def remember(error):
        bad[os.path.relpath(error.filename, folder)] = f"it cannot be opened: {error.strerror}"

    for place, folders, names in os.walk(folder, onerror=remember):
        inside = Path(place).relative_to(folder)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if skip in folders and inside == Path():
            folders.remove(skip)
        bad |= {(inside / name).as_posix(): "it is a folder; what is in it was looked through"
                for name in folders if name.lower().endswith(suffixes)}  # fmt: skip
        found += [(inside / name).as_posix() for name in names if name.lower().endswith(suffixes)]
    if "." in bad:
        raise ValueError(f"{folder} cannot be read; give yourself the right to (chmod u+rx)")
    if not found:
        raise ValueError(f"{folder} holds no {what} ({', '.join(suffixes)}); choose another folder")
    return sorted(found), bad


def check_room(folder):
    """Raise OSError if the disk is full: then it was not the file that was at fault."""
    if shutil.disk_usage(folder).free < ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def told_when_full():
    """Turn the many errors of a full disk into one OSError that names the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise OSError(error.errno, "The disk is full: free some space and run again; the job goes "
                      "on where it stopped.") from None  # fmt: skip


@contextlib.contextmanager
def time_limit(seconds):
    """Raise TimeoutError in the block when it works longer than this.

    The time is the processor's, so a busy machine does not turn good files into slow ones. It needs
    a signal, so it works in the main thread of a process on Linux and macOS. Elsewhere (Windows, a
    Dask thread) only the bounds on what is read limit the time.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise TimeoutError(f"it needed more than {seconds:g} s; raise the timeout, or leave it out")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def attempt(timeout, function, *arguments):
    """Call a function on one file of a folder, so that nothing in the file can stop the job.

    Args:
        timeout: float, seconds.
        function: what to call; a ValueError from it is a plain reason.
        arguments: what to call it with.

    Returns:
        (what it returned, or None; str, the reason why not; float, seconds).

    Raises:
        OSError: the disk is full, at which no other file would fare better.
    """
    start = time.perf_counter()
    result, reason = None, ""
    try:
        with time_limit(timeout):
            result = function(*arguments)
    except (ValueError, TimeoutError) as error:
        reason = str(error)
    except MemoryError:
        reason = "it needs more memory than there is; leave it out, or use a larger machine"
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        reason = f"it cannot be read or written: {error.strerror}"
    except Exception as error:  # whatever a strange file sets off, the folder goes on
        reason = f"it set off an error, please report it: {shorten(repr(error), 200)}"
    return result, reason, time.perf_counter() - start


def _fingerprint(path):
    """Return size and time of a file as "size-time", "" if it is gone."""
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def read_manifest(path):
    """Read the finished rows of a manifest; a later row for the same file replaces an earlier one.

    Args:
        path: the CSV file.

    Returns:
        list of dict of str to str, in the order in which the files were finished.

    Raises:
        FileNotFoundError: there is no manifest at `path`.
        ValueError: the file there is no manifest.

    Introduced in lesson 01.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: run the folder job that writes it first.")
    rows = csv.DictReader(io.StringIO(_whole_rows(path.read_bytes()), newline=""))
    try:
        return list({row["file"]: row for row in rows}.values())
    except (KeyError, csv.Error) as error:
        raise ValueError(f"{path} is no manifest ({error!r}): delete it and run again.") from None


class Manifest:
    """The open record of a folder job: `rows` holds what is finished, `add` writes more.

    Beside it stand the outputs of the job, and while it works a hidden folder of unfinished files
    and of journals, one a batch: what a killed job left in them is taken over at the start.

    Args:
        path: the CSV file; it is created with its header if it is missing or has other columns.
        columns: the column names: "file", "reason", and for `unfinished` also "source" (size and
            time of the file), "asked" (the settings) and "output" (a path beside the manifest).
        is_journal: bool, written by one batch; then it need not survive a power cut.

    Raises:
        ValueError: another job is writing to the same manifest, or `path` is no file.
    """

    def __init__(self, path, columns, is_journal=False):
        self.path, self.columns, self.is_journal = Path(path), list(columns), is_journal
        self._work = f".work-{self.path.stem}-"  # what folders of unfinished files begin with
        if self.path.exists() and not self.path.is_file():  # a pipe would be waited for, for ever
            raise ValueError(f"{path} is a folder or a device, not a file: move it elsewhere.")
        self._stream = open(self.path, "a+b", buffering=0)  # noqa: SIM115 (it stays open)
        try:
            _lock(self._stream, self.path)
            self._repair()
            self.rows = {row["file"]: row for row in read_manifest(self.path)}
            if not is_journal:
                self._clear_work()
        except BaseException:
            self._stream.close()
            raise

    def unfinished(self, folder, files, asked):
        """List the files that are new, changed, asked for in another way, or whose output is gone.

        Args:
            folder: Path of the folder that holds the files.
            files: list of str, paths inside it.
            asked: str, the settings.

        Returns:
            list of (str name, str source): jobs for `run`, which may append more to each.
        """

        def is_done(name, source):
            row = self.rows.get(name)
            if row is None or (row["source"], row["asked"]) != (source, asked):
                return False
            return not row["output"] or (self.path.parent / row["output"]).is_file()

        jobs = [(name, _fingerprint(folder / name)) for name in files]
        return [job for job in jobs if not is_done(*job)]

    def add(self, *rows):
        """Write finished rows (dicts), as one piece, to the disk."""
        rows = [
            {name: str(row.get(name, "")) for name in self.columns}
            | {"reason": shorten(row.get("reason", ""))}
            for row in rows
        ]
        if rows:
            self._write(row.values() for row in rows)
        self.rows |= {row["file"]: row for row in rows}

    def add_folders(self, bad, status):
        """Record, once, the folders that `find_files` could not read, or that pose as files."""
        self.add(*({"file": name, "status": status, "reason": reason}
                   for name, reason in bad.items()
                   if self.rows.get(name, {}).get("reason") != reason))  # fmt: skip

    def run(self, function, jobs, settings, n_jobs, description, progress):
        """Run jobs in batches over the processes of joblib, and write each row to the disk at once.

        Args:
            function: called as function(list of jobs, Path work folder, *settings) in another
                process; it yields rows, one by one.
            jobs: list of tuples that begin with those from `unfinished`.
            settings, n_jobs: as for `run_batches`.
            description: str for the progress bar.
            progress: bool, show it.

        Raises:
            OSError: the disk is full.
        """
        bar = progress_bar(total=len(jobs), description=description, progress=progress)
        with told_when_full(), bar:
            work = Path(tempfile.mkdtemp(prefix=self._work, dir=self.path.parent))
            settings = (function, self.columns, work, *settings)
            try:
                for journal, rows in run_batches(_keep_journal, jobs, settings, n_jobs, _weigh):
                    self.add(*rows)
                    journal.unlink()
                    bar.update(len(rows))
            finally:
                self._clear_work()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._stream.close()  # another job may then write to it

    def _repair(self):
        """Cut off a half-written last line; start anew where the columns are not ours."""
        self._stream.seek(0)
        whole = _whole_rows(self._stream.read())
        if next(csv.reader(io.StringIO(whole, newline="")), None) != self.columns:
            whole = ""
        self._stream.truncate(len(whole.encode(**ENCODING)))
        if not whole:
            self._write([self.columns])

    def _clear_work(self):
        """Take over the journals of a killed job, and delete its unfinished files."""
        for folder in self.path.parent.glob(self._work + "*"):
            for path in sorted(folder.glob("*" + JOURNAL)):
                with contextlib.suppress(ValueError):  # it broke off before its first row
                    rows = [row for row in read_manifest(path) if list(row) == self.columns]
                    self.add(*[row for row in rows if self.rows.get(row["file"]) != row])
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, rows):
        lines = io.StringIO(newline="")
        csv.writer(lines, lineterminator=END).writerows(rows)
        data = lines.getvalue().encode(**ENCODING)
        with told_when_full():
            while data:  # a disk that fills up takes a piece first, and says so at the next
                data = data[self._stream.write(data) :]
            if not self.is_journal:
                os.fsync(self._stream.fileno())


def _keep_journal(batch, function, columns, work, *settings):
    """Run one batch, and write each row down at once; return (Path of the journal, rows)."""
    with Manifest(work / f"{uuid.uuid4().hex}{JOURNAL}", columns, is_journal=True) as journal:
        for row in function(batch, work, *settings):
            journal.add(row)
    return journal.path, list(journal.rows.values())


def _weigh(job):
    """Read the bytes of a file off its size and time."""
    return int(job[1].partition("-")[0] or 0)


def _whole_rows(data):
    """Return the text up to its last line end that stands outside quotes."""
    text = data.decode(**ENCODING)
    bare = re.sub('"[^"]*"?', lambda quoted: "_" * len(quoted[0]), text)
    return text[: bare.rfind(END) + len(END)] if END in bare else ""


def _lock(stream, path):
    """Hold the manifest for this process; the system lets go of it even after `kill -9`."""
    try:
        import fcntl
    except ImportError:  # Windows: nothing to hold, two jobs at once are the user's care
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"{path} is being written by another job: wait until it ends, or choose another folder."
        ) from None
    except OSError:  # a file system without locks
        return
