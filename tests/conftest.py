"""Settings and fixtures that all tests share."""

import os
import shutil
from pathlib import Path

# Read by TensorFlow and matplotlib when they are first imported, in this process or a kernel.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from lstmgan_utils import runtime
from tools.lessons import lesson_paths, read_lesson


def pytest_runtest_setup():
    """Start every test, and the fixtures that it brings, from the same random numbers."""
    runtime.set_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests that need a browser, so that `-m "not browser"` leaves them out."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


def pytest_generate_tests(metafunc):
    """Run a test that asks for `lesson` once for every notebook."""
    if "lesson" in metafunc.fixturenames:
        paths = lesson_paths()
        metafunc.parametrize("lesson", paths, ids=[path.stem for path in paths], scope="module")


@pytest.fixture(scope="module")
def notebook(lesson):
    """The lesson as a NotebookNode; tests read it and leave it as it is."""
    return read_lesson(lesson)


@pytest.fixture(scope="module")
def chromium():
    """A headless browser; tests that ask for it are skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Where screenshots go: the folder named by LSTMGAN_SCREENSHOTS, or a temporary one."""
    folder = Path(os.environ.get("LSTMGAN_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def panel(run):
    """The resampling panel in a browser, scrolled into view."""
    from jupyter_browser import PANEL

    name, page, _ = run
    if name != PANEL:
        pytest.skip(f"the panel is in {PANEL}")
    page.locator(".resampling-panel").first.scroll_into_view_if_needed()
    return page
