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
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import nbformat

from tools.lessons import NOTEBOOKS, ROOT, lesson_paths
from tools.run_notebooks import inject_parameters

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def lesson_with(text):
    """Return the name of the first lesson that holds a text."""
    return next(path.stem for path in lesson_paths() if text in path.read_text(encoding="utf-8"))


PANEL = lesson_with("resampling_panel(")  # the lesson that shows the panel
LESSONS = {  # those that a browser runs whole, with smoke parameters
    lesson_paths()[0].stem: {"SEEDS": [0, 1], "MEASURES": 4},
    PANEL: {"MEASURES": 8, "LONG_MEASURES": 16},
}
# All cells in the DOM, also those off the screen; no pop-ups.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": '{"windowingMode": "none"}',
    "@jupyterlab/apputils-extension/notification": (
        '{"fetchNews": "false", "checkForUpdates": false}'
    ),
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
    """Make a project folder of its own: lessons with smoke parameters, no outputs yet.

    Args:
        root: Path of an empty folder.
        lessons: dict of lesson name to dict of parameter overrides.
        last: dict of lesson name to the source of one more cell, or None.

    Returns:
        Path, `root`.
    """
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
    """Write settings, and the one kernel that lessons run in.

    Args:
        home: Path of an empty folder for all that Jupyter keeps.
        kernel: str, the Python of the kernel.
    """
    for name, text in SETTINGS.items():
        path = home / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [str(kernel), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = home / "data" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))


def environment(home):
    """Environment with this package on the path and all of Jupyter's folders under `home`."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {name: str(home / folder) for name, folder in folders.items()}
    own |= {"PYTHONPATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    own["JUPYTER_PREFER_ENV_PATH"] = "0"  # the kernel of make_home before the server's own
    return {k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | own


def lab_command(python, port, folder, **more):
    """The command line of a JupyterLab without password or open browser.

    Args:
        python: str or Path, the Python that has JupyterLab.
        port: int.
        folder: Path, what it serves.
        **more: options of LabApp.
    """
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "ServerApp.password": "",
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
    }
    options |= {f"LabApp.{name}": value for name, value in more.items()}
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [str(python), "-m", "jupyterlab", "--no-browser", "--allow-root", *flags]


@contextlib.contextmanager
def served(command, home, page="api"):
    """Run a server for the length of a block.

    Args:
        command: function of a port number that gives a command line.
        home: Path of the folder that `make_home` has filled.
        page: str, what to ask for to learn that the server is up.

    Yields:
        str, its address.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", home / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            command(port), env=environment(home), stdout=file, stderr=file, start_new_session=True
        )
        try:
            wait_until_up(f"{address}/{page}", log)
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # its kernels too
            server.wait(timeout=30)


def wait_until_up(address, log, seconds=120):
    """Wait for a server's first answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urlopen(address, timeout=seconds)
            return
        except URLError:
            time.sleep(0.3)
    raise TimeoutError(f"no server at {address}:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def open_chromium():
    """A headless browser for the length of a block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


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
    page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?reset", timeout=120_000)
    page.wait_for_selector(".jp-Notebook", timeout=120_000)
    page.wait_for_function(KERNEL, timeout=120_000)
    return page, hosts


def errors_of(page):
    """The messages of the cells that failed."""
    return [error["evalue"] for error in page.evaluate(ERRORS)]


def run_all(browser, address, name, picture=None):
    """Open a lesson and run it to its end or its first error.

    Args:
        browser: from `open_chromium`.
        address: str, of a JupyterLab.
        name: str, of the lesson.
        picture: Path of a screenshot to make, or None.

    Returns:
        (page, set of hosts asked).
    """
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


def next_take(page, act, panel=".resampling-panel"):
    """Act, wait for the next take, and tell whether it has another roll."""
    player = page.locator(f"{panel} .roll-player").first
    take, before = int(player.get_attribute("data-take")), roll(player)
    act()
    page.wait_for_selector(f'{panel} .roll-player[data-take="{take + 1}"]')
    return roll(player) != before


# What has the focus: the class that the panel gave it, or that of a part of the player.
FOCUSED = r"""() => { const focus = document.activeElement;
  const own = focus.closest(".resampling-panel") &&
    focus.closest("[class*=setting-], [class*=button-], [class*=pick-]");
  const part = focus.closest(".roll-player") && "player-" + focus.className;
  return own?.className.match(/\b(setting|button|pick)-[a-z-]+$/i)?.[0] ?? part ?? ""; }"""
KEYS = {  # each is reached by Tab and brings another take
    "setting-seed": "ArrowUp+Enter",
    "button-dice": "Enter",
    "button-local-latent": " ",
    "button-global-latent": "Enter",
    "setting-other-seed": "ArrowUp+Enter",
    "setting-amount": "ArrowRight",
    "setting-walk": " ",
    "setting-measures": "ArrowRight",
    "setting-temperature": "ArrowLeft",
    "setting-tempo": "Home",
    "setting-transpose": "End",
    "setting-program": "ArrowDown",
    "button-resample": "Enter",
    "pick-A": "ArrowDown",
    "button-A": "Enter",
    "pick-B": "ArrowDown",
    "button-B": "Enter",
}
OTHER_STOPS = ["setting-weights", "button-play", "button-export", "button-score"]
OTHER_STOPS += ["player-play", "player-loop", "player-scroll"]


def press_through(page):
    """Go through the panel by Tab and press a key on each control: the names of the stops.

    Every control of `KEYS` has to bring a take; "b", which JupyterLab takes for a new cell, has to
    do nothing.
    """

    def press():
        for key in KEYS[name].split("+"):
            page.keyboard.press(key)

    page.focus(".resampling-panel .setting-seed input")
    stops = []
    while name := page.evaluate(FOCUSED):
        if name in KEYS and name not in stops:
            next_take(page, press)
            if name.startswith("button"):
                page.keyboard.press("b")
        stops.append(name)
        page.keyboard.press("Tab")
    return stops
