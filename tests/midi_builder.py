"""Build MIDI and MXL files byte by byte, right or wrong in exactly the way a test needs."""

import struct
import zipfile

CONTAINER = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'


def number(value):
    """Write a number the MIDI way, seven bits a byte."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def track(*events, name=b"", end=True):
    """Join (delta ticks, bytes) events into a track chunk."""
    events = [(0, b"\xff\x03" + number(len(name)) + name), *events] if name else list(events)
    events += [(0, b"\xff\x2f\x00")] if end else []
    body = b"".join(number(delta) + data for delta, data in events)
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi(*tracks, division=480, kind=1):
    """Join tracks into a MIDI file."""
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division) + b"".join(tracks)


def play(rows, channel=0, ticks=480, program=None):
    """Turn (onset, duration, pitch) in quarter notes into events of one channel."""
    switches = [(round((on + d) * ticks), 0, pitch) for on, d, pitch in rows]
    switches += [(round(on * ticks), 80, pitch) for on, d, pitch in rows]
    events, now = [], 0
    if program is not None:
        events.append((0, bytes([0xC0 | channel, program])))
    for tick, velocity, pitch in sorted(switches):
        events.append((tick - now, bytes([0x90 | channel, pitch, velocity])))
        now = tick
    return events


def scale(n=32, duration=1.0, pitch=60):
    """Give a rising scale that starts over each octave, as (onset, duration, pitch) in quarters."""
    return [(i * duration, duration, pitch + i % 12) for i in range(n)]


def tune(path, rows=None, program=0):
    """Write a plain one-instrument tune of 32 quarters."""
    path.write_bytes(midi(track(*play(rows or scale(), program=program))))
    return path


def mxl(path, xml, container=None, extra=()):
    """Write an MXL; `container` replaces the usual one, "" leaves it out; extra: (name, data)."""
    container = CONTAINER.format("score.xml") if container is None else container
    members = [("META-INF/container.xml", container)] if container else []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (*extra, *members, ("score.xml", xml)):
            archive.writestr(name, data)
    return path


def part_entry(number, program, name="Music", channel=1):
    """Write one entry of a part list."""
    i = f"P{number}-I1"
    return (f'<score-part id="P{number}"><part-name>{name}</part-name><score-instrument id="{i}">'
            f"<instrument-name>{name}</instrument-name></score-instrument>"
            f'<midi-instrument id="{i}"><midi-channel>{channel}</midi-channel><midi-program>'
            f"{program + 1}</midi-program></midi-instrument></score-part>")  # fmt: skip


def measures(n=8, note="<pitch><step>C</step><octave>4</octave></pitch>", head=""):
    """Write measures of four quarter notes."""
    quarter = f"<note>{note}<duration>1</duration><type>quarter</type></note>"
    start = ("<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type>"
             "</time></attributes>")  # fmt: skip
    return "".join(f'<measure number="{i + 1}">{"" if i else start}{head}{quarter * 4}</measure>'
                   for i in range(n))  # fmt: skip


def score(*parts):
    """Write a whole score out of (program, measures text) pairs, or (program, text, name)."""
    entries = "".join(part_entry(n, p[0], *p[2:]) for n, p in enumerate(parts, 1))
    bodies = "".join(f'<part id="P{n}">{p[1]}</part>' for n, p in enumerate(parts, 1))
    return ('<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0">'
            f"<part-list>{entries}</part-list>{bodies}</score-partwise>")  # fmt: skip
