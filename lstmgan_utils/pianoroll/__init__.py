"""The heart: the encoding and its ways in and out, gathered from the rooms that hold them.

`rolls` knows the grid, note arrays and piano rolls; `midi` and `scores` read and write them.
"""

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

__all__ = [
    "MAX_STEPS",
    "NOTE_DTYPE",
    "N_PITCHES",
    "RESOLUTION",
    "STEPS_PER_MEASURE",
    "crop",
    "cut_to_measures",
    "decode",
    "encode",
    "fit_to_roll",
    "n_steps",
    "note_array",
    "notes_from_score",
    "read_midi",
    "read_score",
    "steps_of",
    "to_musicxml",
    "to_score",
    "transpose",
    "write_midi",
    "write_score",
]
