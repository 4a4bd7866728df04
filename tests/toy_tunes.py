"""Toy tunes with a form, small enough for tests: real music takes long to read."""

import numpy as np

from lstmgan_utils.corpus import from_arrays, song_row
from lstmgan_utils.pianoroll import note_array

SCALE = np.array([60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79])
RHYTHMS = ([24, 24, 24, 24], [12, 12, 24, 12, 12, 24], [24, 12, 12, 24, 24], [36, 12, 24, 24])


def toy_songs(n_songs, seed=0):
    """Compose tunes of 16 measures of 4/4: Songs; phrases a b a c end on a half note, c at home."""
    rng = np.random.default_rng(seed)
    tunes = [toy_tune(rng) for _ in range(n_songs)]
    rows = [song_row(tune, name=f"toy {i}") for i, tune in enumerate(tunes)]
    return from_arrays(tunes, rows)


def toy_tune(rng):
    """Compose one tune: note array."""
    rows, onset = [], 0
    for _ in range(2):
        a = [toy_measure(rng) for _ in range(2)]
        for end in (None, 4, None, 0):
            phrase = a if end is None else [toy_measure(rng), [(48, 2), (48, end)]]
            for duration, place in (note for measure in phrase for note in measure):
                rows.append((onset, duration, SCALE[place]))
                onset += duration
    return note_array(rows)


def toy_measure(rng):
    """Compose one measure: list of (duration, place in the scale)."""
    rhythm = RHYTHMS[rng.integers(len(RHYTHMS))]
    walk = rng.integers(2, 9) + np.cumsum(rng.choice([-2, -1, 1, 1], len(rhythm)))
    return list(zip(rhythm, np.clip(walk, 0, len(SCALE) - 1).tolist(), strict=True))
