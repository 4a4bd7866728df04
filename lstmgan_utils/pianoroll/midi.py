"""MIDI files: read as performed or as a note array, and written.

Collections hold files that general MIDI libraries reject (a key of nine sharps, unknown chunks, a
missing end of track) and files made to choke a program (a gap of 2^28 ticks). So reading is our
own: one pass over the bytes that matter, within fixed bounds, one plain reason where it fails.
"""

import bisect
import dataclasses
import struct
from pathlib import Path

import numpy as np

from .. import runtime
from .rolls import RESOLUTION, on_grid
from .safe_reading import read_regular_file

DRUM_CHANNEL = 9  # General MIDI's channel 10, counted from 0
MAX_BYTES = 8 * 2**20
MAX_NOTES = 50_000
MAX_QUARTERS = 10_000  # 83 minutes at 120 quarters a minute
LONGEST = 4  # quarters that a note without end may sound on when all others are over
TIMED_NOTE = np.dtype([("onset", "f8"), ("end", "f8"), ("pitch", "i2")])  # fractions of steps
TICKS_PER_QUARTER = 480  # of the files written


@dataclasses.dataclass
class Part:
    """What one instrument plays on one channel of one track; notes sorted by onset."""

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
    text_bytes: int = 0
    flaws: tuple = ()
    by_ear: bool = False  # times count beats that `beats` found, not those of the file

    @property
    def n_notes(self):
        """The number of pitched notes in all parts."""
        return sum(len(part.notes) for part in self.parts if not part.is_drum)


def read_midi(path, *, with_info=False):
    """Read the pitched notes of a MIDI file, their times rounded to the grid of 24 a quarter.

    Args:
        path: a Standard MIDI File of type 0 or 1.
        with_info: bool, also return what was found.

    Returns:
        note array, or (note array, dict with n_notes, n_off_grid, n_cut, programs, n_drums, and
        where the file names them its first metre, fifths and program, as `read_score` does).

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file cannot be read, as `read_performance` says.

    Introduced in lesson 00.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        performance = read_performance(path)
    except ValueError as error:
        raise ValueError(f"{path} is not a readable MIDI file: {error}") from error
    pitched = [part for part in performance.parts if not part.is_drum]
    rows = np.concatenate([np.empty(0, TIMED_NOTE), *(part.notes for part in pitched)])
    notes, info = on_grid(np.column_stack([rows["onset"], rows["end"]]), rows["pitch"])
    info["programs"] = sorted({part.program for part in pitched})
    info["n_drums"] = sum(len(part.notes) for part in performance.parts if part.is_drum)
    if performance.metres:
        info["metre"] = "{}/{}".format(*performance.metres[0][1:])
    if performance.keys:
        info["fifths"] = performance.keys[0][1]
    if performance.parts and not performance.parts[0].is_drum:
        info["program"] = performance.parts[0].program
    return (notes, info) if with_info else notes


def write_midi(notes, path, tempo=120, program=0):
    """Write a note array as a MIDI file.

    Args:
        notes: note array.
        path: the file to make, replaced whole or not at all.
        tempo: float, quarter notes a minute.
        program: int, General MIDI program 0 to 127.

    Returns:
        Path of the file.

    Introduced in lesson 03.
    """
    import mido

    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)),
                            mido.Message("program_change", program=program)])  # fmt: skip
    # Velocity 0 ends a note; at one instant notes end first, or a repeated pitch would be cut.
    events = [(on + duration, 0, pitch) for on, duration, pitch in notes.tolist()]
    events += [(on, 90, pitch) for on, _, pitch in notes.tolist()]
    now = 0
    for step, velocity, pitch in sorted(events):
        ticks = (step - now) * TICKS_PER_QUARTER // RESOLUTION
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=ticks))
        now = step
    with runtime.atomic_path(path) as temporary:
        mido.MidiFile(ticks_per_beat=TICKS_PER_QUARTER, tracks=[track]).save(temporary)
    return Path(path)


def read_performance(path):
    """Read who plays what and when, without rounding anything.

    Args:
        path: a Standard MIDI File of type 0 or 1.

    Returns:
        Performance; silent tracks are not in it.

    Raises:
        ValueError: the file cannot become a score; the message is one plain reason.

    Introduced in lesson 01.
    """
    kind, division, tracks = _split_chunks(read_regular_file(path, MAX_BYTES))
    if kind > 1:
        raise ValueError(f"it is MIDI type {kind}, without a common beat; save it as type 1")
    if division >= 0x8000:
        raise ValueError("it counts time in SMPTE frames, not in beats; export it with beats")
    if division == 0:
        raise ValueError("it has 0 ticks per quarter note; export it again")
    events = _Events(division)
    for number, track in enumerate(tracks):
        events.read_track(number, track)
    return events.performance()


def _split_chunks(data):
    """Check the header; return (type, division, list of track bodies)."""
    if not data:
        raise ValueError("it is empty (zero bytes); download it again")
    if data[:4] == b"RIFF":  # a RIFF wrapper holds the same bytes further on
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd" or len(data) < 14:
        raise ValueError(f"it is not MIDI: it starts with {data[:8]!r}, not with MThd")
    length, kind, _, division = struct.unpack(">IHHH", data[4:14])
    place, tracks = 8 + length, []
    while place + 8 <= len(data):
        name, length = struct.unpack_from(">4sI", data, place)
        body = data[place + 8 : place + 8 + length]
        if name == b"MTrk" and len(body) < length:
            raise ValueError(f"it is cut: track {len(tracks) + 1} promises {length:,} bytes and "
                             f"has {len(body):,}; download it again")  # fmt: skip
        tracks += [body] if name == b"MTrk" else []
        place += 8 + length
    if not tracks:
        raise ValueError("it has a header but no track; download it again")
    return kind, division, tracks


class _Events:
    """Collects the events of all tracks; which program plays a note is known only at the end."""

    def __init__(self, division):
        self.division = division  # ticks a quarter
        self.notes = []  # (start tick, end tick, pitch, track, channel)
        self.programs = {}  # channel -> [(tick, program)]
        self.names, self.metres, self.keys, self.tempos = {}, [], [], []
        self.text_bytes = self.clipped = self.unclosed = self.silent = self.unheard = 0

    def read_track(self, number, data):
        """Read one track."""
        place = tick = status = port = 0
        sounding, before = {}, len(self.notes)  # (channel, pitch) -> ticks of its open notes
        while place < len(data):
            delta, place = _take_number(data, place)
            tick += delta
            if tick > MAX_QUARTERS * self.division:
                raise ValueError(f"it lasts longer than {MAX_QUARTERS:,} quarters (a gap or a "
                                 "note without end); cut it in an editor")  # fmt: skip
            if place >= len(data):
                break
            if data[place] & 0x80:  # otherwise the status of the last event goes on
                status, place = data[place], place + 1
            if status < 0x80:
                raise ValueError(f"track {number + 1} is damaged: data where an event must begin")
            if status >= 0xF0:
                port, place = self._meta_or_system(number, tick, status, port, data, place)
            else:
                values, place = _take(data, place, 1 if 0xC0 <= status < 0xE0 else 2)
                channel = port * 16 + (status & 15)
                self._channel_event(number, tick, status >> 4, channel, values, sounding)
        last = max((end for _, end, *_ in self.notes[before:]), default=0)
        self._close_all(number, tick, sounding, last)

    def _channel_event(self, number, tick, kind, channel, values, sounding):
        """Take in one event of a channel: a note starts or ends, or its program changes."""
        if max(values) > 127:
            self.clipped += 1
        elif kind == 0xC:
            self.programs.setdefault(channel, []).append((tick, values[0]))
        elif kind == 0x9 and values[1]:
            sounding.setdefault((channel, values[0]), []).append(tick)
        elif kind in (0x8, 0x9) and sounding.get((channel, values[0])):
            start = sounding[channel, values[0]].pop(0)
            self._add(start, tick, values[0], number, channel)

    def _add(self, *note):
        if len(self.notes) >= MAX_NOTES:
            raise ValueError(f"it has over {MAX_NOTES:,} notes, too many for a score; split it")
        self.notes.append(note)

    def _close_all(self, number, tick, sounding, last):
        """End the notes that were never ended where the music does, or the track before it."""
        quarter = self.division
        for (channel, pitch), starts in sounding.items():
            for start in starts:
                self.unclosed += 1
                end = min(max(tick, start + quarter), max(last, start + LONGEST * quarter))
                self._add(start, end, pitch, number, channel)

    def _meta_or_system(self, number, tick, status, port, data, place):
        """Take in one meta event, or skip a system event; return (port, next place)."""
        kind = -1
        if status == 0xFF:
            (kind,), place = _take(data, place, 1)
        size, place = _take_number(data, place)
        body, place = _take(data, place, size)
        if 0x01 <= kind <= 0x0F:
            self.text_bytes += size
        if kind == 0x03:
            self.names.setdefault(number, body[:60].decode("latin-1").strip())
        elif kind == 0x21 and size:
            port = body[0] & 15
        elif kind == 0x2F and place < len(data):
            self.unheard += 1
            place = len(data)
        elif kind == 0x51 and size == 3 and any(body):
            self.tempos.append((tick, 60_000_000 / int.from_bytes(body, "big")))
        elif kind == 0x58 and size >= 2 and 1 <= body[0] <= 32 and body[1] <= 5:
            self.metres.append((tick, body[0], 2 ** body[1]))
        elif kind == 0x59 and size == 2:
            fifths = int.from_bytes(body[:1], "big", signed=True)
            self.keys += [(tick, fifths)] if abs(fifths) <= 7 else []
        return port, place

    def performance(self):
        """Sort the notes into parts, by track, channel and the program in force at their start."""
        parts = {}
        for changes in self.programs.values():
            changes.sort(key=lambda change: change[0])
        for *note, number, channel in self.notes:
            is_drum = channel % 16 == DRUM_CHANNEL
            changes = self.programs.get(channel, [])
            place = bisect.bisect_right(changes, note[0], key=lambda change: change[0])
            program = changes[place - 1][1] if place and not is_drum else 0
            parts.setdefault((number, channel, program, is_drum), []).append(note)
        found = [self._part(key, rows) for key, rows in sorted(parts.items())]
        maps = [[(tick * RESOLUTION / self.division, *values) for tick, *values in sorted(rows)]
                for rows in (self.metres, self.keys, self.tempos)]  # fmt: skip
        flaws = [f"{count} {what}" for count, what in (
            (self.unclosed, "notes were never ended"),
            (self.clipped, "events had values over 127 and were skipped"),
            (self.unheard, "tracks went on after their end and were cut there"),
            (self.silent, "ornaments without length were left out"),
        ) if count]  # fmt: skip
        return Performance(found, *maps, self.text_bytes, tuple(flaws))

    def _part(self, key, rows):
        number, _, program, is_drum = key
        notes = np.zeros(len(rows), TIMED_NOTE)
        start, end, notes["pitch"] = np.array(rows, float).T
        notes["onset"], notes["end"] = np.array([start, end]) * RESOLUTION / self.division
        sounds = end > start
        if not is_drum and sounds.mean() > 0.5:  # the others are ornaments
            notes, self.silent = notes[sounds], self.silent + int((~sounds).sum())
        return Part(program, is_drum, self.names.get(number, ""), np.sort(notes))


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
