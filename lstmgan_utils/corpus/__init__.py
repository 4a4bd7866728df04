"""Many songs: one compact file for all of them, filled from a folder or with what comes along.

`songs` holds them, `store` is the file and how it is built, `tunes` the music that comes with
music21 and this package, and `original` the format of the first attempt.
"""
# ruff: noqa: F401  (what is imported here is the public face)

from .original import read_original, write_original
from .songs import Songs, from_arrays, song_row
from .store import build_store, open_store
from .tunes import builtin_piano, builtin_tunes, need_kept, need_scores, need_songs
