"""The player: what the kernel sends, and what player.js does with it in a real browser."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest

from lstmgan_utils import audio
from lstmgan_utils.pianoroll import note_array, read_midi
from lstmgan_utils.widgets import player
from tools.lessons import ROOT

SONG = note_array((24 * i, 24, 60 + i * 5 % 13) for i in range(32))  # 8 measures
SHORT = note_array((24 * i, 24, 72 - i % 5) for i in range(8))  # 2 measures
EMPTY = note_array([])
SCRIPT = Path(player.__file__).with_name("player.js")
PAGE = """<style>{css}</style><body style="margin:16px;{style}"><div id="here"></div>
<script type="module">{code}
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const state = {state}, watchers = {{}};
for (const name of ["rows", "audio"]) state[name] = bytes(state[name]);
window.model = {{ state, get: (name) => state[name], save_changes() {{}},
  set: (name, value) => {{ state[name] = value; }},
  on: (name, call) => {{ watchers[name] = call; }}, off() {{}},
  send: (name, value) => {{ state[name] = value; watchers["change:" + name]?.(); }} }};
window.bytes = bytes;
window.stop = player.render({{ model, el: document.getElementById("here") }});
</script></body>"""


def test_state_holds_every_note(monkeypatch):
    monkeypatch.setattr(player, "encode_song", lambda *_: (b"sound", "audio/test"))
    shown = player.PianoRollPlayer(SONG, tempo=90, metre="3/4", title="waltz")
    rows = np.frombuffer(shown.rows, "<i4").reshape(-1, 3)
    np.testing.assert_array_equal(rows, np.array(SONG.tolist()))
    assert (shown.tempo, shown.steps_per_measure, shown.title) == (90, 72, "waltz")
    assert (shown.audio, shown.mime, shown.shown) == (b"sound", "audio/test", 1)
    shown.show(EMPTY)
    assert shown.shown == 2 and shown.rows == shown.audio == b""


def test_picture_stands_in_without_a_kernel():
    from IPython.core.interactiveshell import InteractiveShell
    from PIL import Image

    shown = player.PianoRollPlayer(SONG, title="a <song>")
    bundle, _ = InteractiveShell.instance().display_formatter.format(shown)
    page = bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "a &lt;song&gt;" in page and "<audio" in page and "http" not in page
    png = base64.b64decode(page.split('src="data:image/png;base64,')[1].split('"')[0])
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    assert len(png) < 60_000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 3
    assert audio.SILENT in player.PianoRollPlayer()._repr_mimebundle_()[0]["text/html"]


def state_of(notes, **changes):
    """Return the traits that player.js reads, as JSON text."""
    widget = player.PianoRollPlayer(notes)
    names = player.PianoRollPlayer.class_own_traits(sync=True)
    state = {name: getattr(widget, name) for name in names} | changes
    return json.dumps(state, default=lambda data: base64.b64encode(data).decode())


@pytest.fixture
def open_page(chromium):
    """Open player.js with a stand-in for the widget's model; errors in the page fail the test."""
    urls, errors = [], []

    def open_(notes=SONG, style="", width=900, **options):
        page = chromium.new_page(viewport={"width": width, "height": 340})
        page.on("pageerror", lambda error: errors.append(error))
        page.on("request", lambda request: urls.append(request.url))
        code = SCRIPT.read_text(encoding="utf-8").replace("export default {", "const player = {")
        css = SCRIPT.with_suffix(".css").read_text(encoding="utf-8")
        state = state_of(notes, **options)
        page.set_content(PAGE.format(css=css, style=style, code=code, state=state))
        page.wait_for_selector(".roll-player[data-shown]")
        return page

    yield open_
    assert not errors
    assert all(url.startswith(("data:", "blob:", "about:")) for url in urls)


def wait_until(page, moment):
    """Wait for a condition on the seconds that the playhead shows, such as "> 0.8"."""
    page.wait_for_function(f"document.querySelector('.roll-player').dataset.time {moment}")


def seconds(page):
    return float(page.get_attribute(".roll-player", "data-time"))


COLOURS = """([x0, x1]) => { const canvas = document.querySelector('canvas'), w = canvas.width;
  const data = canvas.getContext('2d').getImageData(x0 * w, 0, (x1 - x0) * w, canvas.height).data;
  return [...new Set([...new Uint32Array(data.buffer)])]; }"""
BLUE, VERMILION = 0xFFB27200, 0xFF005ED5  # as canvases hold them: alpha, blue, green, red


def colours(page, x0=0, x1=1):
    """The colours in a vertical slice of the roll."""
    return page.evaluate(COLOURS, [x0, x1])


def measure_x(page, measure, width=900 - 32 - 2 - 34):
    """Return where on the page a place of the roll of eight measures lies, in pixels."""
    return page.locator(".scroll").bounding_box()["x"] + 34 + measure * width / 8


def test_play_moves_the_playhead_lights_notes_and_loops(open_page):
    page = open_page()
    assert BLUE in colours(page)
    page.click(".play")
    wait_until(page, "> 0.8")
    assert VERMILION in colours(page, 0.05, 0.2)
    page.click(".play")
    assert "Play" in page.inner_text(".play")
    stopped = seconds(page)
    page.wait_for_timeout(300)
    assert seconds(page) == stopped > 0.8
    page = open_page(SHORT, tempo=240)
    page.focus(".scroll")
    page.keyboard.press("Shift+ArrowRight")
    page.click(".play")
    wait_until(page, "> 0.7")
    wait_until(page, "< 0.5")
    assert "Pause" in page.inner_text(".play")


def test_click_seeks_and_drag_selects_measures(open_page):
    page = open_page()
    height = page.locator(".scroll").bounding_box()["y"] + 100
    page.mouse.click(measure_x(page, 4), height)
    assert seconds(page) == pytest.approx(8, abs=0.1)  # 8 measures at 120 last 16 s
    page.mouse.move(measure_x(page, 2.5), height)
    page.mouse.down()
    page.mouse.move(measure_x(page, 3.5), height, steps=4)
    page.mouse.up()
    assert page.get_attribute(".roll-player", "data-loop") == "3,4"
    assert page.get_attribute(".loop", "aria-pressed") == "true"


def test_keyboard_and_labels(open_page):
    page = open_page()
    page.focus(".scroll")
    steps = {  # keys, in order -> the second and the selected measures
        "ArrowRight ArrowRight": (4, ""),
        "ArrowLeft": (2, ""),
        "Shift+ArrowRight Shift+ArrowRight": (2, "2,3"),
        "Escape End": (14, ""),
        "Home": (0, ""),
    }
    for keys, (second, loop) in steps.items():
        for key in keys.split():
            page.keyboard.press(key)
        assert seconds(page) == pytest.approx(second)
        assert page.get_attribute(".roll-player", "data-loop") == loop
        said = page.get_attribute(".scroll", "aria-valuetext")
        assert said == f"measure {second // 2 + 1} of 8"
    page.keyboard.press(" ")
    wait_until(page, "> 0.2")
    assert "32 notes" in page.get_attribute(".roll-player", "aria-label")


def test_200_measures_scroll_and_follow(open_page):
    long = note_array((24 * i, 24, 60 + i % 12) for i in range(800))
    page = open_page(long, style="display:flex")  # as JupyterLab 3 lays outputs out
    assert page.evaluate("document.querySelector('.scroll').scrollWidth") > 10_000
    assert page.evaluate("document.querySelector('canvas').width") < 900
    assert page.evaluate("document.documentElement.scrollWidth") <= 900
    page.focus(".scroll")
    page.keyboard.press("End")
    assert page.evaluate("document.querySelector('.scroll').scrollLeft") > 9000
    assert BLUE in colours(page, 0.1, 1)


def send_song(page, notes, shown, autoplay):
    """Send another song, as the kernel does: its traits, then the number of the song."""
    rows = base64.b64encode(np.array(notes.tolist()).astype("<i4").tobytes()).decode()
    page.evaluate("rows => model.send('rows', bytes(rows))", rows)
    page.evaluate(f"model.send('autoplay', {json.dumps(autoplay)}); model.send('shown', {shown})")
    page.wait_for_selector(f'.roll-player[data-shown="{shown}"]')


def test_a_new_song_goes_on_at_the_same_place_or_plays_at_once(open_page):
    page, other = open_page(), note_array((24 * i, 24, 50) for i in range(32))
    send_song(page, other, 2, autoplay=False)
    assert "Play" in page.inner_text(".play")
    page.keyboard.press("Tab")  # as any key or click, it lets the page sound
    send_song(page, SONG, 3, autoplay=True)
    wait_until(page, "> 0.6")
    send_song(page, other, 4, autoplay=False)
    assert "Pause" in page.inner_text(".play") and seconds(page) >= 0.5
    page.evaluate("dispatchEvent(new CustomEvent('roll-player', { detail: 'another' }))")
    assert "Play" in page.inner_text(".play")  # it yields to another player
    send_song(page, EMPTY, 5, autoplay=True)
    assert page.is_disabled(".play") and page.inner_text(".title") == audio.SILENT
    assert BLUE not in colours(page)
    page = open_page(autoplay=True)  # in a browser that wants a click
    page.evaluate("() => { HTMLMediaElement.prototype.play = () => Promise.reject(Error()); }")
    send_song(page, SONG, 2, autoplay=True)
    assert "Play" in page.inner_text(".play")


def test_piano_music_has_room(open_page, pictures):
    notes = read_midi(ROOT / "data_sample" / "midi" / "joplin_maple_leaf_rag.mid")
    page = open_page(notes, width=480)
    page.screenshot(path=pictures / "piano_music.png")
    assert page.evaluate("document.querySelector('canvas').height") > 240
    wide = page.evaluate("document.querySelector('.scroll').scrollWidth")
    assert wide / (notes["onset"].max() / 96) > 100  # pixels a measure; a melody in eighths has 60
    assert f"{len(notes)} notes" in page.inner_text(".title") and BLUE in colours(page, 0.1, 1)
