"""A blind test: real or generated? One click a clip, the answer at once, a score at the end."""

import csv
import math
from pathlib import Path

import ipywidgets
import numpy as np

from .. import audio

COLUMNS = ("seed", "clip", "source", "answer")


def deal(real, generated, n_clips=12, seed=0):
    """Draw clips, half real and half generated, and put them in random order.

    Args:
        real, generated: lists of note arrays.
        n_clips: int, even.
        seed: int.

    Returns:
        list of (note array, bool is_real).

    Introduced in lesson 08.
    """
    rng = np.random.default_rng(seed)
    dealt = [
        (pieces[i], pieces is real)
        for pieces in (real, generated)
        for i in rng.choice(len(pieces), n_clips // 2, replace=len(pieces) < n_clips // 2)
    ]
    return [dealt[i] for i in rng.permutation(len(dealt))]


class BlindTest:
    """The test without its buttons.

    Args:
        clips: list of (note array, bool is_real) from `deal`.
        path: CSV to append each answer to; None to keep nothing.
        seed: int, written beside each answer.

    Introduced in lesson 08.
    """

    def __init__(self, clips, path=None, seed=0):
        self.clips, self.path, self.seed = list(clips), path and Path(path), seed
        self.right = []

    @property
    def done(self):
        """bool, every clip has its answer."""
        return len(self.right) == len(self.clips)

    def answer(self, says_real):
        """Take an answer (bool) for the present clip and go on to the next.

        Returns:
            str, what the clip was, and at the end the score.

        Raises:
            ValueError: all clips have their answer.
        """
        if self.done:
            raise ValueError("all clips have their answer; deal new ones with another seed")
        is_real = self.clips[len(self.right)][1]
        self.right.append(says_real == is_real)
        number = len(self.right)
        self._store(number, is_real, says_real)
        verdict = "Right" if self.right[-1] else "Wrong"
        text = f"{verdict}: clip {number} was {'a real tune' if is_real else 'generated'}."
        return f"{text} {self.result()}" if self.done else text

    def result(self):
        """Return the score, and how often guessing gives as many: str."""
        n_right, n = sum(self.right), len(self.right)
        chance = sum(math.comb(n, k) for k in range(n_right, n + 1)) / 2**n
        return (f"{n_right} of {n} right. Somebody who only guesses gets as many or more "
                f"{chance:.0%} of the time.")  # fmt: skip

    def _store(self, number, is_real, says_real):
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        words = ("real" if real else "generated" for real in (is_real, says_real))
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(COLUMNS)
            writer.writerow((self.seed, number, *words))


class BlindTestPanel(ipywidgets.VBox):
    """The test with its buttons: a player, two answers, a line of text.

    Args:
        test: BlindTest.
        tempo: float, quarter notes a minute.

    Introduced in lesson 08.
    """

    _ipython_display_ = None  # ipywidgets 7 would show itself through it, without the stand-in

    def __init__(self, test, tempo=110):
        self.test, self.tempo = test, tempo
        self.sound = ipywidgets.Audio(value=b"", autoplay=False, loop=False)
        self.text = ipywidgets.HTML()
        self.buttons = [ipywidgets.Button(description=name) for name in ("Real tune", "Generated")]
        self.buttons[0].on_click(lambda _: self.choose(True))
        self.buttons[1].on_click(lambda _: self.choose(False))
        super().__init__([self.text, self.sound, ipywidgets.HBox(self.buttons)])
        self.add_class("blind-test")
        self._show("Listen, then choose.")

    def choose(self, says_real):
        """Take an answer, as a click does."""
        self._show(self.test.answer(says_real))

    def _show(self, said):
        number = len(self.test.right)
        for button in self.buttons:
            button.disabled = self.test.done
        if self.test.done:
            self.text.value = said
            return
        self.text.value = f"{said} <b>Clip {number + 1} of {len(self.test.clips)}</b>"
        data, mime = audio.encode_audio(*audio.render(self.test.clips[number][0], self.tempo))
        self.sound.format = mime.split("/")[1]
        self.sound.value = data

    def _repr_mimebundle_(self, **options):
        """Show the live test, and a still one wherever its kernel is gone."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        still = still_test(self.test.clips, self.tempo)
        return {"application/vnd.jupyter.widget-view+json": view, "text/html": still}


def still_test(clips, tempo):
    """Return the clips as HTML with the answers in a fold, for pages without a kernel."""
    sounds = (
        audio.play(notes, tempo, caption=f"Clip {number}", seconds=8).data
        for number, (notes, _) in enumerate(clips, 1)
    )
    truth = "".join(f"<li>{'a real tune' if is_real else 'generated'}</li>" for _, is_real in clips)
    return f"{''.join(sounds)}<details><summary>Answers</summary><ol>{truth}</ol></details>"
