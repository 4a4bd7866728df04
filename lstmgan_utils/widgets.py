"""The resampling panel: every knob of a take beside the player that plays it."""

import dataclasses
import html
import mimetypes
import random
from pathlib import Path

import ipywidgets

from lstmgan_utils import audio, pianoroll, runtime, sampling
from lstmgan_utils.controls import LARGEST_SEED, arrange, make_buttons, make_controls
from lstmgan_utils.player import PianoRollPlayer
from lstmgan_utils.takes import Knobs, export_take, file_stem, sample_take

SOUND_ONLY = {"tempo", "program"}  # these knobs change no note: nothing is sampled anew
SCORE_MEASURES = 16  # as many are engraved; more take seconds


def resampling_panel(generator=None, knobs=None, *, weights="folk", folder=None, metre="4/4"):
    """Build the panel of lesson 07: turn a knob, see and hear the next take.

    Introduced in lesson 07.

    Args:
        generator: a trained generator; None loads the weights.
        knobs: Knobs to start from; None for seed 0.
        weights: name of shipped weights, or a run folder.
        folder: where Export writes; None for outputs/generated.
        metre: such as "4/4".

    Returns:
        ResamplingPanel, an ipywidgets box; display it by ending a cell with it.
    """
    start = dataclasses.replace(knobs or Knobs(), weights=str(weights))
    generators = {} if generator is None else {start.weights: generator}
    folder = Path(folder or runtime.project_root() / "outputs" / "generated")
    return ResamplingPanel(start, generators, folder, metre)


def load_weights(name):
    """Load a generator by the name of shipped weights or by the path of a run folder.

    Introduced in lesson 07.

    Args:
        name: "folk", or a run folder such as "outputs/runs/lesson_06".

    Returns:
        generator.
    """
    folder = Path(name) if Path(name).is_absolute() else runtime.project_root() / name
    return sampling.load_run(folder) if folder.is_dir() else sampling.load_pretrained(name)


class ResamplingPanel(ipywidgets.VBox):
    """The widgets, the history of takes, and what happens when a knob moves.

    Args:
        knobs: Knobs of the first take.
        generators: dict of weights name to generator; others are loaded when chosen.
        folder: Path where Export writes.
        metre: such as "4/4".
    """

    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    def __init__(self, knobs, generators, folder, metre="4/4"):
        self.generators, self.folder, self.metre = generators, folder, metre
        self.takes, self.knobs, self._quiet = [], knobs, False
        self.player = PianoRollPlayer(metre=metre)
        self.controls = make_controls(knobs)
        self.buttons = make_buttons()
        self.status = ipywidgets.HTML()
        self.count = ipywidgets.HTML()
        self.score = ipywidgets.HTML()
        self.pick = {side: ipywidgets.Dropdown(options=[("-", None)]) for side in "AB"}
        super().__init__(arrange(self))
        self.add_class("resampling-panel")
        self._connect()
        self._guard(self.sample_now)

    # --- what the knobs and buttons do ---

    def _connect(self):
        """Tie each control to its action."""
        for name, control in self.controls.items():
            control.observe(lambda change, name=name: self._turned(name, change.new), "value")
        actions = {
            "dice": lambda: self.turn(seed=random.randrange(10_000), details=None, song=None),
            "details": lambda: self._redraw("details"),
            "song": lambda: self._redraw("song"),
            "resample": self.resample,
            "export": self.export,
        }
        for name, action in actions.items():
            self.buttons[name].on_click(lambda _, action=action: self._guard(action))
        for side, menu in self.pick.items():
            menu.observe(lambda change, side=side: self._guard(lambda: self.hear(side)), "value")
            self.buttons[side].on_click(lambda _, side=side: self._guard(lambda: self.hear(side)))
        self.buttons["score"].observe(lambda _: self._guard(self._engrave), "value")

    def _guard(self, action):
        """Run an action; say what went wrong, for nobody sees the errors of a callback."""
        try:
            action()
        except Exception as error:
            if self.takes:  # the knobs always tell what is heard
                self.knobs = self.takes[self.place][0]
                self._show_knobs()
            self._say(f"⚠ {error}")

    def _turned(self, name, value):
        """A control moved: sample anew, unless the panel itself moved it."""
        if self._quiet:
            return
        fresh = {"details": None, "song": None} if name == "seed" else {}
        self._guard(lambda: self.turn(**{name: value}, **fresh))

    def turn(self, **changes):
        """Set some knobs at once and play the result.

        Args:
            **changes: fields of Knobs.
        """
        self.knobs = dataclasses.replace(self.knobs, **changes)
        self._show_knobs()
        if SOUND_ONLY.issuperset(changes) and self.takes:
            self.takes[self.place] = self.knobs, self.takes[self.place][1]
            self._show(self.place)
        else:
            self.sample_now()

    def resample(self):
        """Sample the next seed."""
        self.turn(seed=self.knobs.seed % LARGEST_SEED + 1, details=None, song=None)

    def _redraw(self, name):
        """Redraw details or song from the next seed; the take's own seed would change nothing."""
        used = getattr(self.knobs, name)
        self.turn(**{name: (self.knobs.seed if used is None else used) + 1})

    def sample_now(self):
        """Sample a take with the knobs as they stand, and play it."""
        if self.knobs.weights not in self.generators:
            self._say("loading the weights …")
            self.generators[self.knobs.weights] = load_weights(self.knobs.weights)
        generator = self.generators[self.knobs.weights]
        self._keep(sample_take(generator, self.knobs, self.metre))

    def export(self):
        """Write the take that is shown as MIDI, MXL, sound and picture."""
        notes = self.takes[self.place][1]
        paths = export_take(notes, self.knobs, self.folder, self.metre)
        links = " ".join(map(file_link, paths))
        self._say(f"saved in {self.folder.name}: {file_stem(self.knobs)}", f"· download {links}")

    # --- takes ---

    def _keep(self, notes):
        """Put a new take at the end of the history and under A; what was under A goes to B."""
        self.takes.append((self.knobs, notes))
        options = [(take_label(i, take), i) for i, take in enumerate(self.takes)][::-1]
        before = self.pick["A"].value
        newest = len(self.takes) - 1
        self._set_menus(options, newest, newest if before is None else before)
        self._show(newest)

    def _set_menus(self, options, first, second):
        """Fill both menus without replaying anything."""
        self._quiet = True
        for side, value in {"A": first, "B": second}.items():
            self.pick[side].options = options
            self.pick[side].value = value
        self._quiet = False

    def hear(self, side):
        """Bring the take under A or B into the player, at the place where the other one was."""
        if not self._quiet and self.pick[side].value is not None:
            self._show(self.pick[side].value)

    def _show(self, index):
        """Show one take of the history everywhere; the knobs go back to where it was made."""
        self.place = index
        knobs, notes = self.takes[index]
        self.knobs = knobs
        self._show_knobs()
        title = f"#{index + 1} seed {knobs.seed}"
        self.player.show(notes, knobs.tempo, knobs.program, metre=self.metre, title=title)
        per_measure = len(notes) / knobs.measures
        self.count.value = f"<b>{len(notes)}</b> notes, {per_measure:.1f} a measure"
        self._say(file_stem(knobs).replace("_", " "))
        self._engrave()

    def _show_knobs(self):
        """Move the controls to where the knobs are."""
        self._quiet = True
        for name, control in self.controls.items():
            control.value = getattr(self.knobs, name)
        self._quiet = False

    def _engrave(self):
        """Draw the score of the shown take, where it is wanted."""
        stop = SCORE_MEASURES * pianoroll.steps_of(self.metre)
        knobs, notes = self.takes[self.place]
        notes = pianoroll.crop(notes, 0, stop)
        wanted = self.buttons["score"].value and len(notes)
        self.score.value = engraved(notes, knobs, self.metre) if wanted else ""

    def _say(self, text, links=""):
        """Show a line beside the buttons: plain text, and links as HTML."""
        self.status.value = f'<span aria-live="polite">{html.escape(text)} {links}</span>'

    def _repr_mimebundle_(self, **options):
        """Show the panel, and a still player wherever its kernel is gone."""
        bundle, metadata = self.player._repr_mimebundle_(**options)
        view = "application/vnd.jupyter.widget-view+json"
        return bundle | {view: bundle[view] | {"model_id": self.model_id}}, metadata


def take_label(index, take):
    """Name a take in the history, such as "#3 seed 7 · 8 measures · 52 notes"."""
    knobs, notes = take
    return f"#{index + 1} seed {knobs.seed} · {knobs.measures} measures · {len(notes)} notes"


def file_link(path):
    """Write a link that carries a file: on Colab and in Voilà nobody sees the kernel's folders.

    Args:
        path: Path of the file.

    Returns:
        str of HTML.
    """
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    name, data = html.escape(path.name), audio.data_uri(path.read_bytes(), mime)
    style = "text-decoration:underline"
    return f'<a download="{name}" style="{style}" href="{data}">{path.suffix}</a>'


def engraved(notes, knobs, metre="4/4"):
    """Engrave a take's notes as an HTML picture that loads nothing from elsewhere."""
    from lstmgan_utils import plotting

    svg = plotting.score_svg(notes, tempo=knobs.tempo, program=knobs.program, metre=metre)
    picture = audio.data_uri(svg.encode(), "image/svg+xml")
    style = "max-width:100%;background:#fff"  # ink is black, also on a dark page
    return f'<img alt="Score of {len(notes)} notes" style="{style}" src="{picture}">'
