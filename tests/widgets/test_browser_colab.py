"""Lessons with Colab's packages: their kernel behind JupyterLab 3.6, the front for ipywidgets 7.

`make stacks` builds both environments (about 3 GB); LSTMGAN_STACKS names their folder.
"""

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from jupyter_browser import (
    KEYS,
    LESSONS,
    OTHER_STOPS,
    lab_command,
    make_home,
    make_project,
    press_through,
    roll,
    run_all,
    served,
    start_playing,
)

from tools.lessons import ROOT

STACKS = Path(os.environ.get("LSTMGAN_STACKS", "nowhere")).absolute()
KERNEL, LAB = STACKS / "kernel/bin/python", STACKS / "lab/bin/python"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not KERNEL.exists(), reason="LSTMGAN_STACKS names no folder of `make stacks`"
    ),
]
ASK = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in {}}))"


def test_setup_replaces_nothing_that_colab_has():
    lines = (ROOT / "tests" / "colab_versions.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    ask = ASK.replace("{}", repr(list(pins)), 1)
    ran = subprocess.run([KERNEL, "-c", ask], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == pins


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"), LESSONS)


@pytest.fixture(scope="module")
def lab(project, tmp_path_factory):
    """The address of a JupyterLab 3.6 whose only kernel has Colab's packages."""
    home = tmp_path_factory.mktemp("jupyter")
    make_home(home, KERNEL)
    with served(partial(lab_command, LAB, folder=project), home) as address:
        yield address


@pytest.fixture(scope="module", params=LESSONS, ids=str)
def run(request, chromium, lab, pictures):
    """A lesson after Run All: (name, page, hosts asked for)."""
    page, hosts = run_all(chromium, lab, request.param, pictures / f"colab_{request.param}.png")
    page.wait_for_selector(".roll-player[data-take]")
    yield request.param, page, hosts
    page.close()


def test_widgets_are_drawn_and_play(run, pictures):
    name, page, hosts = run
    said = page.locator(".jp-OutputArea-output").all_inner_texts()
    assert "ipywidgets 7.7.1" in "\n".join(said)
    assert not [text for text in said if "Error displaying widget" in text]
    before = roll(page.locator(".roll-player").first)
    button = start_playing(page, ".roll-player")
    assert roll(page.locator(".roll-player").first) != before
    page.screenshot(path=pictures / f"colab_{name}_playing.png")
    button.click()
    assert hosts <= {"127.0.0.1", None, ""}


def test_every_control_of_the_panel_by_keyboard(panel, pictures):
    assert {*KEYS, *OTHER_STOPS} == set(press_through(panel))
    clock = panel.locator(".resampling-panel .time").inner_text()
    assert "of 9" in clock and "/ 0:5" in clock  # 9 measures at tempo 40 last 54 s
    sliders = panel.locator(".resampling-panel .ui-slider")
    assert min(slider.bounding_box()["width"] for slider in sliders.all()) > 200
    panel.screenshot(path=pictures / "colab_panel.png")
    start_playing(panel, ".resampling-panel").click()


def test_panel_exports_and_engraves(panel, project, pictures, tmp_path):
    panel.click(".button-export")
    panel.wait_for_selector(".resampling-panel :text('saved in generated')")
    with panel.expect_download() as download:
        panel.click(".resampling-panel a[download$='.mxl']")
    name = download.value.suggested_filename
    download.value.save_as(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (project / "outputs/generated" / name).read_bytes()
    panel.click(".button-score")
    panel.wait_for_selector(".resampling-panel img[alt^='Score of']")
    panel.screenshot(path=pictures / "colab_panel_score.png")
