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
    """Collect the package's definitions.

    Returns:
        dict of name to list of (module name, node).
    """
    found = {}
    for path in MODULES:
        for node in definitions(path.read_text(encoding="utf-8")):
            found.setdefault(node.name, []).append((path.stem, node))
    return found


def shown():
    """Collect the packaged definitions that the lessons show.

    Returns:
        dict of name to list of (lesson stem, node), in the lessons' order.
    """
    names, found = packaged(), {}
    for path in lesson_paths():
        for cell in code_cells(read_lesson(path)):
            if has_tag(cell, "exercise"):
                continue
            for node in definitions(cell.source):
                if node.name in names:
                    found.setdefault(node.name, []).append((path.stem, node))
    return found


SHOWN = shown()
INTRODUCED = {
    f"{module}.{node.name}": number
    for places in packaged().values()
    for module, node in places
    for number in re.findall(r"Introduced in lesson (\w+)", ast.get_docstring(node) or "")
}


def test_lessons_show_the_package():
    lessons = {lesson for places in SHOWN.values() for lesson, _ in places}
    assert len(lessons) >= 5, f"only {sorted(lessons)} show code of the package"


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_shown_code_is_the_packaged_code(name):
    originals = [without_docstrings(node) for _, node in packaged()[name]]
    for lesson, node in SHOWN[name]:
        assert without_docstrings(node) in originals, f"{lesson} shows another {name}"


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_code_is_shown_once(name):
    assert len(SHOWN[name]) == 1, [lesson for lesson, _ in SHOWN[name]]


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_docstring_points_to_the_lesson(name):
    first, node = SHOWN[name][0]
    tree = without_docstrings(node)
    original = next(n for _, n in packaged()[name] if without_docstrings(n) == tree)
    docstring = ast.get_docstring(original) or ""
    assert f"Introduced in lesson {first[:2]}." in docstring, f"{name} is shown in {first}"


def test_docstrings_point_to_lessons_of_the_course():
    numbers = {path.stem[:2] for path in lesson_paths()}
    assert {place: n for place, n in INTRODUCED.items() if n not in numbers} == {}


def test_comparison_sees_code_and_not_docstrings():
    (long,) = definitions('def f(x):\n    """One.\n\n    Two.\n    """\n    return x + 1')
    (short,) = definitions('def f(x):\n    """One."""\n    return x + 1  # why')
    (other,) = definitions('def f(x):\n    """One."""\n    return x + 2')
    assert without_docstrings(long) == without_docstrings(short) != without_docstrings(other)
