"""Lessons in a real browser: JupyterLab 4 in headless Chromium, every control of the panel."""

import os
import re
import signal
import time

import jupyter_browser as jupyter
import nbformat
import pytest
from tensorboard import manager
from toy_tunes import toy_songs

from lstmgan_utils import pianoroll
from lstmgan_utils.callbacks import read_history
from lstmgan_utils.corpus import song_row
from lstmgan_utils.corpus.store import write_store

LESSON, TRAINING_LESSON = jupyter.PANEL, jupyter.lesson_with("TENSORBOARD = ")
SECOND = """from lstmgan_utils.widgets import ResamplingPanel

second = ResamplingPanel(folder="outputs/second")
second.add_class("second")
second"""
TRAINING = {"PRESET": "smoke", "MEASURES": 2, "PRETRAINING": 90, "EVERY": 10, "TENSORBOARD": True}
TRAINING |= {"BATCHES": 100_000, "SONGS": "outputs/songs.store", "N_PIECES": 8}
TRAINING |= {"FINE_TUNING": 2, "MAX_PAIRS": 2}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project folder: two lessons, a few toy tunes to train on."""
    lessons = {LESSON: jupyter.LESSONS[LESSON], TRAINING_LESSON: TRAINING}
    root = jupyter.make_project(tmp_path_factory.mktemp("project"), lessons, {LESSON: SECOND})
    path = root / "notebooks" / f"{TRAINING_LESSON}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    starts = [cell.source.startswith("## Break it") for cell in notebook.cells]
    del notebook.cells[starts.index(True) :]  # test_notebooks_execute runs all of them
    nbformat.write(notebook, path)
    rows = ((tune, song_row(tune)) for tune in toy_songs(12))
    write_store(root / "outputs" / "songs.store", rows)
    return root


@pytest.fixture(scope="module")
def lab(project, tmp_path_factory):
    """The address of a JupyterLab that serves the project."""
    quiet = {"news_url": None, "extension_manager": "readonly"}
    with jupyter.lab(project, tmp_path_factory.mktemp("jupyter"), **quiet) as address:
        yield address


@pytest.fixture(scope="module")
def run(chromium, lab, pictures):
    """Lesson 09 in JupyterLab after Run All, a second panel below: (name, page, hosts asked)."""
    page, hosts = jupyter.run_all(chromium, lab, LESSON, pictures / f"{LESSON}_top.png")
    page.wait_for_selector(".resampling-panel .roll-player[data-shown]")
    page.evaluate("jupyterapp.shell.collapseLeft()")
    yield LESSON, page, hosts
    page.close()


def is_paused(page):
    return page.locator(".resampling-panel audio").first.evaluate("(audio) => audio.paused")


def test_lesson_is_drawn_plays_and_asks_no_other_host(run, pictures):
    jupyter.check_drawn_and_playing(run, pictures / f"{LESSON}_playing.png")


def test_first_sample_is_silent_and_the_next_plays_at_once(panel):
    assert is_paused(panel)
    assert jupyter.next_sample(panel, lambda: panel.click(".button-resample"))
    panel.wait_for_function("document.querySelector('.resampling-panel audio').currentTime > 0.3")
    panel.click(".resampling-panel .play")


def test_every_control_is_reached_and_turned_by_keyboard_alone(panel):
    before = panel.evaluate(f"{jupyter.CELLS}.length")
    jupyter.press_through(panel)
    assert panel.evaluate(f"{jupyter.CELLS}.length") == before  # "b" on a button made no cell


WIDTHS = """() => { const panel = document.querySelector(".resampling-panel");
  const box = (element) => element.getBoundingClientRect();
  const parts = panel.querySelectorAll("[class*=setting-], button, select, input, .roll-player");
  return { sliders: [...panel.querySelectorAll(".slider-container > *")].map((s) => box(s).width),
    right: Math.max(...[...parts].map((part) => box(part).right)), edge: box(panel).right,
    hidden: panel.scrollWidth - panel.clientWidth,
    text: getComputedStyle(panel.querySelector(".widget-label")).color }; }"""
PAPER = """document.querySelector(".resampling-panel canvas").getContext("2d")
  .getImageData(2, 2, 1, 1).data[0]"""


def dress(page, width, theme):
    """Change window and theme, and wait until the roll has its paper in that colour."""
    page.set_viewport_size({"width": width, "height": 1000})
    options = f"{{ theme: 'JupyterLab {theme}' }}"
    page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {options})")
    page.wait_for_function(f"{PAPER} {'> 200' if theme == 'Light' else '< 64'}", timeout=20_000)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [1280, 480])
def test_panel_fits_the_page_and_can_be_read(panel, pictures, width, theme):
    dress(panel, width, theme)
    panel.locator(".resampling-panel").first.scroll_into_view_if_needed()
    panel.screenshot(path=pictures / f"panel_{width}_{theme.lower()}.png")
    found = panel.evaluate(WIDTHS)
    assert len(found["sliders"]) == 5 and min(found["sliders"]) > 200
    assert found["right"] <= found["edge"] + 1 and found["hidden"] <= 1
    text = max(map(int, re.findall(r"\d+", found["text"])[:3]))
    assert text > 200 if theme == "Dark" else text < 64


def test_export_gives_files_with_music(panel, project):
    dress(panel, 1280, "Light")
    folder = project / "outputs" / "generated"
    before = set(folder.iterdir())
    notes = pianoroll.read_midi(jupyter.export_and_engrave(panel, folder, ".mid"))
    new = {file.suffix for file in set(folder.iterdir()) - before}
    assert {".mid", ".mxl", ".png"} < new and len(new) == 4
    assert len(notes) >= 9 and pianoroll.n_steps(notes) > 8 * pianoroll.STEPS_PER_MEASURE
    panel.click(".button-score")


def test_two_panels_do_not_meddle(panel):
    first = panel.locator(".resampling-panel .roll-player").first
    number = first.get_attribute("data-shown")
    jupyter.start_playing(panel, ".resampling-panel", 0.1)
    assert jupyter.next_sample(panel, lambda: panel.click(".second .button-resample"), ".second")
    panel.wait_for_function("!document.querySelector('.second audio').paused")
    assert is_paused(panel) and first.get_attribute("data-shown") == number
    panel.click(".second .play")


def test_reopened_without_a_kernel_it_is_a_picture_and_a_sound(panel, project, lab, pictures):
    panel.evaluate("jupyterapp.commands.execute('docmanager:save')")
    path = project / "notebooks" / f"{LESSON}.ipynb"
    panel.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    assert 500_000 < path.stat().st_size < 3_000_000  # pictures and sounds are in it
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec = {"name": "gone", "display_name": "Gone", "language": "gone"}
    notebook.metadata.pop("language_info", None)
    nbformat.write(notebook, path.with_name("reopened.ipynb"))
    page, _ = jupyter.open_page(panel.context.browser)
    page.goto(f"{lab}/lab/workspaces/again/tree/notebooks/reopened.ipynb")
    page.locator(".jp-Dialog button:has-text('No Kernel')").click()
    still = page.locator(".jp-OutputArea-output img[alt^='Piano roll']")
    still.last.scroll_into_view_if_needed()
    page.screenshot(path=pictures / "without_kernel.png")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    players = [o for o in outputs if 'alt="Piano roll' in o.get("data", {}).get("text/html", "")]
    assert still.count() == len(players) >= 2
    assert still.last.evaluate("(image) => image.naturalWidth") > 500
    assert page.locator(".jp-OutputArea-output:has-text('isplaying widget')").count() == 0
    page.close()


RUN_LAST = """() => { const book = jupyterapp.shell.currentWidget.content;
  book.activeCellIndex = book.widgets.length - 1;
  jupyterapp.commands.execute("notebook:run-cell"); }"""


def test_after_a_restart_the_sound_plays_on_and_a_cell_brings_the_panel_back(panel, pictures):
    panel.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    panel.wait_for_function(jupyter.KERNEL)
    jupyter.start_playing(panel, ".resampling-panel", 0.1).click()
    old = panel.locator(".resampling-panel.jupyter-widgets-disconnected").first
    said = old.evaluate("(panel) => getComputedStyle(panel, '::before').content")
    assert "run this cell again" in said
    old.scroll_into_view_if_needed()
    panel.screenshot(path=pictures / "restarted.png")
    panel.wait_for_timeout(1000)
    panel.evaluate(RUN_LAST)
    panel.wait_for_selector(".second:not(.jupyter-widgets-disconnected) .roll-player[data-shown]")
    assert jupyter.next_sample(panel, lambda: panel.click(".second .button-resample"), ".second")


def wait_for_batch(folder, number, loss, seconds=300):
    """Wait until a run has written a loss of a batch number or a later one: that number."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        numbers, _ = read_history(folder).get(loss, ((), ()))
        if len(numbers) and numbers[-1] >= number:
            return int(numbers[-1])
        time.sleep(0.2)
    raise TimeoutError(f"batch {number} was not reached in {seconds} s")


@pytest.fixture
def no_board_stays(project):
    """TensorBoard outlives its kernel: stop those that show this project."""
    yield
    for board in manager.get_all():
        if board.logdir.startswith(str(project)):
            os.kill(board.pid, signal.SIGTERM)


def test_training_is_watched_interrupted_and_taken_up_again(
    chromium, lab, project, pictures, no_board_stays
):
    from playwright.sync_api import expect

    run_folder = project / "outputs" / "runs" / "lesson_08"
    page, hosts = jupyter.open_lesson(chromium, lab, TRAINING_LESSON)
    page.evaluate(jupyter.RUN_ALL)
    wait_for_batch(run_folder, 10, "cross_entropy")
    curves = page.locator(".jp-OutputArea-output img").last  # of the cell that is at work
    early = curves.get_attribute("src")
    reached = wait_for_batch(run_folder, 60, "cross_entropy")
    expect(curves).not_to_have_attribute("src", early)  # drawn anew at batch 50
    page.evaluate(jupyter.INTERRUPT)  # the next cell calls train again
    wait_for_batch(run_folder, max(TRAINING["PRETRAINING"], reached) + 20, "d_loss")
    curves.scroll_into_view_if_needed()
    page.screenshot(path=pictures / "08_training_live.png")
    page.evaluate(jupyter.INTERRUPT)
    page.wait_for_function(jupyter.DONE, timeout=300_000, polling=500)
    said = page.evaluate(jupyter.TEXT)
    assert jupyter.errors_of(page) == [] and said.count("call train again to go on") == 2
    assert "no gap: True" in said and hosts <= {"127.0.0.1", None, ""}
    board = page.wait_for_selector("iframe[id^=tensorboard]")
    board.content_frame().wait_for_selector("text=d_loss", timeout=60_000)
    sounds = page.locator(".jp-OutputArea-output figure audio")
    assert sounds.count() >= 2
    for name, shown in {"tensorboard": board, "training_samples": sounds.last}.items():
        shown.scroll_into_view_if_needed()
        page.screenshot(path=pictures / f"06_{name}.png")
    page.close()
