"""Run the lessons in order, each in a fresh kernel, and keep every one as a page to read and hear.

A lesson whose text, package and parameters are unchanged, and whose files still stand, is skipped,
so that a run that was cut off goes on where it stopped. The tests run lessons in this way too.
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path
from time import monotonic, time

import joblib
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell

from tools import lessons
from tools.lessons import NOTEBOOKS, ROOT, write_text
from tools.pages import write_index, write_page

# Beside its own text, these files decide what a lesson gives.
INGREDIENTS = ("lstmgan_utils/**/*.*", "data_sample/manifest.csv", "constraints.txt")
INGREDIENTS += ("tools/lesson_page.html", "tools/pages.py", "tools/run_notebooks.py")
# Figures of 9 inches fill a page's column, sharply; the kernel's own remarks are not the lesson's.
KERNEL = ["--InlineBackend.rc=figure.dpi=110", "--log-level=50"]
ENVIRONMENT = {  # a backend set outside (CI often says Agg) would keep figures out of the page
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class LessonError(RuntimeError):
    """A lesson stopped; the message names it and quotes the kernel."""


def inject_parameters(notebook, values, name="this lesson"):
    """Insert, in place, a cell that overrides parameters (dict) after the `parameters` cell."""
    known = lessons.read_parameters(notebook)
    for key in values:
        if key not in known:
            raise ValueError(f"{key} is no parameter of {name}; it has: {', '.join(known)}")
    if values:
        tagged = [lessons.has_tag(cell, "parameters") for cell in notebook.cells]
        source = "\n".join(f"{key} = {value!r}" for key, value in values.items())
        notebook.cells.insert(tagged.index(True) + 1, new_code_cell(source))


def unfold_solutions(notebook):
    """Make every folded solution a code cell that runs, its explanation in the metadata."""
    for place, cell in enumerate(notebook.cells):
        if found := lessons.solution_of(cell):
            metadata = {"tags": ["solution"], "explanation": found[0]}
            notebook.cells[place] = new_code_cell(found[1], metadata=metadata)


def execute(notebook, name, folder, timeout):
    """Run a lesson in a fresh kernel, in place; `timeout` (s) is for the whole of it."""
    deadline = monotonic() + timeout
    client = NotebookClient(
        notebook,
        timeout_func=lambda cell: max(1, math.ceil(deadline - monotonic())),
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=KERNEL,
    )
    try:
        client.execute(env=os.environ | ENVIRONMENT)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        late = f"it took longer than {timeout:.0f} s\n" if monotonic() > deadline else ""
        raise LessonError(f"{name}.ipynb stopped: {late}{error}") from error


def hash_ingredients(root=ROOT):
    """Return a hash of the files that every lesson depends on."""
    files = sorted({path for pattern in INGREDIENTS for path in root.glob(pattern)})
    files = [path for path in files if path.is_file() and path.suffix != ".pyc"]
    return joblib.hash([(path.relative_to(root).as_posix(), path.read_bytes()) for path in files])


def plan(folder, parameters):
    """Yield each lesson of a folder with its parameters overridden: (name, NotebookNode, key).

    The key is a hash of the lesson's own text, of the code of the lessons before, and of the
    package.
    """
    paths = lessons.lesson_paths(folder)
    unknown = sorted(set(parameters) - {path.stem for path in paths})
    if unknown:
        raise ValueError(f"parameters are given for {', '.join(unknown)}, which is no lesson")
    before = hash_ingredients()
    for path in paths:
        notebook = lessons.read_lesson(path)
        inject_parameters(notebook, parameters.get(path.stem, {}), path.name)
        yield path.stem, notebook, joblib.hash([before, *(c.source for c in notebook.cells)])
        before = joblib.hash([before, *(c.source for c in lessons.code_cells(notebook))])


def files_made(outputs, since):
    """List what a lesson left since a time, two folder levels deep: enough to notice its loss."""
    new = (p for p in outputs.rglob("*") if p.is_file() and p.stat().st_mtime >= since)
    parts = (path.relative_to(outputs).parts for path in new)
    return sorted({"/".join(names[:2]) for names in parts})


def run_notebooks(folder, pages, parameters=None, *, timeout=900):
    """Run every lesson of a folder that is not up to date, in order, and write the pages.

    `pages` is the folder for them; its parent holds the lessons' artefacts. `parameters` maps a
    lesson's name to a dict of overrides; `timeout` is in seconds, for one lesson.

    Returns a dict of lesson name to its record, which pages/manifest.json holds too: key, seconds
    that it took, and made (list of files). Raises LessonError where a lesson failed, the pages
    before it are kept; ValueError where `parameters` names no lesson, or no parameter of one.
    """
    planned, outputs = list(plan(folder, parameters or {})), Path(pages).parent
    manifest = Path(pages) / "manifest.json"
    about = {name: lessons.about(notebook) for name, notebook, _ in planned}
    record = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    for name, notebook, key in planned:
        start, page = time(), manifest.with_name(f"{name}.html")
        print(f"{name:<24}", end="", flush=True)
        known = record.get(name, {"key": None, "made": []})
        if known["key"] == key and all((outputs / made).exists() for made in known["made"]):
            print(" up to date", flush=True)
            continue
        unfold_solutions(notebook)
        execute(notebook, name, folder, timeout)
        seconds = round(time() - start, 1)
        write_page(notebook, page, about)
        print(f"{seconds:8.1f} s", flush=True)
        made = files_made(outputs, start - 0.1)  # file times come from a coarser clock
        record[name] = {"key": key, "seconds": seconds, "made": made}
        write_text(manifest, json.dumps(record, indent=1) + "\n")
    write_index(manifest.parent, about, {name: record[name]["seconds"] for name in about})
    return record


def main():
    """Read the command line of `make course` and run the lessons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parameters", type=Path, help="JSON: {lesson: {parameter: value}}")
    path = parser.parse_args().parameters
    try:
        parameters = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError) as error:
        sys.exit(f"{path} is no JSON file of {{lesson: {{parameter: value}}}} ({error})")
    try:
        run_notebooks(NOTEBOOKS, ROOT / "outputs" / "pages", parameters)
    except (LessonError, ValueError, FileNotFoundError) as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. `make course` goes on from here.")


if __name__ == "__main__":
    main()
