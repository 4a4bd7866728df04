"""Turn an executed lesson into one self-contained page: figures, players and style are inside."""

import base64
import html
import mimetypes
import re
from pathlib import Path
from string import Template

from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from tools.lessons import NAVIGATION, code_cells, write_text

WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
PROGRESS = re.compile(r"(HBox|FloatProgress|IntProgress)\(|.*\d+%\||\d+it \[")
FRAME = Path(__file__).with_name("lesson_page.html")
CHATTER = re.compile(r"WARNING: All log messages before absl|[IW]0000 00:00")
STILL_PLAYER = re.compile(r'<img alt="Piano roll.*?</audio>', re.DOTALL)
PICTURE = re.compile(r'(<img [^>]*?src=")(?!data:|https?:)([^"]+)"')
# A solution has run, and what it gave stays in its fold; a score has a text for the blind.
TEMPLATE = """{% extends 'basic/index.html.j2' %}
{% block codecell %}{% if cell.metadata.explanation %}<details><summary>Solution</summary>
{{ cell.metadata.explanation | markdown2html }}{{ super() }}</details>
{% else %}{{ super() }}{% endif %}{% endblock %}
{% block data_svg %}<div class="output_svg"><img alt="{{ cell.metadata.alt | escape_html }}"
src="data:image/svg+xml;base64,{{ output.data['image/svg+xml'] | text_base64 }}"></div>
{% endblock %}"""
WELCOME = """<p>A course that goes the whole way from a folder of MIDI files to music that nobody
wrote: an LSTM writes songs, a second network tells them from real ones, and both learn.</p>
<p>These pages hold every lesson as it ran: text, code, pictures and sound. Read and listen here;
to change things, open the notebooks with <code>make lab</code>. A song of the network:</p>"""
LESSON_LINK = re.compile(r'href="(?:\./)?(\d\d_\w+)\.ipynb(#[^"]*)?"')


def states_inside(model, states):
    """Yield the state of a widget, by its id, and of those that it holds."""
    state = states.get(model, {}).get("state", {})
    yield state
    for child in state.get("children") or []:
        yield from states_inside(child.removeprefix("IPY_MODEL_"), states)


def labels(state):
    """Yield the words that a widget shows."""
    yield state.get("description")
    if state.get("_model_name") in ("HTMLModel", "LabelModel"):
        yield re.sub(r"<[^>]+>", "", state.get("value", ""))


def freeze_widget(output, states):
    """Replace a live widget, which needs a kernel, by what it shows without one.

    Args:
        output: NotebookNode of a cell.
        states: dict of widget id to its record in the notebook's metadata.

    Returns:
        list of NotebookNode: the output itself where it is no widget; a widget's picture or
        player where it brought one, else the outputs that it holds, else its labels (nothing for
        a progress bar, which leaves a line of its own).
    """
    data = output.get("data", {})
    if WIDGET not in data:
        return [output]
    inside = list(states_inside(data.pop(WIDGET)["model_id"], states))
    if set(data) - {"text/plain"}:
        return [output]
    text = data.pop("text/plain", "")
    outputs = [held for state in inside for held in state.get("outputs", [])]
    if outputs or not text or text.startswith("Output(") or PROGRESS.match(text):
        return outputs
    words = dict.fromkeys(word for state in inside for word in labels(state) if word)
    name = re.match(r"\w*", text)[0] + ", live in the running notebook"
    said = ": ".join(filter(None, (name, " · ".join(words))))
    data["text/html"] = f'<p class="widget">{html.escape(said)}.</p>'
    return [output]


def freeze_widgets(notebook):
    """Replace every widget of an executed notebook, in place."""
    states = notebook.metadata.pop("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for cell in code_cells(notebook):
        cell.outputs = [new for output in cell.outputs for new in freeze_widget(output, states)]


def drop_chatter(notebook):
    """Remove what TensorFlow's C++ side says at its import, before its log can be silenced."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                lines = output.text.splitlines(keepends=True)
                output.text = "".join(line for line in lines if not CHATTER.match(line))
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr" or o.text.strip()]


def describe_pictures(notebook):
    """Give each figure the heading above it as its alternative text."""
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)
            heading = headings[-1] if headings else heading
        else:
            cell.metadata.setdefault("alt", heading)


def embed_pictures(body, folder):
    """Put the pictures that prose shows, paths relative to a folder, into the page itself.

    nbconvert can, but closes each fold at its first blank line while it does (its issue 2131).
    """

    def embedded(found):
        path = folder / found[2]
        kind, data = mimetypes.guess_type(path)[0], base64.b64encode(path.read_bytes()).decode()
        return f'{found[1]}data:{kind};base64,{data}"'

    return PICTURE.sub(embedded, body)


def neighbours(name, titles):
    """Return links, HTML, to the lesson before, the index and the lesson after."""
    names = [None, *titles, None]
    place = names.index(name)

    def link(target, text):
        return f'<a href="{target}.html">{html.escape(text)}</a>'

    before, after = names[place - 1], names[place + 1]
    first = link(before, f"← {titles[before][0]}") if before else "<span></span>"
    last = link(after, f"{titles[after][0]} →") if after else "<span></span>"
    return first + link("index", "All lessons") + last


def write_frame(path, title, navigation, body):
    """Write a page from its HTML parts."""
    styles = {"code_style": "default", "dark_code_style": "github-dark"}
    for name, style in styles.items():
        styles[name] = HtmlFormatter(style=style).get_style_defs(".highlight")
    page = Template(FRAME.read_text(encoding="utf-8"))
    parts = {"title": html.escape(title), "navigation": navigation, "body": body}
    write_text(path, page.substitute(parts, **styles))


def write_page(notebook, path, titles, folder):
    """Write an executed lesson as a page that needs no kernel and no network.

    Args:
        notebook: NotebookNode with outputs; its widgets are replaced in place.
        path: Path of the page; its stem is the lesson's name.
        titles: dict of lesson name to (title, promise), in order.
        folder: Path of the notebook's folder, to which its pictures are relative.
    """
    freeze_widgets(notebook)
    drop_chatter(notebook)
    describe_pictures(notebook)
    # The badge and the links in the notebook are for GitHub; the page has its own.
    notebook.cells[0].source = NAVIGATION.sub("", notebook.cells[0].source)
    quiet = {"exclude_input_prompt": True, "exclude_output_prompt": True}
    exporter = HTMLExporter(template_name="basic", raw_template=TEMPLATE, **quiet)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"path": str(folder)}})
    body = re.sub(r"<table.*?</table>", r'<div class="table">\g<0></div>', body, flags=re.DOTALL)
    body = embed_pictures(LESSON_LINK.sub(r'href="\1.html\2"', body), Path(folder))
    write_frame(path, titles[path.stem][0], neighbours(path.stem, titles), body)


def first_song(pages):
    """Return the first player of the lessons' pages, HTML, empty where there is none."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(pages.glob("[0-9][0-9]_*.html")))
    found = (STILL_PLAYER.search(text) for text in texts)
    return next((f"<figure>{player[0]}</figure>" for player in found if player), "")


def write_index(pages, titles):
    """Write the page that lists the lessons, each linked where it has a page in `pages`."""
    items = []
    for name, (title, promise) in titles.items():
        text = html.escape(title)
        if (pages / f"{name}.html").is_file():
            text = f'<a href="{name}.html">{text}</a>'
        items.append(f"<li>{text}<br>{html.escape(promise)}</li>")
    lessons = "\n".join(items)
    body = f'<h1>LSTM-GAN</h1>\n{WELCOME}\n{first_song(pages)}\n<ol start="0">{lessons}</ol>'
    write_frame(pages / "index.html", "LSTM-GAN", "<span>All lessons</span>", body)
