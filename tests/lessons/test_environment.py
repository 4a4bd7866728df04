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

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PROVIDERS = packages_distributions()  # module name to the packages that provide it
OURS = {"lstmgan_utils", "tools", "tests", "benchmarks", "data_sample"}
OURS |= {path.stem for path in ROOT.glob("*/*.py")}  # a script may import the file beside it


def declared(*extras):
    """Return what the core and some extras ask for: dict of name to Requirement."""
    found = {}
    for text in sum((EXTRAS[name] for name in extras), PROJECT["dependencies"]):
        wanted = Requirement(text)
        own = wanted.name == PROJECT["name"]
        found |= declared(*wanted.extras) if own else {canonicalize_name(wanted.name): wanted}
    return found


def imported(source, *, at_once=False):
    """Return the packages that a source text imports; `at_once`: not inside its functions."""
    tree, modules = ast.parse(source), set(re.findall(r'importorskip\("(\w+)', source))
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.add(node.module)
    outside = {module.split(".")[0] for module in modules} - sys.stdlib_module_names - OURS
    return {canonicalize_name(PROVIDERS.get(module, [module])[0]) for module in outside}


def sources(*folders):
    """Read the Python files of some folders, or the lessons' code without lines of magic."""
    found = {}
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
    for path in lesson_paths() if "notebooks" in folders else []:
        code = "\n".join(cell.source for cell in code_cells(read_lesson(path)))
        found[path.name] = re.sub(r"^\s*[%!].*", "", code, flags=re.MULTILINE)
    return found


@pytest.mark.parametrize(
    ("folders", "extras", "at_once"),
    [
        (["lstmgan_utils"], [], True),
        (["lstmgan_utils", "data_sample"], ["notebooks", "cluster"], False),
        (["notebooks", "tools"], ["notebooks"], False),
        (["tests", "benchmarks"], ["bench"], False),
    ],
)
def test_every_import_is_declared(folders, extras, at_once):
    known, texts = set(declared(*extras)), sources(*folders)
    lost = {path: imported(text, at_once=at_once) - known for path, text in texts.items()}
    assert lost and not any(lost.values()), lost


def test_every_declared_package_is_used():
    texts = sources("lstmgan_utils", "data_sample", "tools", "tests", "benchmarks", "notebooks")
    used = set().union(*map(imported, texts.values()))
    # A command, a kernel or another package may find it without an import: then it is named.
    texts |= {name: (ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "README.md")}
    named = "\n".join(texts.values()).lower().replace("_", "-")
    assert [name for name in set(declared(*EXTRAS)) - used if name not in named] == []


def pins(name):
    """Read a list of pins: list of Requirement."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_colab_keeps_its_versions():
    colab = {canonicalize_name(pin.name): pin for pin in pins("tests/colab_versions.txt")}
    assert set(colab) <= set(declared())
    for name, pin in colab.items():
        (version,) = pin.specifier
        assert declared()[name].specifier.contains(version.version), f"Colab would replace {name}"
    assert not set(declared("extras")) & {"jupyterlab", "notebook", "ipykernel"}


@pytest.mark.parametrize("python", ["3.11.2", "3.12.1", "3.13.0"])
def test_constraints_pin_every_declared_package_once(python):
    machine = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    machine = default_environment() | machine
    here = [p for p in pins("constraints.txt") if not p.marker or p.marker.evaluate(machine)]
    found = {canonicalize_name(pin.name): pin for pin in here}
    assert len(found) == len(here) and not any(pin.url for pin in here)
    for name, wanted in declared(*EXTRAS).items():
        (pin,) = found[name].specifier
        assert pin.operator == "==" and wanted.specifier.contains(pin.version), wanted


def test_conda_environment_follows_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, last = environment["dependencies"]
    (editable,) = last["pip"]
    assert set(re.fullmatch(r"-e \.\[([\w,]+)\]", editable)[1].split(",")) <= set(EXTRAS)
    conda = dict(package.partition("=")[::2] for package in packages)
    assert Version(conda["python"]) in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in conda and not set(conda) & set(declared(*EXTRAS))


def test_package_import_is_light_and_knows_its_version():
    heavy = "{'tensorflow', 'keras', 'music21', 'matplotlib', 'numpy'}"
    code = f"import sys, lstmgan_utils as l; print(l.__version__, *{heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.split()) == (0, [PROJECT["version"]]), ran.stderr


def test_kept_files_are_small_and_name_no_registry_and_no_machine():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in ran.stdout.split("\0") if (ROOT / name).is_file()]
    # Written in two parts, so that this file passes its own test.
    hosts = r"files\.python" + r"hosted|(?<![\w-])py" + r"pi\.org|registry\.npm" + r"js|deb\.debian"
    paths = r"(?<![\w.~}])/(?:work|root|farm|home/\w+|Users/\w+)/"
    pattern = re.compile(f"{hosts}|{paths}", re.IGNORECASE)
    for name in names:
        data = (ROOT / name).read_bytes()
        text = "" if b"\0" in data[:4096] else data.decode(errors="replace")
        assert not pattern.search(text) and len(data) < 5e6, name
    sample = [(ROOT / name).stat().st_size for name in names if name.startswith("data_sample/")]
    assert 0 < sum(sample) < 2e6
    assert not {name.split("/")[0] for name in names} & {"outputs", ".venv", "build", "dist"}


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff_finds_nothing(command):
    run = [sys.executable, "-m", "ruff", *command.split(), "--quiet", "."]
    ran = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr


def test_readme_leads_to_files_and_targets_of_make_that_exist():
    readme, makefile = ((ROOT / name).read_text("utf-8") for name in ("README.md", "Makefile"))
    links = re.findall(r"\]\((?!http)([^)#\s]+)[^)]*\)", readme)
    assert links and [link for link in links if not (ROOT / link).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", readme, re.MULTILINE))
    assert {"course", "lab", "test"} <= named <= targets
