"""Lessons with Colab's packages, behind JupyterLab 3.6 (ipywidgets 7), and one of them in Voilà.

`make stacks` builds the environments (about 3 GB); LSTMGAN_STACKS names their folder.
"""

import json
import os
import subprocess
from pathlib import Path

import jupyter_browser as jupyter
import pytest

from tools.lessons import ROOT

STACKS = Path(os.environ.get("LSTMGAN_STACKS", "nowhere")).absolute()
KERNEL, LAB, VOILA = (STACKS / name / "bin/python" for name in ("kernel", "lab", "voila"))
MISSING = "LSTMGAN_STACKS names no folder of `make stacks`"
pytestmark = pytest.mark.skipif(not VOILA.exists(), reason=MISSING)
ASK = "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in %r}))"


def test_setup_replaces_nothing_that_colab_has():
    lines = (ROOT / "tests" / "colab_versions.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    assert json.loads(subprocess.check_output([KERNEL, "-c", ASK % list(pins)])) == pins


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return jupyter.make_project(tmp_path_factory.mktemp("project"), jupyter.LESSONS)


@pytest.fixture(scope="module", params=jupyter.LESSONS, ids=str)
def run(request, chromium, project, tmp_path_factory, pictures):
    """A lesson after Run All in a JupyterLab 3.6 whose only kernel has Colab's packages."""
    name = request.param
    with jupyter.lab(project, tmp_path_factory.mktemp("jupyter"), LAB, KERNEL) as address:
        page, hosts = jupyter.run_all(chromium, address, name, pictures / f"colab_{name}.png")
        page.wait_for_selector(".roll-player[data-shown]")
        yield name, page, hosts
        page.close()


def test_widgets_are_drawn_and_play(run, pictures):
    said = run[1].locator(".jp-OutputArea-output").all_inner_texts()
    assert "ipywidgets 7.7.1" in "\n".join(said)
    jupyter.check_drawn_and_playing(run, pictures / f"colab_{run[0]}_playing.png")


def test_panel_by_keyboard_export_and_score(panel, project, pictures):
    jupyter.press_through(panel)
    sliders = panel.locator(".resampling-panel .ui-slider")
    assert min(slider.bounding_box()["width"] for slider in sliders.all()) > 200
    panel.screenshot(path=pictures / "colab_panel.png")
    jupyter.export_and_engrave(panel, project / "outputs" / "generated", ".mxl")


def test_voila_serves_the_panel_as_an_app(chromium, tmp_path, pictures):
    home, project, lesson = tmp_path / "home", tmp_path / "project", jupyter.PANEL
    home.mkdir(), project.mkdir()
    jupyter.make_home(home)
    jupyter.make_project(project, {lesson: jupyter.LESSONS[lesson]})
    command = [str(VOILA), "-m", "voila", "--no-browser", "--Voila.ip=127.0.0.1"]
    command += [str(project), "--port"]
    with jupyter.served(lambda port: [*command, str(port)], home, page="") as address:
        page, _ = jupyter.open_page(chromium)
        page.goto(f"{address}/voila/render/notebooks/{lesson}.ipynb", timeout=300_000)
        page.wait_for_selector(".resampling-panel .roll-player[data-shown]", timeout=300_000)
        assert page.locator(".jp-InputArea-editor, .highlight").count() == 0  # no code is shown
        assert jupyter.next_sample(page, lambda: page.click(".button-resample"))
        jupyter.start_playing(page, ".resampling-panel").click()
        page.screenshot(path=pictures / "voila.png")
