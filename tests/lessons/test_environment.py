"""What is declared is what is used, it fits Colab, and nothing unwanted is kept in git."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.lessons import ROOT, code_cells, lesson_paths, read_lesson

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = {"lstmgan_utils", "tools", "tests", "benchmarks", "data_sample"}
PYTHONS = ("3.11.2", "3.12.1", "3.13.0")
PROVIDERS = packages_distributions()  # module name to the packages that provide it
MEGABYTE = 1_000_000

# Declared for a command, a kernel or another package to find, not for an import: where it shows.
USED_BY = {
    "jupyterlab": ("Makefile", "jupyter lab"),
    "ipykernel": ("tools/run_notebooks.py", 'kernel_name="python3"'),
    "ruff": ("Makefile", "ruff check"),
    "dask": ("README.md", "joblib's `dask` backend"),
    "distributed": ("README.md", "`dask.distributed`"),
    "pretty-midi": ("lstmgan_utils/runtime.py", "pretty_midi"),
    "tensorboard": ("lstmgan_utils/callbacks.py", "TensorBoard"),
}


def with_extras(*wanted):
    """Return the names that the core and some extras install, extras within extras included."""
    found, queue = set(), [PROJECT["dependencies"], *(EXTRAS[name] for name in wanted)]
    while queue:
        for requirement in map(Requirement, queue.pop()):
            if requirement.name == PROJECT["name"]:
                queue += [EXTRAS[name] for name in requirement.extras]
            else:
                found.add(canonicalize_name(requirement.name))
    return found


def imported(tree, *, at_once=False):
    """Return the top-level modules that a tree imports; `at_once`: not inside its functions."""
    found = set()
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("importorskip"):
            found.add(node.args[0].value.split(".")[0])
    return found - sys.stdlib_module_names - OURS


def sources(*folders):
    """Parse the Python files of some folders."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def lesson_sources():
    """Parse the code of the lessons, lines of magic left out."""
    found = {}
    for path in lesson_paths():
        lines = "\n".join(cell.source for cell in code_cells(read_lesson(path))).splitlines()
        code = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
        found[path] = ast.parse(code)
    return found


def distributions(modules):
    """Give the packages that provide some modules; a module nobody provides stands for itself."""
    own = [path.stem for path in ROOT.glob("*/*.py")]  # a script may import the file beside it
    outside = [module for module in modules if module not in own]
    return {
        canonicalize_name(provider)
        for module in outside
        for provider in PROVIDERS.get(module, [module])[:1]
    }


def undeclared(trees, *extras, **how):
    """Map each file to the packages that it imports and nobody declares."""
    found, declared = {}, with_extras(*extras)
    for path, tree in trees.items():
        found[path.relative_to(ROOT).as_posix()] = distributions(imported(tree, **how)) - declared
    return {path: missing for path, missing in found.items() if missing}


def test_every_import_is_declared():
    assert undeclared(sources("lstmgan_utils"), at_once=True) == {}
    assert undeclared(sources("lstmgan_utils", "data_sample"), "notebooks", "cluster") == {}
    assert undeclared(lesson_sources() | sources("tools"), "notebooks") == {}
    assert undeclared(sources("tests", "benchmarks"), "test", "bench", "cluster") == {}


def test_every_declared_package_is_used():
    trees = sources("lstmgan_utils", "data_sample", "tools", "tests", "benchmarks")
    trees |= lesson_sources()
    used = distributions(set().union(*(imported(tree) for tree in trees.values())))
    assert with_extras(*EXTRAS) - used - set(USED_BY) == set()


@pytest.mark.parametrize("name", sorted(USED_BY))
def test_package_used_without_an_import_is_really_used(name):
    path, evidence = USED_BY[name]
    assert evidence in (ROOT / path).read_text(encoding="utf-8")


def pinned(path):
    """Read a list of pins as Requirements."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_colab_keeps_its_versions():
    colab = {canonicalize_name(r.name): r for r in pinned(ROOT / "tests" / "colab_versions.txt")}
    seen = set()
    for text in PROJECT["dependencies"]:
        wanted = Requirement(text)
        if wanted.name in colab:
            (version,) = colab[wanted.name].specifier
            assert wanted.specifier.contains(version.version), f"Colab would replace {wanted.name}"
            seen.add(wanted.name)
    assert seen == set(colab)
    assert not with_extras("extras") & {"jupyterlab", "notebook", "ipykernel"}


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_pin_every_declared_package_once(python):
    environment = default_environment() | {
        "python_version": python.rsplit(".", 1)[0],
        "python_full_version": python,
    }
    lines = pinned(ROOT / "constraints.txt")
    valid = [line for line in lines if line.marker is None or line.marker.evaluate(environment)]
    pins = {canonicalize_name(line.name): line.specifier for line in valid}
    assert len(pins) == len(valid), "two pins for one package"
    for wanted in map(Requirement, sum(EXTRAS.values(), PROJECT["dependencies"])):
        if wanted.name != PROJECT["name"]:
            (pin,) = pins[canonicalize_name(wanted.name)]
            assert pin.operator == "==" and wanted.specifier.contains(pin.version), wanted


def test_constraints_hold_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.+!]+( ; [\w.<>=!' ()]+)?", line), line


def test_conda_environment_follows_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, last = environment["dependencies"]
    (editable,) = last["pip"]
    extras = re.fullmatch(r"-e \.\[([\w,]+)\]", editable)[1].split(",")
    assert set(extras) <= set(EXTRAS)
    pins = dict(package.partition("=")[::2] for package in packages)
    assert Version(pins["python"]) in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in pins
    assert not {canonicalize_name(name) for name in pins} & with_extras(*EXTRAS)
    assert environment["name"] == PROJECT["name"]


def test_package_import_is_light_and_knows_its_version():
    heavy = "{'tensorflow', 'keras', 'music21', 'matplotlib', 'numpy'}"
    code = f"import sys, lstmgan_utils as l; print(l.__version__, *{heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.split()) == (0, [PROJECT["version"]]), ran.stderr


def kept_files():
    """List the files that git keeps or would keep; without git, those that look like sources."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = [ROOT / name for name in ran.stdout.split("\0") if name]
    assert found, f"git lists no file: {ran.stderr}"
    return [path for path in found if path.is_file()]


def test_no_kept_file_names_a_registry_or_a_machine():
    # Written in two parts, so that this file passes its own test.
    hosts = r"files\.python" + r"hosted|(?<![\w-])py" + r"pi\.org|registry\.npm" + r"js|deb\.debian"
    paths = r"(?<![\w.~}])/(?:work|root|farm|home/\w+|Users/\w+)/"
    pattern = re.compile(f"{hosts}|{paths}", re.IGNORECASE)
    found = {}
    for path in kept_files():
        data = path.read_bytes()
        if b"\0" not in data[:4096] and (match := pattern.search(data.decode(errors="replace"))):
            found[path.relative_to(ROOT).as_posix()] = match[0]
    assert found == {}


def test_kept_files_are_small_and_no_outputs():
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in kept_files()}
    assert {name: size for name, size in sizes.items() if size > 5 * MEGABYTE} == {}
    sample = sum(size for name, size in sizes.items() if name.startswith("data_sample/"))
    assert 0 < sample < 2 * MEGABYTE
    assert not {name.split("/")[0] for name in sizes} & {"outputs", ".venv", "build", "dist"}


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_finds_nothing(command):
    run = [sys.executable, "-m", "ruff", *command, "--quiet", "."]
    ran = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]


def test_readme_leads_to_files_and_targets_of_make_that_exist():
    readme, makefile = ((ROOT / name).read_text("utf-8") for name in ("README.md", "Makefile"))
    inside = re.findall(r"\]\((?!http)([^)#\s]+)[^)]*\)", readme)
    assert inside and [target for target in inside if not (ROOT / target).exists()] == []
    for target in ("course", "lab", "test", "bench", "data", "clean"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE) and f"make {target}" in readme
