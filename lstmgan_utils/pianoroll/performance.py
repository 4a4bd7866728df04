"""A MIDI file as it was played: who sounds when, in time steps that are not yet whole.

Collections hold files that general MIDI libraries stop at (a key of nine sharps, alien chunks, a
missing end of track), and files made to choke a program (a gap of 2^28 ticks). This reader takes
the bytes that matter, in one pass, within fixed bounds, and says in one sentence why it cannot.
"""

import bisect
import dataclasses
import struct

import numpy as np

from .midi_files import DRUM_CHANNEL
from .rolls import RESOLUTION
from .safe_reading import read_regular_file

MAX_BYTES = 8 * 2**20
MAX_NOTES = 50_000
MAX_QUARTERS = 10_000  # 83 minutes at 120 quarters a minute
LONGEST = 4  # quarters that a note without end may sound on when all others are over
TIMED_NOTE = np.dtype([("onset", "f8"), ("end", "f8"), ("pitch", "i2")])  # fractions of steps


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
        """The pitched notes of all parts."""
        return sum(len(part.notes) for part in self.parts if not part.is_drum)


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
    data = read_regular_file(path, MAX_BYTES)
    kind, division, tracks = _split_chunks(data)
    if kind > 1:
        raise ValueError(
            f"it is MIDI type {kind}, patterns without a common beat; save it as type 1"
        )
    if division >= 0x8000:
        raise ValueError("it counts time in SMPTE frames, not in beats; export it with beats")
    if division == 0:
        raise ValueError(
            "it has 0 ticks per quarter note, so its notes have no place; export it again"
        )
    events = _Events()
    for number, track in enumerate(tracks):
        events.read_track(number, track, MAX_QUARTERS * division)
    return events.gather(RESOLUTION / division)


def _split_chunks(data):
    """Check the header, and give (type, division, list of track bodies)."""
    if not data:
        raise ValueError("it is empty (zero bytes); download it again")
    if data[:4] == b"RIFF":  # a RIFF wrapper holds the same bytes further on
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd" or len(data) < 14:
        raise ValueError(f"it is not MIDI: it starts with {data[:8]!r}, not with MThd")
    length, kind, _, division = struct.unpack(">IHHH", data[4:14])
    place, tracks = 8 + length, []
    while place + 8 <= len(data):
        name, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "big")
        if name == b"MTrk" and place + 8 + length > len(data):
            raise ValueError(f"it is cut: track {len(tracks) + 1} promises {length:,} bytes and "
                             f"has {len(data) - place - 8:,}; download it again")  # fmt: skip
        if name == b"MTrk":
            tracks.append(data[place + 8 : place + 8 + length])
        place += 8 + length
    if not tracks:
        raise ValueError("it has a header but no track; download it again")
    return kind, division, tracks


class _Events:
    """What the tracks said, collected before it is known which program each note was played by."""

    def __init__(self):
        self.notes = []  # (start tick, end tick, pitch, track, channel)
        self.programs = {}  # channel -> [(tick, program)]
        self.names, self.metres, self.keys, self.tempos = {}, [], [], []
        self.text_bytes = self.clipped = self.unclosed = self.silent = self.unheard = 0

    def read_track(self, number, data, last_tick):
        """Read one track; its time may not pass `last_tick`."""
        place = tick = status = port = 0
        sounding, before = {}, len(self.notes)
        while place < len(data):
            delta, place = _number(data, place)
            tick += delta
            if tick > last_tick:
                raise ValueError(f"it lasts longer than {MAX_QUARTERS:,} quarter notes (a gap or a "
                                 "note without end); cut it in an editor")  # fmt: skip
            if place >= len(data):
                break
            if data[place] & 0x80:
                status, place = data[place], place + 1
            if status < 0x80:
                raise ValueError(f"track {number + 1} is damaged: data where an event must begin")
            if status >= 0xF0:
                port, place = self._meta_or_system(number, tick, status, port, data, place)
                continue
            size = 1 if 0xC0 <= status < 0xE0 else 2
            if place + size > len(data):
                raise ValueError(
                    f"track {number + 1} ends inside an event; download the file again"
                )
            values = data[place : place + size]
            self._channel_event(number, tick, status, port, values, sounding)
            place += size
        last = max((end for _, end, *_ in self.notes[before:]), default=0)
        self._close_all(number, tick, sounding, last, last_tick // MAX_QUARTERS)

    def _channel_event(self, number, tick, status, port, values, sounding):
        """Take in one event of a channel: a note starts or ends, or its program changes."""
        kind, channel = status >> 4, port * 16 + (status & 15)
        if max(values) > 127:
            self.clipped += 1
            return
        if kind == 0xC:
            self.programs.setdefault(channel, []).append((tick, values[0]))
        elif kind == 0x9 and values[1]:
            sounding.setdefault((channel, values[0]), []).append(tick)
        elif kind in (0x8, 0x9) and sounding.get((channel, values[0])):
            start = sounding[channel, values[0]].pop(0)
            self._add(start, tick, values[0], number, channel)

    def _add(self, start, end, pitch, number, channel):
        if len(self.notes) >= MAX_NOTES:
            raise ValueError(
                f"it has more than {MAX_NOTES:,} notes, too many for a score; split it"
            )
        self.notes.append((start, end, pitch, number, channel))

    def _close_all(self, number, tick, sounding, last, quarter):
        """End the notes that were never ended where the music does, or the track before it."""
        for (channel, pitch), starts in sounding.items():
            for start in starts:
                self.unclosed += 1
                end = min(max(tick, start + quarter), max(last, start + LONGEST * quarter))
                self._add(start, end, pitch, number, channel)

    def _meta_or_system(self, number, tick, status, port, data, place):
        """Take in one meta event, or skip a system event; gives (port, next place)."""
        kind = -1
        if status == 0xFF:
            kind, place = data[place] if place < len(data) else -1, place + 1
        size, place = _number(data, place)
        body, place = data[place : place + size], place + size
        if place > len(data):
            raise ValueError(f"track {number + 1} ends inside an event; download the file again")
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

    def gather(self, steps_per_tick):
        """Sort the notes into parts, by track, channel and the program in force at their start."""
        parts = {}
        for changes in self.programs.values():
            changes.sort(key=lambda change: change[0])
        for start, end, pitch, number, channel in self.notes:
            is_drum = channel % 16 == DRUM_CHANNEL
            changes = self.programs.get(channel, [])
            place = bisect.bisect_right(changes, start, key=lambda change: change[0])
            program = changes[place - 1][1] if place and not is_drum else 0
            parts.setdefault((number, channel, program, is_drum), []).append((start, end, pitch))
        found = [self._part(key, rows, steps_per_tick) for key, rows in sorted(parts.items())]
        flaws = [f"{count} {what}" for count, what in (
            (self.unclosed, "notes were never ended"),
            (self.clipped, "events had values over 127 and were skipped"),
            (self.unheard, "tracks went on after their end and were cut there"),
            (self.silent, "ornaments without length were left out"),
        ) if count]  # fmt: skip
        maps = [[(tick * steps_per_tick, *values) for tick, *values in sorted(rows)]
                for rows in (self.metres, self.keys, self.tempos)]  # fmt: skip
        return Performance(found, *maps, self.text_bytes, tuple(flaws))

    def _part(self, key, rows, steps_per_tick):
        number, _, program, is_drum = key
        notes = np.zeros(len(rows), TIMED_NOTE)
        notes["onset"], notes["end"], notes["pitch"] = np.array(rows, float).T
        notes["onset"] *= steps_per_tick
        notes["end"] *= steps_per_tick
        sounds = notes["end"] > notes["onset"]
        if not is_drum and sounds.mean() > 0.5:  # the others are ornaments
            notes, self.silent = notes[sounds], self.silent + int((~sounds).sum())
        return Part(program, is_drum, self.names.get(number, ""), np.sort(notes))


def _number(data, place):
    """Read a number of up to four bytes, seven bits each; gives (number, next place)."""
    value = 0
    for count, byte in enumerate(data[place : place + 4], 1):
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count
    if place + 4 > len(data):
        raise ValueError("a track of it ends inside an event; download the file again")
    raise ValueError(f"it is damaged: a time of more than four bytes at byte {place:,} of a track")
