"""What happens while a model trains: samples, saves, logs, warnings in words."""

import math
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from . import audio, pianoroll, runs, sampling
from .pianoroll import STEPS_PER_MEASURE
from .plotting import roll_png


def diagnose(notes, n_steps, logs=None):
    """Return in words what is wrong with a sample or with the losses, or "" where nothing is.

    The sample is a note array of `n_steps` time steps, `logs` a dict of losses.
    Introduced in lesson 08.
    """
    if not len(notes):
        return "the sample is silent"
    if len(np.unique(notes["pitch"])) == 1:
        return "the sample holds a single pitch: the generator has collapsed"
    if notes["duration"].max() > 4 * STEPS_PER_MEASURE:
        return "one note sounds through more than four measures"
    measures = pianoroll.encode(notes, n_steps)[: n_steps // 96 * 96].reshape(-1, 96 * 128)
    if len(measures) > 3 and (measures == measures[0]).all():
        return "one measure is repeated for ever: the generator has collapsed"
    if logs and logs.get("d_loss", 1) < 0.02:
        return "the discriminator wins (its loss is near 0): lower its learning rate"
    return ""


class Writer(keras.callbacks.Callback):
    """Calls `write(number, logs)`, which a subclass defines, every few batches of a run."""

    def __init__(self, run_folder, every=10):
        super().__init__()
        self.folder, self.every = Path(run_folder), every

    def on_train_batch_end(self, batch, logs=None):
        number = int(self.model.n_batches.numpy())
        if number % self.every == 0:
            self.write(number, logs or {})


class SampleWriter(Writer):
    """Writes MIDI samples, `samples/step_000010.mid`, always from the same random values."""

    def __init__(self, run_folder, every=10):
        super().__init__(run_folder, every)
        self.latent, self.said = sampling.draw_latent(0, 8), set()

    def write(self, number, logs):
        self.notes = sampling.sample_latents(self.model.ema, self.latent[None])[0]
        pianoroll.write_midi(self.notes, self.folder / "samples" / f"step_{number:06d}.mid")
        words = diagnose(self.notes, len(self.latent) * pianoroll.RESOLUTION, logs)
        if words and words not in self.said:
            print(f"batch {number}: {words}")  # each trouble once
            self.said.add(words)


class Saver(Writer):
    """Saves the losses in `history.csv`, then all that training needs to go on in `weights`.

    Raises FloatingPointError, which names the last good save, when a loss or a weight is no number.
    """

    def on_train_batch_end(self, batch, logs=None):
        if not all(math.isfinite(value) for value in (logs or {}).values()):
            self.give_up("a loss")
        super().on_train_batch_end(batch, logs)

    def on_train_end(self, logs=None):
        self.save()

    def write(self, number, logs):
        with (self.folder / "history.csv").open("a") as file:
            for name, value in logs.items():
                file.write(f"{number},{self.model.phase},{name},{value:.6g}\n")
        self.save()

    def save(self):
        """Save the model, then delete the saves that are not worth keeping."""
        if not all(np.isfinite(array).all() for array in self.model.get_weights()):
            self.give_up("a weight")
        self.model.save_run(self.folder)
        runs.thin_out(self.folder)

    def give_up(self, what):
        last = runs.saves(self.folder)
        where = f"the last good save is {last[-1][1]}" if last else "nothing was saved yet"
        number = int(self.model.n_batches.numpy())
        problem = f"{what} is not a number at batch {number}"
        raise FloatingPointError(f"{problem}; {where}; lower the learning rates")


class TensorBoardWriter(Writer):
    """Logs losses and the newest sample of a SampleWriter in `logs`, by batch numbers of the run.

    Every tenth entry holds the sample as picture and sound. (Keras's own TensorBoard counts the
    batches of a resumed run from 0 again.)
    """

    def __init__(self, run_folder, sampler, every=10):
        super().__init__(run_folder, every)
        self.sampler = sampler
        self.file = tf.summary.create_file_writer(str(self.folder / "logs"))

    def write(self, number, logs):
        notes = self.sampler.notes
        kinds = {name: len(np.unique(notes[name])) for name in ("pitch", "duration")}
        facts = {f"sample_{name}": kinds[name] for name in kinds} | {"sample_notes": len(notes)}
        with self.file.as_default(step=number):
            for name, value in (logs | facts).items():
                tf.summary.scalar(name, value)
            if len(notes) and number % (10 * self.every) == 0:
                tf.summary.image("sample", tf.io.decode_png(roll_png(notes), channels=3)[None])
                sound, rate = audio.render(pianoroll.crop(notes, 0, 4 * STEPS_PER_MEASURE))
                tf.summary.audio("sample_sound", sound[None, :, None], rate)
        self.file.flush()


def read_history(run_folder):
    """Return the losses that a run has written: dict of name to (batch numbers, values), floats.

    The last row counts where a batch was written twice. Introduced in lesson 08.
    """
    path = Path(run_folder) / "history.csv"
    if not path.is_file() or not path.stat().st_size:
        return {}
    table = pd.read_csv(path, names=("batch", "phase", "loss", "value"))
    table = table.drop_duplicates(["batch", "loss"], keep="last").sort_values("batch")
    return {
        name: (rows["batch"].to_numpy(float), rows["value"].to_numpy(float))
        for name, rows in table.groupby("loss", sort=False)
    }


def read_samples(run_folder):
    """Return a run's samples: dict of batch number to note array. Introduced in lesson 08."""
    files = sorted((Path(run_folder) / "samples").glob("step_*.mid"))
    return {int(file.stem.split("_")[1]): pianoroll.read_midi(file) for file in files}
