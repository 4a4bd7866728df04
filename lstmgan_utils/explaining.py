"""Pictures and small helps for lessons 04 to 06: what networks see, words, the course of a run."""

import csv
from pathlib import Path

import numpy as np

from . import pianoroll, plotting


def plot_fields(roll, fields, ax=None, *, middle=None):
    """Draw a roll, and under it how far each layer of a network sees from one place.

    Args:
        roll: uint8 ndarray, shape (time, 128).
        fields: dict from a layer's name to the time steps that it sees.
        ax: matplotlib Axes, None for a new figure.
        middle: int, the time step in the middle of all fields; None for the roll's own middle.

    Returns:
        (Figure, Axes).

    Introduced in lesson 04.
    """
    fig, ax = plotting.plot_roll(roll, ax, title="how far each layer sees from one place")
    low, high = ax.get_ylim()
    middle = len(roll) / 2 if middle is None else middle
    for i, (name, field) in enumerate(fields.items()):
        color, y = plotting.COLORS[i % len(plotting.COLORS)], low - 3 - 3 * i
        ax.barh(y, field, left=middle - field / 2, height=2, color=color, zorder=3)
        ax.annotate(f" {name}: {field} steps", (min(middle + field / 2, len(roll)), y), va="center",
                    ha="left" if middle + field / 2 < 0.75 * len(roll) else "right", fontsize=8,
                    zorder=4)  # fmt: skip
    ax.set_ylim(low - 3 * len(fields) - 3, high)
    return fig, ax


def plot_gradient(roll, gradient, ax=None, *, title=None):
    """Draw what a cell does to a verdict: orange speaks for "real", purple for "generated".

    Args:
        roll: uint8 ndarray, shape (time, 128), its notes are outlined.
        gradient: float ndarray, shape (time, 128), of the log odds of "real".
        ax: matplotlib Axes, None for a new figure.
        title: str.

    Returns:
        (Figure, Axes).

    Introduced in lesson 04.
    """
    notes = pianoroll.decode(roll)
    fig, ax = plotting.plot_roll(notes, ax, color="none", title=title)
    limit = np.quantile(np.abs(gradient), 0.995) or 1.0
    image = ax.imshow(gradient.T, cmap="PuOr_r", vmin=-limit, vmax=limit, origin="lower",
                      aspect="auto", extent=(0, len(roll), -0.5, pianoroll.N_PITCHES - 0.5),
                      interpolation="nearest", zorder=0.6)  # fmt: skip
    for onset, duration, pitch in notes.tolist():
        ax.plot([onset, onset + duration - 1], [pitch, pitch], color="black", linewidth=1.5)
    fig.colorbar(image, ax=ax, label="change of log odds")
    return fig, ax


def plot_words(tiles, titles, *, columns=8):
    """Draw beats as small piano rolls, all with the same pitches.

    Args:
        tiles: uint8 ndarray, shape (words, 24, 128).
        titles: list of str.
        columns: int, pictures in a row.

    Returns:
        (Figure, ndarray of Axes, shape (rows, columns)).

    Introduced in lesson 05.
    """
    fig, axes = plotting.plot_batch(tiles, columns=columns, titles=titles)
    rows = len(axes)
    fig.set_size_inches(plotting.WIDTH, 1.7 * rows)
    for ax in axes.flat:
        ax.set(xlabel="", xticks=[])
        if ax.get_subplotspec().colspan.start:
            ax.set_yticklabels([])
    fig.suptitle("one beat each; numbers say how many beats in a hundred", fontsize=9)
    return fig, axes


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
