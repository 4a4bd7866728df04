"""Many songs: one compact file for all of them, filled from a folder or with what comes along.

`songs` holds them, `store` is the file, `building` fills it from a folder, `tunes` from music21's
own collection, and `original` reads and writes the format of the first attempt.
"""

from .building import build_store
from .original import read_original, write_original
from .songs import Songs, from_arrays, song_row
from .store import open_store
from .tunes import builtin_piano, builtin_tunes, need_kept, need_scores, need_songs

__all__ = [
    "Songs",
    "build_store",
    "builtin_piano",
    "builtin_tunes",
    "from_arrays",
    "need_kept",
    "need_scores",
    "need_songs",
    "open_store",
    "read_original",
    "song_row",
    "write_original",
]
