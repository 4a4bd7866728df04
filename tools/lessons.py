"""What the tools and the tests know about a lesson's file: its name, title, tags and parameters."""

import ast
import re
from pathlib import Path

import nbformat

from lstmgan_utils.runtime import atomic_path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NAVIGATION = re.compile(r"<!-- navigation -->(?:.*?<!-- /navigation -->)?", re.DOTALL)
# The blank lines make JupyterLab, Colab and GitHub read the inside as Markdown.
FOLD = r"<details><summary>Solution</summary>\n\n(.+?)\n\n```python\n(.+?)\n```\n\n</details>"


def lesson_paths(folder=NOTEBOOKS):
    """List the lessons of a folder in order; raise FileNotFoundError where there is none."""
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no lesson: a notebook NN_name.ipynb")
    return paths


def read_lesson(path):
    """Read a notebook as nbformat 4."""
    return nbformat.read(path, as_version=4)


def stripped(notebook):
    """Remove, in place, what running and editing leave in a notebook, tags excepted; return it."""
    notebook.metadata = METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        cell.source = cell.source.rstrip()
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def has_tag(cell, tag):
    """Return whether a cell carries a tag."""
    return tag in cell.metadata.get("tags", [])


def code_cells(notebook, tag=None):
    """List the code cells of a notebook, or those with one tag."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or has_tag(cell, tag)]


def solution_of(cell):
    """Return a folded solution's (explanation, code), or None where the cell is something else."""
    found = cell.cell_type == "markdown" and re.fullmatch(FOLD, cell.source, re.DOTALL)
    return found.groups() if found else None


def about(notebook):
    """Return a lesson's title, what *At the end you will hear …* promises, and its minutes."""
    first = notebook.cells[0].source
    title = first.splitlines()[0].removeprefix("# ")
    promise = re.search(r"At the end you will hear\s+(.+?)\.?\*", first, re.DOTALL)
    minutes = re.search(r"(\d+)\s*minutes?", first)
    return title, " ".join(promise[1].split()) if promise else "", minutes[1] if minutes else ""


def read_parameters(notebook):
    """Return what a lesson's `parameters` cell sets: dict of name to value."""
    return {
        target.id: ast.literal_eval(statement.value)
        for cell in code_cells(notebook, "parameters")
        for statement in ast.parse(cell.source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
    }


def markdown_table(header, rows):
    """Return a Markdown table; floats get three digits, and a no stands out."""

    def text(value):
        words = {"True": "yes", "False": "**no**"}
        return f"{value:.3f}" if isinstance(value, float) else words.get(str(value), str(value))

    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(text, line))} |" for line in lines)


def fill(text, blocks):
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`, by a dict of names."""
    for name, block in blocks.items():
        before, start, after, end, rest = re.split(f"(<!-- /?{name} -->)", text)
        text = f"{before}{start}\n{block}\n{end}{rest}"
    return text


def write_text(path, text):
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
