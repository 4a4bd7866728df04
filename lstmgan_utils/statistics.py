"""Statistics of one piece: what can be counted in a note array, each with its formula and paper.

`describe` gathers them. What has no value, such as the pitch range of silence, is NaN: never a 0
by accident. `glossary.GLOSSARY` says of each its unit, range, value on silence, formula and source.
"""

import math

import numpy as np

from . import form
from .glossary import GLOSSARY
from .pianoroll import RESOLUTION, STEPS_PER_MEASURE
from .pianoroll import n_steps as end_of

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)  # the natural minor scale has the same notes, from its sixth
MAX_INTERVAL = 24
QUALIFIED = 3  # time steps: a 32nd note, as in MuseGAN

HISTOGRAMS = ("length_histogram", "onset_histogram", "beat_histogram", "interval_histogram",
              "pitch_class_histogram")  # fmt: skip


def describe(notes, n_steps=None, *, steps_per_measure=STEPS_PER_MEASURE):
    """Count everything that this course counts in one piece.

    Args:
        notes: note array.
        n_steps: int, length of the piece in time steps, final silence included; None for the end
            of the last note, rounded up to a whole measure.
        steps_per_measure: int, 96 for 4/4.

    Returns:
        dict: a float for each name in `GLOSSARY`, then the histograms, float ndarrays that sum to
        1 (NaN on silence): length_histogram (96,), onset_histogram (steps_per_measure,),
        beat_histogram (24,), interval_histogram (49,), pitch_class_histogram (12,).

    Raises:
        ValueError: the notes last longer than `n_steps`.

    Introduced in lesson 08.
    """
    end = end_of(notes)
    if n_steps is None:
        n_steps = math.ceil(end / steps_per_measure) * steps_per_measure
    if end > n_steps:
        raise ValueError(f"the notes end at step {end}, past n_steps={n_steps}; crop them first")
    n_beats = n_steps / RESOLUTION
    found = {"n_notes": len(notes), "notes_per_beat": _ratio(len(notes), n_beats)}
    found |= time_statistics(notes, n_steps, steps_per_measure) | pitch_statistics(notes)
    found["used_pitch_classes"] = used_pitch_classes(notes, steps_per_measure)
    found["groove_consistency"] = groove_consistency(notes, n_steps, steps_per_measure)
    found |= form.describe_form(notes, n_steps, steps_per_measure)
    found = {name: float(found[name]) for name in GLOSSARY}
    return found | histograms(notes, steps_per_measure)


def _ratio(part, whole):
    return part / whole if whole else math.nan


def sounding(notes, n_steps):
    """Count the notes that sound at each time step: int ndarray, shape (n_steps,).

    Introduced in lesson 08.
    """
    end = notes["onset"] + notes["duration"]
    change = np.bincount(notes["onset"], minlength=n_steps + 1)
    return np.cumsum(change - np.bincount(end, minlength=n_steps + 1))[:n_steps]


def time_statistics(notes, n_steps, steps_per_measure=STEPS_PER_MEASURE):
    """Count silence, lengths and notes at once; see `GLOSSARY`."""
    voices = sounding(notes, n_steps)
    silent_runs = np.diff(np.flatnonzero(np.concatenate([[1], voices, [1]]))) - 1
    starts = np.arange(0, n_steps, steps_per_measure)
    measures = np.add.reduceat(voices, starts) if n_steps else voices
    duration = notes["duration"].astype(int)
    some = len(notes) > 0
    return {
        "silence": _ratio((voices == 0).sum(), n_steps),
        "empty_measure_rate": _ratio((measures == 0).sum(), len(measures)),
        "longest_rest": silent_runs.max() if n_steps else math.nan,
        "longest_note": duration.max() if some else math.nan,
        "mean_duration": duration.mean() if some else math.nan,
        "qualified_note_rate": _ratio((duration >= QUALIFIED).sum(), len(notes)),
        "polyphony": _ratio(voices.sum(), (voices > 0).sum()),
        "overlap_rate": _ratio((voices >= 2).sum(), n_steps),
        "polyphony_rate": _ratio((voices > 2).sum(), n_steps),
    }


def pitch_statistics(notes):
    """Count pitches, pitch classes and melodic intervals; see `GLOSSARY`."""
    pitch = notes["pitch"].astype(int)
    size = np.abs(intervals(notes))
    span = np.ptp(pitch) if len(pitch) else math.nan
    return {
        "pitch_range": span,
        "tone_span": span,
        "pitch_class_entropy": entropy(np.bincount(pitch % 12, minlength=12)),
        "scale_consistency": scale_consistency(notes),
        "top_pitch_share": _ratio(np.bincount(pitch, minlength=1).max(), len(pitch)),
        "mean_interval": size.mean() if len(size) else math.nan,
        "repeated_pitch_rate": _ratio((size == 0).sum(), len(size)),
        "step_rate": _ratio(((size == 1) | (size == 2)).sum(), len(size)),
    }


def melody(notes):
    """Keep the highest note of each onset: the line that is heard as the melody.

    Introduced in lesson 08.
    """
    last = np.diff(notes["onset"], append=-1) != 0  # sorted by onset, then pitch
    return notes[last]


def intervals(notes):
    """List the melodic intervals in semitones, positive upwards.

    Introduced in lesson 08.
    """
    return np.diff(melody(notes)["pitch"].astype(int))


def chords(notes):
    """List what sounds together at each onset, as sets of pitch classes.

    Args:
        notes: note array.

    Returns:
        int ndarray, shape (onsets,): bit c is 1 where pitch class c sounds, begun or held.

    Introduced in lesson 08.
    """
    start = notes["onset"].astype(int)
    onsets = np.unique(start)
    first, last = (np.searchsorted(onsets, time) for time in (start, start + notes["duration"]))
    classes = notes["pitch"].astype(int) % 12
    change = np.zeros((len(onsets) + 1, 12), int)
    np.add.at(change, (first, classes), 1)
    np.add.at(change, (last, classes), -1)
    return (np.cumsum(change, axis=0)[:-1] > 0) @ (1 << np.arange(12))


def entropy(counts):
    """Entropy of counts, in bits; NaN without counts.

    Introduced in lesson 08.
    """
    share = counts[counts > 0] / max(counts.sum(), 1)
    return float((share * np.log2(1 / share)).sum()) if len(share) else math.nan


def scale_consistency(notes):
    """Find the scale that fits best, and tell the share of notes inside it.

    Introduced in lesson 08.
    """
    counts = np.bincount(notes["pitch"].astype(int) % 12, minlength=12)
    scales = (np.arange(12)[:, None] + MAJOR_SCALE) % 12
    return _ratio(counts[scales].sum(axis=1).max(), len(notes))


def used_pitch_classes(notes, steps_per_measure=STEPS_PER_MEASURE):
    """Count the pitch classes that sound in a measure, on average over the measures that sound.

    Introduced in lesson 08.
    """
    first = notes["onset"] // steps_per_measure
    last = (notes["onset"] + notes["duration"] - 1) // steps_per_measure
    spans = last - first + 1  # a note counts in every measure that it sounds in
    note = np.repeat(np.arange(len(notes)), spans)
    measure = first[note] + np.arange(len(note)) - np.repeat(np.cumsum(spans) - spans, spans)
    pairs = np.unique(measure * 12 + notes["pitch"][note] % 12)
    return _ratio(len(pairs), len(np.unique(pairs // 12)))


def groove_consistency(notes, n_steps, steps_per_measure=STEPS_PER_MEASURE):
    """Compare the onsets of each measure with those of the measure before.

    Beware: most steps of any two measures agree in having no onset, so that four random onsets a
    measure score 0.92, and silence beside four notes 0.96.

    Introduced in lesson 08.
    """
    grid = np.zeros(math.ceil(n_steps / steps_per_measure) * steps_per_measure, bool)
    grid[notes["onset"]] = True
    grid = grid.reshape(-1, steps_per_measure)
    return 1 - (grid[1:] != grid[:-1]).mean() if len(grid) > 1 and grid.any() else math.nan


def histograms(notes, steps_per_measure=STEPS_PER_MEASURE):
    """Share of the notes with each length, onset, interval and pitch class.

    Returns:
        dict of float ndarrays as in `describe`; bin i of length_histogram is i + 1 steps (the last
        bin also holds what is longer), bin i of interval_histogram is i − 24 semitones.

    Introduced in lesson 08.
    """
    steps = np.clip(intervals(notes), -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    length = np.minimum(notes["duration"], STEPS_PER_MEASURE) - 1
    counts = (
        np.bincount(length, minlength=STEPS_PER_MEASURE),
        np.bincount(notes["onset"] % steps_per_measure, minlength=steps_per_measure),
        np.bincount(notes["onset"] % RESOLUTION, minlength=RESOLUTION),
        np.bincount(steps, minlength=2 * MAX_INTERVAL + 1),
        np.bincount(notes["pitch"].astype(int) % 12, minlength=12),
    )
    return {
        name: count / count.sum() if count.sum() else np.full(len(count), math.nan)
        for name, count in zip(HISTOGRAMS, counts, strict=True)
    }
