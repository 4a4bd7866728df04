"""Form: what comes again, and where phrases come to rest.

A *phrase* is 1, 2, 4 or 8 whole measures. All of it is counted on note arrays, in numpy.
"""

import itertools
import math

import numpy as np

from ..pianoroll import STEPS_PER_MEASURE, crop

SIZES = (1, 2, 4, 8)
PHRASE = 4  # measures: half of the eight-measure strain of most folk tunes
# How well each note fits a key, from the tonic upwards (Krumhansl & Kessler 1982, ratings).
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
KEYS = np.array([np.roll(p, tonic) for p in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)])
KEYS = (KEYS - KEYS.mean(1, keepdims=True)) / KEYS.std(1, keepdims=True)  # so that @ correlates


def describe_form(notes, n_steps, steps_per_measure=STEPS_PER_MEASURE):
    """Count repetitions, similarities and endings; see `glossary.GLOSSARY`.

    Args:
        notes: note array.
        n_steps: int, length of the piece in time steps.
        steps_per_measure: int.

    Returns:
        dict of str to float.

    Introduced in lesson 08.
    """
    words = measure_words(notes, n_steps, steps_per_measure)
    onsets = notes.copy()
    onsets["duration"], onsets["pitch"] = 1, 0
    rhythm = measure_words(onsets, n_steps, steps_per_measure)
    found = {f"repetition_{size}": repetition(words, size) for size in SIZES}
    for lag in SIZES:
        found[f"similarity_{lag}"] = similarity(notes, lag, n_steps, steps_per_measure)
    found["rhythm_repetition"] = repetition(rhythm, 1)
    return found | endings(notes, PHRASE * steps_per_measure)


def measure_words(notes, n_steps, steps_per_measure=STEPS_PER_MEASURE):
    """Number the measures so that equal numbers mean equal notes.

    Args:
        notes: note array.
        n_steps: int, length of the piece in time steps.
        steps_per_measure: int.

    Returns:
        int ndarray, shape (measures,); 0 is a measure in which no note starts.

    Introduced in lesson 08.
    """
    measure = notes["onset"] // steps_per_measure
    local = notes.copy()
    local["onset"] -= measure * steps_per_measure
    edges = np.searchsorted(measure, np.arange(math.ceil(n_steps / steps_per_measure) + 1))
    numbers = {b"": 0}
    contents = (local[a:b].tobytes() for a, b in itertools.pairwise(edges))
    return np.array([numbers.setdefault(content, len(numbers)) for content in contents], int)


def repetition(words, size):
    """Tell how many phrases of `size` measures came before, among those that could have.

    Args:
        words: int ndarray from `measure_words`.
        size: int, measures.

    Returns:
        float, NaN where no phrase sounds after the first `size` measures.

    Introduced in lesson 08.
    """
    words = [int(word) for word in words]
    phrases = [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
    known, came_before = set(), []
    for start in range(size, len(phrases)):
        known.add(phrases[start - size])
        if any(phrases[start]):
            came_before.append(phrases[start] in known)
    return sum(came_before) / len(came_before) if came_before else math.nan


def similarity(notes, lag, n_steps, steps_per_measure=STEPS_PER_MEASURE):
    """Compare each measure with the one `lag` measures before: shared notes / notes of either.

    Args:
        notes: note array; a note is the same when its place and pitch are.
        lag: int, measures.
        n_steps: int, length of the piece in time steps.
        steps_per_measure: int.

    Returns:
        float 0 to 1, the mean over the pairs in which a note starts; NaN without such a pair.

    Introduced in lesson 08.
    """
    n_pairs = math.ceil(n_steps / steps_per_measure) - lag
    if n_pairs < 1:
        return math.nan
    cells = notes["onset"].astype(np.int64) * 128 + notes["pitch"]
    measure = notes["onset"] // steps_per_measure
    counts = np.bincount(measure, minlength=n_pairs + lag)
    again = np.isin(cells, cells + lag * steps_per_measure * 128)
    shared = np.bincount(measure[again], minlength=n_pairs + lag)[lag:]
    either = counts[lag:] + counts[:-lag] - shared
    return float((shared[either > 0] / either[either > 0]).mean()) if either.any() else math.nan


def home_note(notes):
    """Find the pitch class that the piece feels at home on, by the best fitting key profile.

    Args:
        notes: note array.

    Returns:
        int 0 (C) to 11 (B), or None where no key fits better than another.

    Introduced in lesson 08.
    """
    weight = np.bincount(notes["pitch"].astype(int) % 12, weights=notes["duration"], minlength=12)
    if np.ptp(weight) == 0:
        return None
    return int(np.argmax(KEYS @ weight)) % 12


def endings(notes, phrase_steps):
    """Tell how often the last note of a phrase is longer than most, and how often it is home.

    Args:
        notes: note array.
        phrase_steps: int, length of a phrase in time steps.

    Returns:
        dict with ending_longer and ending_home, floats 0 to 1, NaN on silence.

    Introduced in lesson 08.
    """
    if not len(notes):
        return {"ending_longer": math.nan, "ending_home": math.nan}
    phrase = notes["onset"] // phrase_steps
    last = notes[np.diff(phrase, append=-1) != 0]
    return {
        "ending_longer": float((last["duration"] > np.median(notes["duration"])).mean()),
        "ending_home": float((last["pitch"] % 12 == home_note(notes)).mean()),
    }


def shuffle_measures(notes, n_steps, seed=0, steps_per_measure=STEPS_PER_MEASURE):
    """Put the measures of a piece in random order; notes over a measure line are cut there.

    Introduced in lesson 08.
    """
    order = np.random.default_rng(seed).permutation(math.ceil(n_steps / steps_per_measure))
    parts = []
    for place, measure in enumerate(order):
        part = crop(notes, measure * steps_per_measure, (measure + 1) * steps_per_measure)
        part["onset"] += place * steps_per_measure
        parts.append(part)
    return np.concatenate(parts) if parts else notes.copy()
