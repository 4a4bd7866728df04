"""A blind test: real or generated? One click a clip, the answer at once, a score at the end."""

from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd
from scipy.stats import binom

from .. import audio

COLUMNS = ("seed", "clip", "source", "answer")
SOURCES, NAMES = ("generated", "real"), ("generated", "a real tune")  # by `is_real`


def deal(real, generated, n_clips=12, seed=0):
    """Return clips, half real and half generated, in random order: list of (note array, is_real).

    `real` and `generated` are lists of note arrays. Introduced in lesson 10.
    """
    rng = np.random.default_rng(seed)
    dealt = [
        (pieces[i], pieces is real)
        for pieces in (real, generated)
        for i in rng.choice(len(pieces), n_clips // 2, replace=len(pieces) < n_clips // 2)
    ]
    return [dealt[i] for i in rng.permutation(len(dealt))]


class BlindTest:
    """The test without its buttons: `clips` as from `deal`; `path` of a CSV that keeps the answers.

    Introduced in lesson 10.
    """

    def __init__(self, clips, path=None, seed=0):
        self.clips, self.path, self.seed = list(clips), path and Path(path), seed
        self.right = []

    @property
    def done(self):
        return len(self.right) == len(self.clips)

    def answer(self, says_real):
        """Take an answer (bool) for the present clip: str, what it was, and at the end the score.

        Raises ValueError when all clips have their answer.
        """
        if self.done:
            raise ValueError("all clips have their answer; deal new ones with another seed")
        is_real = self.clips[len(self.right)][1]
        self.right.append(says_real == is_real)
        self._store(SOURCES[is_real], SOURCES[says_real])
        verdict = "Right" if self.right[-1] else "Wrong"
        text = f"{verdict}: clip {len(self.right)} was {NAMES[is_real]}."
        if not self.done:
            return text
        n_right, n = sum(self.right), len(self.right)
        return (f"{text} {n_right} of {n} right. Somebody who only guesses gets as many or more "
                f"{binom.sf(n_right - 1, n, 0.5):.0%} of the time.")  # fmt: skip

    def _store(self, source, answer):
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            row = pd.DataFrame([(self.seed, len(self.right), source, answer)], columns=COLUMNS)
            row.to_csv(self.path, mode="a", index=False, header=not self.path.exists())


class BlindTestPanel(ipywidgets.VBox):
    """A BlindTest with a player, two buttons and a line of text. Introduced in lesson 10."""

    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    def __init__(self, test, tempo=110):
        self.test, self.tempo = test, tempo
        self.sound = ipywidgets.Audio(value=b"", autoplay=False, loop=False)
        self.text = ipywidgets.HTML()
        self.buttons = [ipywidgets.Button(description=name) for name in ("Real tune", "Generated")]
        self.buttons[0].on_click(lambda _: self._show(test.answer(True)))
        self.buttons[1].on_click(lambda _: self._show(test.answer(False)))
        super().__init__([self.text, self.sound, ipywidgets.HBox(self.buttons)])
        self.add_class("blind-test")
        self._show("Listen, then choose.")

    def _show(self, said):
        number = len(self.test.right)
        for button in self.buttons:
            button.disabled = self.test.done
        if self.test.done:
            self.text.value = said
            return
        self.text.value = f"{said} <b>Clip {number + 1} of {len(self.test.clips)}</b>"
        data, mime = audio.encode_audio(*audio.render(self.test.clips[number][0], self.tempo))
        self.sound.format, self.sound.value = mime.split("/")[1], data

    def _repr_mimebundle_(self, **options):
        """Show the live test, and the clips with folded answers wherever its kernel is gone."""
        sounds = [
            audio.play(notes, self.tempo, caption=f"Clip {number}", seconds=8).data
            for number, (notes, _) in enumerate(self.test.clips, 1)
        ]
        truth = "".join(f"<li>{NAMES[is_real]}</li>" for _, is_real in self.test.clips)
        fold = f"<details><summary>Answers</summary><ol>{truth}</ol></details>"
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        still = {"text/html": "".join(sounds) + fold}
        return {"application/vnd.jupyter.widget-view+json": view} | still
