"""Draw the package into docs/architecture.md: its modules and what imports what.

The chart is a Mermaid diagram, which GitHub and JupyterLab draw. `make format` draws anew, and
tests/test_architecture.py compares; it also checks the page's two journeys, which people write.
"""

import ast
import re

from tools.lessons import ROOT, markdown_table

PACKAGE = ROOT / "lstmgan_utils"
PAGE = ROOT / "docs" / "architecture.md"
LAYERS = (  # a module imports from the lines above its own, and from the left of its own line
    ("runtime", "pianoroll", "config"),
    ("audio", "plotting", "folder_jobs"),
    ("conversion", "filtering", "corpus"),
    ("vocabulary", "windows", "generator", "discriminator"),
    ("runs", "gan", "sampling", "callbacks", "training"),
    ("evaluation", "widgets"),
)
MODULES = [module for layer in LAYERS for module in layer]


def modules():
    """Return the package's Python files: dict of path inside it to syntax tree."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def module_of(name):
    """Return the top-level module that a file belongs to: "corpus/store.py" gives "corpus"."""
    return name.split("/")[0].removesuffix(".py")


def imports(trees):
    """Return which top-level module imports which: set of (importer, imported)."""
    found = set()
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == name.count("/") + 1:
                heads = [node.module] if node.module else [alias.name for alias in node.names]
                found |= {(module_of(name), head.split(".")[0]) for head in heads}
    return {(a, b) for a, b in found if a != b and b in map(module_of, trees)}


def lessons_of(module, trees):
    """Return the lessons that introduce what a module holds, such as "01" or "05–06"."""
    texts = [ast.unparse(tree) for name, tree in trees.items() if module_of(name) == module]
    found = sorted(re.findall(r"Introduced in lesson (\w+)", "".join(texts)))
    return "–".join(dict.fromkeys((found[0], found[-1]))) if found else ""


def module_table(trees):
    """Return the modules as a Markdown table: link, lessons, first sentence of the docstring."""
    rows = []
    for module in MODULES:
        name = f"{module}.py" if f"{module}.py" in trees else f"{module}/"
        docstring = ast.get_docstring(trees.get(name) or trees[f"{name}__init__.py"])
        purpose = re.split(r"(?<=[.:;])\s|\n\n", docstring)[0].replace("\n", " ").rstrip(".:;")
        link = f"[`{name}`](../lstmgan_utils/{name})"
        rows.append((link, lessons_of(module, trees), purpose))
    return markdown_table(["module", "lesson", "what it is for"], rows)


def import_chart(trees):
    """Return the imports as a chart, without those that a longer way implies."""
    found = imports(trees)
    links = {module: {b for a, b in found if a == module} for module in MODULES}

    def below(module):
        return links[module].union(*map(below, links[module]))

    lines = ["```mermaid", "flowchart BT"]
    for number, layer in enumerate(LAYERS, 1):
        lines += [f"  subgraph L{number}[ ]", *(f"    {module}" for module in layer), "  end"]
    for module, direct in links.items():
        implied = set().union(*map(below, direct))
        lines += [f"  {module} --> {other}" for other in sorted(direct - implied)]
    return "\n".join([*lines, "```"])


def drawings():
    """Return the drawings of docs/architecture.md: dict of the place's name to Markdown."""
    trees = modules()
    return {"modules": module_table(trees), "imports": import_chart(trees)}
