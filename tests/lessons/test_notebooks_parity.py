"""Shown once, imported after: what a lesson defines is what the package holds."""

import ast
import re

import pytest

from tools.lessons import ROOT, code_cells, has_tag, lesson_paths, read_lesson

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
LESSONS = {path.stem[:2]: read_lesson(path) for path in lesson_paths()}


def definitions(source):
    """List the top-level functions and classes of a source text."""
    lines = ("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    return [node for node in ast.parse("\n".join(lines)).body if isinstance(node, DEFINITIONS)]


def without_docstrings(node):
    """Dump a definition's syntax tree (no comments, no layout), its docstrings left out."""
    node = ast.parse(ast.unparse(node)).body[0]  # a copy
    for inner in ast.walk(node):
        if isinstance(inner, DEFINITIONS) and ast.get_docstring(inner) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return ast.dump(node)


def introduced(node):
    """List the lessons that introduce a definition, as its docstring says."""
    return re.findall(r"Introduced in lesson (\w+)", ast.get_docstring(node) or "")


def code_of(notebook):
    """Join what a lesson says in code: its cells, and the blocks and `names` of its prose."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    cells = (cell.source for cell in code_cells(notebook))
    return "\n".join([*cells, *re.findall(r"```.*?```|`[^`\n]+`", prose, re.DOTALL)])


PATHS = sorted((ROOT / "lstmgan_utils").rglob("*.py"))
MODULES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}
PACKAGED, SHOWN = {}, {}  # name to the definitions of it, and to (lesson's number, definition)
for _text in MODULES.values():
    for _node in definitions(_text):
        PACKAGED.setdefault(_node.name, []).append(_node)
for _number, _notebook in LESSONS.items():
    for _cell in code_cells(_notebook):
        for _node in [] if has_tag(_cell, "exercise") else definitions(_cell.source):
            if _node.name in PACKAGED:
                SHOWN.setdefault(_node.name, []).append((_number, _node))


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_shown_code_is_the_packaged_code_and_shown_once(name):
    ((number, node),) = SHOWN[name]
    tree = without_docstrings(node)
    same = [original for original in PACKAGED[name] if without_docstrings(original) == tree]
    assert same, f"lesson {number} shows another {name}"
    assert introduced(same[0]) == [number], f"{name} is shown in lesson {number}"


def test_docstrings_point_to_lessons_that_name_the_function():
    said = {number: code_of(notebook) for number, notebook in LESSONS.items()}
    nodes = (node for text in MODULES.values() for node in ast.walk(ast.parse(text)))
    for node in (node for node in nodes if isinstance(node, DEFINITIONS)):
        for number in introduced(node):
            assert re.search(rf"\b{node.name}\b", said.get(number, "")), (node.name, number)


def test_comparison_sees_code_and_not_docstrings():
    texts = "return x + 1", '"""One."""\n    return x + 1  # why', "return x + 2"
    same, documented, other = (
        without_docstrings(*definitions(f"def f(x):\n    {text}")) for text in texts
    )
    assert same == documented != other
