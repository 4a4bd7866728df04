"""A stand-in for a machine of Colab: bare but for packages, with Colab's `google.colab`.

Its `pip` unpacks the course's own wheel where the real one would ask the network, its `apt-get` has
no network, and the repository cannot be imported.
"""

import contextlib
import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from tools.lessons import NOTEBOOKS, ROOT, read_lesson
from tools.run_notebooks import inject_parameters

BUILD = """
import os, pathlib, tarfile
from setuptools import build_meta
with tarfile.open(build_meta.build_sdist(".")) as sdist:
    sdist.extractall("unpacked", filter="data")
os.chdir(next(pathlib.Path("unpacked").iterdir()))
build_meta.build_wheel("../..")
"""
FILES = {
    "bin/apt-get": "#!/bin/sh\nexit 100\n",
    "site/sitecustomize.py": f"""
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder)]
sys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]
import google.colab
""",
    "site/google/colab/__init__.py": "",
    "site/pip/__init__.py": "",
    "site/pip/__main__.py": """
import os, pathlib, sys, zipfile
if "WHEEL" not in os.environ:
    sys.exit("fatal: unable to access the repository")
zipfile.ZipFile(os.environ["WHEEL"]).extractall(pathlib.Path(__file__).parents[1])
""",
}
OURS = """
import lstmgan_utils
assert lstmgan_utils.__file__.startswith({site!r}), lstmgan_utils.__file__
"""


def build_wheel(folder):
    """Build the course's wheel in an empty folder as pip does it, from an sdist: its Path."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("lstmgan_utils", "data_sample"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def make_machine(folder, lesson, parameters):
    """Make an empty folder a machine with one lesson: Path of what is `/content` on Colab."""
    for name, source in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    (folder / "bin" / "apt-get").chmod(0o755)
    notebook = read_lesson(NOTEBOOKS / f"{lesson}.ipynb")
    inject_parameters(notebook, parameters)
    notebook.cells.append(nbformat.v4.new_code_cell(OURS.format(site=str(folder / "site"))))
    (folder / "content").mkdir()
    nbformat.write(notebook, folder / "content" / f"{lesson}.ipynb")
    return folder / "content"


@contextlib.contextmanager
def on_machine(folder, **environment):
    """Let kernels that start meanwhile run on this machine; WHEEL is the course's, if in reach."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYTHONPATH": folder / "site", "PATH": path, **environment}.items():
            patch.setenv(name, str(value))
        yield
