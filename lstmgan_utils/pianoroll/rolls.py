"""The encoding: note array to piano roll and back.

A *note array* lists notes in time steps, 24 a quarter note. A *roll* is an array of shape
(time, 128): 1 where a pitch sounds, 0 at the last step of each note, so that repeats stay apart.
"""

import numpy as np

RESOLUTION = 24  # time steps a quarter note: 32nds are 3 steps, triplet eighths 8
N_PITCHES = 128
STEPS_PER_MEASURE = 4 * RESOLUTION
MAX_STEPS = 200 * STEPS_PER_MEASURE  # 19,200: 200 measures of 4/4
FAR = 2**30  # an onset that no piece has, and that the type still holds
FALSE_METRE = 1.5  # quarters: music21 gives a pickup in ABC a shorter metre of its own
NOTE_DTYPE = np.dtype([("onset", "<i4"), ("duration", "<i2"), ("pitch", "i1")])


def note_array(rows):
    """Build a note array from rows (onset, duration, pitch): shape (notes,), sorted.

    In time steps and MIDI numbers; others are a ValueError. Introduced in lesson 03.
    """
    table = np.asarray(list(rows), dtype=np.int64).reshape(-1, 3)
    bad = ((table < [0, 1, 0]) | (table > [np.inf, MAX_STEPS, N_PITCHES - 1])).any(axis=1)
    if bad.any():
        limits = f"(onset >= 0, duration 1 to {MAX_STEPS}, pitch 0 to 127)"
        raise ValueError(f"note {tuple(table[bad][0].tolist())} is not {limits}; clip it")
    notes = np.empty(len(table), NOTE_DTYPE)
    notes["onset"], notes["duration"], notes["pitch"] = table.T
    return in_order(notes)


def in_order(notes):
    """Sort notes by onset, pitch and duration; `np.sort` by fields takes many times as long."""
    return notes[np.lexsort((notes["duration"], notes["pitch"], notes["onset"]))]


def n_steps(notes):
    """Return where the last note ends, in time steps; 0 without. Introduced in lesson 03."""
    return int((notes["onset"] + notes["duration"]).max()) if len(notes) else 0


def count_ones(notes):
    """Count the ones of each note in a roll, int16 of shape (notes,): one a step but the last.

    A note stops where the same pitch starts anew; one of a single step has a one if there is room.
    """
    place = notes["pitch"] * np.int64(2 * MAX_STEPS) + notes["onset"]  # pitches far apart
    order = np.lexsort((notes["duration"], place))
    room = np.maximum(np.diff(place[order]) - 1, 0)
    ones = np.maximum(notes["duration"] - 1, 1)
    ones[order[:-1]] = np.minimum(ones[order[:-1]], room)  # the last note has all the room
    return ones


def fit_to_roll(notes):
    """Return what a roll can hold of a note array: `decode(encode(x)) == fit_to_roll(x)`.

    A note is cut where the same pitch starts; one of a single step grows to two or is left out.
    """
    ones = count_ones(notes)
    fitting = notes[ones > 0]
    fitting["duration"] = ones[ones > 0] + 1
    return in_order(fitting)


def encode(notes, length=None):
    """Encode a note array as a piano roll: uint8 of shape (time, 128), 1 where a pitch sounds.

    All notes end in a silent step. `length` is in time steps, None for just enough; notes that last
    longer, or longer than 19,200 steps, are a ValueError. Introduced in lesson 03.
    """
    end = n_steps(notes)
    length = end if length is None else length
    if end > length or length > MAX_STEPS:
        found = f"{max(end, length)} time steps do not fit a roll of {min(length, MAX_STEPS)}"
        raise ValueError(f"{found}; shorten the piece with pianoroll.crop(notes, 0, length)")
    ones = count_ones(notes)
    before = np.cumsum(ones) - ones  # the ones of all earlier notes
    step = np.arange(ones.sum()) + np.repeat(notes["onset"] - before, ones)
    roll = np.zeros((length, N_PITCHES), np.uint8)
    roll[step, np.repeat(notes["pitch"], ones)] = 1
    return roll


def decode(roll, threshold=0.5):
    """Decode a roll into a note array: a run of n cells that sound is a note of n + 1 steps.

    A cell of the roll, shape (time, 128), 0 to 1, sounds from the threshold on; a note ends with
    the roll at the latest. Another shape is a ValueError. Introduced in lesson 03.
    """
    roll = np.asarray(roll)
    if roll.ndim != 2 or roll.shape[1] != N_PITCHES:
        raise ValueError(f"a roll is (time, 128), not {roll.shape}; transpose or slice it")
    sounds = np.zeros((len(roll) + 2, N_PITCHES), bool)  # with silence before and after
    sounds[1:-1] = roll >= threshold
    step, pitch = np.divmod(np.flatnonzero(sounds[1:] != sounds[:-1]), N_PITCHES)
    on, off = np.argsort(pitch, kind="stable").reshape(-1, 2).T  # each pitch goes on, off, on …
    notes = np.empty(len(on), NOTE_DTYPE)
    notes["onset"], notes["pitch"] = step[on], pitch[on]
    notes["duration"] = np.minimum(step[off] + 1, len(roll)) - step[on]
    return notes[np.argsort(on)]  # the changes were found in the order of onset and pitch


def transpose(notes, semitones):
    """Return the notes moved by semitones; ValueError where a pitch would leave 0 to 127."""
    pitches = notes["pitch"].astype(int) + semitones
    return note_array(np.column_stack([notes["onset"], notes["duration"], pitches]))


def crop(notes, start, stop):
    """Return the notes of the steps from `start`, now step 0, up to `stop`, cut at the edges."""
    end = np.minimum(notes["onset"] + notes["duration"], stop)
    onset = np.maximum(notes["onset"], start)
    part = notes.copy()
    part["onset"], part["duration"] = onset - start, np.maximum(end - onset, 0)
    return in_order(part[end > onset])


def steps_of(metre):
    """Return how many time steps a measure of a metre lasts; ValueError if not like "6/8"."""
    try:
        beats, unit = map(int, metre.split("/"))
        return beats * 4 * RESOLUTION // unit
    except (ValueError, ZeroDivisionError):
        raise ValueError(f'metre {metre!r} is not of the form "4/4"; give beats/unit') from None


def join_ties(heads):
    """Join heads (onset, end, semitone, tie as MusicXML has it): list of [onset, end, semitone]."""
    rows, held = [], {}
    for onset, end, pitch, tie in heads:
        row = held.pop((pitch, onset), None) if tie in ("stop", "continue") else None
        if row is None:
            rows.append(row := [onset, end, pitch])
        row[1] = end
        if tie in ("start", "continue"):
            held[pitch, end] = row
    return rows


def from_quarters(rows, metres, first):
    """Return a score's notes as `on_grid` does, with flaws, metre and pickup in the dict.

    The rows are (onset, end, semitone) and `first` the length of the first of several measures, in
    quarter notes; the metres are (beats, unit). Flaws say in words what pitches MIDI cannot hold.
    """
    if not metres:
        metres, first = [(4, 4)], 0
    place = len(metres) > 1 and 4 * metres[0][0] / metres[0][1] < FALSE_METRE
    metre = "{}/{}".format(*metres[place])
    pickup = round(first * RESOLUTION) if first * RESOLUTION < steps_of(metre) else 0
    table = np.array(rows, float).reshape(-1, 3)
    pitches = np.floor(table[:, 2] + 0.5).astype(int)
    fits = (pitches >= 0) & (pitches < N_PITCHES)
    notes, info = on_grid(table[fits, :2] * RESOLUTION, pitches[fits], metre, pickup)
    found = {
        "notes left out: beyond MIDI's pitches, 0 to 127": ~fits,
        "notes between two semitones (quarter tones) were rounded": pitches != table[:, 2],
    }
    flaws = [f"{which.sum()} {words}" for words, which in found.items() if which.any()]
    return notes, info | {"flaws": flaws, "metre": metre, "pickup": pickup}


def on_grid(times, pitches, metre="4/4", pickup=0):
    """Round times to whole time steps; past 19,200 of them, cut at a measure line.

    The times, shape (notes, 2), are onsets and ends in time steps. Returns (note array, dict of
    n_notes, n_off_grid (between two steps), n_cut, and if notes were left out the whole array).
    """
    steps = np.floor(times + 0.5).astype(np.int64)
    onset, length = np.minimum(steps[:, 0], FAR), steps[:, 1] - steps[:, 0]
    notes = note_array(np.column_stack([onset, np.clip(length, 1, MAX_STEPS), pitches]))
    info = {"n_off_grid": int((np.abs(steps - times) > 1e-3).any(axis=1).sum()),
            "n_cut": int((length > MAX_STEPS).sum())}  # fmt: skip
    if n_steps(notes) > MAX_STEPS:
        stop = MAX_STEPS - (MAX_STEPS - pickup) % steps_of(metre)
        info |= {"whole": notes, "n_cut": int((notes["onset"] + notes["duration"] > stop).sum())}
        notes = crop(notes, 0, stop)
    return notes, info | {"n_notes": len(notes)}
