"""Many songs at once: a view of a store, its table, and a split that does not leak."""

import functools
import hashlib

import numpy as np

from ..pianoroll import MAX_STEPS, NOTE_DTYPE, crop, n_steps, steps_of
from .store import NUMBER_COLUMNS, TEXT_COLUMNS, pack_rows, read_store

FAMILY_INTERVALS = 24
PHRASE = 4  # measures; training draws its windows where phrases start


def open_store(path, *, verify=True):
    """Open a store of songs by memory map.

    Args:
        path: a file that `build_store` made.
        verify: bool, also read the notes once, to find damage anywhere in the file.

    Returns:
        Songs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a store, or is damaged.

    Introduced in lesson 03.
    """
    arrays = read_store(path, verify=verify)
    offsets = arrays["offsets"]
    return Songs(arrays["notes"], offsets[:-1], offsets[1:], arrays["rows"])


class Songs:
    """A sequence of note arrays that lie end to end in one array, mostly a memory-mapped one.

    Args:
        notes: note array of all songs, shape (all notes,).
        starts, stops: int arrays, shape (songs,), where each song lies in it.
        rows: structured array, shape (songs,), as `store.pack_rows` makes it.
    """

    def __init__(self, notes, starts, stops, rows):
        self.notes, self.starts, self.stops, self.rows = notes, starts, stops, rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        """Return the note array of one song, or the Songs of a slice."""
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        return self.notes[self.starts[index] : self.stops[index]]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"<Songs: {len(self):,} songs, {self.n_notes:,} notes>"

    @property
    def n_notes(self):
        """int, the notes of all songs together."""
        return int((self.stops - self.starts).sum())

    @functools.cached_property
    def table(self):
        """dict of columns, each an array of shape (songs,): name, source, metre, key, n_steps …"""
        text = {c: np.char.decode(self.rows[c], "utf-8", "replace") for c in TEXT_COLUMNS}
        return text | {c: self.rows[c] for c in NUMBER_COLUMNS}

    @functools.cached_property
    def hash(self):
        """str, 16 hexadecimal digits that change when any note of any song does."""
        digest = hashlib.sha256(np.asarray(self.stops - self.starts, "<i8").tobytes())
        for notes in self:
            digest.update(notes.tobytes())
        return digest.hexdigest()[:16]

    def select(self, indices):
        """Return the Songs at some indices, without copying a note.

        Args:
            indices: ints or a boolean mask, shape (songs,) for a mask.

        Returns:
            Songs.
        """
        indices = np.asarray(indices)
        indices = indices if indices.dtype == bool else indices.astype(np.int64)
        return Songs(self.notes, self.starts[indices], self.stops[indices], self.rows[indices])

    def split(self, seed=0, test_share=0.1):
        """Split the songs so that tunes with the same opening stay on one side.

        Args:
            seed: int.
            test_share: float, the share of songs to keep for testing, 0 to 1.

        Returns:
            (training indices, test indices), two sorted int arrays.

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if not 0 <= test_share <= 1:
            raise ValueError(f"test_share={test_share} is not a share; give a number from 0 to 1")
        families, members, sizes = np.unique(
            self.rows["family"], return_inverse=True, return_counts=True
        )
        order = np.random.default_rng(seed).permutation(len(families))
        # A family goes to the test side only while it fits, so that a large one cannot swamp it.
        in_test, room = np.zeros(len(families), bool), round(test_share * len(self))
        for family in order:
            in_test[family] = sizes[family] <= room
            room -= sizes[family] * in_test[family]
        return np.flatnonzero(~in_test[members]), np.flatnonzero(in_test[members])


def from_arrays(songs, rows=None):
    """Make Songs of note arrays in memory.

    Args:
        songs: list of note arrays.
        rows: list of dicts as `song_row` makes them; None for rows that know only the notes.

    Returns:
        Songs.
    """
    songs = list(songs)
    rows = [song_row(notes) for notes in songs] if rows is None else rows
    notes = np.concatenate([np.empty(0, NOTE_DTYPE), *songs])
    offsets = np.cumsum([0, *map(len, songs)])
    return Songs(notes, offsets[:-1], offsets[1:], pack_rows(rows))


def song_row(notes, info=None, **columns):
    """Describe one song for the table of a store.

    Args:
        notes: note array.
        info: dict from `read_score` or `read_midi`; None for nothing known.
        columns: values of further columns, such as name="…" or licence="…".

    Returns:
        dict with a value for every column of the table.
    """
    info = info or {}
    program = info.get("program")
    row = dict.fromkeys(TEXT_COLUMNS, "") | {
        "metre": info.get("metre", "4/4"),
        "key": info.get("fifths", 0),
        "program": -1 if program is None else program,
        "n_steps": n_steps(notes),
        "pickup": info.get("pickup", 0),
        "on_grid": 1 - info.get("n_off_grid", 0) / max(len(info.get("whole", notes)), 1),
        "family": melody_family(notes),
        "n_cut": info.get("n_cut", 0),
    }
    return row | columns


def whole_song(notes, info, **columns):
    """Take a piece as its file has it, of any length, and describe it as `song_row` does.

    Returns:
        (note array, row dict), for `split_song`.
    """
    if "whole" in info:
        notes, info = info["whole"], info | {"n_cut": 0}
    return notes, song_row(notes, info, **columns)


def split_song(notes, row):
    """Split a piece that is longer than 19,200 steps at measure lines, into songs that are not.

    Each note belongs to the song in which it starts. Its sound ends with that song, and `n_cut`
    counts the notes that end early. Four measures of silence and more between two songs are left
    out. All songs of a piece keep its family, so that a split leaves them on one side.

    Args:
        notes: note array of a piece of any length.
        row: dict from `song_row`; its metre and pickup tell where the measure lines are.

    Returns:
        list of (note array, row dict), named "piece (1 of 3)" where there are more than one.

    Introduced in lesson 03.
    """
    songs, pickup, measure = [], row["pickup"], max(steps_of(row["metre"]), 1)
    while n_steps(notes) > MAX_STEPS:
        line = _split_line(notes, measure, pickup)
        first, rest = np.split(notes, [np.searchsorted(notes["onset"], line)])
        n_cut = int((first["onset"] + first["duration"] > line).sum())
        songs += [(crop(first, 0, line), pickup, n_cut)] if len(first) else []
        line += (rest["onset"][:1].sum() - line) // (PHRASE * measure) * PHRASE * measure
        notes, pickup = rest.copy(), 0
        notes["onset"] -= line
    songs += [(notes, pickup, row["n_cut"])] if len(notes) or not songs else []
    names = [row["name"]] if len(songs) == 1 else [
        f"{row['name']} ({k} of {len(songs)})" for k in range(1, len(songs) + 1)]  # fmt: skip
    return [(song, row | {"name": name, "n_steps": n_steps(song), "pickup": pickup, "n_cut": n_cut})
            for name, (song, pickup, n_cut) in zip(names, songs, strict=True)]  # fmt: skip


def _split_line(notes, measure, pickup):
    """Choose where to split: the fewest notes sound on, then a phrase starts, then halves alike."""
    length = n_steps(notes)
    ideal = length / -(-length // MAX_STEPS)
    lines = np.arange(pickup, MAX_STEPS + 1, measure)
    number = np.flatnonzero(lines >= ideal / 2)
    if not len(number):  # a measure longer than a song
        return MAX_STEPS
    ends = np.sort(notes["onset"] + notes["duration"])
    started = np.searchsorted(notes["onset"], lines[number])
    sounding = started - np.searchsorted(ends, lines[number], side="right")
    best = np.lexsort((abs(lines[number] - ideal), number % PHRASE > 0, sounding))[0]
    return int(lines[number[best]])


def melody_family(notes):
    """Number a song by the first 24 intervals of its top line, whatever the key it is in.

    Args:
        notes: note array.

    Returns:
        int, 64 bits; equal for tunes that open alike.

    Introduced in lesson 03.
    """
    last_at_onset = np.flatnonzero(np.diff(notes["onset"], append=-1))  # the highest: sorted so
    line = notes["pitch"][last_at_onset][: FAMILY_INTERVALS + 1].astype(np.int16)
    digest = hashlib.blake2b(np.diff(line).tobytes(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
