"""The encoding: note array to piano roll and back, and note array to score and MIDI and back.

A *note array* lists notes in time steps, 24 a quarter note. A *roll* is a picture of it with
the shape (time, 128): 1 where a pitch sounds. The last step of each note stays 0, so that one
long note and two short ones look different.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from . import runtime

RESOLUTION = 24  # time steps a quarter note: 32nds are 3 steps, triplet eighths 8
N_PITCHES = 128
STEPS_PER_MEASURE = 4 * RESOLUTION
MAX_STEPS = 200 * STEPS_PER_MEASURE  # 19,200: 200 measures of 4/4
NOTE_DTYPE = np.dtype([("onset", "<i4"), ("duration", "<i2"), ("pitch", "i1")])
DRUM_CHANNEL = 9  # General MIDI's channel 10, counted from 0


def note_array(rows):
    """Make a note array out of rows of numbers.

    Args:
        rows: iterable of (onset, duration, pitch); time steps, time steps, MIDI 0 to 127.

    Returns:
        ndarray of NOTE_DTYPE, shape (notes,), sorted by onset and pitch.

    Raises:
        ValueError: a negative onset, a duration outside 1 to 19,200, or a pitch outside 0 to 127.

    Introduced in lesson 03.
    """
    table = np.asarray(list(rows), dtype=np.int64).reshape(-1, 3)
    bad = (table[:, 0] < 0) | (table[:, 1] < 1) | (table[:, 1] > MAX_STEPS)
    bad |= (table[:, 2] < 0) | (table[:, 2] >= N_PITCHES)
    if bad.any():
        raise ValueError(
            f"note {tuple(table[bad][0].tolist())} is not (onset >= 0, duration 1 to {MAX_STEPS}, "
            "pitch 0 to 127); clip it before making a note array"
        )
    notes = np.empty(len(table), NOTE_DTYPE)
    notes["onset"], notes["duration"], notes["pitch"] = table.T
    return np.sort(notes, order=("onset", "pitch", "duration"))


def n_steps(notes):
    """Tell where the last note ends, in time steps; 0 without notes.

    Introduced in lesson 03.
    """
    return int((notes["onset"] + notes["duration"]).max()) if len(notes) else 0


def fit_to_roll(notes):
    """Write notes the way a roll can hold them, so that `decode(encode(x)) == fit_to_roll(x)`.

    A note that starts while the same pitch sounds cuts the earlier one. A one-step note becomes
    two steps long, since a note needs a 1 and a silent last step; it is left out where the same
    pitch follows at once.

    Args:
        notes: note array, shape (notes,).

    Returns:
        note array, sorted by onset and pitch.

    Introduced in lesson 03.
    """
    notes = notes[np.lexsort((notes["duration"], notes["onset"], notes["pitch"]))]
    gap = np.full(len(notes), MAX_STEPS)
    same_pitch = notes["pitch"][1:] == notes["pitch"][:-1]
    gap[:-1][same_pitch] = np.diff(notes["onset"])[same_pitch]
    notes["duration"] = np.clip(notes["duration"], 2, np.maximum(gap, 2))
    return np.sort(notes[gap >= 2], order=("onset", "pitch"))


def encode(notes, length=None):
    """Draw a note array as a piano roll whose notes all end in a silent step.

    Args:
        notes: note array, shape (notes,).
        length: int, time steps of the roll; None for just enough.

    Returns:
        uint8 ndarray, shape (time, 128): 1 where a pitch sounds.

    Raises:
        ValueError: the notes last longer than 19,200 steps or `length` (crop them first).

    Introduced in lesson 03.
    """
    end = n_steps(notes)
    length = end if length is None else length
    if end > length or length > MAX_STEPS:
        raise ValueError(
            f"{max(end, length)} time steps do not fit a roll of {min(length, MAX_STEPS)}; "
            "shorten the piece with pianoroll.crop(notes, 0, length)"
        )
    notes = fit_to_roll(notes)
    roll = np.zeros((length, N_PITCHES), np.uint8)
    ones = notes["duration"].astype(np.int64) - 1
    steps = np.arange(ones.sum()) - np.repeat(np.cumsum(ones) - ones, ones)
    roll[np.repeat(notes["onset"], ones) + steps, np.repeat(notes["pitch"], ones)] = 1
    return roll


def decode(roll, threshold=0.5):
    """Read the notes off a roll: a run of n cells at or over the threshold is a note of n + 1 steps.

    Args:
        roll: ndarray, shape (time, 128), uint8 or float from 0 to 1.
        threshold: float, the value from which a cell sounds.

    Returns:
        note array; a run that reaches the end of the roll ends with it.

    Raises:
        ValueError: another shape (a roll is time before pitch).

    Introduced in lesson 03.
    """
    roll = np.asarray(roll)
    if roll.ndim != 2 or roll.shape[1] != N_PITCHES:
        raise ValueError(f"a roll has the shape (time, 128), not {roll.shape}; transpose or slice it")
    pitch, step = np.nonzero(np.ascontiguousarray(roll.T) >= threshold)
    place = pitch * (len(roll) + 1) + step  # the gap of 1 keeps neighbouring pitches apart
    first = np.flatnonzero(np.diff(place, prepend=-2) != 1)
    run = np.diff(first, append=len(place))
    notes = np.empty(len(first), NOTE_DTYPE)
    notes["onset"], notes["pitch"] = step[first], pitch[first]
    notes["duration"] = np.minimum(run + 1, len(roll) - notes["onset"])
    return np.sort(notes, order=("onset", "pitch"))


def transpose(notes, semitones):
    """Move all pitches by a number of semitones.

    Raises:
        ValueError: a pitch would leave 0 to 127.

    Introduced in lesson 03.
    """
    pitch = notes["pitch"].astype(int) + semitones
    if len(pitch) and not 0 <= pitch.min() <= pitch.max() < N_PITCHES:
        raise ValueError(f"{semitones:+d} semitones move pitches to {pitch.min()}..{pitch.max()}, "
                         "outside 0..127; choose a smaller interval")  # fmt: skip
    moved = notes.copy()
    moved["pitch"] = pitch
    return moved


def crop(notes, start, stop):
    """Cut out the time steps from `start` up to `stop`; notes that sound over an edge are cut there.

    Args:
        notes: note array.
        start: int, the first time step kept; it becomes step 0.
        stop: int, the first time step left out.

    Returns:
        note array.

    Introduced in lesson 03.
    """
    end = np.minimum(notes["onset"] + notes["duration"], stop)
    onset = np.maximum(notes["onset"], start)
    part = notes.copy()
    part["onset"], part["duration"] = onset - start, np.maximum(end - onset, 0)
    return np.sort(part[end > onset], order=("onset", "pitch"))


def cut_to_measures(notes, steps_per_measure=STEPS_PER_MEASURE, pickup=0):
    """Shorten a piece that is longer than 19,200 steps, at a measure line.

    Args:
        notes: note array.
        steps_per_measure: int.
        pickup: int, time steps before the first full measure.

    Returns:
        (note array, int number of notes that were left out or cut).
    """
    if n_steps(notes) <= MAX_STEPS:
        return notes, 0
    stop = pickup + (MAX_STEPS - pickup) // steps_per_measure * steps_per_measure
    return crop(notes, 0, stop), int((notes["onset"] + notes["duration"] > stop).sum())


def steps_of(metre):
    """Tell how many time steps a measure of a metre such as "6/8" lasts.

    Raises:
        ValueError: not of the form "beats/unit".
    """
    try:
        beats, unit = (int(number) for number in metre.split("/"))
        return beats * 4 * RESOLUTION // unit
    except (ValueError, ZeroDivisionError):
        raise ValueError(f'metre {metre!r} is not of the form "4/4"; give beats/unit') from None


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
        raise ValueError(f"{path} is not a readable MIDI file ({error!r}); export it again") from error
    if midi.type == 2 or not 0 < midi.ticks_per_beat < 0x8000:
        raise ValueError(f"{path} has no common beat (type {midi.type}); save it as type 1")
    rows, programs, drums = [], set(), 0
    for track in midi.tracks:
        found, used, left_out = _track_notes(track)
        rows += found
        programs |= used
        drums += left_out
    times = np.array([row[:2] for row in rows], float).reshape(-1, 2) * RESOLUTION / midi.ticks_per_beat
    notes, info = _on_grid(times, [row[2] for row in rows])
    return (notes, info | {"programs": sorted(programs), "n_drums": drums}) if with_info else notes


def _track_notes(track):
    """Pair the note-on and note-off messages of one MIDI track; times in ticks."""
    tick, program, sounding, rows, programs, drums = 0, {}, {}, [], set(), 0
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
            if key in sounding:
                rows.append((sounding.pop(key), tick, message.note))
            if starts:
                sounding[key] = tick
                programs.add(program.get(message.channel, 0))
    rows += [(start, tick, note) for (_, note), start in sounding.items()]  # never closed
    return rows, programs, drums


def _on_grid(times, pitches, steps_per_measure=STEPS_PER_MEASURE, pickup=0):
    """Round (onset, offset) pairs in steps to whole steps, and count what the grid cannot hold."""
    steps = np.floor(np.asarray(times, float).reshape(-1, 2) + 0.5).astype(np.int64)
    off_grid = int((np.abs(steps - times) > 1e-3).any(axis=1).sum()) if len(steps) else 0
    duration = np.maximum(steps[:, 1] - steps[:, 0], 1)
    too_late = steps[:, 0] >= MAX_STEPS
    rows = np.column_stack([steps[:, 0], np.minimum(duration, MAX_STEPS), np.asarray(pitches, int)])
    notes, n_cut = cut_to_measures(note_array(rows[~too_late]), steps_per_measure, pickup)
    return notes, {"n_notes": len(notes), "n_off_grid": off_grid, "n_cut": n_cut + int(too_late.sum())}


def read_score(path, *, expand_repeats=False, with_info=False):
    """Read the notes of a score file (MXL, MusicXML, ABC, …) through music21.

    Args:
        path: the score.
        expand_repeats: bool, play repeats out.
        with_info: bool, also return what was found.

    Returns:
        note array, or (note array, info) as `notes_from_score` gives them.

    Raises:
        FileNotFoundError: no such file.
        ValueError: music21 cannot read the file.

    Introduced in lesson 02.
    """
    from music21 import converter

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        score = converter.parse(path, forceSource=True)
        notes, info = notes_from_score(score, expand_repeats=expand_repeats)
    except Exception as error:  # music21 raises its own kinds and many built-in ones
        raise ValueError(f"{path} is not a readable score ({error!r}); convert it again") from error
    return (notes, info) if with_info else notes


def notes_from_score(score, *, expand_repeats=False):
    """Turn a music21 score into a note array: ties joined, staves merged, grace notes left out.

    Args:
        score: music21 stream.
        expand_repeats: bool, play repeats out.

    Returns:
        (note array, dict with n_notes, n_off_grid (onset or end between grid steps), n_cut (notes
        past 19,200 steps), n_grace, metre "4/4", pickup in time steps, fifths (sharps, or
        minus flats, of the key signature), program (MIDI program or None)).

    Introduced in lesson 02.
    """
    from music21 import instrument, key

    if expand_repeats:
        score = score.expandRepeats()
    instruments = list(score.recurse().getElementsByClass(instrument.Instrument))
    if any(i.transposition is not None for i in instruments):
        score = score.toSoundingPitch()
    parts = list(score.parts) if hasattr(score, "parts") and score.parts else [score]
    metre, pickup = _metre_and_pickup(parts[0])
    rows, n_grace = [], 0
    for part in parts:
        found, grace = _part_notes(part)
        rows += found
        n_grace += grace
    times = np.array([[float(on), float(off)] for on, off, _ in rows]).reshape(-1, 2) * RESOLUTION
    notes, info = _on_grid(times, [row[2] for row in rows], steps_of(metre), pickup)
    signature = next(iter(score.recurse().getElementsByClass(key.KeySignature)), None)
    programs = [i.midiProgram for i in instruments if i.midiProgram is not None]
    return notes, info | {
        "n_grace": n_grace,
        "metre": metre,
        "pickup": pickup,
        "fifths": signature.sharps if signature else 0,
        "program": programs[0] if programs else None,
    }


def _part_notes(part):
    """List (onset, offset, pitch) of a music21 part in quarters, tied notes joined."""
    from music21 import chord, harmony, note

    rows, tied, n_grace = [], {}, 0
    for element in part.flatten().notes:
        if not isinstance(element, (note.Note, chord.Chord)) or isinstance(element, harmony.ChordSymbol):
            continue
        if element.duration.isGrace:
            n_grace += 1
            continue
        onset = Fraction(element.offset)
        offset = onset + Fraction(element.duration.quarterLength)
        for single in element.notes if isinstance(element, chord.Chord) else [element]:
            tie = single.tie or element.tie
            pitch = single.pitch.midi
            row = tied.pop((pitch, onset), None) if tie and tie.type in ("stop", "continue") else None
            if row is None:
                row = [onset, offset, pitch]
                rows.append(row)
            row[1] = offset
            if tie and tie.type in ("start", "continue"):
                tied[pitch, offset] = row
    return rows, n_grace


def _metre_and_pickup(part):
    """Find the metre of a part, and the time steps before its first full measure."""
    from music21 import meter, stream

    signatures = list(part.recurse().getElementsByClass(meter.TimeSignature))
    if not signatures:
        return "4/4", 0
    # music21 writes a pickup of an ABC tune as a false first metre such as 1/8: take the second.
    false_first = len(signatures) > 1 and signatures[0].barDuration.quarterLength < 1.5
    signature = signatures[1] if false_first else signatures[0]
    measures = list(part.getElementsByClass(stream.Measure))
    first = measures[0].duration.quarterLength if len(measures) > 1 else 0
    full = signature.barDuration.quarterLength
    pickup = round(float(first) * RESOLUTION) if 0 < first < full else 0
    return signature.ratioString, pickup


def to_score(notes, tempo=120, program=0, metre="4/4", pickup=0):
    """Write a note array as a music21 score with measures, rests, chords and ties.

    Args:
        notes: note array.
        tempo: float, quarter notes a minute.
        program: int, General MIDI program 0 to 127.
        metre: str such as "4/4".
        pickup: int, time steps before the first full measure.

    Returns:
        music21.stream.Score with one part.

    Introduced in lesson 03.
    """
    from music21 import meter, stream

    padding = steps_of(metre) - pickup if pickup else 0
    part = _flat_part(notes, tempo, program, padding)
    part.insert(0, meter.TimeSignature(metre))
    part = part.makeNotation()
    if padding:
        _open_with_pickup(part.getElementsByClass(stream.Measure), padding)
    part.splitAtDurations(recurse=True)
    return stream.Score([part])


def _open_with_pickup(measures, padding):
    """Take the first `padding` time steps, all rests, off the first measure."""
    quarters = Fraction(padding, RESOLUTION)
    first = measures[0]
    first.number = 0  # readers take a measure 0 for a pickup
    first.paddingLeft = quarters
    for voice in first.voices or [first]:
        for element in list(voice.notesAndRests):
            end = element.offset + element.quarterLength
            if end <= quarters:
                voice.remove(element)
            elif element.offset < quarters:  # a rest across the first note of the piece
                element.quarterLength = end - quarters
                voice.setElementOffset(element, 0)
            else:
                voice.setElementOffset(element, element.offset - quarters)
    for measure in list(measures)[1:]:
        measure.activeSite.setElementOffset(measure, measure.offset - quarters)


def _flat_part(notes, tempo, program, padding=0):
    """Insert notes into a music21 part without measures; notes struck and released together are a chord."""
    from music21 import chord, instrument, note, stream
    from music21 import tempo as music21_tempo

    part = stream.Part()
    player = instrument.instrumentFromMidiProgram(program)
    player.midiProgram = program  # several programs share one music21 class
    part.insert(0, player)
    part.insert(0, music21_tempo.MetronomeMark(number=tempo))
    together = {}
    for onset, duration, pitch in notes.tolist():
        together.setdefault((onset, duration), []).append(pitch)
    for (onset, duration), pitches in together.items():
        length = Fraction(duration, RESOLUTION)
        struck = chord.Chord(pitches) if len(pitches) > 1 else note.Note(pitches[0])
        struck.duration.quarterLength = length
        part.insert(Fraction(onset + padding, RESOLUTION), struck)
    return part


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


def write_score(notes, path, tempo=120, program=0, metre="4/4", pickup=0):
    """Write a note array as a score, compressed MusicXML where the name ends in `.mxl`.

    Args:
        notes: note array.
        path: the `.mxl` or `.musicxml` file to make, replaced whole or not at all.
        tempo, program, metre, pickup: as for `to_score`.

    Returns:
        Path of the file.

    Introduced in lesson 03.
    """
    score = to_score(notes, tempo, program, metre, pickup)
    form = "mxl" if Path(path).suffix == ".mxl" else "musicxml"
    with runtime.atomic_path(path) as temporary:
        written = Path(score.write(form, temporary, makeNotation=False))
        if written != temporary:
            written.replace(temporary)
    return Path(path)
