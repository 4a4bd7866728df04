"""Draw the package into docs/architecture.md: its modules, what imports what, and two journeys.

Each picture is a Mermaid diagram, which GitHub and JupyterLab draw. `make format` draws anew; a
test fails where a picture is out of date, an import leads upwards, or a journey's step is missing.
"""

import ast
import re

from tools.lessons import ROOT, fill

PACKAGE = ROOT / "lstmgan_utils"
PAGE = ROOT / "docs" / "architecture.md"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
LAYERS = (  # a module imports from the lines above its own, and from the left of its own line
    ("runtime", "pianoroll", "config"),
    ("audio", "plotting", "folder_jobs"),
    ("conversion", "filtering", "corpus"),
    ("vocabulary", "windows", "generator", "discriminator"),
    ("runs", "gan", "sampling", "callbacks", "training"),
    ("evaluation", "widgets"),
)
MODULES = [module for layer in LAYERS for module in layer]
JOURNEYS = {  # the steps of a value: module, function, and what it gives to the next step
    "midi_to_roll": (
        ("conversion/engines.py", "convert_folder", "a MIDI file"),
        ("pianoroll/midi.py", "read_performance", "notes as played, fractions of a step"),
        ("conversion/quantizer.py", "quantize", "notes as written, whole steps"),
        ("pianoroll/musicxml.py", "write_mxl", "a score, .mxl"),
        ("pianoroll/safe_reading.py", "read_musicxml", "its MusicXML, within bounds"),
        ("pianoroll/scores.py", "read_score", "note array"),
        ("pianoroll/rolls.py", "encode", "piano roll (time, 128)"),
    ),
    "latent_to_sound": (
        ("sampling.py", "draw_latent", "latent (beats, 24)"),
        ("generator.py", "build_generator", "tokens"),
        ("vocabulary.py", "Vocabulary", "piano roll (time, 128)"),
        ("pianoroll/rolls.py", "decode", "note array"),
        ("audio.py", "render", "sound (samples,)"),
    ),
}


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


def upward_imports(trees):
    """Return the imports that lead to a later module of LAYERS: set of (importer, imported)."""
    return {(a, b) for a, b in imports(trees) if MODULES.index(b) >= MODULES.index(a)}


def lessons_of(module, trees):
    """Return the lessons that introduce what a module holds, such as "01" or "05–06"."""
    nodes = (n for name in trees if module_of(name) == module for n in ast.walk(trees[name]))
    texts = [ast.get_docstring(n) or "" for n in nodes if isinstance(n, DEFINITIONS)]
    found = sorted(re.findall(r"Introduced in lesson (\w+)", "\n".join(texts)))
    return "–".join(dict.fromkeys((found[0], found[-1]))) if found else ""


def module_table(trees):
    """Return the modules as a Markdown table: link, lessons, first sentence of the docstring."""
    rows = ["| module | lesson | what it is for |", "|---|---|---|"]
    for module in MODULES:
        name = f"{module}.py" if f"{module}.py" in trees else f"{module}/"
        docstring = ast.get_docstring(trees.get(name) or trees[f"{name}__init__.py"])
        purpose = re.split(r"(?<=[.:;])\s|\n\n", docstring)[0].replace("\n", " ").rstrip(".:;")
        link = f"[`{name}`](../lstmgan_utils/{name})"
        rows.append(f"| {link} | {lessons_of(module, trees)} | {purpose} |")
    return "\n".join(rows)


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


def journey_chart(name):
    """Return one journey as a chart: a box a step, on each arrow what goes along."""
    lines = ["```mermaid", "flowchart LR"]
    steps = JOURNEYS[name]
    for number, (module, function, _) in enumerate(steps):
        lines.append(f'  s{number}["{module.removesuffix(".py")}<br>{function}"]')
    for number, (*_, value) in enumerate(steps[:-1]):
        lines.append(f'  s{number} -->|"{value}"| s{number + 1}')
    return "\n".join([*lines, f'  s{len(steps) - 1} --> out(["{steps[-1][2]}"])', "```"])


def missing_steps(trees):
    """List the (module, function) of JOURNEYS that the package does not hold."""
    return [
        (module, name)
        for steps in JOURNEYS.values()
        for module, name, _ in steps
        if name not in {getattr(node, "name", None) for node in trees[module].body}
    ]


def drawn_page():
    """Return docs/architecture.md as it should be."""
    trees, text = modules(), PAGE.read_text(encoding="utf-8")
    blocks = {"modules": module_table(trees), "imports": import_chart(trees)}
    blocks |= {name: journey_chart(name) for name in JOURNEYS}
    for name, block in blocks.items():
        text = fill(text, name, block)
    return text
