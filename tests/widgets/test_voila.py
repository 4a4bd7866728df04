"""Voilà serves lesson 07 as an app: no code, the panel at work.

`make stacks` also makes an environment for Voilà; LSTMGAN_STACKS names the folder.
"""

import os
from pathlib import Path

import pytest
from jupyter_browser import (
    LESSONS,
    PANEL,
    make_home,
    make_project,
    next_take,
    open_page,
    served,
    start_playing,
)

VOILA = Path(os.environ.get("LSTMGAN_STACKS", "nowhere")).absolute() / "voila/bin/python"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not VOILA.exists(), reason="LSTMGAN_STACKS names no folder of `make stacks`"
    ),
]
LESSON = PANEL


def voila_command(project, port):
    """The command line of a Voilà that shows a project's notebooks as apps."""
    options = [f"--port={port}", "--no-browser", "--Voila.ip=127.0.0.1"]
    return [str(VOILA), "-m", "voila", *options, str(project)]


def test_voila_serves_the_panel_as_an_app(chromium, tmp_path, pictures):
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir(), project.mkdir()
    make_home(home)
    make_project(project, {LESSON: LESSONS[LESSON]})
    with served(lambda port: voila_command(project, port), home, page="") as address:
        page, _ = open_page(chromium)
        page.goto(f"{address}/voila/render/notebooks/{LESSON}.ipynb", timeout=300_000)
        page.wait_for_selector(".resampling-panel .roll-player[data-take]", timeout=300_000)
        assert page.locator(".jp-InputArea-editor, .highlight").count() == 0  # no code is shown
        assert next_take(page, lambda: page.click(".button-resample"))
        start_playing(page, ".resampling-panel").click()
        page.screenshot(path=pictures / "voila.png")
