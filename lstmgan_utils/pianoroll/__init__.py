"""Note arrays, piano rolls, scores and MIDI: the encoding, and how files become note arrays.

`rolls` holds the grid, note arrays and piano rolls; `midi` and `scores` read and write files.
"""
# ruff: noqa: F401  (what is imported here is the public face)

from .midi import read_midi, write_midi
from .rolls import (
    MAX_STEPS,
    N_PITCHES,
    NOTE_DTYPE,
    RESOLUTION,
    STEPS_PER_MEASURE,
    crop,
    cut_to_measures,
    decode,
    encode,
    fit_to_roll,
    n_steps,
    note_array,
    steps_of,
    transpose,
)
from .scores import notes_from_score, read_score, to_musicxml, to_score, write_score
