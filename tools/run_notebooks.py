"""Run the lessons in order, each in a fresh kernel, and keep every one as a page to read and hear.

`make course` calls this file, and the tests call `run_notebooks`: there is one way to run a lesson.
A lesson whose text, package and parameters are unchanged, and whose files still stand, is skipped,
so that a run that was cut off goes on where it stopped.
"""

import argparse
import hashlib
import json
import math
import os
import sys
from pathlib import Path
from queue import Empty
from time import monotonic, time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools.lesson_pages import write_index, write_page
from tools.lessons import (
    NOTEBOOKS,
    ROOT,
    code_cells,
    has_tag,
    lesson_paths,
    promise_of,
    read_lesson,
    read_parameters,
    title_of,
    unfold_solutions,
    write_text,
)

# Beside its own text, these files decide what a lesson gives.
INGREDIENTS = (
    "lstmgan_utils/**/*.*",
    "data_sample/manifest.csv",
    "constraints.txt",
    "tools/lesson_page*",
)
# Figures of 9 inches fill a page's column, sharply; the kernel's own remarks are not the lesson's.
KERNEL = ["--InlineBackend.rc=figure.dpi=110", "--log-level=50"]
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class LessonError(RuntimeError):
    """A lesson stopped; the message names it and quotes the kernel."""


class PollingClient(NotebookClient):
    """A notebook client that asks the kernel four times a second instead of waiting once.

    The plain client may miss a reply while a cell fills an output widget, and then waits for its
    whole timeout (jupyter/nbclient#312).
    """

    async def async_start_new_kernel_client(self):
        """Start the channels as usual, then make the shell channel poll."""
        client = await super().async_start_new_kernel_client()
        client.shell_channel.get_msg = in_slices(client.shell_channel.get_msg)
        return client


def in_slices(receive, seconds=0.25):
    """Wrap a channel's `get_msg`, which may raise `queue.Empty`, to wait in short slices."""

    async def get_msg(timeout=None):
        deadline = math.inf if timeout is None else monotonic() + timeout
        while True:
            try:
                return await receive(timeout=max(0.0, min(seconds, deadline - monotonic())))
            except Empty:
                if monotonic() >= deadline:
                    raise

    return get_msg


def inject_parameters(notebook, values):
    """Insert, in place, a cell that overrides parameters (dict) after the `parameters` cell.

    Raises:
        ValueError: a name is not a parameter of this lesson.
    """
    known = read_parameters(notebook)
    for name in values:
        if name not in known:
            raise ValueError(f"{name} is no parameter of this lesson; it has: {', '.join(known)}")
    if values:
        place = next(i for i, cell in enumerate(notebook.cells) if has_tag(cell, "parameters"))
        source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
        notebook.cells.insert(place + 1, cell)


def digest(*parts):
    """Hash texts and bytes to one hex string."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()


def hash_ingredients(root=ROOT):
    """Hash the files that every lesson depends on."""
    files = sorted({path for pattern in INGREDIENTS for path in root.glob(pattern)})
    files = [path for path in files if path.is_file() and path.suffix != ".pyc"]
    names = [path.relative_to(root).as_posix() for path in files]
    return digest(*names, *(path.read_bytes() for path in files))


def execute(notebook, folder, timeout):
    """Run a notebook in a fresh kernel, in place.

    Args:
        notebook: NotebookNode.
        folder: Path of the kernel's working directory.
        timeout: float, seconds for the whole notebook.

    Raises:
        LessonError: A cell failed, or time ran out.
    """
    deadline = monotonic() + timeout
    client = PollingClient(
        notebook,
        timeout_func=lambda cell: max(1, math.ceil(deadline - monotonic())),
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=KERNEL,
    )
    # A backend set outside (CI often says Agg) would keep figures out of the page.
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    try:
        client.execute(env=QUIET | env)
    except CellTimeoutError as error:
        raise LessonError(f"it took longer than {timeout:.0f} s\n{str(error)[:1000]}") from error
    except (CellExecutionError, DeadKernelError) as error:
        raise LessonError(str(error)) from error


def files_made(outputs, since):
    """List what a lesson left since a time, two folder levels deep: enough to notice its loss."""
    new = (p for p in outputs.rglob("*") if p.is_file() and p.stat().st_mtime >= since)
    parts = (path.relative_to(outputs).parts for path in new)
    return sorted({"/".join(names[:2]) for names in parts if names[0] != "pages"})


def is_current(record, key, page):
    """Return whether a lesson's page and files are what running it again would give."""
    made = [page, *(page.parent.parent / name for name in record.get("made", []))]
    return record.get("key") == key and all(path.exists() for path in made)


def run_lesson(notebook, page, titles, folder, timeout):
    """Run one lesson and its solutions, write its page: dict of seconds (float), made (list)."""
    print(f"{page.stem:<24}", end="", flush=True)
    start, begun = monotonic(), time() - 0.1  # file times come from a coarser clock
    unfold_solutions(notebook)
    execute(notebook, folder, timeout)
    write_page(notebook, page, titles, folder)
    seconds = round(monotonic() - start, 1)
    print(f"{seconds:8.1f} s", flush=True)
    return {"seconds": seconds, "made": files_made(page.parent.parent, begun)}


def plan(paths, parameters):
    """Read the lessons, override their parameters and compute their keys.

    Yields:
        (name, NotebookNode, key): the key is a hash of the lesson's own text, of the code of the
        lessons before it, and of the package.

    Raises:
        ValueError: `parameters` names no lesson, or no parameter of one.
    """
    unknown = sorted(set(parameters) - {path.stem for path in paths})
    if unknown:
        raise ValueError(f"parameters are given for {', '.join(unknown)}, which is no lesson")
    before = hash_ingredients()
    for path in paths:
        notebook = read_lesson(path)
        try:
            inject_parameters(notebook, parameters.get(path.stem, {}))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        yield path.stem, notebook, digest(before, *(cell.source for cell in notebook.cells))
        before = digest(before, *(cell.source for cell in code_cells(notebook)))


def run_notebooks(folder, pages, parameters=None, *, timeout=900, fresh=False):
    """Run every lesson of a folder that is not up to date, in order, and write the pages.

    Args:
        folder: Path of the notebooks, also their working directory.
        pages: Path of the folder for the pages; its parent holds the lessons' artefacts.
        parameters: dict of lesson name to dict of parameter overrides.
        timeout: float, seconds for one lesson.
        fresh: bool, True to run also what is up to date.

    Returns:
        dict of lesson name to its record (key, seconds, made); pages/manifest.json holds the same.

    Raises:
        LessonError: A lesson failed; the pages before it are kept.
    """
    folder, pages = Path(folder), Path(pages)
    lessons = list(plan(lesson_paths(folder), parameters or {}))
    titles = {name: (title_of(notebook), promise_of(notebook)) for name, notebook, _ in lessons}
    manifest = pages / "manifest.json"
    record = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    for name, notebook, key in lessons:
        page = pages / f"{name}.html"
        if not fresh and is_current(record.get(name, {}), key, page):
            print(f"{name:<24} up to date", flush=True)
            continue
        try:
            record[name] = {"key": key} | run_lesson(notebook, page, titles, folder, timeout)
        except LessonError as error:
            raise LessonError(f"{name}.ipynb stopped: {error}") from error
        write_text(manifest, json.dumps(record, indent=1) + "\n")
    write_index(pages, titles)
    return record


def read_parameters_file(path):
    """Read a JSON file of overrides, `{lesson: {parameter: value}}`; raise where it is none."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: PARAMETERS takes the path of a JSON file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error})") from error


def main():
    """Read the command line of `make course` and run the lessons."""
    parser = argparse.ArgumentParser(description="Run the lessons in order and write their pages.")
    parser.add_argument("--pages", type=Path, default=ROOT / "outputs" / "pages")
    parser.add_argument("--parameters", type=Path, help="JSON: {lesson: {parameter: value}}")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one lesson")
    parser.add_argument("--fresh", action="store_true", help="run also what is up to date")
    options = parser.parse_args()
    try:
        parameters = read_parameters_file(options.parameters) if options.parameters else {}
        how = {"timeout": options.timeout, "fresh": options.fresh}
        run_notebooks(NOTEBOOKS, options.pages, parameters, **how)
    except (LessonError, ValueError, FileNotFoundError) as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. `make course` goes on from here.")


if __name__ == "__main__":
    main()
