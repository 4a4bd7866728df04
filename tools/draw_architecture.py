"""Draw the package into docs/architecture.md: its modules, what imports what, and two journeys.

Each picture is a Mermaid diagram, which GitHub and JupyterLab draw, between two markers such as
`<!-- modules -->` and `<!-- /modules -->`. `make format` draws anew; a test fails where a picture
is out of date, where an import leads upwards, and where a journey names a step that is not there.
"""

import ast
import re
from pathlib import Path

from lstmgan_utils.runtime import atomic_path
from tools.lessons import ROOT

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
    """List the Python files of the package by their path inside it: dict of str to syntax tree."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def room_of(name):
    """Return the top-level module that a file belongs to: "corpus/store.py" gives "corpus"."""
    return name.split("/")[0].removesuffix(".py")


def imports(trees):
    """Collect which top-level module imports which: set of (importer, imported)."""
    rooms, found = {room_of(name) for name in trees}, set()
    for name, tree in trees.items():
        depth = name.count("/")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == depth + 1:
                heads = [node.module] if node.module else [alias.name for alias in node.names]
                found |= {(room_of(name), head.split(".")[0]) for head in heads}
    return {(a, b) for a, b in found if a != b and b in rooms}


def upward_imports(trees):
    """List the imports that lead to a later module of LAYERS: set of (importer, imported)."""
    order = [room for layer in LAYERS for room in layer]
    return {(a, b) for a, b in imports(trees) if order.index(b) >= order.index(a)}


def lessons_of(room, trees):
    """Return the lessons that introduce what a module holds, such as "01" or "05–06"."""
    nodes = (n for name, tree in trees.items() if room_of(name) == room for n in ast.walk(tree))
    texts = [ast.get_docstring(n) or "" for n in nodes if isinstance(n, DEFINITIONS)]
    found = sorted({n for text in texts for n in re.findall(r"Introduced in lesson (\w+)", text)})
    return "–".join(dict.fromkeys((found[0], found[-1]))) if found else ""


def purpose(room, trees):
    """Return the first sentence of a module's docstring."""
    tree = trees.get(f"{room}.py") or trees[f"{room}/__init__.py"]
    return (
        re.split(r"(?<=[.:;])\s|\n\n", ast.get_docstring(tree))[0].replace("\n", " ").rstrip(".:;")
    )


def module_table(trees):
    """Write the modules as a Markdown table, in the order of LAYERS."""
    rows = ["| module | lesson | what it is for |", "|---|---|---|"]
    for room in (room for layer in LAYERS for room in layer):
        name = f"{room}.py" if f"{room}.py" in trees else f"{room}/"
        link = f"[`{name}`](../lstmgan_utils/{name})"
        rows.append(f"| {link} | {lessons_of(room, trees)} | {purpose(room, trees)} |")
    return "\n".join(rows)


def import_chart(trees):
    """Draw the imports; those that a longer way implies are left out, so that one can see."""
    links = {
        room: {b for a, b in imports(trees) if a == room} for layer in LAYERS for room in layer
    }

    def below(room):
        return links[room].union(*map(below, links[room]))

    lines = ["```mermaid", "flowchart BT"]
    for number, layer in enumerate(LAYERS, 1):
        lines += [f"  subgraph L{number}[ ]", *(f"    {room}" for room in layer), "  end"]
    for room, direct in links.items():
        implied = set().union(*map(below, direct))
        lines += [f"  {room} --> {other}" for other in sorted(direct - implied)]
    return "\n".join([*lines, "```"])


def journey_chart(name):
    """Draw one journey: a box a step, on each arrow what goes along."""
    lines = ["```mermaid", "flowchart LR"]
    steps = JOURNEYS[name]
    for number, (module, function, _) in enumerate(steps):
        lines.append(f'  s{number}["{module.removesuffix(".py")}<br>{function}"]')
    for number, (*_, value) in enumerate(steps[:-1]):
        lines.append(f'  s{number} -->|"{value}"| s{number + 1}')
    return "\n".join([*lines, f'  s{len(steps) - 1} --> out(["{steps[-1][2]}"])', "```"])


def missing_steps(trees):
    """List the steps of JOURNEYS that the package does not hold: list of (module, function)."""
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
        marked = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        text = marked.sub(lambda _, n=name, b=block: f"<!-- {n} -->\n{b}\n<!-- /{n} -->", text)
    return text


def main():
    """Draw the page anew."""
    with atomic_path(Path(PAGE)) as temporary:
        temporary.write_text(drawn_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
