"""What happens while a model trains: samples, saves, logs, warnings in words, a progress bar."""

import math
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from . import audio, pianoroll, runs, runtime, sampling
from .pianoroll import STEPS_PER_MEASURE
from .plotting import roll_png

D_LOSS_FLOOR = 0.02


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
    if logs and logs.get("d_loss", 1) < D_LOSS_FLOOR:
        return "the discriminator wins (its loss is near 0): lower its learning rate"
    return ""


class SampleWriter(keras.callbacks.Callback):
    """Write a MIDI sample every few batches, always from the same random values.

    They go to the run's folder `samples`; `seed` is that of the latent.
    """

    def __init__(self, run_folder, every=10, seed=0, measures=8):
        super().__init__()
        self.folder, self.every = Path(run_folder) / "samples", every
        self.latent = sampling.draw_latent(seed, measures)
        self.warnings = []

    def on_train_batch_end(self, batch, logs=None):
        number = int(self.model.n_batches.numpy())
        if number % self.every == 0:
            self.write(number, logs)

    def write(self, number, logs=None):
        """Sample, write `step_000010.mid`, and say what is wrong with it."""
        self.notes = sampling.sample_latents(self.model.ema, self.latent[None])[0]
        pianoroll.write_midi(self.notes, self.folder / f"step_{number:06d}.mid")
        if words := diagnose(self.notes, len(self.latent) * pianoroll.RESOLUTION, logs):
            if not any(words in warning for warning in self.warnings):
                print(f"batch {number}: {words}")  # each trouble once
            self.warnings.append(f"batch {number}: {words}")


class Saver(keras.callbacks.Callback):
    """Save all that training needs to go on, every few batches and at the end, in `weights`.

    Raises FloatingPointError, which names the last good save, when a loss or a weight is no number.
    """

    def __init__(self, run_folder, every=10):
        super().__init__()
        self.folder, self.every = Path(run_folder), every

    def on_train_batch_end(self, batch, logs=None):
        number = int(self.model.n_batches.numpy())
        if not all(math.isfinite(value) for value in (logs or {}).values()):
            self.give_up(f"a loss is not a number at batch {number}")
        if number % self.every == 0:
            self.write(number)

    def on_train_end(self, logs=None):
        self.write(int(self.model.n_batches.numpy()))

    def give_up(self, reason):
        """Stop with a FloatingPointError that names the last good save."""
        last = runs.saves(self.folder)
        where = f"the last good save is {last[-1][1]}" if last else "nothing was saved yet"
        raise FloatingPointError(f"{reason}; {where}; lower the learning rates")

    def write(self, number):
        """Save under the name `step_000010.weights.h5`, then delete what is not worth keeping."""
        if not all(np.isfinite(array).all() for array in self.model.get_weights()):
            self.give_up(f"a weight is not a number at batch {number}")
        self.model.save_run(self.folder)
        runs.thin_out(self.folder)


def _count_kinds(notes):
    """Return how many notes, and how many different ones: all fall when a generator collapses."""
    places = notes["onset"] % STEPS_PER_MEASURE
    columns = {"pitches": notes["pitch"], "lengths": notes["duration"], "places": places}
    return {"notes": len(notes)} | {name: len(np.unique(x)) for name, x in columns.items()}


class TensorBoardWriter(keras.callbacks.Callback):
    """Log losses and sample statistics in the run's folder `logs`, with the right batch numbers.

    Every tenth entry holds the newest sample of a SampleWriter as picture and sound. (Keras's own
    TensorBoard counts the batches of a resumed run from 0 again.)
    """

    def __init__(self, run_folder, sampler=None, every=10):
        super().__init__()
        self.folder, self.sampler, self.every = Path(run_folder) / "logs", sampler, every

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(str(self.folder))

    def on_train_batch_end(self, batch, logs=None):
        number = int(self.model.n_batches.numpy())
        if number % self.every:
            return
        with self.writer.as_default(step=number):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, value)
            notes = getattr(self.sampler, "notes", pianoroll.note_array([]))
            for name, value in _count_kinds(notes).items():
                tf.summary.scalar(f"sample_{name}", value)
            if len(notes) and number % (10 * self.every) == 0:
                tf.summary.image("sample", tf.io.decode_png(roll_png(notes), channels=3)[None])
                sound, rate = audio.render(pianoroll.crop(notes, 0, 4 * STEPS_PER_MEASURE))
                tf.summary.audio("sample_sound", sound[None, :, None], rate)

    def on_train_end(self, logs=None):
        self.writer.close()


class Progress(keras.callbacks.Callback):
    """Show a tqdm bar over all batches of a run, `total`, with the newest losses."""

    def __init__(self, total, progress=True):
        super().__init__()
        self.total, self.progress = total, progress

    def on_train_begin(self, logs=None):
        how = {"total": self.total, "description": self.model.phase, "progress": self.progress}
        self.bar = runtime.progress_bar(**how)
        self.bar.initial = self.bar.n = int(self.model.n_batches.numpy())

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()
        self.bar.set_postfix({k: f"{v:.3g}" for k, v in (logs or {}).items()}, refresh=False)

    def on_train_end(self, logs=None):
        self.bar.close()


class History(keras.callbacks.Callback):
    """Write the losses beside the saves, a row a loss in `history.csv`, every few batches.

    (Keras's CSVLogger writes once an epoch, and a phase of a run is one.)
    """

    def __init__(self, run_folder, every=10):
        super().__init__()
        self.path, self.every = Path(run_folder) / "history.csv", every

    def on_train_batch_end(self, batch, logs=None):
        number = int(self.model.n_batches.numpy())
        if number % self.every == 0:
            with self.path.open("a") as file:
                for name, value in (logs or {}).items():
                    file.write(f"{number},{self.model.phase},{name},{value:.6g}\n")


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
