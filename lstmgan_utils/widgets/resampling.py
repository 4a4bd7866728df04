"""The resampling panel: every setting of a sample beside the player that plays it."""

import dataclasses
import html
import mimetypes
import random
from pathlib import Path

import ipywidgets

from .. import audio, pianoroll, plotting, runtime, sampling
from ..sampling import Settings, export_sample, file_stem, sample_with
from ..vocabulary import METRES
from .player import PianoRollPlayer

LARGEST_SEED = 2**31 - 1
SOUND_ONLY = {"tempo", "program"}  # these settings change no note: nothing is sampled anew
SCORE_MEASURES = 16  # as many are engraved; more take seconds
INSTRUMENTS = {
    "piano": 0, "music box": 10, "organ": 19, "accordion": 21, "guitar": 24, "violin": 40,
    "strings": 48, "choir": 52, "trumpet": 56, "clarinet": 71, "flute": 73, "recorder": 74,
    "bagpipe": 109, "fiddle": 110,
}  # fmt: skip
SEED_HINT = "A seed draws the latent: 24 random values a beat. The same seed, the same piece."
BLEND_HINT = "From 0 to 1 the other seed takes over, the last measure first (arrows: finest steps)."
TEMPERATURE_HINT = "0 takes the likeliest at each beat, 1 samples as trained."
BUTTONS = {  # text and tooltip
    "any_seed": ("⚄ any seed", "draw a seed at random"),
    "resample": ("Resample", "sample the next seed"),
    "export": ("Export", "save as MIDI, MXL, sound and picture"),
    "A": ("hear A", "bring sample A into the player"),
    "B": ("hear B", "bring sample B into the player"),
}
# Each label stands above its control, which is then as wide as its column.
STYLE = """<style>
.resampling-panel .controls .widget-inline-hbox { flex-wrap: wrap; height: auto; width: auto;
  margin: 2px 2px 6px; }
.resampling-panel .controls .widget-inline-hbox > .widget-label { flex: 1 1 0; text-align: left;
  width: auto !important; height: 22px; line-height: 22px; }
.resampling-panel .controls .widget-inline-hbox > :is(input, select) { flex: 1 0 100%;
  height: 28px; }
.resampling-panel .controls .slider-container { order: 1; margin: 4px 12px 0;
  flex: 1 0 calc(100% - 24px); }
.resampling-panel .controls .widget-readout { height: 22px; line-height: 22px; min-width: 44px; }
.resampling-panel .widget-checkbox input { vertical-align: middle; }
.resampling-panel .jupyter-widgets-disconnected::before { display: none; }
.resampling-panel.jupyter-widgets-disconnected::before {
  content: "The kernel has stopped, the roll still plays: run this cell again for a new panel."; }
.resampling-panel .hint { display: block; line-height: 1.35; white-space: normal; }
</style>"""


def resampling_panel(generator=None, settings=None, *, weights="folk", folder=None):
    """Build the panel of lesson 09: change a setting, see and hear the next sample.

    Introduced in lesson 09.

    Args:
        generator: a trained generator; None loads the weights.
        settings: Settings to start from; None for seed 0.
        weights: name of shipped weights, or a run folder.
        folder: where Export writes; None for outputs/generated.

    Returns:
        ResamplingPanel, an ipywidgets box; display it by ending a cell with it.

    Raises:
        ValueError: no weights of that name, or a damaged run folder.
        FileNotFoundError: a run folder without a save.
    """
    start = dataclasses.replace(settings or Settings(), weights=str(weights))
    generators = {} if generator is None else {start.weights: generator}
    folder = Path(folder or runtime.project_root() / "outputs" / "generated")
    return ResamplingPanel(start, generators, folder)


def load_weights(name):
    """Return the generator of shipped weights, such as "folk", or of a run folder.

    Introduced in lesson 09.
    """
    folder = Path(name) if Path(name).is_absolute() else runtime.project_root() / name
    return sampling.load_run(folder) if folder.is_dir() else sampling.load_pretrained(name)


def weights_menu(chosen):
    """List (label, name) of the shipped weights, the runs in outputs/runs, and the chosen."""
    root = runtime.project_root()
    shipped = [path.parent.name for path in sorted(sampling.WEIGHTS.glob("*/config.json"))]
    runs = [path.parent for path in sorted(root.glob("outputs/runs/*/config.json"))]
    menu = [(f"{name} (comes with the course)", name) for name in shipped]
    menu += [(f"{run.name} (trained here)", run.relative_to(root).as_posix()) for run in runs]
    return menu if chosen in dict(menu).values() else [*menu, (Path(chosen).name, chosen)]


def make_controls(settings):
    """Return one control for each setting: dict of name to widget."""
    w, late = ipywidgets, {"continuous_update": False}
    seeds, fine = {"min": 0, "max": LARGEST_SEED}, {"step": 0.001, "readout_format": ".3f"}
    other = [] if settings.program in INSTRUMENTS.values() else [settings.program]
    programs = [*((f"program {n}", n) for n in other), *INSTRUMENTS.items()]
    menu = weights_menu(settings.weights)
    controls = {
        "seed": w.BoundedIntText(description="seed (names a song)", **seeds),
        "other_seed": w.BoundedIntText(description="other seed (to blend with)", **seeds),
        "amount": w.FloatSlider(description="blend with the other seed", max=1, **fine, **late),
        "weights": w.Dropdown(description="weights (a trained generator)", options=menu),
        "metre": w.Dropdown(description="metre", options=METRES),
        "measures": w.IntSlider(description="measures", min=1, max=200, **late),
        "temperature": w.FloatSlider(description="temperature", max=2, step=0.05, **late),
        "tempo": w.IntSlider(description="tempo (quarters a minute)", max=240, min=40, **late),
        "transpose": w.IntSlider(description="transpose (semitones)", min=-12, max=12, **late),
        "program": w.Dropdown(description="instrument", options=programs),
    }
    for name, control in controls.items():
        control.value = getattr(settings, name)
        control.layout.width = "auto"
    return named("setting", controls)


def make_buttons():
    """Build the buttons and switches of the panel: dict of name to widget."""
    w, auto = ipywidgets, ipywidgets.Layout(width="auto")
    buttons = {
        name: w.Button(description=text, tooltip=tip, layout=auto)
        for name, (text, tip) in BUTTONS.items()
    }
    buttons["resample"].button_style = "primary"
    buttons["score"] = w.ToggleButton(description="show score", layout=auto)
    buttons["play"] = w.Checkbox(description="play at once", indent=False, layout=auto)
    return named("button", buttons)


def named(kind, widgets):
    """Give each widget of a dict a CSS class such as "setting-other-seed"; return the dict."""
    for name, widget in widgets.items():
        widget.add_class(f"{kind}-{name.replace('_', '-')}")
    return widgets


def arrange(panel):
    """Lay out a ResamplingPanel's widgets: list of widgets, from top to bottom."""
    c, b = panel.controls, panel.buttons
    latent = column("Latent", c["seed"], row(b["any_seed"]), hint(SEED_HINT))
    blend = column("Blend", c["other_seed"], c["amount"], hint(BLEND_HINT))
    chance = c["temperature"], hint(TEMPERATURE_HINT)
    model = column("Model", c["weights"], c["metre"], c["measures"], *chance)
    sound = column("Sound", c["tempo"], c["transpose"], c["program"])
    controls = grid(510, grid(245, latent, blend), grid(245, model, sound))  # 4, 2 or 1 columns
    controls.add_class("controls")
    act = row(b["resample"], b["play"], b["export"], b["score"], panel.status)
    compare = row(panel.pick["A"], b["A"], panel.pick["B"], b["B"])
    return [ipywidgets.HTML(STYLE), controls, act, panel.player, compare, panel.score]


def row(*parts):
    """Put widgets side by side, in as many lines as they need."""
    wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center", margin="4px 0")
    return ipywidgets.HBox(parts, layout=wrap)


def column(title, *parts):
    """Put widgets one under the other, below a title."""
    return ipywidgets.VBox([ipywidgets.HTML(f"<b>{title}</b>"), *parts])


def grid(least, *parts):
    """Put widgets side by side as far as each can be so many pixels wide."""
    columns = f"repeat(auto-fit, minmax(min({least}px, 100%), 1fr))"
    layout = ipywidgets.Layout(grid_template_columns=columns, grid_gap="0 16px")
    return ipywidgets.GridBox(parts, layout=layout)


def hint(text):
    """Explain a control in small print."""
    return ipywidgets.HTML(f'<small class="hint">{text}</small>')


class ResamplingPanel(ipywidgets.VBox):
    """The widgets, the history of samples, and what happens when a setting moves.

    Args:
        settings: Settings of the first sample.
        generators: dict of weights name to generator; others are loaded when chosen.
        folder: Path where Export writes.
    """

    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    def __init__(self, settings, generators, folder):
        self.generators, self.folder = generators, folder
        self.samples, self.settings, self._quiet = [], settings, False
        self.player = PianoRollPlayer(metre=settings.metre)
        self.controls, self.buttons = make_controls(settings), make_buttons()
        self.status, self.score = ipywidgets.HTML(), ipywidgets.HTML()
        self.pick = {side: ipywidgets.Dropdown(options=[("-", None)]) for side in "AB"}
        named("pick", self.pick)
        super().__init__(arrange(self))
        self.add_class("resampling-panel")
        self.sample_now()
        self.buttons["play"].value = True  # from the first click on: a page that opens is silent
        self._connect()

    # --- what the settings and buttons do ---

    def _connect(self):
        """Tie each control to its action."""
        for name, control in self.controls.items():
            self._observe(control, lambda name=name: self._turned(name))
        for side, menu in self.pick.items():
            self._observe(menu, lambda side=side: self.hear(side))
        self._observe(self.buttons["score"], self._engrave)
        actions = {
            "any_seed": lambda: self.turn(seed=random.randrange(10_000)),
            "resample": lambda: self.turn(seed=self.settings.seed % LARGEST_SEED + 1),
            "export": self.export,
            "A": lambda: self.hear("A"),
            "B": lambda: self.hear("B"),
        }
        for name, action in actions.items():
            self.buttons[name].on_click(lambda _, action=action: self._attempt(action))

    def _observe(self, widget, action):
        """Act when a learner, not the panel itself, changes a widget's value."""
        widget.observe(lambda _: self._quiet or self._attempt(action), "value")

    def _attempt(self, action):
        """Run an action and show its error, for nobody sees the errors of a callback."""
        try:
            action()
        except Exception as error:
            self.settings = self.samples[self.place][0]  # the settings always tell what is heard
            self._show_settings()
            self._say(f"⚠ {error}")

    def _turned(self, name):
        """Sample anew with a control's new value."""
        self.turn(**{name: self.controls[name].value})

    def turn(self, **changes):
        """Change some fields of the settings at once and play the result."""
        self.settings = dataclasses.replace(self.settings, **changes)
        self._show_settings()
        if SOUND_ONLY.issuperset(changes):
            self.samples[self.place] = self.settings, self.samples[self.place][1]
            self._show(self.place)
        else:
            self.sample_now()

    def sample_now(self):
        """Sample with the settings as they stand, and play it."""
        weights = self.settings.weights
        if weights not in self.generators:
            self._say("loading the weights …")
            self.generators[weights] = load_weights(weights)
        self._say("sampling …")
        self._keep(sample_with(self.generators[weights], self.settings))

    def export(self):
        """Write the sample that is shown as MIDI, MXL, sound and picture."""
        notes = self.samples[self.place][1]
        paths = export_sample(notes, self.settings, self.folder)
        links = " ".join(map(file_link, paths))
        self._say(f"saved in {self.folder.name}: {file_stem(self.settings)}", f"· download {links}")

    # --- samples ---

    def _keep(self, notes):
        """Put a new sample at the end of the history and under A; what was under A goes to B."""
        self.samples.append((self.settings, notes))
        options = [
            (f"#{i} seed {s.seed} · {s.measures} measures · {len(notes)} notes", i - 1)
            for i, (s, notes) in enumerate(self.samples, 1)
        ][::-1]
        newest, before = len(self.samples) - 1, self.pick["A"].value
        self._quiet = True
        for side, value in {"A": newest, "B": newest if before is None else before}.items():
            self.pick[side].options, self.pick[side].value = options, value
        self._quiet = False
        self._show(newest)

    def hear(self, side):
        """Bring the sample under A or B into the player, at the place where the other one was."""
        self._show(self.pick[side].value)

    def _show(self, index):
        """Show one sample of the history everywhere; the settings go back to where it was made."""
        self.place = index
        self.settings, notes = self.samples[index]
        self._show_settings()
        self.player.show(
            notes,
            self.settings.tempo,
            self.settings.program,
            metre=self.settings.metre,
            title=f"#{index + 1} seed {self.settings.seed}",
            play=self.buttons["play"].value,
        )
        self._say("")
        self._engrave()

    def _show_settings(self):
        """Move the controls to where the settings are, and offer what was trained meanwhile."""
        self._quiet = True
        self.controls["weights"].options = weights_menu(self.settings.weights)
        for name, control in self.controls.items():
            control.value = getattr(self.settings, name)
        self._quiet = False

    def _engrave(self):
        """Draw the score of the shown sample, where it is wanted."""
        settings, notes = self.samples[self.place]
        notes = pianoroll.crop(notes, 0, SCORE_MEASURES * pianoroll.steps_of(settings.metre))
        wanted = self.buttons["score"].value and len(notes)
        self.score.value = engraved(notes, settings) if wanted else ""

    def _say(self, text, links=""):
        """Show a line beside the buttons: plain text, and links as HTML."""
        self.status.value = f'<span aria-live="polite">{html.escape(text)} {links}</span>'

    def _repr_mimebundle_(self, **options):
        """Show the panel, and a still player wherever its kernel is gone."""
        bundle, metadata = self.player._repr_mimebundle_(**options)
        view = "application/vnd.jupyter.widget-view+json"
        return bundle | {view: bundle[view] | {"model_id": self.model_id}}, metadata


def file_link(path):
    """Return a link, HTML, that carries a file: on Colab nobody sees the kernel's folders."""
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    name, data = html.escape(path.name), audio.data_uri(path.read_bytes(), mime)
    style = "text-decoration:underline"
    return f'<a download="{name}" style="{style}" href="{data}">{path.suffix}</a>'


def engraved(notes, settings):
    """Return a sample's score as an HTML picture that loads nothing from elsewhere."""
    how = {"tempo": settings.tempo, "program": settings.program, "metre": settings.metre}
    svg = plotting.score_svg(notes, **how)
    picture = audio.data_uri(svg.encode(), "image/svg+xml")
    style = "max-width:100%;background:#fff"  # ink is black, also on a dark page
    return f'<img alt="Score of {len(notes)} notes" style="{style}" src="{picture}">'
