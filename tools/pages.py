"""Make pages that need no kernel and no network: the lessons as they ran, and the way in."""

import base64
import json
import re
from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from tools.lessons import NAVIGATION, ROOT, code_cells, markdown_table, write_text

# A live widget needs a kernel and a script a network, so a page shows what either brings beside.
KINDS = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
SHOWN = Config(NbConvertBase={"display_data_priority": KINDS})
LESSON_LINK = re.compile(r'href="(?:\./)?(\d\d_\w+)\.ipynb(#[^"]*)?"')
VIEW, STATE = (f"application/vnd.jupyter.widget-{name}+json" for name in ("view", "state"))
PLAYER = re.compile(r'<div class="player".*?</audio></figure></div>', re.DOTALL)
COLAB = re.compile(r"\]\((https://colab\.[^)]+)\)")
HERE = """## The lessons

These pages hold every lesson as it ran here. To change things, open the notebooks: `make lab`."""
OFF = "<p><small>The player plays; the controls stand as this run left them.</small></p>"
SONG = "<figure><figcaption>A network wrote this. Press <b>Play</b>.</figcaption>{}</figure>"
ROLL = """<figure><img alt="A piano roll" src="data:image/png;base64,{}">
<figcaption>The same network, trained on piano parts: a bar is a note.</figcaption></figure>"""


def widget_states(notebook):
    """Return what the kernel's widgets showed at the end: dict of id to dict, bytes as base64."""
    store = notebook.metadata.get("widgets", {}).get(STATE, {"state": {}})["state"]
    return {
        name: model["state"] | {part["path"][0]: part["data"] for part in model.get("buffers", [])}
        for name, model in store.items()
    }


def draw_widget(name, states, still):
    """Return a widget as HTML, its controls off; where `still` is, a script puts a player."""
    state = states[name.removeprefix("IPY_MODEL_")]
    kind, text = state["_model_name"], escape(state.get("description") or "")
    if "rows" in state:
        fields = "rows", "tempo", "steps_per_measure"
        song = escape(json.dumps({field: state[field] for field in fields}))
        return f'<div class="player" data-song="{song}">{still}</div>'
    if "children" in state:
        inside = "".join(draw_widget(child, states, still) for child in state["children"])
        return f'<div class="{kind}">{inside}</div>'
    if "Button" in kind:
        return f'<button disabled title="{escape(state["tooltip"] or "")}">{text}</button>'
    if "_options_labels" in state:
        chosen = escape(state["_options_labels"][state["index"]])
        return f"<label>{text}<select disabled><option>{chosen}</option></select></label>"
    value = state.get("value")
    if kind == "HTMLModel":
        return value
    if kind == "CheckboxModel":
        return f'<label><input type="checkbox" disabled {"checked" * value}>{text}</label>'
    if "Slider" not in kind:
        return f'<label>{text}<input value="{value}" disabled></label>'
    span = " ".join(f'{name}="{state[name]}"' for name in ("min", "max", "step", "value"))
    return f'<label>{text} <output>{value}</output><input type="range" {span} disabled></label>'


def keep_widgets(notebook):
    """Draw, in place, every widget that is a player or holds one."""
    states = widget_states(notebook)
    for cell in code_cells(notebook):
        for data in (output.get("data", {}) for output in cell.outputs):
            name = data.get(VIEW, {}).get("model_id")
            drawn = draw_widget(name, states, data.get("text/html")) if name in states else ""
            if 'class="player"' in drawn:
                data["text/html"] = drawn + OFF * ("<select" in drawn)


def write_html(notebook, path, title, links):
    """Write a page that needs nothing else; `links` are pairs (address, text)."""
    template = str(Path(__file__).with_name("lesson_page.html"))
    exporter = HTMLExporter(SHOWN, template_name="basic", template_file=template)
    light, dark = HtmlFormatter(style="default"), HtmlFormatter(style="github-dark")
    player = (ROOT / "lstmgan_utils" / "widgets").glob("player.[cj]s*")
    styles = [style.get_style_defs(".highlight") for style in (light, dark)]
    player = {path.suffix[1:]: path.read_text(encoding="utf-8") for path in player}
    known = {"title": title, "links": links, "styles": styles, "player": player}
    page, _ = exporter.from_notebook_node(notebook, known)
    page = re.sub(r"<table.*?</table>", r'<div class="table">\g<0></div>', page, flags=re.DOTALL)
    write_text(path, LESSON_LINK.sub(r'href="\1.html\2"', page))


def write_page(notebook, path, about):
    """Write an executed lesson as a page; `about` tells of all lessons, in order."""
    heading = ""
    for cell in notebook.cells:  # each figure gets the heading above it as its alternative text
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)][-1]
        cell.metadata.setdefault("alt", heading)
    keep_widgets(notebook)
    # The links in the notebook are for GitHub; the page has its own.
    first, names = notebook.cells[0], list(about)
    links = [(address, "Open in Colab") for address in COLAB.findall(first.source)]
    first.source = NAVIGATION.sub("", first.source)
    place = names.index(path.stem)
    links += [(f"{name}.html", f"← {about[name][0]}") for name in names[:place][-1:]]
    links += [("index.html", "All lessons")]
    links += [(f"{name}.html", f"{about[name][0]} →") for name in names[place + 1 :][:1]]
    write_html(notebook, path, about[path.stem][0], links)


def write_index(pages, about, seconds):
    """Write the page to begin with: the story, a song, a picture, and the lessons with times."""
    texts = [(pages / f"{name}.html").read_text(encoding="utf-8") for name in about]
    song = PLAYER.search("".join(texts))
    picture = base64.b64encode((ROOT / "docs" / "piano_roll.png").read_bytes()).decode()
    story = (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")[:2]
    table = [
        (f"[{name[:2]} · {title}]({name}.html)", minutes, f"{seconds[name] / 60:.1f}", promise)
        for name, (title, promise, minutes) in about.items()
    ]
    header = ["lesson", "your minutes", "machine minutes", "you will hear"]
    parts = [*story, SONG.format(song[0]) if song else "", ROLL.format(picture)]
    cell = new_markdown_cell("\n\n".join([*parts, HERE, markdown_table(header, table)]))
    write_html(new_notebook(cells=[cell]), pages / "index.html", "LSTM-GAN", [])
