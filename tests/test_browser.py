"""Lessons in a real browser: JupyterLab 4 in headless Chromium, from Run All to a saved file."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import nbformat
import pytest

from lstmgan_utils import pianoroll
from tools.lessons import NOTEBOOKS, ROOT
from tools.run_notebooks import inject_parameters

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
LESSONS = {
    "00_start_here": {"SEEDS": [0, 1], "MEASURES": 4},
    "07_resample": {"MEASURES": 8, "LONG_MEASURES": 16},
}
# All cells in the DOM, also those off the screen; no pop-ups.
SETTINGS = {
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
}
KERNEL = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELLS = "jupyterapp.shell.currentWidget.content.widgets.filter((c) => c.model.type === 'code')"
OUTPUTS = f"{CELLS}.flatMap((c) => c.model.outputs.toJSON())"
ERRORS = f"{OUTPUTS}.filter((o) => o.output_type === 'error')"
DONE = f"() => {KERNEL} && {CELLS}.every((c) => c.model.executionCount) || {ERRORS}.length > 0"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project folder of its own: lessons with smoke parameters, an empty outputs folder."""
    root = tmp_path_factory.mktemp("project")
    (root / "pyproject.toml").touch()  # project_root() stops here
    (root / "notebooks").mkdir()
    shutil.copytree(ROOT / "docs", root / "docs")  # the badge
    for name, parameters in LESSONS.items():
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        inject_parameters(notebook, parameters)
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return root


@pytest.fixture(scope="module")
def lab(project, tmp_path_factory):
    """The address of a JupyterLab that serves the project and keeps its settings to itself."""
    home = tmp_path_factory.mktemp("jupyter")
    for name, text in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (home / "lab.log").open("w")
    server = subprocess.Popen(
        lab_command(port, project), env=lab_environment(home), stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(address, home / "lab.log")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its kernels too
        server.wait(timeout=30)


def lab_command(port, folder):
    """The command line of a JupyterLab without password, news or open browser."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "ServerApp.password": "",
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
        "LabApp.news_url": None,
        "LabApp.extension_manager": "readonly",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *flags]


def lab_environment(home):
    """Environment with this package on the path and all of Jupyter's folders under `home`."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {name: str(home / folder) for name, folder in folders.items()} | {"PYTHONPATH": path}
    return {k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | own


def wait_until_up(address, log, seconds=90):
    """Wait for the server's first answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urlopen(f"{address}/api", timeout=5)
            return
        except URLError:
            time.sleep(0.3)
    raise TimeoutError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def chromium():
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Where screenshots go: the folder named by LSTMGAN_SCREENSHOTS, or a temporary one."""
    folder = Path(os.environ.get("LSTMGAN_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module", params=LESSONS, ids=str)
def run(request, lab, chromium, pictures):
    """A lesson in JupyterLab after Run All: (name, page, hosts asked for)."""
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(120_000)  # two cores, and TensorFlow is starting
    hosts = set()
    page.on("request", lambda r: hosts.add(urlsplit(r.url).hostname))
    page.goto(f"{lab}/lab/tree/notebooks/{request.param}.ipynb?reset", timeout=120_000)
    page.wait_for_selector(".jp-Notebook", timeout=120_000)
    page.wait_for_function(KERNEL, timeout=120_000)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(DONE, timeout=480_000, polling=500)
    page.screenshot(path=pictures / f"{request.param}_top.png")
    assert [error["evalue"] for error in page.evaluate(ERRORS)] == []
    page.wait_for_selector(".roll-player[data-take]")
    yield request.param, page, hosts
    page.close()


def roll(player):
    """The pixels of a player's roll as text."""
    return player.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def take_of(player):
    return int(player.get_attribute("data-take"))


def panel_player(page):
    return page.locator(".resampling-panel .roll-player")


def wait_for_take(page, take):
    page.wait_for_selector(f'.resampling-panel .roll-player[data-take="{take}"]', timeout=60_000)


def test_every_widget_is_drawn(run):
    _, page, _ = run
    assert page.locator(".jp-OutputArea-output:has-text('Error displaying widget')").count() == 0


def test_player_plays_in_the_page(run, pictures):
    name, page, _ = run
    player = page.locator(".roll-player").first
    player.scroll_into_view_if_needed()
    before = roll(player)
    player.locator(".play").click()
    page.wait_for_function(
        "document.querySelector('.roll-player audio').currentTime > 0.5", timeout=20_000
    )
    assert roll(player) != before  # the playhead moves and notes light up
    page.screenshot(path=pictures / f"{name}_playing.png")
    player.locator(".play").click()
    assert player.locator("audio").evaluate("(audio) => audio.paused")


def test_plain_players_hold_sound(run):
    _, page, _ = run
    plain = page.locator(".jp-OutputArea-output figure audio").first
    plain.scroll_into_view_if_needed()
    page.wait_for_function(
        "document.querySelector('.jp-OutputArea-output figure audio').readyState >= 1"
    )
    assert plain.evaluate("(audio) => audio.duration") > 4


def test_nothing_is_asked_of_another_host(run):
    _, _, hosts = run
    assert "127.0.0.1" in hosts and hosts <= {"127.0.0.1", None, ""}


@pytest.fixture
def panel(run):
    """The resampling panel of lesson 07, scrolled into view."""
    name, page, _ = run
    if name != "07_resample":
        pytest.skip("the panel is in lesson 07")
    page.locator(".resampling-panel").first.scroll_into_view_if_needed()
    return page


def test_resample_brings_another_roll(panel, pictures):
    player = panel_player(panel)
    take, before = take_of(player), roll(player)
    panel.screenshot(path=pictures / "panel_before.png")
    panel.click(".button-resample")
    wait_for_take(panel, take + 1)
    assert roll(player) != before
    panel.screenshot(path=pictures / "panel_after.png")


def test_sound_of_the_new_take_plays(panel):
    player = panel_player(panel)
    player.locator(".play").click()
    panel.wait_for_function(
        "document.querySelector('.resampling-panel audio').currentTime > 0.3", timeout=20_000
    )
    player.locator(".play").click()


def test_sliders_reach_the_kernel(panel):
    player, clock = panel_player(panel), panel.locator(".resampling-panel .time")
    for knob, key in {"tempo": "Home", "measures": "ArrowRight"}.items():
        take, before = take_of(player), clock.inner_text()
        panel.focus(f".knob-{knob} .noUi-handle")
        panel.keyboard.press(key)
        wait_for_take(panel, take + 1)
        assert clock.inner_text() != before
    assert "of 9" in clock.inner_text()


def test_a_and_b_bring_takes_back(panel):
    player = panel_player(panel)
    take, newest = take_of(player), roll(player)
    panel.click(".button-B")
    wait_for_take(panel, take + 1)
    older = roll(player)
    panel.click(".button-A")
    wait_for_take(panel, take + 2)
    assert roll(player) == newest != older


def test_export_gives_files_with_music(panel, project):
    folder = project / "outputs" / "generated"
    before = set(folder.iterdir())
    panel.click(".button-export")
    panel.wait_for_selector(".resampling-panel :text('saved in generated')", timeout=60_000)
    new = {path.suffix: path for path in set(folder.iterdir()) - before}
    assert {".mid", ".mxl", ".png"} < set(new) and len(new) == 4
    assert all(path.name.startswith("seed_") for path in new.values())
    notes = pianoroll.read_midi(new[".mid"])
    assert len(notes) >= 9 and pianoroll.n_steps(notes) > 8 * pianoroll.STEPS_PER_MEASURE


def test_score_is_engraved(panel, pictures):
    panel.click(".button-score")
    panel.wait_for_selector(".resampling-panel img[alt^='Score of']", timeout=60_000)
    panel.locator(".resampling-panel img[alt^='Score of']").scroll_into_view_if_needed()
    panel.screenshot(path=pictures / "panel_score.png")
