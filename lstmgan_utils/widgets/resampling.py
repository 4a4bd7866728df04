"""The resampling panel: every setting of a sample beside the player that plays it."""

import dataclasses
import html
import random
from pathlib import Path

import ipywidgets as w

from .. import audio, pianoroll, plotting, runtime, sampling
from ..sampling import Settings, export_sample, sample_with
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


def load_weights(name):
    """Return the generator of shipped weights, such as "folk", or of a run folder.

    Introduced in lesson 09.
    """
    folder = runtime.project_root() / name
    return sampling.load_run(folder) if folder.is_dir() else sampling.load_pretrained(name)


def weights_menu(chosen):
    """Return the names of the shipped weights, of the runs in outputs/runs, and the chosen one."""
    root = runtime.project_root()
    names = [path.parent.name for path in sorted(sampling.WEIGHTS.glob("*/config.json"))]
    runs = sorted(root.glob("outputs/runs/*/config.json"))
    names += [path.parent.relative_to(root).as_posix() for path in runs]
    return names if chosen in names else [*names, chosen]


def make_controls(settings):
    """Build one control for each setting: dict of name to widget."""
    seeds, late = {"max": LARGEST_SEED}, {"continuous_update": False}
    fine = {"max": 1, "step": 0.001, "readout_format": ".3f"}
    weights, programs = weights_menu(settings.weights), list(INSTRUMENTS.items())
    if settings.program not in INSTRUMENTS.values():
        programs.append((f"program {settings.program}", settings.program))
    return {
        "seed": w.BoundedIntText(description="seed (names a song)", **seeds),
        "other_seed": w.BoundedIntText(description="other seed (to blend with)", **seeds),
        "amount": w.FloatSlider(description="blend (1 is the other seed)", **fine, **late),
        "weights": w.Dropdown(description="weights (a trained generator)", options=weights),
        "metre": w.Dropdown(description="metre", options=METRES),
        "measures": w.IntSlider(description="measures", min=1, max=200, **late),
        "temperature": w.FloatSlider(description="temperature (1 as trained)", max=2, **late),
        "tempo": w.IntSlider(description="tempo (quarters a minute)", max=240, min=40, **late),
        "transpose": w.IntSlider(description="transpose (semitones)", min=-12, max=12, **late),
        "program": w.Dropdown(description="instrument", options=programs),
    }


def arrange(panel):
    """Return a ResamplingPanel's widgets from top to bottom; player.css lays them out."""
    c, b = panel.controls, panel.buttons
    columns = {
        "Latent": (c["seed"], b["any_seed"]),
        "Blend": (c["other_seed"], c["amount"]),
        "Model": (c["weights"], c["metre"], c["measures"], c["temperature"]),
        "Sound": (c["tempo"], c["transpose"], c["program"]),
    }
    boxes = [w.VBox([w.HTML(f"<b>{title}</b>"), *parts]) for title, parts in columns.items()]
    controls = w.GridBox([w.GridBox(boxes[:2]), w.GridBox(boxes[2:])])
    controls.add_class("controls")
    act = w.HBox([b["resample"], b["play"], b["export"], b["score"], panel.status])
    compare = w.HBox([panel.pick["A"], b["A"], panel.pick["B"], b["B"]])
    return [controls, act, panel.player, compare, panel.score]


class ResamplingPanel(w.VBox):
    """The panel of lesson 09: change a setting, see and hear the next sample.

    `settings` are those of the sample that is heard, `samples` all that were made, a list of
    (Settings, note array). Introduced in lesson 09.

    Args:
        generator: a trained generator; None loads the weights.
        settings: Settings to start from; None for seed 0.
        weights: name of shipped weights, or a run folder; one that is neither is a ValueError, a
            run without a save a FileNotFoundError.
        folder: where Export writes; None for outputs/generated.
    """

    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    def __init__(self, generator=None, settings=None, *, weights="folk", folder=None):
        settings = dataclasses.replace(settings or Settings(), weights=str(weights))
        self.settings, self.samples, self._quiet = settings, [], False
        self.generators = {} if generator is None else {settings.weights: generator}
        self.folder = Path(folder or runtime.project_root() / "outputs" / "generated")
        self.player, self.status, self.score = PianoRollPlayer(), w.HTML(), w.HTML()
        self.controls, self.buttons = make_controls(settings), self._make_buttons()
        self.pick = {side: w.Dropdown() for side in "AB"}
        super().__init__(arrange(self))
        self.add_class("resampling-panel")
        kinds = {"setting": self.controls, "button": self.buttons, "pick": self.pick}
        for kind, widgets in kinds.items():
            for name, widget in widgets.items():
                widget.add_class(f"{kind}-{name.replace('_', '-')}")
        self.turn()
        self.buttons["play"].value = True  # from the first click on: a page that opens is silent
        for name, control in self.controls.items():
            self._observe(control, lambda name=name: self.turn(**{name: self.controls[name].value}))
        for menu in self.pick.values():
            self._observe(menu, lambda menu=menu: self._show(menu.value))
        self._observe(self.buttons["score"], self._engrave)

    def _make_buttons(self):
        """Build the buttons and switches, and tie the buttons to their actions: dict of widgets."""
        buttons = {
            "score": w.ToggleButton(description="show score"),
            "play": w.Checkbox(description="play at once", indent=False),
        }
        actions = {
            "any_seed": ("⚄ any seed", lambda: self.turn(seed=random.randrange(10_000))),
            "resample": ("Resample", lambda: self.turn(seed=self.settings.seed % LARGEST_SEED + 1)),
            "export": ("Export", self.export),
            "A": ("hear A", lambda: self._show(self.pick["A"].value)),
            "B": ("hear B", lambda: self._show(self.pick["B"].value)),
        }
        for name, (text, action) in actions.items():
            buttons[name] = w.Button(description=text)
            buttons[name].on_click(lambda _, action=action: self._attempt(action))
        return buttons

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

    def turn(self, **changes):
        """Change some fields of the settings, and play what they give now."""
        self.settings = dataclasses.replace(self.settings, **changes)
        if changes and SOUND_ONLY.issuperset(changes):
            self.samples[self.place] = self.settings, self.samples[self.place][1]
            return self._show(self.place)
        self._say("sampling …")
        if (weights := self.settings.weights) not in self.generators:
            self.generators[weights] = load_weights(weights)
        notes = sample_with(self.generators[weights], self.settings)
        self.samples.append((self.settings, notes))
        history = [
            (f"#{i + 1} seed {settings.seed} · {len(notes)} notes", i)
            for i, (settings, notes) in enumerate(self.samples)
        ]
        newest, before = len(history) - 1, self.pick["A"].value or 0
        self._quiet = True
        for side, value in {"A": newest, "B": before}.items():  # what was under A goes to B
            self.pick[side].options = history[::-1]
            self.pick[side].value = value
        self._quiet = False
        self._show(newest)

    def _show(self, index):
        """Show one sample of the history everywhere; the settings go back to where it was made."""
        self.place = index
        self.settings, notes = self.samples[index]
        self._show_settings()
        s, title = self.settings, f"#{index + 1} seed {self.settings.seed}"
        how = {"metre": s.metre, "title": title, "play": self.buttons["play"].value}
        self.player.show(notes, s.tempo, s.program, **how)
        self._say("")
        self._engrave()

    def _show_settings(self):
        """Move the controls to where the settings are."""
        self._quiet = True
        for name, control in self.controls.items():
            control.value = getattr(self.settings, name)
        self._quiet = False

    def _engrave(self):
        """Draw the score of the shown sample, where it is wanted, as a picture in the page."""
        s, notes = self.samples[self.place]
        notes = pianoroll.crop(notes, 0, SCORE_MEASURES * pianoroll.steps_of(s.metre))
        self.score.value = ""
        if self.buttons["score"].value and len(notes):
            svg = plotting.score_svg(notes, tempo=s.tempo, program=s.program, metre=s.metre)
            picture = audio.data_uri(svg.encode(), "image/svg+xml")
            self.score.value = f'<img alt="Score of {len(notes)} notes" src="{picture}">'

    def export(self):
        """Write the sample that is shown as MIDI, MXL, sound and picture, and offer the files."""
        paths = export_sample(self.samples[self.place][1], self.settings, self.folder)
        links = "· download"  # from the page: on Colab nobody sees the kernel's folders
        for path in paths:
            data = audio.data_uri(path.read_bytes(), "application/octet-stream")
            links += f' <a download="{html.escape(path.name)}" href="{data}">{path.suffix}</a>'
        self._say(f"saved in {self.folder.name}: {path.stem}", links)

    def _say(self, text, links=""):
        """Show a line beside the buttons: plain text, and links as HTML."""
        self.status.value = f'<span aria-live="polite">{html.escape(text)} {links}</span>'

    def _repr_mimebundle_(self, **options):
        """Show the panel, and a still player wherever its kernel is gone."""
        bundle, metadata = self.player._repr_mimebundle_(**options)
        view = "application/vnd.jupyter.widget-view+json"
        return bundle | {view: bundle[view] | {"model_id": self.model_id}}, metadata
