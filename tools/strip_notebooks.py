"""Bring every lesson into the one form that git keeps: no outputs, no counts, no editor's marks.

`make format` writes it; `--check` names the files that differ and fails.
"""

import argparse
import sys

import nbformat

from lstmgan_utils.runtime import atomic_path
from tools.lessons import lesson_paths, read_lesson

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def strip(notebook):
    """Remove what running and editing leave in a notebook, in place; tags stay."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.source = cell.source.rstrip()
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def stripped_text(path):
    """Read a notebook and write it in the kept form.

    Returns:
        str of JSON, ending in a newline.
    """
    notebook = read_lesson(path)
    strip(notebook)
    return nbformat.writes(notebook) + "\n"


def main():
    """Strip every lesson, or check that nothing is left to strip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if needed")
    check = parser.parse_args().check
    changed = []
    for path in lesson_paths():
        text = stripped_text(path)
        if text == path.read_text(encoding="utf-8"):
            continue
        changed.append(path.name)
        if not check:
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    if check and changed:
        sys.exit(f"not in the kept form: {', '.join(changed)}; run `make format`")


if __name__ == "__main__":
    main()
