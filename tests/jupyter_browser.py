"""What the browser tests share: a server that keeps to itself, a Chromium, a lesson to Run All."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import nbformat

from tools.lessons import NOTEBOOKS, ROOT, lesson_paths
from tools.run_notebooks import inject_parameters


def lesson_with(text):
    """Return the name of the first lesson that holds a text."""
    return next(path.stem for path in lesson_paths() if text in path.read_text(encoding="utf-8"))


PANEL = lesson_with("ResamplingPanel(")  # the lesson that shows the panel
LESSONS = {  # those that a browser runs whole, with smoke parameters
    lesson_paths()[0].stem: {"SEEDS": [0, 1], "MEASURES": 4},
    PANEL: {"MEASURES": 8, "LONG_MEASURES": 16},
}
SETTINGS = {  # all cells in the DOM, also those off the screen; no pop-ups
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
KERNEL = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELLS = "jupyterapp.shell.currentWidget.content.widgets.filter((c) => c.model.type === 'code')"
OUTPUTS = f"{CELLS}.flatMap((c) => c.model.outputs.toJSON())"
ERRORS = f"{OUTPUTS}.filter((o) => o.output_type === 'error')"
TEXT = f"{OUTPUTS}.filter((o) => o.output_type === 'stream').map((o) => o.text).flat().join('')"
DONE = f"() => {KERNEL} && {CELLS}.every((c) => c.model.executionCount) || {ERRORS}.length > 0"
RUN_ALL = "() => { jupyterapp.commands.execute('notebook:run-all-cells'); }"  # not awaited
INTERRUPT = "jupyterapp.commands.execute('notebook:interrupt-kernel')"


def make_project(root, lessons, last=None):
    """Make an empty folder a project: lessons with parameters, some with a last cell of ours."""
    (root / "pyproject.toml").touch()  # project_root() stops here
    (root / "notebooks").mkdir()
    shutil.copytree(ROOT / "docs", root / "docs")  # the badge
    for name, parameters in lessons.items():
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        inject_parameters(notebook, parameters)
        if source := (last or {}).get(name):
            notebook.cells.append(nbformat.v4.new_code_cell(source))
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return root


def make_home(home, kernel=sys.executable):
    """Write into an empty folder Jupyter's settings, and the one kernel that lessons run in."""
    for name, values in SETTINGS.items():
        path = home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    command = [str(kernel), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = home / "data/kernels/python3/kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))


def environment(home):
    """Return an environment with this package in reach and Jupyter's folders under `home`."""
    own = {f"JUPYTER_{name.upper()}_DIR": home / name for name in ("config", "data", "runtime")}
    own |= {f"JUPYTERLAB_{n.upper()}_DIR": home / n for n in ("settings", "workspaces")}
    own |= {"PYTHONPATH": ROOT, "PYDEVD_DISABLE_FILE_VALIDATION": 1}
    own["JUPYTER_PREFER_ENV_PATH"] = 0  # the kernel of make_home before the server's own
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return kept | {name: str(value) for name, value in own.items()}


def lab_command(python, port, folder, **more):
    """Return the command line of a JupyterLab without password; `more` are options of LabApp."""
    server = {"ip": "127.0.0.1", "port": port, "port_retries": 0, "root_dir": folder}
    flags = [f"--ServerApp.{name}={value}" for name, value in {**server, "password": ""}.items()]
    more |= {"expose_app_in_browser": True}
    flags += [f"--LabApp.{name}={value}" for name, value in more.items()]
    start = [str(python), "-m", "jupyterlab", "--no-browser", "--allow-root"]
    return [*start, "--IdentityProvider.token=", *flags]


@contextlib.contextmanager
def served(command, home, page="api"):
    """Run a server for the length of a block, and yield its address.

    `command` makes a command line of a port; `make_home` filled `home`; `page` tells that it is up.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", home / "server.log"
    with log.open("w") as file:
        how = {"stdout": file, "stderr": file, "start_new_session": True}
        server = subprocess.Popen(command(port), env=environment(home), **how)
        try:
            wait_until_up(f"{address}/{page}", log)
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # its kernels too
            server.wait(timeout=30)


def wait_until_up(address, log, tries=400):
    for _ in range(tries):
        with contextlib.suppress(URLError):
            return urlopen(address, timeout=120)
        time.sleep(0.3)
    raise TimeoutError(f"no server at {address}:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def lab(project, home, python=sys.executable, kernel=sys.executable, **more):
    """Serve a project in JupyterLab for the length of a block, and yield its address."""
    make_home(home, kernel)
    with served(partial(lab_command, python, folder=project, **more), home) as address:
        yield address


def open_page(browser):
    """Open an empty page: (page, set of the hosts that it will ask)."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(120_000)  # two cores, and TensorFlow is starting
    hosts = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    return page, hosts


def open_lesson(browser, address, name):
    """Open a lesson in JupyterLab and wait for its kernel: (page, set of hosts asked)."""
    page, hosts = open_page(browser)
    page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook")
    page.wait_for_function(KERNEL)
    return page, hosts


def errors_of(page):
    """The messages of the cells that failed."""
    return [error["evalue"] for error in page.evaluate(ERRORS)]


def run_all(browser, address, name, picture=None):
    """Open a lesson and run it to its end, without an error: (page, set of hosts asked)."""
    page, hosts = open_lesson(browser, address, name)
    page.evaluate(RUN_ALL)
    page.wait_for_function(DONE, timeout=480_000, polling=500)
    if picture:
        page.screenshot(path=picture)
    assert errors_of(page) == []
    return page, hosts


def roll(player):
    """The pixels of a player's roll as text."""
    return player.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def start_playing(page, inside, seconds=0.5):
    """Click Play in a part of the page, unless it plays, and wait until so much was heard."""
    button = page.locator(f"{inside} .play").first
    button.scroll_into_view_if_needed()
    if "Play" in button.inner_text():
        button.click()
    heard = f"document.querySelector('{inside} audio').currentTime > {seconds}"
    page.wait_for_function(heard, timeout=20_000)
    return button


def next_sample(page, act, panel=".resampling-panel"):
    """Act, wait for the next sample, and return whether it has another roll."""
    player = page.locator(f"{panel} .roll-player").first
    number, before = int(player.get_attribute("data-shown")), roll(player)
    act()
    page.wait_for_selector(f'{panel} .roll-player[data-shown="{number + 1}"]')
    return roll(player) != before


# What has the focus: the class that the panel gave it, or that of a part of the player.
FOCUSED = r"""() => { const focus = document.activeElement;
  const own = focus.closest(".resampling-panel") &&
    focus.closest("[class*=setting-], [class*=button-], [class*=pick-]");
  const part = focus.closest(".roll-player") && "player-" + focus.className;
  return own?.className.match(/\b(setting|button|pick)-[a-z-]+$/i)?.[0] ?? part ?? ""; }"""
KEYS = {  # each is reached by Tab and brings another sample
    "setting-seed": "ArrowUp+Enter", "setting-other-seed": "ArrowUp+Enter",
    "setting-amount": "ArrowRight", "setting-measures": "ArrowRight",
    "setting-temperature": "ArrowLeft", "setting-tempo": "Home", "setting-transpose": "End",
    "setting-program": "ArrowDown", "pick-A": "ArrowDown", "pick-B": "ArrowDown",
    "button-any-seed": "Enter", "button-resample": "Enter", "button-A": "Enter",
    "button-B": "Enter",
}  # fmt: skip
OTHER_STOPS = {"setting-weights", "setting-metre", "button-play", "button-export", "button-score",
               "player-play", "player-loop", "player-scroll"}  # fmt: skip


def press_through(page):
    """Reach every control of the panel by Tab; a key on each of `KEYS` has to bring a sample.

    Buttons are also pressed "b", which JupyterLab takes for a new cell.
    """
    page.focus(".resampling-panel .setting-seed input")
    stops = set()
    while name := page.evaluate(FOCUSED):
        if name in KEYS and name not in stops:
            keys = KEYS[name].split("+")
            next_sample(page, lambda keys=keys: [page.keyboard.press(key) for key in keys])
            if name.startswith("button"):
                page.keyboard.press("b")
        stops.add(name)
        page.keyboard.press("Tab")
    assert stops == OTHER_STOPS.union(KEYS)
    clock = page.locator(".resampling-panel .time").first.inner_text()
    assert "of 9" in clock and "/ 0:5" in clock  # 9 measures at tempo 40 last 54 s


def check_drawn_and_playing(run, picture):
    """Check that a lesson's first player moves, lights notes and stops, and that all is local."""
    _, page, hosts = run
    assert page.locator(".jp-OutputArea-output:has-text('Error displaying widget')").count() == 0
    player = page.locator(".roll-player").first
    before = roll(player)
    button = start_playing(page, ".roll-player")
    assert roll(player) != before
    page.screenshot(path=picture)
    button.click()
    assert player.locator("audio").evaluate("(audio) => audio.paused")
    assert "127.0.0.1" in hosts and hosts <= {"127.0.0.1", None, ""}


def export_and_engrave(page, folder, suffix):
    """Export a sample, download one of its files, show its score: Path of that file in `folder`."""
    page.click(".button-export")
    page.wait_for_selector(".resampling-panel :text('saved in generated')", timeout=60_000)
    with page.expect_download() as download:
        page.click(f".resampling-panel a[download$='{suffix}']")
    path = folder / download.value.suggested_filename
    assert Path(download.value.path()).read_bytes() == path.read_bytes()
    page.click(".button-score")
    page.wait_for_selector(".resampling-panel img[alt^='Score of']")
    return path
