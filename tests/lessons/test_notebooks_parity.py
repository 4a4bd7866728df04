"""Shown once, imported after: what a lesson defines is what the package holds."""

import ast
import re

import pytest

from tools.lessons import ROOT, code_cells, has_tag, lesson_paths, read_lesson

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MODULES = sorted((ROOT / "lstmgan_utils").rglob("*.py"))


def definitions(source):
    """List the top-level functions and classes of a source text."""
    lines = ("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    return [node for node in ast.parse("\n".join(lines)).body if isinstance(node, DEFINITIONS)]


def without_docstrings(node):
    """Dump a definition's syntax tree, its docstrings left out.

    Comments and layout are no part of a tree, so only a change of code shows.
    """
    node = ast.parse(ast.unparse(node)).body[0]  # a copy
    for inner in ast.walk(node):
        if isinstance(inner, DEFINITIONS) and ast.get_docstring(inner) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return ast.dump(node)


def packaged():
    """Return the package's definitions: dict of name to list of (module name, node)."""
    found = {}
    for path in MODULES:
        for node in definitions(path.read_text(encoding="utf-8")):
            found.setdefault(node.name, []).append((path.stem, node))
    return found


def shown():
    """Return the packaged definitions that lessons show: name to list of (lesson stem, node)."""
    names, found = packaged(), {}
    for path in lesson_paths():
        for cell in code_cells(read_lesson(path)):
            if has_tag(cell, "exercise"):
                continue
            for node in definitions(cell.source):
                if node.name in names:
                    found.setdefault(node.name, []).append((path.stem, node))
    return found


PACKAGED, SHOWN = packaged(), shown()
INTRODUCED = {
    f"{module}.{node.name}": number
    for places in PACKAGED.values()
    for module, node in places
    for number in re.findall(r"Introduced in lesson (\w+)", ast.get_docstring(node) or "")
}


def test_lessons_show_the_package():
    lessons = {lesson for places in SHOWN.values() for lesson, _ in places}
    assert len(lessons) >= 5, f"only {sorted(lessons)} show code of the package"


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_shown_code_is_the_packaged_code_and_shown_once(name):
    ((lesson, node),) = SHOWN[name]
    tree = without_docstrings(node)
    same = [original for _, original in PACKAGED[name] if without_docstrings(original) == tree]
    assert same, f"{lesson} shows another {name}"
    said = f"Introduced in lesson {lesson[:2]}."
    assert said in (ast.get_docstring(same[0]) or ""), f"{name} is shown in {lesson}"


def test_docstrings_point_to_lessons_of_the_course():
    numbers = {path.stem[:2] for path in lesson_paths()}
    assert {place: n for place, n in INTRODUCED.items() if n not in numbers} == {}


def test_comparison_sees_code_and_not_docstrings():
    (long,) = definitions('def f(x):\n    """One.\n\n    Two.\n    """\n    return x + 1')
    (short,) = definitions('def f(x):\n    """One."""\n    return x + 1  # why')
    (other,) = definitions('def f(x):\n    """One."""\n    return x + 2')
    assert without_docstrings(long) == without_docstrings(short) != without_docstrings(other)
