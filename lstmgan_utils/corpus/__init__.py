"""Many songs: the words a learner types, gathered from the rooms that hold them.

`songs` and `store` know the compact file, `building` fills it from a folder, `tunes` from music21's
own collection, and `original` reads and writes the format of the first attempt.
"""

from .building import build_store
from .original import read_original, write_original
from .songs import Songs, from_arrays, open_store, song_row
from .tunes import builtin_tunes

__all__ = [
    "Songs",
    "build_store",
    "builtin_tunes",
    "from_arrays",
    "open_store",
    "read_original",
    "song_row",
    "write_original",
]
