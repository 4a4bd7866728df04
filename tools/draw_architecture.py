"""List the package's modules for docs/architecture.md, each with its lessons and its purpose."""

import ast
import re

from tools.lessons import ROOT, markdown_table

PACKAGE = ROOT / "lstmgan_utils"
PAGE = ROOT / "docs" / "architecture.md"
MODULES = (  # a module imports only from those before it
    *("runtime", "pianoroll", "config", "audio", "plotting", "folder_jobs"),
    *("conversion", "filtering", "corpus", "vocabulary", "windows", "generator", "discriminator"),
    *("runs", "gan", "sampling", "callbacks", "training", "evaluation", "widgets"),
)


def modules():
    """Return the package's Python files: dict of path inside it to syntax tree."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def module_of(name):
    """Return the top-level module that a file belongs to: "corpus/store.py" gives "corpus"."""
    return name.split("/")[0].removesuffix(".py")


def module_table(trees):
    """Return the modules as a Markdown table: link, lessons, first sentence of the docstring."""
    rows = []
    for module in MODULES:
        texts = [ast.unparse(tree) for name, tree in trees.items() if module_of(name) == module]
        found = sorted(re.findall(r"Introduced in lesson (\w+)", "".join(texts)))
        lessons = "–".join(dict.fromkeys((found[0], found[-1]))) if found else ""
        name = f"{module}.py" if f"{module}.py" in trees else f"{module}/"
        docstring = ast.get_docstring(trees.get(name) or trees[f"{name}__init__.py"])
        purpose = re.split(r"(?<=[.:;])\s|\n\n", docstring)[0].replace("\n", " ").rstrip(".:;")
        rows.append((f"[`{name}`](../lstmgan_utils/{name})", lessons, purpose))
    return markdown_table(["module", "lesson", "what it is for"], rows)
