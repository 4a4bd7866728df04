"""Note array to MIDI file and back."""

from pathlib import Path

import numpy as np

from .. import runtime
from .rolls import RESOLUTION, on_grid

DRUM_CHANNEL = 9  # General MIDI's channel 10, counted from 0


def read_midi(path, *, with_info=False):
    """Read the pitched notes of a MIDI file, their times rounded to the grid of 24 a quarter.

    Args:
        path: a Standard MIDI File of type 0 or 1.
        with_info: bool, also return what was found.

    Returns:
        note array, or (note array, dict with n_notes, n_off_grid, n_cut, programs).

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no MIDI, counts SMPTE frames, or is of type 2.

    Introduced in lesson 01.
    """
    import mido

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        midi = mido.MidiFile(path, clip=True)
    except Exception as error:  # mido raises many kinds for damaged bytes
        raise ValueError(
            f"{path} is not a readable MIDI file ({error!r}); export it again"
        ) from error
    if midi.type == 2 or not 0 < midi.ticks_per_beat < 0x8000:
        raise ValueError(f"{path} has no common beat (type {midi.type}); save it as type 1")
    rows, programs, drums = [], set(), 0
    for track in midi.tracks:
        found, used, left_out = _track_notes(track)
        rows += found
        programs |= used
        drums += left_out
    times = (
        np.array([row[:2] for row in rows], float).reshape(-1, 2) * RESOLUTION / midi.ticks_per_beat
    )
    notes, info = on_grid(times, [row[2] for row in rows])
    return (notes, info | {"programs": sorted(programs), "n_drums": drums}) if with_info else notes


def _track_notes(track):
    """Pair the note-on and note-off messages of one MIDI track; times in ticks."""
    tick, program, sounding, rows, programs, drums = 0, {}, {}, [], set(), 0
    restruck = {}  # when a pitch was last struck while it sounded: its old note-off may follow
    for message in track:
        tick += message.time
        if message.type == "program_change":
            program[message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            starts = message.type == "note_on" and message.velocity > 0
            if message.channel == DRUM_CHANNEL:
                drums += starts
                continue
            if not starts and restruck.pop(key, None) == tick:
                continue
            if key in sounding:
                rows.append((sounding.pop(key), tick, message.note))
                restruck |= {key: tick} if starts else {}
            if starts:
                sounding[key] = tick
                programs.add(program.get(message.channel, 0))
    rows += [(start, tick, note) for (_, note), start in sounding.items()]  # never closed
    return rows, programs, drums


def write_midi(notes, path, tempo=120, program=0):
    """Write a note array as a MIDI file, by music21.

    Args:
        notes: note array.
        path: the file to make, replaced whole or not at all.
        tempo: float, quarter notes a minute.
        program: int, General MIDI program 0 to 127.

    Returns:
        Path of the file.

    Introduced in lesson 03.
    """
    from music21 import midi

    track = midi.MidiTrack(0)
    quarter = midi.MidiFile().ticksPerQuarterNote
    tempo_event = midi.MidiEvent(track, type=midi.MetaEvents.SET_TEMPO)
    tempo_event.data = round(60_000_000 / tempo).to_bytes(3, "big")
    program_event = midi.MidiEvent(track, type=midi.ChannelVoiceMessages.PROGRAM_CHANGE, channel=1)
    program_event.data = program
    # At one instant notes end before others start, or a repeated pitch would be cut at birth.
    switches = [(on + d, False, pitch) for on, d, pitch in notes.tolist()]
    switches += [(on, True, pitch) for on, _, pitch in notes.tolist()]
    timed = [(0, tempo_event), (0, program_event)]
    for step, starts, pitch in sorted(switches):
        kind = "NOTE_ON" if starts else "NOTE_OFF"
        event = midi.MidiEvent(track, type=getattr(midi.ChannelVoiceMessages, kind), channel=1)
        event.pitch, event.velocity = pitch, 90 if starts else 0
        timed.append((step * quarter // RESOLUTION, event))
    timed.append((timed[-1][0], _end_of_track(track)))
    now = 0
    for tick, event in timed:
        track.events += [midi.DeltaTime(track, time=tick - now), event]
        now = tick
    file = midi.MidiFile()
    file.tracks = [track]
    with runtime.atomic_path(path) as temporary:
        temporary.write_bytes(file.writestr())
    return Path(path)


def _end_of_track(track):
    from music21 import midi

    event = midi.MidiEvent(track, type=midi.MetaEvents.END_OF_TRACK)
    event.data = b""
    return event
