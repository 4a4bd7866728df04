"""Run the lessons in order, each in a fresh kernel, and keep every one as a page to read and hear.

`make course` calls this file, and the tests call `run_notebooks`: there is one way to run a lesson.
A lesson whose text, package and parameters are unchanged, and whose files still stand, is skipped,
so that a run that was cut off goes on where it stopped.
"""

import argparse
import json
import math
import os
import re
import sys
from pathlib import Path
from time import monotonic, time

import joblib
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from tools import lessons
from tools.lessons import NAVIGATION, NOTEBOOKS, ROOT, write_text

# Beside its own text, these files decide what a lesson gives.
INGREDIENTS = ("lstmgan_utils/**/*.*", "data_sample/manifest.csv", "constraints.txt")
INGREDIENTS += ("tools/lesson_page.html", "tools/run_notebooks.py")
# Figures of 9 inches fill a page's column, sharply; the kernel's own remarks are not the lesson's.
KERNEL = ["--InlineBackend.rc=figure.dpi=110", "--log-level=50"]
ENVIRONMENT = {  # a backend set outside (CI often says Agg) would keep figures out of the page
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
# A live widget needs a kernel and a script a network, so a page shows what either brings beside.
KINDS = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
SHOWN = Config(NbConvertBase={"display_data_priority": KINDS})
LESSON_LINK = re.compile(r'href="(?:\./)?(\d\d_\w+)\.ipynb(#[^"]*)?"')
HERE = "These pages hold every lesson as it ran. To change things, open the notebooks: `make lab`."
STILL_PLAYER = re.compile(r'<img alt="Piano roll.*?</audio>', re.DOTALL)


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


def write_html(notebook, path, title, links=()):
    """Write a page that needs no kernel and no network; `links` are pairs (page's name, text)."""
    template = str(Path(__file__).with_name("lesson_page.html"))
    exporter = HTMLExporter(SHOWN, template_name="basic", template_file=template)
    light, dark = HtmlFormatter(style="default"), HtmlFormatter(style="github-dark")
    styles = [style.get_style_defs(".highlight") for style in (light, dark)]
    about = {"title": title, "links": links, "styles": styles}
    page, _ = exporter.from_notebook_node(notebook, about)
    page = re.sub(r"<table.*?</table>", r'<div class="table">\g<0></div>', page, flags=re.DOTALL)
    write_text(path, LESSON_LINK.sub(r'href="\1.html\2"', page))


def write_page(notebook, path, titles):
    """Write an executed lesson as a page; `titles` maps all names to (title, promise), in order."""
    heading = ""
    for cell in notebook.cells:  # each figure gets the heading above it as its alternative text
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)][-1]
        cell.metadata.setdefault("alt", heading)
    # The badge and the links in the notebook are for GitHub; the page has its own.
    notebook.cells[0].source = NAVIGATION.sub("", notebook.cells[0].source)
    names = list(titles)
    place = names.index(path.stem)
    links = [(name, f"← {titles[name][0]}") for name in names[:place][-1:]]
    links += [("index", "All lessons")]
    links += [(name, f"{titles[name][0]} →") for name in names[place + 1 :][:1]]
    write_html(notebook, path, titles[path.stem][0], links)


def write_index(pages, titles):
    """Write the page that lists the lessons, with the first song that one of them plays."""
    texts = [(pages / f"{name}.html").read_text(encoding="utf-8") for name in titles]
    song = STILL_PLAYER.search("".join(texts))
    welcome = (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")[:2]
    parts = [*welcome, HERE, f"<figure>{song[0]}</figure>" if song else ""]
    for name, (title, promise) in titles.items():
        parts.append(f"- [{name[:2]} · {title}]({name}.html): {promise}")
    cell = new_markdown_cell("\n\n".join(parts))
    write_html(new_notebook(cells=[cell]), pages / "index.html", "LSTM-GAN")


def hash_ingredients(root=ROOT):
    """Return a hash of the files that every lesson depends on."""
    files = sorted({path for pattern in INGREDIENTS for path in root.glob(pattern)})
    files = [path for path in files if path.is_file() and path.suffix != ".pyc"]
    return joblib.hash([(path.relative_to(root).as_posix(), path.read_bytes()) for path in files])


def plan(folder, parameters):
    """Read the lessons of a folder, override their parameters and compute their keys.

    Yields:
        (name, NotebookNode, key): the key is a hash of the lesson's own text, of the code of the
        lessons before it, and of the package.
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

    Args:
        folder: Path of the notebooks, also their working directory.
        pages: Path of the folder for the pages; its parent holds the lessons' artefacts.
        parameters: dict of lesson name to dict of parameter overrides.
        timeout: float, seconds for one lesson.

    Returns:
        dict of lesson name to its record: key, and made (list); pages/manifest.json holds the same.

    Raises:
        LessonError: a lesson failed; the pages before it are kept.
        ValueError: `parameters` names no lesson, or no parameter of one.
    """
    planned, outputs = list(plan(folder, parameters or {})), Path(pages).parent
    manifest = Path(pages) / "manifest.json"
    titles = {name: (lessons.title_of(n), lessons.promise_of(n)) for name, n, _ in planned}
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
        write_page(notebook, page, titles)
        print(f"{time() - start:8.1f} s", flush=True)
        # File times come from a coarser clock.
        record[name] = {"key": key, "made": files_made(outputs, start - 0.1)}
        write_text(manifest, json.dumps(record, indent=1) + "\n")
    write_index(manifest.parent, titles)
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
