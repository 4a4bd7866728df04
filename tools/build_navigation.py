"""Bring lessons, README and docs into the one form that git keeps, generated parts filled in.

A lesson keeps no outputs and no editor's marks, and its setup cell is the first lesson's. What
stands between marks such as `<!-- navigation -->` and `<!-- /navigation -->` is made here.
"""

import re
import tomllib

import nbformat

from benchmarks.tables import result_tables
from tools import lessons
from tools.draw_architecture import module_table, modules
from tools.lessons import NAVIGATION, ROOT, code_cells, lesson_paths, read_lesson

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY, TAG = PROJECT["urls"]["Repository"], f"v{PROJECT['version']}"
BADGE = "../docs/open_in_colab.svg"  # ours: an open lesson asks nothing of another host


def colab_address(path):
    """Return the address that opens a lesson on Colab, at the tag of this version."""
    repository = REPOSITORY.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{repository}/blob/{TAG}/notebooks/{path.name}"


def setup_source():
    """Return the first lesson's setup cell, which all share, for this repository and version."""
    (cell,) = code_cells(read_lesson(lesson_paths()[0]), "setup")
    return re.sub(r"git\+https:[^\s\"]+", f"git+{REPOSITORY}@{TAG}", cell.source)


def navigation(path, titles):
    """Return a lesson's block of links, markers included; `titles` maps each Path to its title."""
    paths = list(titles)
    place = paths.index(path)
    links = [f'[<img src="{BADGE}" alt="Open in Colab">]({colab_address(path)})']
    links += [f"[← {titles[before]}]({before.name})" for before in paths[:place][-1:]]
    links += [f"[{titles[after]} →]({after.name})" for after in paths[place + 1 :][:1]]
    return f"<!-- navigation -->\n{' · '.join(links)}\n<!-- /navigation -->"


def kept_lesson(path, titles):
    """Return a lesson's text, stripped, with its links and its setup cell filled in."""
    notebook = lessons.stripped(read_lesson(path))
    first = notebook.cells[0]
    first.source = NAVIGATION.sub(lambda _: navigation(path, titles), first.source)
    for cell in code_cells(notebook, "setup"):
        cell.source = setup_source()
    return nbformat.writes(notebook) + "\n"


def lesson_table():
    """Return the lessons and what each promises as a Markdown table."""
    rows = []
    for path in lesson_paths():
        title, promise, minutes = lessons.about(read_lesson(path))
        rows.append((f"[{path.stem[:2]} · {title}](notebooks/{path.name})", promise, minutes))
    return lessons.markdown_table(["lesson", "you will hear", "minutes"], rows)


def stale_files():
    """Return the files that are not in the kept form: dict of Path to the text it should have."""
    titles = {path: lessons.about(read_lesson(path))[0] for path in lesson_paths()}
    pages = {
        "README.md": {"lessons": lesson_table()},
        "docs/results.md": {
            name: lessons.markdown_table([frame.index.name, *frame], frame.itertuples())
            for name, frame in result_tables().items()
        },
        "docs/architecture.md": {"modules": module_table(modules())},
    }
    wanted = {path: kept_lesson(path, titles) for path in titles}
    for name, blocks in pages.items():
        wanted[ROOT / name] = lessons.fill((ROOT / name).read_text(encoding="utf-8"), blocks)
    return {p: text for p, text in wanted.items() if p.read_text(encoding="utf-8") != text}


if __name__ == "__main__":
    for stale, kept in stale_files().items():
        lessons.write_text(stale, kept)
