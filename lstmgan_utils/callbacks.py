"""What happens while a model trains: samples, saves, logs, warnings in words, a progress bar."""

import csv
import math
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from . import audio, pianoroll, runs, runtime, sampling
from .pianoroll import STEPS_PER_MEASURE
from .plotting import plot_roll

D_LOSS_FLOOR = 0.02


def note_statistics(notes):
    """Sum up a sample in numbers that betray a collapse: all fall when it comes.

    Args:
        notes: note array.

    Returns:
        dict: notes, pitches (different ones), lengths (different durations), and places
        (different onsets in the measure of 96 steps).
    """
    if not len(notes):
        return dict.fromkeys(("notes", "pitches", "lengths", "places"), 0)
    kinds = {
        "pitches": notes["pitch"],
        "lengths": notes["duration"],
        "places": notes["onset"] % STEPS_PER_MEASURE,
    }
    return {"notes": len(notes)} | {name: len(np.unique(v)) for name, v in kinds.items()}


def diagnose(notes, n_steps, logs=None):
    """Say in words what is wrong with a sample or with the losses, or "" where nothing is.

    Args:
        notes: note array.
        n_steps: int, time steps of the sample.
        logs: dict of losses.

    Returns:
        str.

    Introduced in lesson 06.
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

    Args:
        run_folder: str or Path; samples go to its folder `samples`.
        every: int, batches between samples.
        seed: int, of the latent.
        measures: int, length of the samples.

    Introduced in lesson 06.
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
        self.notes = sampling.play_latents(self.model.average, self.latent[None])[0]
        pianoroll.write_midi(self.notes, self.folder / f"step_{number:06d}.mid")
        if words := diagnose(self.notes, len(self.latent) * pianoroll.RESOLUTION, logs):
            if not any(words in warning for warning in self.warnings):
                print(f"batch {number}: {words}")  # each trouble once
            self.warnings.append(f"batch {number}: {words}")


class Saver(keras.callbacks.Callback):
    """Save everything that training needs to go on, every few batches and at the end.

    Args:
        run_folder: str or Path; saves go to its folder `weights`.
        every: int, batches between saves.
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


class TensorBoardWriter(keras.callbacks.Callback):
    """Log losses and sample statistics, and now and then the newest sample as picture and sound.

    Args:
        run_folder: str or Path; TensorBoard reads its folder `logs`.
        sampler: SampleWriter whose notes are drawn; None for losses alone.
        every: int, batches between entries; pictures and sounds come ten times as rarely.
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
            notes = getattr(self.sampler, "notes", ())
            for name, value in note_statistics(notes).items():
                tf.summary.scalar(f"sample_{name}", value)
            if len(notes) and number % (10 * self.every) == 0:
                tf.summary.image("sample", self.picture()[None])
                sound, rate = audio.render(pianoroll.crop(notes, 0, 4 * STEPS_PER_MEASURE))
                tf.summary.audio("sample_sound", sound[None, :, None], rate)

    def picture(self):
        """Draw the newest sample as a uint8 image, shape (height, width, 3)."""
        import matplotlib.pyplot as plt

        figure, _ = plot_roll(self.sampler.notes)
        figure.canvas.draw()
        image = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
        plt.close(figure)
        return image

    def on_train_end(self, logs=None):
        self.writer.close()


class Progress(keras.callbacks.Callback):
    """Show a tqdm bar over all batches of a run, with the newest losses.

    Args:
        total: int, batches of the whole run.
        progress: bool, False for silence.
    """

    def __init__(self, total, progress=True):
        super().__init__()
        self.total, self.progress = total, progress

    def on_train_begin(self, logs=None):
        self.bar = runtime.progress_bar(
            total=self.total, description=self.model.phase, progress=self.progress
        )
        self.bar.initial = self.bar.n = int(self.model.n_batches.numpy())

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()
        self.bar.set_postfix({k: f"{v:.3g}" for k, v in (logs or {}).items()}, refresh=False)

    def on_train_end(self, logs=None):
        self.bar.close()


class History(keras.callbacks.Callback):
    """Write the losses beside the saves, every few batches.

    Args:
        run_folder: str or Path; `history.csv` there grows by a row a loss.
        every: int, batches between them.
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
    """Read what a run has written about its losses.

    Args:
        run_folder: str or Path.

    Returns:
        dict from the name of a loss to (batch numbers, values), two float ndarrays; the last row
        counts where a batch was written twice. Empty before the first row.

    Introduced in lesson 06.
    """
    path, found = Path(run_folder) / "history.csv", {}
    if path.is_file():
        with path.open(newline="") as file:
            for number, _, name, value in csv.reader(file):
                found.setdefault(name, {})[int(number)] = float(value)
    return {
        name: (np.array(sorted(rows), float), np.array([rows[n] for n in sorted(rows)]))
        for name, rows in found.items()
    }


def read_samples(run_folder):
    """Read the samples that a run has written.

    Args:
        run_folder: str or Path.

    Returns:
        dict from batch number to note array, in order.

    Introduced in lesson 06.
    """
    files = sorted((Path(run_folder) / "samples").glob("step_*.mid"))
    return {int(file.stem.split("_")[1]): pianoroll.read_midi(file) for file in files}
