"""Note arrays, piano rolls, scores and MIDI: the encoding, and how files become note arrays.

`rolls` holds the grid, note arrays and piano rolls; `midi` and `scores` read, `musicxml` writes.
"""
# ruff: noqa: F401, I001  (the public face: what the grid is, and what can be done on it)

from .midi import read_midi, write_midi
from .musicxml import to_musicxml, to_score, write_score
from .rolls import MAX_STEPS, N_PITCHES, NOTE_DTYPE, RESOLUTION, STEPS_PER_MEASURE
from .rolls import crop, decode, encode, fit_to_roll, n_steps, note_array, steps_of, transpose
from .scores import notes_from_score, read_score
