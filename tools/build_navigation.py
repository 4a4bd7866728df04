"""Fill the links that depend on the list of lessons and on the project's address.

In every notebook: the badge and the lessons before and after, between `<!-- navigation -->` and
`<!-- /navigation -->`. In the README: the table of lessons. `make format` writes them; `--check`
names the files that differ and fails.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat

from lstmgan_utils.runtime import atomic_path
from tools.lessons import (
    NAVIGATION,
    ROOT,
    lesson_paths,
    project_table,
    promise_of,
    read_lesson,
    title_of,
)

LESSONS = re.compile(r"<!-- lessons -->.*?<!-- /lessons -->", re.DOTALL)
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


def colab_address(path):
    """Give the address that opens a lesson on Colab, at the tag of this version."""
    project = project_table()
    repository = project["urls"]["Repository"].removeprefix("https://github.com/")
    inside = f"blob/v{project['version']}/notebooks/{path.name}"
    return f"https://colab.research.google.com/github/{repository}/{inside}"


def navigation(path, paths, titles):
    """Write a lesson's block of links.

    Args:
        path: Path of the lesson.
        paths: list of Path of all lessons, in order.
        titles: list of str, their titles.

    Returns:
        str of Markdown, markers included.
    """
    place = paths.index(path)
    links = [f"[![Open in Colab]({BADGE})]({colab_address(path)})"]
    if place > 0:
        links.append(f"[← {titles[place - 1]}]({paths[place - 1].name})")
    if place + 1 < len(paths):
        links.append(f"[{titles[place + 1]} →]({paths[place + 1].name})")
    return f"<!-- navigation -->\n{' · '.join(links)}\n<!-- /navigation -->"


def linked_notebook(path, paths, titles):
    """Give a lesson's text with its links filled in.

    Raises:
        ValueError: The first cell has no place for them.
    """
    notebook = read_lesson(path)
    first = notebook.cells[0]
    if not NAVIGATION.search(first.source):
        raise ValueError(f"{path.name}: put a line <!-- navigation --> below the title")
    links = navigation(path, paths, titles)
    first.source = NAVIGATION.sub(lambda _: links, first.source)
    return nbformat.writes(notebook) + "\n"


def linked_readme(readme, paths, titles):
    """Give the README with its table of lessons filled in."""
    rows = ["| lesson | you will hear |", "|---|---|"]
    for path, title in zip(paths, titles, strict=True):
        link = f"[{path.stem[:2]} · {title}](notebooks/{path.name})"
        rows.append(f"| {link} | {promise_of(read_lesson(path))} |")
    table = "\n".join(["<!-- lessons -->", *rows, "<!-- /lessons -->"])
    return LESSONS.sub(lambda _: table, readme.read_text(encoding="utf-8"))


def linked_files():
    """Give every file that holds generated links, as it should be.

    Returns:
        dict of Path to str.
    """
    paths, readme = lesson_paths(), ROOT / "README.md"
    titles = [title_of(read_lesson(path)) for path in paths]
    wanted = {path: linked_notebook(path, paths, titles) for path in paths}
    return wanted | {readme: linked_readme(readme, paths, titles)}


def stale_files():
    """List the files whose links are out of date.

    Returns:
        dict of Path to str, the text that each should have.
    """
    wanted = linked_files()
    return {p: text for p, text in wanted.items() if p.read_text(encoding="utf-8") != text}


def main():
    """Fill the links, or check that they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if needed")
    stale = stale_files()
    if parser.parse_args().check:
        if stale:
            names = ", ".join(path.name for path in stale)
            sys.exit(f"links are out of date in {names}; run `make format`")
        return
    for path, text in stale.items():
        with atomic_path(Path(path)) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
