"""What every folder job needs: the list of files, processes, a time limit, and the manifest.

A job runs through joblib, builds each output in a work folder beside its place, renames it into
place, and records it in a manifest from which it can be resumed.
"""

import contextlib
import csv
import errno
import functools
import io
import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

from .runtime import progress_bar, shorten

BATCH = 32  # files a batch, at most
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
LEAVE = getattr(signal, "SIGUSR1", signal.SIGINT)  # nohup and scripts may switch Ctrl-C's off
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # file names need not be UTF-8
END = "\r\n"  # a row counts only with its line end: the mark that it was written whole


def run_batches(function, jobs, settings, n_jobs, most=None):
    """Run jobs (a list) in batches over the processes of joblib; yield the results of each batch.

    function(batch, *settings) returns or yields a result for each job. `n_jobs`: int, processes;
    None for what `joblib.parallel_config` says, or all cores. `most`: int, jobs in a batch.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend

    backend, active = get_active_backend()
    if n_jobs is None:
        n_jobs = active if active not in (1, None) else -1
    size = min(most or BATCH, len(jobs) // (2 * effective_n_jobs(n_jobs)) + 1)
    batches = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    n_jobs = n_jobs if len(batches) > 1 else 1
    parallel = Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
    owner = os.getpid() if type(backend).__name__ == "LokyBackend" else None  # not on a cluster
    run = delayed(_run_batch)
    yield from parallel(run(owner, function, batch, settings) for batch in batches)


def _run_batch(owner, function, batch, settings):
    """Run one batch; a process that the job (its id is `owner`) started ends with the job."""
    if owner not in (None, os.getpid()):
        _watch(owner)
    return list(function(batch, *settings))


@functools.cache  # once a process, however many batches it is given
def _watch(owner):
    """End this process when the job is killed: joblib's would wait for work for minutes."""

    def wait():
        while os.getppid() == owner:
            time.sleep(0.5)
        os.kill(os.getpid(), LEAVE)  # what it started (MuseScore) ends, unfinished files go
        time.sleep(2)
        os._exit(1)

    signal.signal(LEAVE, signal.default_int_handler)
    threading.Thread(target=wait, daemon=True).start()


def find_files(folder, suffixes, what, skip=""):
    """Return the files of a folder and of the folders in it, sorted list of paths inside it.

    Their names end in one of the suffixes (lower case). A folder with such a name, or one that
    cannot be read, is listed too, so that the job can tell why it failed; hidden folders, links and
    the one called `skip` are left out. `what` says what such a file is called. Raises
    FileNotFoundError: no such folder; ValueError: it holds no such file.
    """
    folder, found, unreadable = Path(folder), [], []
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; give the folder that holds the {what}s")
    for place, folders, names in os.walk(folder, onerror=lambda e: unreadable.append(e.filename)):
        inside = Path(place).relative_to(folder)
        folders[:] = [name for name in folders if name[0] != "." and inside / name != Path(skip)]
        fitting = (name for name in names + folders if name.lower().endswith(suffixes))
        found += [(inside / name).as_posix() for name in fitting]
    found += [Path(place).relative_to(folder).as_posix() for place in unreadable]
    if not found:
        raise ValueError(f"{folder} holds no {what} ({', '.join(suffixes)}); choose another folder")
    return sorted(set(found))


@contextlib.contextmanager
def time_limit(seconds):
    """Raise TimeoutError in the block when it works longer than this, in processor time.

    It needs a signal: on Windows and in a Dask thread only the bounds on what is read limit it.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGPROF"):
        yield
        return

    def stop(*_):
        raise TimeoutError(f"it needed more than {seconds:g} s; raise the timeout, or leave it out")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def attempt(timeout, function, *arguments):
    """Call a function on one file of a folder, so that nothing in the file can stop the job.

    Returns (what it returned, or None; str, the reason why not; float, seconds). Raises OSError
    only where the disk is full, as no other file would fare better.
    """
    start = time.perf_counter()
    result, reason = None, ""
    try:
        with time_limit(timeout):
            result = function(*arguments)
    except (ValueError, TimeoutError) as error:
        reason = str(error)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        reason = f"it cannot be read or written: {error.strerror}"
    except Exception as error:  # whatever a strange file sets off, the folder goes on
        reason = f"it set off an error, please report it: {shorten(repr(error), 200)}"
    return result, reason, time.perf_counter() - start


def _fingerprint(path):
    """Return size and time of a file as "size-time", "" if it is gone."""
    with contextlib.suppress(OSError):
        facts = os.stat(path)
        return f"{facts.st_size}-{facts.st_mtime_ns}"
    return ""


def read_manifest(path):
    """Read the finished rows of a manifest (a CSV file), the last for each file: list of dict.

    Raises FileNotFoundError where there is nothing, ValueError where the file is no manifest.
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


class Manifest(contextlib.AbstractContextManager):
    """The open record of a folder job: `rows` holds what is finished, `add` writes more.

    The CSV file is made anew if it is missing or has other columns; a half-written last line is cut
    off. The columns: "file", "reason", and for `unfinished` also "source" (size and time of the
    file), "asked" (the settings) and "output" (a path beside the manifest). Raises ValueError while
    another job is writing to the same manifest.
    """

    def __init__(self, path, columns):
        self.path, self.columns = Path(path), list(columns)
        self._stream = open(self.path, "a+b", buffering=0)  # noqa: SIM115 (it stays open)
        _lock(self._stream, self.path)
        self._stream.seek(0)
        whole = _whole_rows(self._stream.read())
        if next(csv.reader(io.StringIO(whole, newline="")), None) != self.columns:
            whole = ""
        self._stream.truncate(len(whole.encode(**ENCODING)))
        if not whole:
            self._write(self.columns)
        self.rows = {row["file"]: row for row in read_manifest(self.path)}

    def unfinished(self, folder, files, asked):
        """Return those files of a folder that are new, changed, or asked for in another way.

        They come as a list of (str name, str source): jobs for `run`, which may be made longer.
        """

        jobs = [(name, _fingerprint(folder / name)) for name in files]
        done = {
            (row["file"], row["source"])
            for row in self.rows.values()
            if row["asked"] == asked and (self.path.parent / row["output"]).exists()
        }  # of what failed the output is "", the folder itself
        return [job for job in jobs if job not in done]

    def add(self, row):
        """Write the row (dict) of a finished file to the disk."""
        row = {name: str(row.get(name, "")) for name in self.columns}
        row["reason"] = shorten(row["reason"])
        self._write(row.values())
        self.rows[row["file"]] = row

    def run(self, function, jobs, settings, n_jobs, description, progress, most=1):
        """Run jobs as `run_batches` does, and write each row to the disk at once.

        function(batch, Path of a work folder, *settings) yields rows. Raises OSError: disk full.
        """
        work = self.path.with_name(f".work-{self.path.stem}")
        shutil.rmtree(work, ignore_errors=True)  # what a killed job left there
        work.mkdir(exist_ok=True)
        try:
            with progress_bar(total=len(jobs), description=description, progress=progress) as bar:
                for rows in run_batches(function, jobs, (work, *settings), n_jobs, most):
                    for row in rows:
                        self.add(row)
                        bar.update()
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def __exit__(self, *exception):
        self._stream.close()  # another job may then write to it

    def _write(self, row):
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator=END).writerow(row)
        data = line.getvalue().encode(**ENCODING)
        while data:  # a disk that fills up takes a piece first, and says so at the next
            data = data[self._stream.write(data) :]
        os.fsync(self._stream.fileno())


def _whole_rows(data):
    """Return the text up to its last line end that stands outside quotes."""
    text = data.decode(**ENCODING)
    bare = re.sub('"[^"]*"?', lambda quoted: "_" * len(quoted[0]), text)
    return text[: bare.rfind(END) + len(END)] if END in bare else ""


def _lock(stream, path):
    """Hold the manifest for this process; the system lets go of it even after `kill -9`."""
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise ValueError(
            f"{path} is being written by another job: wait until it ends, or choose another folder."
        ) from None
    except (ImportError, OSError):  # Windows, or a file system without locks
        pass
