"""A lesson's page as a reader meets it: folds open, nothing runs off its side or is fetched."""

import re
import sys
from functools import partial

import nbformat
import pytest
from jupyter_browser import lab_command, make_home, open_lesson, served, start_playing
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.lessons import METADATA
from tools.run_notebooks import run_notebooks

FOLD = """<details><summary>Solution</summary>

Count *them*.

```python
def total(xs):
    return sum(xs)


print("the answer is", total([40, 2]))
```

</details>"""
TITLE = "# Title\n<!-- navigation -->\n\n*At the end you will hear it.*\n\n9 minutes\n\n"
TABLE = f"| a wide table | of many columns |\n|---|---|\n| {'one_word_' * 30} | b |"
ANSWER = "<details><summary>Answer</summary>\n\nIt is **seven**.\n\n- so\n\n</details>"
CODE = """
import sys
print('I0000 00:00:17 port.cc:153] oneDNN\\na remark', file=sys.stderr)
# %%
print(list(range(900)), 'x' * 500)
long = 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'
# %%
from IPython.display import HTML
HTML('<table>' + 3 * ('<tr>' + '<td>within 5% or 0.107</td>' * 14 + '</tr>') + '</table>')
# %%
from lstmgan_utils import pianoroll, plotting, runtime, widgets
for _ in runtime.progress_bar(range(7), description='files'):
    pass
# %%
tune = pianoroll.note_array([(0, 24, 60), (24, 72, 67)])
plotting.plot_batch([tune] * 3, columns=2);
# %%
player = widgets.PianoRollPlayer(tune, title='the tune')
player
# %%
import ipywidgets as w
class Panel(w.VBox):
    _ipython_display_ = None
    _repr_mimebundle_ = widgets.resampling.ResamplingPanel._repr_mimebundle_
slider, menu = w.IntSlider(description='measures'), w.Dropdown(options=['folk', 'piano'])
buttons = w.Button(description='Export'), w.Checkbox(description='at once')
panel = Panel([w.HTML('<small>a hint</small>'), slider, menu, *buttons, player])
panel.player = player
panel
# %%
widgets.BlindTestPanel(widgets.BlindTest([(tune, True), (tune, False)]))
# %%
def total(xs):
    return None
"""
CELLS = [new_markdown_cell(TITLE + TABLE), *map(new_code_cell, CODE.split("# %%\n"))]
CELLS += [new_markdown_cell(FOLD), new_markdown_cell(ANSWER)]
# What is wider than its box, and no scroller of its own: every block, with all folds open.
OVERFLOWING = """() => [...document.querySelectorAll('body, main *:not(svg *)')].filter((e) =>
    getComputedStyle(e).display !== 'inline' && e.clientWidth && e.className !== 'table'
    && !e.closest('.scroll') && e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML)"""
BRIGHTNESS = """['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name]
    .match(/[0-9]+/g).reduce((a, b) => a + +b, 0) / 3)"""  # of text and ground, 0 to 255


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of one lesson, run in a kernel."""
    root = tmp_path_factory.mktemp("project")
    (root / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=CELLS, metadata=METADATA), root / "notebooks" / "00_a.ipynb")
    run_notebooks(root / "notebooks", root / "outputs" / "pages")
    return root / "outputs" / "pages"


def test_page_keeps_what_ran_and_needs_nothing_else(pages):
    page = (pages / "00_a.html").read_text(encoding="utf-8")
    text = re.sub(r'base64,[^"]*', "", page)
    assert "it/s" not in text and "7/7" not in text
    said = re.findall(r'output_stderr output_text">\s*<pre>(.*?)</pre>', text, re.DOTALL)
    assert [line.strip() for line in said] == ["a remark"]
    assert 'src="../' not in page and len(page) < 3e6
    assert len(re.findall('<img alt="Title"', text)) == 1, "a figure has the heading above it"
    index = (pages / "index.html").read_text(encoding="utf-8")
    story, table = index.split("<h2")[0], index.split("<table")[1]
    assert len(re.findall(r"[.?](?=\s|</p>)", re.search("<p>.*?</p>", story)[0])) == 5, "sentences"
    assert story.count('class="player"') == 1 and 'alt="A piano roll"' in story
    assert 'href="00_a.html"' in table and re.findall(r"<td>([\d.]+)</td>", table)[0] == "9"
    assert 0 < float(re.findall(r"<td>([\d.]+)</td>", table)[1]) < 9, "minutes of the machine"


@pytest.fixture(params=[(1280, "light"), (800, "dark"), (390, "light"), (390, "dark")], ids=str)
def opened(request, chromium, pages, pictures):
    """The lesson's page in a browser window: (page, width)."""
    width, scheme = request.param
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked = []
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    page.goto((pages / "00_a.html").as_uri())
    yield page, width
    assert set(asked) <= {"file", "data", "blob"}, "a page needs no network"
    page.screenshot(path=pictures / f"page_{width}_{scheme}.png", full_page=True)
    page.close()


def test_folds_open_and_nothing_overflows(opened):
    page, width = opened
    folded = ("Count them.", "sum(xs)", "the answer is 42", "It is seven.")
    assert not any(page.get_by_text(said).is_visible() for said in folded), "folds start closed"
    for summary in page.locator("summary").all():
        summary.click()
    assert all(page.get_by_text(said).last.is_visible() for said in folded)
    assert page.evaluate(OVERFLOWING) == []
    column = page.locator("main").bounding_box()["width"]
    assert page.locator(".output_png img").bounding_box()["width"] > 0.95 * column
    for table in page.locator(".table").all():
        assert table.bounding_box()["width"] <= column
    text, ground = page.evaluate(BRIGHTNESS)
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (text - ground if dark else ground - text) > 150


def test_player_panel_and_blind_test_work_without_a_kernel(opened):
    page, _ = opened
    players = page.locator(".player .roll-player")
    assert players.count() == page.locator(".player").count() == 2
    start_playing(page, ".player .roll-player", seconds=0.2)
    assert float(players.first.get_attribute("data-time")) > 0
    panel = page.locator(".VBoxModel:has(.player)")
    assert all(panel.get_by_text(said).count() for said in ("a hint", "measures", "folk", "Export"))
    guesses = page.get_by_label("Is it real?")
    for guess, chosen in zip(guesses.all(), ("generated", "generated"), strict=True):
        guess.select_option(chosen)
    assert page.get_by_text("It was generated: 1 of 2 right.").is_visible()


def test_folds_open_in_jupyterlab(pages, chromium, tmp_path, pictures):
    make_home(tmp_path)
    with served(partial(lab_command, sys.executable, folder=pages.parents[1]), tmp_path) as address:
        page, _ = open_lesson(chromium, address, "00_a")
        for summary in page.locator(".jp-MarkdownOutput summary").all():
            inside = summary.locator("xpath=..").get_by_text
            said = "sum(xs)" if summary.inner_text() == "Solution" else "It is seven."
            assert not inside(said).is_visible()
            summary.click()
            assert inside(said).is_visible()
        page.screenshot(path=pictures / "folds_in_jupyterlab.png")
        page.close()
