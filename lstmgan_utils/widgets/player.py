"""The piano-roll player: hear a song and watch it go by, in JupyterLab and in Colab."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .. import audio, pianoroll
from ..plotting import roll_png


class PianoRollPlayer(anywidget.AnyWidget):
    """Draw a note array as a piano roll, play it and light the notes that sound.

    Space plays and pauses, arrows go from measure to measure, a click goes to a place, dragging
    (or shift and arrows) selects measures to repeat. Where no kernel runs, a picture and a plain
    audio player stand in. `tempo` counts beats a minute, `program` is General MIDI's (0 to 127),
    `metre` such as "4/4". Introduced in lesson 00.
    """

    _esm = Path(__file__).with_name("player.js")
    _css = Path(__file__).with_name("player.css")
    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    rows = traitlets.Bytes(b"").tag(sync=True)  # int32 onset, duration, pitch of each note
    audio = traitlets.Bytes(b"").tag(sync=True)
    mime = traitlets.Unicode("").tag(sync=True)
    tempo = traitlets.Float(120.0).tag(sync=True)
    steps_per_measure = traitlets.Int(pianoroll.STEPS_PER_MEASURE).tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    autoplay = traitlets.Bool(False).tag(sync=True)  # whether the next song plays at once
    shown = traitlets.Int(0).tag(sync=True)  # counts the songs; the browser waits for it

    def __init__(self, notes=(), tempo=120, program=0, *, metre="4/4", title=""):
        super().__init__()
        self.layout.width = "100%"
        self.show(notes, tempo, program, metre=metre, title=title)

    def show(self, notes, tempo=120, program=0, *, metre="4/4", title="", play=False):
        """Put another song into the player; one that plays goes on at the same place.

        play=True plays the song at once, where the browser allows.
        """
        notes = notes if len(notes) else pianoroll.note_array([])
        rows = np.column_stack([notes[name] for name in ("onset", "duration", "pitch")])
        data, mime = encode_song(notes, tempo, program) if len(notes) else (b"", "")
        with self.hold_sync():
            self.rows, self.audio, self.mime = rows.astype("<i4").tobytes(), data, mime
            self.tempo, self.title, self.autoplay = float(tempo), title, play
            self.steps_per_measure = pianoroll.steps_of(metre)
            self.shown += 1
        self._song = notes, tempo, program, title

    def _repr_mimebundle_(self, **options):
        """Show the live player, and a still one wherever its kernel is gone."""
        bundle, metadata = super()._repr_mimebundle_(**options)
        notes, tempo, program, title = self._song
        still = audio.play(notes, tempo, program, caption=title).data
        if len(notes):
            look = f'alt="Piano roll of {len(notes)} notes" style="max-width:100%"'
            still = f'<img {look} src="{audio.data_uri(roll_png(notes), "image/png")}">{still}'
        return {**bundle, "text/html": still}, metadata


def encode_song(notes, tempo=120, program=0):
    """Return notes as sound, (bytes, mime type), in the form that is fastest to write."""
    form = "flac" if "flac" in audio.available_forms() else "auto"
    return audio.encode_audio(*audio.render(notes, tempo, program), form=form)
