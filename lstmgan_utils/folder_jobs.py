"""What every folder job needs: the files, the processes, the time limit, the place for work.

Nothing here knows music. A job lists its files by name, runs them in batches through joblib (all
cores, or a Dask cluster under `joblib.parallel_config(backend="dask")`), and builds each output in
a work folder beside its place, from where it is renamed into it.
"""

import _thread
import contextlib
import csv
import errno
import functools
import io
import math
import os
import shutil
import signal
import tempfile
import threading
import time
import uuid
from pathlib import Path

from .runtime import shorten

BATCH = 32  # files a batch: MuseScore's start costs little then
BATCH_BYTES = 2**16  # of MIDI: about two seconds of MuseScore, all that a kill can cost
WORK = ".work-"
JOURNAL = ".journal.csv"  # what a process has finished of its batch
DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
ROOM = 2**20  # bytes; with less, a program that wrote nothing may have found no room
LISTENING = 0.5  # seconds between two looks at whether the job still lives
LEAVE = getattr(signal, "SIGUSR1", signal.SIGINT)  # nohup and scripts may switch Ctrl-C's off
_orphaned = threading.Event()  # in a process whose job was killed


def run_batches(function, jobs, settings, n_jobs, weigh=None):
    """Run jobs in batches over the processes of joblib; gives each batch's result when it is there.

    Args:
        function: called as function(list of jobs, *settings), in another process.
        jobs: list.
        settings: tuple.
        n_jobs: int or None, see `count_jobs`.
        weigh: function that tells the bytes of a job, where a batch is to be bounded in bytes too.

    Yields:
        what `function` returns, in the order in which batches finish.
    """
    from joblib import Parallel, delayed, effective_n_jobs

    n_jobs = count_jobs(n_jobs)
    size = max(1, min(BATCH, math.ceil(len(jobs) / (2 * effective_n_jobs(n_jobs)))))
    batches = cut_batches(jobs, size, weigh or (lambda job: 0))
    if n_jobs == 1 or len(batches) < 2:
        yield from (function(batch, *settings) for batch in batches)
        return
    parallel = Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
    owner = os.getpid()
    yield from parallel(delayed(_run_batch)(owner, function, batch, settings) for batch in batches)


def cut_batches(jobs, size, weigh):
    """Cut a list of jobs into batches of at most `size` jobs, or BATCH_BYTES, and of one at least.

    Returns:
        list of lists.
    """
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


def count_jobs(n_jobs):
    """Tell joblib how many processes to use: what was asked, what it is set to, or all cores."""
    from joblib.parallel import get_active_backend

    if n_jobs is not None:
        return n_jobs
    active = get_active_backend()[1]
    return active if active not in (1, None) else -1


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


def record_folders(manifest, bad, status):
    """Write down, once, the folders that could not be opened, or that pose as files."""
    for name, reason in bad.items():
        if manifest.rows.get(name, {}).get("reason") != reason:
            manifest.append({"file": name, "status": status, "reason": reason})


@contextlib.contextmanager
def work_folder(manifest, job):
    """Make a folder for unfinished files, and clear away those that a killed job left.

    Args:
        manifest: Manifest, which takes over what journals hold; beside it go the finished files:
            on the same disk, a rename is one step.
        job: str, the name of the job; no two of one name may run at once.

    Yields:
        Path.
    """
    folder, prefix = manifest.path.parent, f"{WORK}{job}-"
    _clear_away(folder, prefix, manifest)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        yield work
    finally:
        _clear_away(folder, prefix, manifest)  # all: a killed job's last process may leave some


def _clear_away(folder, prefix, manifest):
    manifest.recover(sorted(Path(folder).glob(f"{prefix}*/*{JOURNAL}")))
    for left in Path(folder).glob(prefix + "*"):
        shutil.rmtree(left, ignore_errors=True)


def check_room(folder):
    """Raise OSError if the disk is full: then it was not the file that was at fault."""
    if shutil.disk_usage(folder).free < ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def told_when_full():
    """Turn the many errors of a full disk into one that says what to do.

    Raises:
        OSError: the disk is full.
    """
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
        (what it gave, or None; str, the reason why not; float, seconds).

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


def fingerprint(path):
    """Tell a file from an earlier one of its name, by size and time; "" if it is gone."""
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def size_of(mark):
    """Read the bytes of a file off its fingerprint."""
    return int(mark.partition("-")[0] or 0)


ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # file names need not be UTF-8
END = "\r\n"  # a row counts only with its line end: the mark that it was written whole


def read_manifest(path):
    """Read the finished rows of a manifest; a later row for the same file replaces an earlier one.

    Args:
        path: The CSV file.

    Returns:
        A list of dictionaries of strings, in the order in which the files were finished.

    Raises:
        FileNotFoundError: If there is no manifest at `path`.
        ValueError: If the file there is no manifest.

    Introduced in lesson 01.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: run the folder job that writes it first.")
    text = path.read_bytes().decode(**ENCODING)
    rows = csv.DictReader(io.StringIO(text[: _whole_rows(text)], newline=""))
    try:
        return list({row["file"]: row for row in rows}.values())
    except (KeyError, csv.Error) as error:
        raise ValueError(f"{path} is no manifest ({error!r}): delete it and run again.") from None


class Manifest:
    """An open manifest: `rows` holds what is finished, `extend` adds rows and flushes them.

    Args:
        path: The CSV file; it is created with its header if it is missing or has other columns.
        columns: The column names; the first must be "file".
        durable: Whether rows are to survive a power cut, not only the end of the process.

    Raises:
        ValueError: If another job is writing to the same manifest, or `path` is no file.

    Introduced in lesson 01.
    """

    def __init__(self, path, columns, durable=True):
        self.path, self.columns, self.durable = Path(path), list(columns), durable
        if self.path.exists() and not self.path.is_file():  # a pipe would be waited for, for ever
            raise ValueError(f"{path} is a folder or a device, not a file: move it elsewhere.")
        self._stream = open(self.path, "a+b", buffering=0)  # noqa: SIM115 (it stays open)
        try:
            _lock(self._stream, self.path)
            if not self._repair():
                self._write([self.columns])
            self.rows = {row["file"]: row for row in read_manifest(self.path)}
        except BaseException:
            self._stream.close()
            raise

    def append(self, row):
        """Write one finished row to the disk."""
        self.extend([row])

    def extend(self, rows):
        """Write finished rows, as one piece, to the disk."""
        rows = [
            {name: "" if row.get(name) is None else str(row[name]) for name in self.columns}
            for row in rows
        ]
        for row in rows:
            row |= {"reason": shorten(row["reason"])} if "reason" in row else {}
        self._write(row.values() for row in rows)
        self.rows |= {row["file"]: row for row in rows}

    def record(self, function, jobs, settings, n_jobs, work, bar, weigh=None):
        """Run jobs in batches over the processes of joblib, and write each row to the disk at once.

        A process that works on a batch keeps a journal of the rows that are finished; what it holds
        when the job is killed, `recover` finds.

        Args:
            function: called as function(list of jobs, *settings); gives rows, one by one.
            jobs, settings, n_jobs, weigh: as for `run_batches`.
            work: Path of the folder for the journals, from `work_folder`.
            bar: progress bar.
        """
        settings = (function, self.columns, work, *settings)
        for journal, rows in run_batches(_keep_journal, jobs, settings, n_jobs, weigh):
            self.extend(rows)
            journal.unlink()
            bar.update(len(rows))

    def recover(self, journals):
        """Take over the rows of journals that a job could not finish."""
        for path in journals:
            with contextlib.suppress(ValueError):  # it broke off before its first row
                rows = [row for row in read_manifest(path) if list(row) == self.columns]
                self.extend([row for row in rows if self.rows.get(row["file"]) != row])

    def close(self):
        """Let go of the file; another job may then write to it."""
        self._stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _repair(self):
        """Cut off a half-written last line; start anew where the columns are not ours."""
        self._stream.seek(0)
        text = self._stream.read().decode(**ENCODING)
        whole = text[: _whole_rows(text)]
        header = next(csv.reader(io.StringIO(whole, newline="")), None)
        if header != self.columns:
            whole = ""
        self._stream.truncate(len(whole.encode(**ENCODING)))
        return bool(whole)

    def _write(self, rows):
        lines = io.StringIO(newline="")
        csv.writer(lines, lineterminator=END).writerows(rows)
        data = lines.getvalue().encode(**ENCODING)
        with told_when_full():
            while data:  # a disk that fills up takes a piece first, and says so at the next
                data = data[self._stream.write(data) :]
            if self.durable:
                os.fsync(self._stream.fileno())


def _keep_journal(batch, function, columns, work, *settings):
    """Run one batch, and write each row down at once; gives (Path of the journal, rows)."""
    with Manifest(work / f"{uuid.uuid4().hex}{JOURNAL}", columns, durable=False) as journal:
        for row in function(batch, *settings):
            journal.append(row)
    return journal.path, list(journal.rows.values())


def _whole_rows(text):
    """The length of the text up to its last line end that stands outside quotes."""
    end = start = 0
    for number, piece in enumerate(text.split('"')):
        found = piece.rfind(END)
        if number % 2 == 0 and found >= 0:
            end = start + found + len(END)
        start += len(piece) + 1
    return end


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
