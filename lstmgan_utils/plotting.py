"""Pictures: piano rolls, batches of them, arrays, curves (all as Figure and Axes), and scores.

The colours are Okabe and Ito's, for any colour vision; what colour means, brightness means too.
"""

import io

import numpy as np

from .pianoroll import N_PITCHES, NOTE_DTYPE, decode, n_steps, steps_of, to_musicxml

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILION, PURPLE, SKY = "#D55E00", "#CC79A7", "#56B4E9"
COLORS = (BLUE, ORANGE, VERMILION, SKY, GREEN, PURPLE)  # neighbors differ in brightness too
STYLES = ("-", "--", "-.", ":")
NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
BLACK_KEYS = (1, 3, 6, 8, 10)
WIDTH = 9  # of a figure, in inches: as wide as a page
DETAIL_MEASURES = 12  # up to here a picture has room for each note's silent step
LONGEST_PAGE = 60_000  # tenths of a millimetre: all of a piece on one page, as far as Verovio goes


def plot_roll(roll, ax=None, *, metre="4/4", pickup=0, pitches=None, color=BLUE, title=None):
    """Draw a piano roll or a note array: time in measures, pitch with the names of the octaves.

    A note is a dark bar for its ones and a pale block for its silent last step, where there is
    room for it. `roll` has shape (time, 128); `pickup` counts the time steps before the first full
    measure; `pitches` is (lowest, highest), None for those that sound. Introduced in lesson 03.
    """
    fig, ax = _axes(ax, (WIDTH, 3))
    notes = _as_notes(roll)
    length = max(n_steps(notes) if notes is roll else len(roll), 1)
    low, high = pitches or _pitch_range(notes)
    _draw_keys(ax, low, high)
    _draw_measures(ax, length, steps_of(metre), pickup)
    _draw_notes(ax, notes, color, detail=length <= DETAIL_MEASURES * steps_of(metre))
    ax.set(xlim=(0, length), ylim=(low - 0.5, high + 0.5), ylabel="pitch", title=title or "")
    return fig, ax


def plot_batch(rolls, *, columns=4, titles=None, **settings):
    """Draw several rolls or note arrays, with the same pitches: (Figure, Axes of (rows, columns)).

    Without `titles` they are numbered; `settings` are those of `plot_roll`.
    Introduced in lesson 03.
    """
    import matplotlib.pyplot as plt

    rows = max(-(-len(rolls) // columns), 1)
    size = {"figsize": (WIDTH, 2.1 * rows), "layout": "constrained"}
    fig, axes = plt.subplots(rows, columns, squeeze=False, **size)
    every_note = np.concatenate([np.zeros(0, NOTE_DTYPE), *map(_as_notes, rolls)])
    settings.setdefault("pitches", _pitch_range(every_note))
    for ax in axes.flat[len(rolls) :]:
        ax.axis("off")
    for i, ax in enumerate(axes.flat[: len(rolls)]):
        plot_roll(rolls[i], ax, title=titles[i] if titles else f"{i + 1}", **settings)
        ax.tick_params(labelsize=7)
        ax.title.set_fontsize(9)
        ax.xaxis.label.set_visible(i >= len(rolls) - columns)
        ax.yaxis.label.set_visible(i % columns == 0)
    return fig, axes


def plot_array(
    values, ax=None, *, title=None, x_label="column", y_label="row", first_row=0, colorbar=False
):
    """Draw an array of two axes as a network is given it, its first row at the top.

    `first_row` is the number of that row, where it is a part of a larger array.
    Introduced in lesson 03.
    """
    fig, ax = _axes(ax, (5, 4))
    rows, columns = np.shape(values)
    edges = (-0.5, columns - 0.5, first_row + rows - 0.5, first_row - 0.5)
    image = ax.imshow(values, cmap="Blues", aspect="auto", interpolation="nearest", extent=edges)
    ax.set(xlabel=x_label, ylabel=y_label, title=title or "")
    if colorbar:
        fig.colorbar(image, ax=ax)
    return fig, ax


def plot_curves(curves, ax=None, *, x_label="batch", y_label="", title=None, log=False):
    """Draw named series of numbers, each with its own colour and its own line style.

    `curves` maps a name to a series, or to a pair (x values, series); `log` is for the y axis.
    Introduced in lesson 08.
    """
    fig, ax = _axes(ax, (WIDTH, 3))
    for i, (name, curve) in enumerate(curves.items()):
        x, y = curve if isinstance(curve, tuple) else (np.arange(1, len(curve) + 1), curve)
        look = {"color": COLORS[i % len(COLORS)], "linestyle": STYLES[i % len(STYLES)]}
        ax.plot(x, y, label=name, linewidth=1.8, **look)
    ax.set(xlabel=x_label, ylabel=y_label, title=title or "", yscale="log" if log else "linear")
    ax.spines[["top", "right"]].set_visible(False)
    if curves:
        ax.legend(frameon=False)
    return fig, ax


def score_svg(notes, *, tempo=120, program=0, metre="4/4", pickup=0):
    """Return notes as an engraved score: str, SVG; show it with `IPython.display.SVG`.

    `tempo` counts quarter notes a minute, `program` is General MIDI's (0 to 127), `pickup` counts
    the time steps before the first full measure. Raises ImportError without Verovio.
    Introduced in lesson 03.
    """
    try:
        import verovio
    except ImportError as error:
        raise ImportError("a score needs Verovio: pip install verovio") from error
    toolkit = verovio.toolkit()
    page = {"pageWidth": 1800, "pageHeight": LONGEST_PAGE, "adjustPageHeight": True, "scale": 40}
    toolkit.setOptions(page | {"footer": "none", "header": "none"})
    toolkit.loadData(to_musicxml(notes, tempo, program, metre, pickup))
    return toolkit.renderToSVG(1)


def pitch_name(pitch):
    """Return the name of a MIDI pitch, middle C (60) being C4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def _axes(ax, size):
    if ax is not None:
        return ax.figure, ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")


def _as_notes(roll):
    array = np.asarray(roll)
    return array if array.dtype.names else decode(array)


def _pitch_range(notes):
    """Return (lowest, highest) that sound, with a margin, and at least an octave."""
    pitch = notes["pitch"] if len(notes) else np.array([55, 79])
    low, high = int(pitch.min()), int(pitch.max())
    spare = max(12 - (high - low), 0)
    return max(low - 2 - spare // 2, 0), min(high + 2 + (spare + 1) // 2, N_PITCHES - 1)


def _draw_keys(ax, low, high):
    """Shade the rows of the black keys, and name every C (or the edges, where there is none)."""
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            ax.axhspan(pitch - 0.5, pitch + 0.5, color="0.95", linewidth=0, zorder=0)
    named = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0] or [low, high]
    ax.set_yticks(named, [pitch_name(pitch) for pitch in named])


def _draw_measures(ax, length, steps_per_measure, pickup):
    """Draw at most 17 measure lines, as many as a reader can count, and number them from 1."""
    n_measures = max((length - pickup) / steps_per_measure, 1)
    every = 2 ** max(int(np.ceil(np.log2(n_measures / 17))), 0)
    lines = np.arange(pickup, length, steps_per_measure * every)
    ax.set_xticks(lines, [str(1 + i * every) for i in range(len(lines))])
    ax.set_xlabel("measure")
    ax.grid(axis="x", color="0.6", linewidth=0.8)
    ax.set_axisbelow(True)


def _draw_notes(ax, notes, color, *, detail):
    """Draw each note: the ones in full colour, the silent last step, where shown, in a pale one."""
    onset, pitch = notes["onset"], notes["pitch"]
    end = onset + np.maximum(notes["duration"], 2)
    if detail:
        _draw_bars(ax, end - 1, end, pitch, facecolors=color, alpha=0.28, linewidths=0)
    edge = 0 if detail else 0.5  # keeps notes in sight that are narrower than a pixel
    look = {"facecolors": color, "edgecolors": color, "linewidths": edge, "zorder": 2}
    _draw_bars(ax, onset, end - 1, pitch, **look)


def _draw_bars(ax, left, right, pitch, **look):
    """Draw bars from `left` to `right`, centred on their pitches."""
    from matplotlib.collections import PolyCollection

    x = np.stack([left, right, right, left], axis=1)
    corners = np.stack([x, pitch[:, None] + (-0.4, -0.4, 0.4, 0.4)], axis=2)
    ax.add_collection(PolyCollection(corners, **look))


def roll_png(notes, title=""):
    """Return a small PNG picture, bytes, of a note array's piano roll."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6), dpi=80, layout="constrained")
    _, axes = plot_roll(notes, figure.subplots())
    axes.set_title(title, loc="left", fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
