"""MIDI files: read as performed or as a note array, and written.

MIDI libraries reject files that collections hold (a key of nine sharps, unknown chunks) and choke
on others (a gap of 2^28 ticks). So reading is our own, within fixed bounds.
"""

import bisect
import dataclasses
import struct
from collections import Counter, defaultdict
from operator import itemgetter
from pathlib import Path

import numpy as np

from .. import runtime
from .rolls import RESOLUTION, on_grid
from .safe_reading import read_regular_file

DRUM_CHANNEL = 9  # General MIDI's channel 10, counted from 0
MAX_BYTES = 8 * 2**20
MAX_NOTES = 50_000
MAX_QUARTERS = 10_000  # 83 minutes at 120 quarters a minute
TIMED_NOTE = np.dtype([("onset", "f8"), ("end", "f8"), ("pitch", "i2")])  # fractions of steps
TICKS_PER_STEP = 20  # of the files written: 480 a quarter note
NOTE_OFF, NOTE_ON, PROGRAM_CHANGE, SYSTEM = 0x8, 0x9, 0xC, 0xF  # kinds of events
NAME, PORT, END, TEMPO, METRE, KEY = -0x03, -0x21, -0x2F, -0x51, -0x58, -0x59  # of meta events


@dataclasses.dataclass
class Part:
    """What one instrument plays on one channel of one track, sorted by onset."""

    program: int
    is_drum: bool
    name: str
    notes: np.ndarray


@dataclasses.dataclass
class Performance:
    """All that a score needs from a MIDI file; the maps hold (time step, value…) in time order."""

    parts: list
    metres: list
    keys: list
    tempos: list
    flaws: tuple = ()
    by_ear: bool = False  # times count beats that `beats` found, not those of the file

    @property
    def n_notes(self):
        """The number of pitched notes in all parts."""
        return sum(len(part.notes) for part in self.parts if not part.is_drum)


def read_midi(path, *, with_info=False):
    """Read the pitched notes of a MIDI file (type 0 or 1), rounded to the grid of 24 a quarter.

    Returns the note array, or with `with_info` (note array, dict of `on_grid`, with metre, fifths
    and program where the file names them). Raises FileNotFoundError, or ValueError with the reason.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        performance = read_performance(path)
    except ValueError as error:
        raise ValueError(f"{path} is not a readable MIDI file: {error}") from error
    pitched = [part.notes for part in performance.parts if not part.is_drum]
    rows = np.concatenate([np.empty(0, TIMED_NOTE), *pitched])
    notes, info = on_grid(np.column_stack([rows["onset"], rows["end"]]), rows["pitch"])
    if performance.metres:
        info["metre"] = "{}/{}".format(*performance.metres[0][1:])
    if performance.keys:
        info["fifths"] = performance.keys[0][1]
    if performance.parts and not performance.parts[0].is_drum:
        info["program"] = performance.parts[0].program
    return (notes, info) if with_info else notes


def write_midi(notes, path, tempo=120, program=0):
    """Write a note array as a MIDI file, whole or not at all: Path. Introduced in lesson 03.

    The tempo is in quarter notes a minute, the program one of General MIDI, 0 to 127.
    """
    import mido

    beats = mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))
    track = mido.MidiTrack([beats, mido.Message("program_change", program=program)])
    # Velocity 0 ends a note; at one instant notes end first, or a repeated pitch would be cut.
    events = [(on + duration, 0, pitch) for on, duration, pitch in notes.tolist()]
    events += [(on, 90, pitch) for on, _, pitch in notes.tolist()]
    now = 0
    for step, velocity, pitch in sorted(events):
        ticks = (step - now) * TICKS_PER_STEP
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=ticks))
        now = step
    with runtime.atomic_path(path) as temporary:
        mido.MidiFile(ticks_per_beat=RESOLUTION * TICKS_PER_STEP, tracks=[track]).save(temporary)
    return Path(path)


def read_performance(path):
    """Read who plays what and when in a MIDI file of type 0 or 1, nothing rounded: Performance.

    A file that cannot become a score is a ValueError, one plain reason. Introduced in lesson 01.
    """
    kind, division, tracks = _split_chunks(read_regular_file(path, MAX_BYTES))
    if kind > 1:
        raise ValueError(f"it is MIDI type {kind}, without a common beat; save it as type 1")
    if not 0 < division < 0x8000:
        found = "it counts time in SMPTE frames or in 0 ticks a beat"
        raise ValueError(f"{found}; export it with beats")
    events = [(n, *event) for n, track in enumerate(tracks) for event in _read_events(track)]
    if max((tick for _, tick, *_ in events), default=0) > MAX_QUARTERS * division:
        found = f"it lasts longer than {MAX_QUARTERS:,} quarters (a gap or a note without end)"
        raise ValueError(f"{found}; cut it in an editor")
    flaws = Counter()
    parts = _split_parts(_pair_notes(events, division, flaws), events, division, flaws)
    flaws = tuple(f"{count} {words}" for words, count in sorted(flaws.items()))
    return Performance(parts, *_read_maps(events, division), flaws)


def _split_chunks(data):
    """Check the header; return (type, division, list of track bodies)."""
    if data[:4] != b"MThd" or len(data) < 14:
        raise ValueError(
            f"it is not MIDI: it starts with {data[:8]!r}, not with MThd; download it again"
        )
    length, kind, _, division = struct.unpack(">IHHH", data[4:14])
    place, tracks = 8 + length, []
    while place + 8 <= len(data):
        name, length = struct.unpack_from(">4sI", data, place)
        body = data[place + 8 : place + 8 + length]
        if name == b"MTrk" and len(body) < length:
            found = f"track {len(tracks) + 1} promises {length:,} bytes and has {len(body):,}"
            raise ValueError(f"it is cut: {found}; download it again")
        tracks += [body] if name == b"MTrk" else []
        place += 8 + length
    if not tracks:
        raise ValueError("it has a header but no track; download it again")
    return kind, division, tracks


def _read_events(data):
    """Yield (tick, kind, channel, body) of each event of a track; meta event n is kind -n."""
    place = tick = status = port = 0
    while place < len(data):
        delta, place = _take_number(data, place)
        tick += delta
        if place == len(data):
            return
        if data[place] & 0x80:  # otherwise the status of the last event goes on
            status, place = data[place], place + 1
        if status < 0x80:
            raise ValueError("a track of it is damaged: data where an event must begin")
        kind, size = status >> 4, 1 if 0xC0 <= status < 0xE0 else 2
        if status == 0xFF:
            (number,), place = _take(data, place, 1)
            kind = -number
        if status >= 0xF0:
            size, place = _take_number(data, place)
        body, place = _take(data, place, size)
        if kind == PORT and size:
            port = body[0] & 15
        yield tick, kind, port * 16 + (status & 15), body
        if kind == END:
            return


def _take(data, place, size):
    """Return (the next bytes, the place after them)."""
    if place + size > len(data):
        raise ValueError("a track of it ends inside an event; download it again")
    return data[place : place + size], place + size


def _take_number(data, place):
    """Return (a number of up to four bytes, seven bits each, the place after it)."""
    value = 0
    for count, byte in enumerate(data[place : place + 4], 1):
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count
    _take(data, place, 4)
    raise ValueError("it is damaged: a time of more than four bytes")


def _read_maps(events, division):
    """Return the metres, keys and tempos that are possible: lists of (time step, value…)."""
    metres, keys, tempos = [], [], []
    for _, tick, kind, _, body in events:
        step = tick * RESOLUTION / division
        if kind == METRE and len(body) >= 2 and 1 <= body[0] <= 32 and body[1] <= 5:
            metres.append((step, body[0], 2 ** body[1]))
        elif kind == KEY and len(body) == 2 and (fifths := (body[0] + 7) % 256 - 7) <= 7:
            keys.append((step, fifths))
        elif kind == TEMPO and len(body) == 3 and any(body):
            tempos.append((step, 60_000_000 / int.from_bytes(body, "big")))
    return sorted(metres), sorted(keys), sorted(tempos)


def _pair_notes(events, division, flaws):
    """Pair strikes and releases: list of (start tick, end tick, pitch, track, channel)."""
    notes, sounding, lasts = [], defaultdict(list), Counter()
    for track, tick, kind, channel, body in events:
        if 0 < kind < SYSTEM and max(body) > 127:
            flaws["events had values over 127 and were skipped"] += 1
        elif kind == NOTE_ON and body[1]:
            sounding[track, channel, body[0]].append(tick)
        elif kind in (NOTE_ON, NOTE_OFF) and (starts := sounding[track, channel, body[0]]):
            notes.append((starts.pop(0), tick, body[0], track, channel))
            lasts[track] = tick
    for (track, channel, pitch), starts in sounding.items():
        for start in starts:  # never ended: it ends with the track's last, or after a quarter
            flaws["notes were never ended"] += 1
            notes.append((start, max(lasts[track], start + division), pitch, track, channel))
    if len(notes) > MAX_NOTES:
        raise ValueError(f"it has over {MAX_NOTES:,} notes, too many for a score; split it")
    return notes


def _split_parts(notes, events, division, flaws):
    """Sort notes into parts, by track, channel and the program in force at their start."""
    programs = defaultdict(lambda: [(0, 0)])  # a piano plays where no program is named
    names, parts = {}, defaultdict(list)
    for track, tick, kind, channel, body in sorted(events, key=itemgetter(1)):
        if kind == PROGRAM_CHANGE and body[0] < 128:
            programs[channel].append((tick, body[0]))
        elif kind == NAME:
            names.setdefault(track, body[:60].decode("latin-1").strip())
    for *note, track, channel in notes:
        is_drum = channel % 16 == DRUM_CHANNEL
        place = bisect.bisect_right(programs[channel], note[0], key=itemgetter(0)) - 1
        program = 0 if is_drum else programs[channel][place][1]
        parts[track, channel, program, is_drum].append(note)
    return [
        Part(program, is_drum, names.get(track, ""), _timed_notes(rows, is_drum, division, flaws))
        for (track, _, program, is_drum), rows in sorted(parts.items())
    ]


def _timed_notes(rows, is_drum, division, flaws):
    """Return rows of (start tick, end tick, pitch) as TIMED_NOTE, ornaments left out."""
    notes = np.zeros(len(rows), TIMED_NOTE)
    start, end, notes["pitch"] = np.array(rows, float).T
    notes["onset"], notes["end"] = np.array([start, end]) * RESOLUTION / division
    sounds = end > start
    if not is_drum and 0.5 < sounds.mean() < 1:
        flaws["ornaments without length were left out"] += int((~sounds).sum())
        notes = notes[sounds]
    return np.sort(notes)
