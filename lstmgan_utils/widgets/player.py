"""The piano-roll player: hear a song and watch it go by, in JupyterLab and in Colab."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .. import audio, pianoroll
from ..plotting import roll_png

LONG = 60  # seconds of sound from which quick encoding matters more than few bytes


class PianoRollPlayer(anywidget.AnyWidget):
    """Draw a note array as a piano roll, play it and light the notes that sound.

    Space plays and pauses, arrows go from measure to measure, a click goes to a place, dragging
    (or shift and arrows) selects measures to repeat. Where no kernel runs, a picture and a plain
    audio player stand in.

    `tempo` counts beats a minute, `program` is General MIDI's (0 to 127), `metre` such as "4/4";
    sound=False leaves the sound to the browser's oscillators, which needs no rendering.
    Introduced in lesson 00.
    """

    _esm = Path(__file__).with_name("player.js")
    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    rows = traitlets.Bytes(b"").tag(sync=True)  # int32 onset, duration, pitch of each note
    audio = traitlets.Bytes(b"").tag(sync=True)
    mime = traitlets.Unicode("").tag(sync=True)
    tempo = traitlets.Float(120.0).tag(sync=True)
    steps_per_measure = traitlets.Int(pianoroll.STEPS_PER_MEASURE).tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    position = traitlets.Float(0.0).tag(sync=True)  # seconds; told once a second
    loop = traitlets.List(traitlets.Int()).tag(sync=True)  # [first, last] from 1, or []
    autoplay = traitlets.Bool(False).tag(sync=True)  # whether the next take plays at once
    take = traitlets.Int(0).tag(sync=True)  # counts the songs shown; the browser waits for it

    def __init__(self, notes=(), tempo=120, program=0, *, metre="4/4", title="", sound=True):
        super().__init__()
        self.layout.width = "100%"
        self.show(notes, tempo, program, metre=metre, title=title, sound=sound, quick=False)

    def show(self, notes, tempo=120, program=0, *, metre="4/4", title="", sound=True, quick=True,
             play=False):  # fmt: skip
        """Put another song into the player; one that plays goes on at the same place.

        quick=False encodes ten times as long for a third of the bytes; play=True plays the song at
        once, where the browser allows.
        """
        notes = notes if len(notes) else pianoroll.note_array([])
        audible = sound and len(notes)
        data, mime = encode_song(notes, tempo, program, quick) if audible else (b"", "")
        with self.hold_sync():
            self.rows, self.audio, self.mime = pack_notes(notes), data, mime
            self.tempo, self.title, self.autoplay = float(tempo), title, play
            self.steps_per_measure = pianoroll.steps_of(metre)
            self.take += 1
        self._song = notes, tempo, program, title

    def _repr_mimebundle_(self, **options):
        """Show the live player, and a still one wherever its kernel is gone."""
        bundle, metadata = super()._repr_mimebundle_(**options)
        return {**bundle, "text/html": still_player(*self._song)}, metadata


def pack_notes(notes):
    """Return a note array as int32 rows of onset, duration, pitch: bytes for the browser."""
    table = np.column_stack([notes[name] for name in ("onset", "duration", "pitch")])
    return table.astype("<i4").tobytes()


def encode_song(notes, tempo=120, program=0, quick=False):
    """Return notes as sound, (bytes, mime type); long or `quick` ones as FLAC, large but fast."""
    samples, rate = audio.render(notes, tempo, program)
    lossless = (quick or len(samples) > LONG * rate) and "flac" in audio.available_forms()
    return audio.encode_audio(samples, rate, form="flac" if lossless else "auto")


def still_player(notes, tempo=120, program=0, title=""):
    """Return a picture and a plain audio player as HTML, for pages without a kernel."""
    sound = audio.play(notes, tempo, program, caption=title).data
    if not len(notes):
        return sound
    look = f'alt="Piano roll of {len(notes)} notes" style="max-width:100%"'
    return f'<img {look} src="{audio.data_uri(roll_png(notes), "image/png")}">{sound}'
