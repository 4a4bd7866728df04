"""The record of a folder job: one CSV row a file, which is also where the job resumes.

A row is written only when its file is finished, in one piece and at once flushed to disk. Whatever
stops the job (Ctrl-C, `kill -9`, a power cut), the rows that are there are true, and at most one
half-written line has to be cut off before the job goes on.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import uuid
from pathlib import Path

from .folder_jobs import JOURNAL, run_batches, shorten, told_when_full

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
