"""Descriptors of pieces: counts of notes, time, pitch and form; formula and source in glossary.csv.

A *phrase* is 1, 2, 4 or 8 whole measures.
"""

import math
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ..pianoroll import RESOLUTION, STEPS_PER_MEASURE, crop, note_array
from ..pianoroll import n_steps as end_of

SIZES = (1, 2, 4, 8)  # measures
PHRASE = 4  # measures: half of the eight-measure strain of most folk tunes
N_STEPS = 8 * STEPS_PER_MEASURE  # of a piece, if nothing else is said
MAX_INTERVAL = 24  # semitones
QUALIFIED = 3  # time steps: a 32nd note, as in MuseGAN
# unit, range, value on silence, formula and source of each descriptor
FOLDER = Path(__file__).parent
GLOSSARY = pd.read_csv(FOLDER / "glossary.csv", index_col=0, keep_default_na=False)
# What `describe` returns of a piece of 8 measures, without synonyms.
FEATURES = list(GLOSSARY.index.drop(["n_notes", "repetition_8", "similarity_8"]))
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)  # the natural minor scale has the same notes, from its sixth
# How well each note fits a key, from the tonic upwards (Krumhansl & Kessler 1982, ratings).
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
KEYS = np.array([np.roll(p, tonic) for p in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)])
KEYS = (KEYS - KEYS.mean(1, keepdims=True)) / KEYS.std(1, keepdims=True)  # so that @ correlates


def describe(notes, n_steps=None):
    """Return every descriptor of one piece.

    Args:
        notes: note array.
        n_steps: int, length in time steps with the final silence; None for that of the measures
            (of 4/4) that hold a note.

    Returns:
        dict: a float for each name in `GLOSSARY`, then the `histograms`.

    Raises:
        ValueError: the notes last longer than `n_steps`.

    Introduced in lesson 10.
    """
    end = end_of(notes)
    if n_steps is None:
        n_steps = math.ceil(end / STEPS_PER_MEASURE) * STEPS_PER_MEASURE
    if end > n_steps:
        raise ValueError(f"the notes end at step {end}, past n_steps={n_steps}; crop them first")
    found = describe_time(notes, n_steps) | describe_pitch(notes) | describe_form(notes, n_steps)
    return {name: float(found[name]) for name in GLOSSARY.index} | histograms(notes)


def _ratio(part, whole):
    return part / whole if whole else math.nan


def describe_time(notes, n_steps):
    """Return the descriptors of notes, durations and silence: dict."""
    duration, n_notes = notes["duration"].astype(int), len(notes)
    first = np.repeat(notes["onset"] - np.cumsum(duration) + duration, duration)
    step = first + np.arange(len(first))  # each time step of each note
    voices = np.bincount(step, minlength=n_steps)
    silent_runs = np.diff(np.flatnonzero(np.concatenate([[1], voices, [1]]))) - 1
    # a note counts in every measure that it sounds in
    classes = np.unique(step // STEPS_PER_MEASURE * 12 + np.repeat(notes["pitch"] % 12, duration))
    n_sounding, n_measures = len(np.unique(classes // 12)), math.ceil(n_steps / STEPS_PER_MEASURE)
    return {
        "n_notes": n_notes, "notes_per_beat": _ratio(n_notes, n_steps / RESOLUTION),
        "silence": _ratio((voices == 0).sum(), n_steps),
        "empty_measure_rate": _ratio(n_measures - n_sounding, n_measures),
        "longest_rest": silent_runs.max() if n_steps else math.nan,
        "longest_note": duration.max() if n_notes else math.nan,
        "mean_duration": _ratio(duration.sum(), n_notes),
        "qualified_note_rate": _ratio((duration >= QUALIFIED).sum(), n_notes),
        "polyphony": _ratio(voices.sum(), (voices > 0).sum()),
        "overlap_rate": _ratio((voices >= 2).sum(), n_steps),
        "polyphony_rate": _ratio((voices > 2).sum(), n_steps),
        "used_pitch_classes": _ratio(len(classes), n_sounding),
    }  # fmt: skip


def describe_pitch(notes):
    """Return the descriptors of pitches, pitch classes and melodic intervals: dict."""
    pitch, size = notes["pitch"].astype(int), np.abs(intervals(notes))
    counts, span = np.bincount(pitch % 12, minlength=12), np.ptp(pitch) if len(pitch) else math.nan
    scales = (np.arange(12)[:, None] + MAJOR_SCALE) % 12
    return {
        "pitch_range": span, "pitch_class_entropy": entropy(counts),
        "scale_consistency": _ratio(counts[scales].sum(axis=1).max(), len(pitch)),
        "top_pitch_share": _ratio(np.bincount(pitch, minlength=1).max(), len(pitch)),
        "mean_interval": _ratio(size.sum(), len(size)),
        "repeated_pitch_rate": _ratio((size == 0).sum(), len(size)),
        "step_rate": _ratio(((size == 1) | (size == 2)).sum(), len(size)),
    }  # fmt: skip


def describe_form(notes, n_steps):
    """Return the descriptors of groove, repetitions, similarities and endings: dict."""
    rhythm, measures = notes.copy(), number_measures(notes, n_steps)
    rhythm["duration"], rhythm["pitch"] = 1, 0
    found = {f"repetition_{size}": repetition(measures, size) for size in SIZES}
    found |= {f"similarity_{lag}": similarity(notes, lag, n_steps) for lag in SIZES}
    found["groove_consistency"] = groove_consistency(notes, n_steps)
    found["rhythm_repetition"] = repetition(number_measures(rhythm, n_steps), 1)
    return found | endings(notes, PHRASE * STEPS_PER_MEASURE)


def histograms(notes):
    """Return the shares of the notes by length, onset in the beat and interval.

    They are a dict of float ndarrays that sum to 1, NaN on silence. Bin i of length_histogram is
    i + 1 steps, bin i of interval_histogram i − 24 semitones; the ends hold what is larger.
    """
    found = events(notes)
    return {
        "length_histogram": _shares(found["note length"] - 1, STEPS_PER_MEASURE),
        "beat_histogram": _shares(found["onset in the beat"], RESOLUTION),
        "interval_histogram": _shares(found["melodic interval"], 2 * MAX_INTERVAL + 1),
    }


def _shares(bins, n_bins):
    return np.bincount(bins, minlength=n_bins) / (len(bins) or math.nan)


def events(notes):
    """Return the events of a piece as numbers, for notes, intervals, pairs and chords: dict."""
    length = np.minimum(notes["duration"], STEPS_PER_MEASURE).astype(int)
    top = np.minimum(melody(notes)["duration"], STEPS_PER_MEASURE).astype(int)
    step = np.clip(intervals(notes), -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    place = notes["onset"] % STEPS_PER_MEASURE
    return {
        "note length": length,
        "onset in the beat": notes["onset"] % RESOLUTION,
        "melodic interval": step,
        "length, next length": top[:-1] * 100 + top[1:],
        "interval, next interval": step[:-1] * 100 + step[1:],
        "pitch class, place in measure": notes["pitch"].astype(int) % 12 * 100 + place,
        "chord": chords(notes),
    }


def melody(notes):
    """Return the highest note of each onset, which is heard as the melody: note array.

    Introduced in lesson 10.
    """
    last = np.diff(notes["onset"], append=-1) != 0  # sorted by onset, then pitch
    return notes[last]


def intervals(notes):
    """Return the melodic intervals in semitones, positive upwards: int ndarray.

    Introduced in lesson 10.
    """
    return np.diff(melody(notes)["pitch"].astype(int))


def chords(notes):
    """Return what sounds at each onset: int ndarray, shape (onsets,), bit c for pitch class c."""
    onsets, first = np.unique(notes["onset"], return_inverse=True)
    last = np.searchsorted(onsets, notes["onset"] + notes["duration"])
    sounding = np.zeros((len(onsets), 12), int)
    for start, end, pitch in zip(first, last, notes["pitch"] % 12, strict=True):
        sounding[start:end, pitch] = 1
    return sounding @ (1 << np.arange(12))


def entropy(counts):
    """Return the entropy of counts, in bits; NaN without counts.

    Introduced in lesson 10.
    """
    share = counts[counts > 0] / max(counts.sum(), 1)
    return float((share * np.log2(1 / share)).sum()) if len(share) else math.nan


def groove_consistency(notes, n_steps):
    """Return the groove consistency of Wu & Yang 2020; even random notes score above 0.8."""
    grid = np.zeros((math.ceil(n_steps / STEPS_PER_MEASURE), STEPS_PER_MEASURE), bool)
    grid.flat[notes["onset"]] = True
    return 1 - (grid[1:] != grid[:-1]).mean() if len(grid) > 1 and grid.any() else math.nan


def number_measures(notes, n_steps):
    """Return a number for each measure, equal where the notes are; 0 where no note starts."""
    local, measure = notes.copy(), notes["onset"] // STEPS_PER_MEASURE
    local["onset"] %= STEPS_PER_MEASURE
    numbers = {b"": 0}
    n_measures = math.ceil(n_steps / STEPS_PER_MEASURE)
    contents = [local[measure == i].tobytes() for i in range(n_measures)]
    return [numbers.setdefault(content, len(numbers)) for content in contents]


def repetition(measures, size):
    """Return the share of phrases of `size` measures that came before, among those that could have.

    NaN where none sounds after the first `size` measures, which are from `number_measures`.
    """
    phrases = [measures[i : i + size] for i in range(len(measures) - size + 1)]
    again = [phrase in phrases[: i + 1] for i, phrase in enumerate(phrases[size:]) if any(phrase)]
    return sum(again) / len(again) if again else math.nan


def similarity(notes, lag, n_steps):
    """Return the mean similarity of measures `lag` apart: shared notes / notes of either, 0 to 1.

    After Wu & Yang 2020 (SI); shared notes have the same pitch and place in the measure. NaN
    where no note starts in any pair.
    """
    measures = [set() for _ in range(math.ceil(n_steps / STEPS_PER_MEASURE))]
    for onset, _, pitch in notes.tolist():
        measures[onset // STEPS_PER_MEASURE].add((onset % STEPS_PER_MEASURE, pitch))
    pairs = zip(measures, measures[lag:], strict=False)
    shared = [len(a & b) / len(a | b) for a, b in pairs if a | b]
    return float(np.mean(shared)) if shared else math.nan


def tonic(notes):
    """Return the tonic of the key that fits best, 0 (C) to 11 (B); None where all fit alike."""
    weight = np.bincount(notes["pitch"].astype(int) % 12, weights=notes["duration"], minlength=12)
    return int(np.argmax(KEYS @ weight)) % 12 if np.ptp(weight) else None


def endings(notes, phrase_steps):
    """Return how often phrases end on a longer note than most, and how often on the tonic."""
    last = notes[np.diff(notes["onset"] // phrase_steps, append=-1) != 0]
    longer = last["duration"] > (np.median(notes["duration"]) if len(notes) else 0)
    home = last["pitch"] % 12 == tonic(notes)
    longer, home = (_ratio(np.sum(one), len(last)) for one in (longer, home))
    return {"ending_longer": longer, "ending_home": home}


def cut_measures(notes):
    """Return each measure of 4/4 as a note array of its own, up to the last that holds an onset.

    Notes over a measure line are cut there.

    Introduced in lesson 10.
    """
    starts = range(0, int(notes["onset"].max(initial=0)) + 1, STEPS_PER_MEASURE)
    return [crop(notes, start, start + STEPS_PER_MEASURE) for start in starts]


def join_measures(measures):
    """Return measures one after the other: note array.

    Introduced in lesson 10.
    """
    moved = [measure.copy() for measure in measures]
    for place, measure in enumerate(moved):
        measure["onset"] += place * STEPS_PER_MEASURE
    return np.concatenate([note_array([]), *moved])


class PieceSet:
    """Hold note arrays of equal length in time steps, described once; ValueError for none.

    Introduced in lesson 10.
    """

    def __init__(self, pieces, n_steps=N_STEPS):
        self.pieces, self.n_steps = list(pieces), n_steps
        if not self.pieces:
            raise ValueError("a set without pieces cannot be compared; give some note arrays")

    def __len__(self):
        return len(self.pieces)

    @cached_property
    def table(self):
        """DataFrame of what `describe` returns, a row a piece."""
        return pd.DataFrame([describe(piece, self.n_steps) for piece in self.pieces])

    @cached_property
    def events(self):
        """DataFrame of what `events` returns, a row a piece."""
        return pd.DataFrame([events(piece) for piece in self.pieces])

    @cached_property
    def features(self):
        """float ndarray, shape (pieces, features); what is NaN is −1, outside every range."""
        return np.ascontiguousarray(self.table[FEATURES].fillna(-1.0))
