"""A blind test: real or generated? One click a clip, the answer at once, a score at the end."""

from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd
from scipy.stats import binom

from .. import audio

NAMES = ("generated", "real")  # by `is_real`


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
        """Return what the present clip was, after an answer (bool); at the end also the score.

        Raises ValueError when all clips have their answer.
        """
        if self.done:
            raise ValueError("all clips have their answer; deal new ones with another seed")
        is_real = self.clips[len(self.right)][1]
        self.right.append(says_real == is_real)
        n_right, n = sum(self.right), len(self.right)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            row = (self.seed, n, NAMES[is_real], NAMES[says_real])
            table = pd.DataFrame([row], columns=["seed", "clip", "source", "answer"])
            table.to_csv(self.path, mode="a", index=False, header=not self.path.exists())
        text = f"{'Right' if self.right[-1] else 'Wrong'}: clip {n} was {NAMES[is_real]}."
        if not self.done:
            return text
        chance = f"{binom.sf(n_right - 1, n, 0.5):.0%}"
        return f"{text} {n_right} of {n} right; guessing gets as many or more {chance} of the time."


class BlindTestPanel(ipywidgets.VBox):
    """A BlindTest with its sounds, two buttons and a line of text. Introduced in lesson 10."""

    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    def __init__(self, test, tempo=110):
        self.test = test
        self.sounds = []
        for number, (notes, _) in enumerate(test.clips, 1):
            sound = audio.play(notes, tempo, caption=f"Clip {number}", seconds=8)
            self.sounds.append(sound.data)
        self.text = ipywidgets.HTML("Listen, then choose.")
        self.sound = ipywidgets.HTML(self.sounds[0])
        self.buttons = [ipywidgets.Button(description=name) for name in ("Real tune", "Generated")]
        self.buttons[0].on_click(lambda _: self._answer(True))
        self.buttons[1].on_click(lambda _: self._answer(False))
        super().__init__([self.text, self.sound, ipywidgets.HBox(self.buttons)])

    def _answer(self, says_real):
        self.text.value = self.test.answer(says_real)
        if not self.test.done:
            self.sound.value = self.sounds[len(self.test.right)]
        for button in self.buttons:
            button.disabled = self.test.done

    def _repr_mimebundle_(self, **options):
        """Show the live test, and the clips with folded answers wherever its kernel is gone."""
        truth = "".join(f"<li>{NAMES[is_real]}</li>" for _, is_real in self.test.clips)
        fold = f"<details><summary>Answers</summary><ol>{truth}</ol></details>"
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        still = "".join(self.sounds) + fold
        return {"application/vnd.jupyter.widget-view+json": view, "text/html": still}
