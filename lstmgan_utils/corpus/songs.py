"""Many songs in memory or mapped from a file: their table, a split that does not leak."""

import functools
import hashlib

import numpy as np

from ..pianoroll import MAX_STEPS, NOTE_DTYPE, crop, n_steps, steps_of

FAMILY_INTERVALS = 24
PHRASE = 4  # measures; training draws its windows where phrases start
TEXT_COLUMNS = ("name", "source", "licence", "metre", "mode", "file_hash", "flaws")
NUMBER_COLUMNS = {
    "key": "<i1",  # sharps of the key signature, flats counted below zero
    "program": "<i2",  # General MIDI program 0-127, -1 where unknown
    "n_steps": "<i4",
    "pickup": "<i4",  # time steps before the first full measure
    "on_grid": "<f4",  # share of notes that the grid held exactly, 0-1
    "family": "<u8",  # tunes with the same opening share this number
    "n_cut": "<i4",  # notes that end early, where a piece was too long and had to be split
}


def row_dtype(widths):
    """Return the dtype of the rows; `widths` are the bytes of each text column, in their order."""
    text = [(c, f"S{width}") for c, width in zip(TEXT_COLUMNS, widths, strict=True)]
    return np.dtype(text + list(NUMBER_COLUMNS.items()))


def pack_rows(rows):
    """Return row dictionaries as one structured array, shape (songs,), text as UTF-8."""
    columns = {c: [row[c] for row in rows] for c in NUMBER_COLUMNS}
    for c in TEXT_COLUMNS:
        # a file name may hold bytes that are no text: they are written out, "caf\\udce9"
        texts = [str(row[c]).encode(errors="backslashreplace") for row in rows]
        columns[c] = np.array(texts, "S")
    packed = np.zeros(len(rows), row_dtype([columns[c].itemsize for c in TEXT_COLUMNS]))
    for c, values in columns.items():
        packed[c] = values
    return packed


def unpack_row(record):
    """Return one record of the rows as a dictionary of Python values."""
    values = dict(zip(record.dtype.names, record.item(), strict=True))
    return {c: v.decode(errors="replace") if c in TEXT_COLUMNS else v for c, v in values.items()}


class Songs:
    """A sequence of note arrays that lie end to end in one array, mostly a memory-mapped one.

    `starts` and `stops`, int arrays of shape (songs,), say where each song lies in `notes`; `rows`
    is the table as `pack_rows` returns it.
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

    def __repr__(self):
        return f"<Songs: {len(self):,} songs>"

    @functools.cached_property
    def table(self):
        """Dict of columns, each an array of shape (songs,): name, source, metre, key, n_steps …"""
        text = {c: np.char.decode(self.rows[c], "utf-8", "replace") for c in TEXT_COLUMNS}
        return text | {c: self.rows[c] for c in NUMBER_COLUMNS}

    @functools.cached_property
    def hash(self):
        """Checksum of all notes, 16 hexadecimal digits."""
        digest = hashlib.sha256(np.asarray(self.stops - self.starts, "<i8").tobytes())
        for notes in self:
            digest.update(notes.tobytes())
        return digest.hexdigest()[:16]

    def select(self, indices):
        """Return the Songs at some indices (or a mask of bools), without copying a note."""
        chosen = np.arange(len(self))[list(indices)]
        return Songs(self.notes, self.starts[chosen], self.stops[chosen], self.rows[chosen])

    def split(self, seed=0, test_share=0.1):
        """Return training and test indices, two sorted int arrays; a family stays on one side.

        `test_share` of the songs, 0 to 1, are for testing; another number is a ValueError.
        """
        if not 0 <= test_share <= 1:
            raise ValueError(f"test_share={test_share} is not a share; give a number from 0 to 1")
        column = self.rows["family"]
        families, members, sizes = np.unique(column, return_inverse=True, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(families))
        # A family goes to the test side only while it fits, so that a large one cannot swamp it.
        in_test, left = np.zeros(len(families), bool), round(test_share * len(self))
        for family in order:
            in_test[family] = sizes[family] <= left
            left -= sizes[family] * in_test[family]
        return np.flatnonzero(~in_test[members]), np.flatnonzero(in_test[members])


def from_arrays(songs, rows=None):
    """Return the Songs that hold these note arrays; `rows` are dicts as `song_row` returns them."""
    songs = list(songs)
    rows = [song_row(notes) for notes in songs] if rows is None else rows
    notes = np.concatenate([np.empty(0, NOTE_DTYPE), *songs])
    offsets = np.cumsum([0, *map(len, songs)])
    return Songs(notes, offsets[:-1], offsets[1:], pack_rows(rows))


def song_row(notes, info=None, **columns):
    """Return the row of a song, a value for every column; `info` is what its reader found."""
    info = info or {}
    row = dict.fromkeys(TEXT_COLUMNS, "") | {
        "metre": info.get("metre", "4/4"),
        "key": info.get("fifths", 0),
        "program": -1 if info.get("program") is None else info["program"],
        "n_steps": n_steps(notes),
        "pickup": info.get("pickup", 0),
        "on_grid": 1 - info.get("n_off_grid", 0) / max(len(info.get("whole", notes)), 1),
        "family": melody_family(notes),
        "n_cut": info.get("n_cut", 0),
    }
    return row | columns


def whole_song(notes, info, *, name, **columns):
    """Return (note array, row dict) of a piece of any length; ValueError without notes."""
    if not len(notes):
        raise ValueError(f"{name} has no pitched notes; leave it out")
    if "whole" in info:
        notes, info = info["whole"], info | {"n_cut": 0}
    return notes, song_row(notes, info, name=name, **columns)


def split_song(notes, row):
    """Return the songs of at most 19,200 steps that a piece becomes, split where phrases start.

    A list of (note array, row dict), named "piece (1 of 3)" where there are more than one, of one
    family. A note belongs to the song in which it starts; `n_cut` counts those that sound past its
    end. Metre and pickup of the row tell where the measure lines are.
    """
    phrase, pickup = PHRASE * max(steps_of(row["metre"]), 1), row["pickup"]
    parts, rest, n_cut = [], notes, row["n_cut"]
    while n_steps(rest) > MAX_STEPS:
        n_phrases = (MAX_STEPS - pickup) // phrase
        line = pickup + n_phrases * phrase if n_phrases > 0 else MAX_STEPS
        first, rest = rest[rest["onset"] < line], rest[rest["onset"] >= line]
        cut = int((first["onset"] + first["duration"] > line).sum())
        parts.append((crop(first, 0, line), pickup, cut))
        rest["onset"] -= line
        pickup = 0
    parts = [part for part in [*parts, (rest, pickup, n_cut)] if len(part[0])] or [(notes, 0, 0)]
    many, cut = len(parts), sum(part[2] for part in parts)
    if many > 1 or cut:
        remark = f"split at measure lines: {many} songs of 800 quarters at most, {cut} notes cut"
        row = row | {"flaws": "; ".join(filter(None, (remark, row["flaws"])))}
    songs = []
    for number, (song, pickup, cut) in enumerate(parts, 1):
        name = f"{row['name']} ({number} of {many})" if many > 1 else row["name"]
        facts = {"name": name, "n_steps": n_steps(song), "pickup": pickup, "n_cut": cut}
        songs.append((song, row | facts))
    return songs


def melody_family(notes):
    """Return a hash of the first 24 intervals of the top line, the same in every key: int, 64 bits.

    Introduced in lesson 03.
    """
    last_at_onset = np.flatnonzero(np.diff(notes["onset"], append=-1))  # the highest: sorted so
    line = notes["pitch"][last_at_onset][: FAMILY_INTERVALS + 1].astype(np.int16)
    digest = hashlib.blake2b(np.diff(line).tobytes(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
