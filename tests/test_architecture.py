"""The package keeps its shape: its list of modules, no import upwards, drawings up to date."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest

from tools import draw_architecture as architecture
from tools.lessons import ROOT, fill

TREES = architecture.modules()


def imports(trees):
    """Return which top-level module imports which: set of (importer, imported)."""
    found = set()
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == name.count("/") + 1:
                heads = [node.module] if node.module else [alias.name for alias in node.names]
                found |= {(architecture.module_of(name), head.split(".")[0]) for head in heads}
    return {(a, b) for a, b in found if a != b and b in map(architecture.module_of, trees)}


def test_every_module_is_listed_here_and_in_the_readme():
    found = {architecture.module_of(name) for name in TREES} - {"__init__"}
    assert found == set(architecture.MODULES) and len(found) <= 20
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.split("lstmgan_utils/   ")[1].split("data_sample/   ")[0]
    listed = tree.replace("the package:", "").replace(",", " ").split()
    assert sorted(listed) == sorted(found)


def test_no_import_leads_upwards():
    place = architecture.MODULES.index
    found = imports(TREES)
    assert found and {(a, b) for a, b in found if place(b) >= place(a)} == set()


def test_the_wheel_holds_every_folder():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    folders = {name.split("/")[0] for name in TREES if "/" in name}
    assert {f"lstmgan_utils.{name}" for name in folders} <= set(tool["setuptools"]["packages"])


def test_the_table_is_up_to_date_and_journeys_pass_functions_that_exist():
    page = architecture.PAGE.read_text(encoding="utf-8")
    table = architecture.module_table(TREES)
    assert page == fill(page, {"modules": table}), "run `make format`"
    steps = re.findall(r'\["(\w[\w/]+)<br>(\w+)"\]', page)
    defined = {
        (name.removesuffix(".py"), getattr(node, "name", None))
        for name, tree in TREES.items()
        for node in tree.body
    }
    assert steps and set(steps) <= defined


@pytest.mark.parametrize("module", ["discriminator", "config"])
def test_a_network_needs_no_reader_of_music(module):
    readers = "{'music21', 'mido', 'verovio'}"
    code = f"import sys, lstmgan_utils.{module}; print(*{readers} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.split()) == (0, []), ran.stderr
