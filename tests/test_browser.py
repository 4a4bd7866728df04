"""Lessons in a real browser: JupyterLab 4 in headless Chromium, from Run All to a saved file."""

import sys
import time
from functools import partial

import nbformat
import pytest
from jupyter_browser import (
    CHROMIUM,
    DONE,
    INTERRUPT,
    LESSONS,
    RUN_ALL,
    TEXT,
    errors_of,
    lab_command,
    make_home,
    make_project,
    open_lesson,
    roll,
    run_all,
    served,
    start_playing,
)
from toy_tunes import toy_songs

from lstmgan_utils import pianoroll
from lstmgan_utils.corpus import song_row
from lstmgan_utils.explaining import read_history
from lstmgan_utils.store import write_store

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
ENDLESS = 100_000  # batches: only Interrupt stops it
TRAINING = {
    "PRESET": "smoke",
    "MEASURES": 2,
    "WARM_UP": 90,
    "BATCHES": ENDLESS,
    "EVERY": 10,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project folder: lessons with smoke parameters, and a few toy tunes to train on."""
    lessons = LESSONS | {"06_training": TRAINING}
    root = make_project(tmp_path_factory.mktemp("project"), lessons)
    cut(root / "notebooks" / "06_training.ipynb", "## Break it")
    tunes = list(toy_songs(12))
    write_store(root / "outputs" / "songs.store", ((tune, song_row(tune)) for tune in tunes))
    return root


def cut(path, heading):
    """Leave out a lesson's cells from a heading on; test_notebooks_execute runs all of them."""
    notebook = nbformat.read(path, as_version=4)
    stop = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith(heading))
    del notebook.cells[stop:]
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(project, tmp_path_factory):
    """The address of a JupyterLab that serves the project."""
    home = tmp_path_factory.mktemp("jupyter")
    make_home(home)
    quiet = {"news_url": None, "extension_manager": "readonly"}
    with served(partial(lab_command, sys.executable, folder=project, **quiet), home) as address:
        yield address


@pytest.fixture(scope="module", params=LESSONS, ids=str)
def run(request, lab, chromium, pictures):
    """A lesson in JupyterLab after Run All: (name, page, hosts asked for)."""
    page, hosts = run_all(chromium, lab, request.param, pictures / f"{request.param}_top.png")
    page.wait_for_selector(".roll-player[data-take]")
    yield request.param, page, hosts
    page.close()


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
    before = roll(player)
    button = start_playing(page, ".roll-player")
    assert roll(player) != before  # the playhead moves and notes light up
    page.screenshot(path=pictures / f"{name}_playing.png")
    button.click()
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


def test_resample_brings_another_roll(panel, pictures):
    player = panel_player(panel)
    take, before = take_of(player), roll(player)
    panel.screenshot(path=pictures / "panel_before.png")
    panel.click(".button-resample")
    wait_for_take(panel, take + 1)
    assert roll(player) != before
    panel.screenshot(path=pictures / "panel_after.png")


def test_sound_of_the_new_take_plays(panel):
    start_playing(panel, ".resampling-panel", 0.3).click()


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


def test_exported_files_come_through_the_browser(panel, project, tmp_path):
    with panel.expect_download() as download:
        panel.click(".resampling-panel a[download$='.mid']")
    name = download.value.suggested_filename
    download.value.save_as(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (project / "outputs/generated" / name).read_bytes()


def test_score_is_engraved(panel, pictures):
    panel.click(".button-score")
    panel.wait_for_selector(".resampling-panel img[alt^='Score of']", timeout=60_000)
    panel.locator(".resampling-panel img[alt^='Score of']").scroll_into_view_if_needed()
    panel.screenshot(path=pictures / "panel_score.png")


def test_lesson_with_ten_takes_saves_small(panel, project):
    player = panel_player(panel)
    takes = panel.locator(".resampling-panel select").last.locator("option")
    while takes.count() < 10:
        take = take_of(player)
        panel.click(".button-resample")
        wait_for_take(panel, take + 1)
    panel.evaluate("jupyterapp.commands.execute('docmanager:save')")
    size = (project / "notebooks" / "07_resample.ipynb").stat().st_size
    assert 500_000 < size < 3_000_000  # pictures and sounds are in it


def test_player_follows_the_dark_theme(panel, pictures):
    player = panel_player(panel)
    light = roll(player)
    panel.evaluate("jupyterapp.commands.execute('apputils:change-theme',"
                   " { theme: 'JupyterLab Dark' })")  # fmt: skip
    brightest = "Math.max(...c.getContext('2d').getImageData(2, 2, 1, 1).data.slice(0, 3))"
    panel.wait_for_function(
        "() => { const c = document.querySelector('.resampling-panel canvas');"
        f" return {brightest} < 64; }}",
        timeout=20_000,
    )
    assert roll(player) != light
    panel.locator(".resampling-panel").first.scroll_into_view_if_needed()
    panel.screenshot(path=pictures / "panel_dark.png")


def wait_for_batch(folder, number, loss, seconds=300):
    """Wait until a run has written a loss of a batch number or a later one: that number."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        numbers, _ = read_history(folder).get(loss, ((), ()))
        if len(numbers) and numbers[-1] >= number:
            return int(numbers[-1])
        time.sleep(0.2)
    raise TimeoutError(f"batch {number} was not reached in {seconds} s")


def test_training_is_watched_interrupted_and_taken_up_again(lab, chromium, project, pictures):
    from playwright.sync_api import expect

    run_folder = project / "outputs" / "runs" / "lesson_06"
    page, hosts = open_lesson(chromium, lab, "06_training")
    page.evaluate(RUN_ALL)
    wait_for_batch(run_folder, 10, "surprise")
    curves = page.locator(".jp-OutputArea-output img").last  # of the cell that is at work
    early = curves.get_attribute("src")
    reached = wait_for_batch(run_folder, 60, "surprise")
    expect(curves).not_to_have_attribute("src", early)  # drawn anew at batch 50
    page.evaluate(INTERRUPT)  # the next cell calls train again
    wait_for_batch(run_folder, max(TRAINING["WARM_UP"], reached) + 20, "d_loss")
    curves.scroll_into_view_if_needed()
    page.screenshot(path=pictures / "06_training_live.png")
    page.evaluate(INTERRUPT)
    page.wait_for_function(DONE, timeout=300_000, polling=500)
    said = page.evaluate(TEXT)
    assert errors_of(page) == [] and said.count("call train again to go on") == 2
    assert "no gap: True" in said and hosts <= {"127.0.0.1", None, ""}
    sounds = page.locator(".jp-OutputArea-output figure audio")
    assert sounds.count() >= 2
    sounds.last.scroll_into_view_if_needed()
    page.screenshot(path=pictures / "06_training_samples.png")
    page.close()
