"""Scores (music21, MusicXML) to note arrays and back."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from .. import runtime
from ..runtime import shorten
from .abc_notation import read_abc_text
from .instruments import find_players
from .midi import Part
from .musicxml import measure_lines, score_text, zip_score
from .rolls import from_quarters, join_ties, steps_of
from .safe_reading import read_musicxml

MUSICXML = (".mxl", ".musicxml", ".xml")


def read_score(path, *, expand_repeats=False, with_info=False):
    """Read the notes of a score file (MXL, MusicXML, ABC, …) through music21.

    Args:
        path: the score.
        expand_repeats: bool, play repeats out.
        with_info: bool, also return what was found.

    Returns:
        note array, or (note array, info) as `notes_from_score` returns them.

    Raises:
        FileNotFoundError: no such file.
        ValueError: music21 cannot read the file.

    Introduced in lesson 02.
    """
    from music21 import converter

    path, programs = Path(path), []
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        if path.suffix.lower() in MUSICXML:
            xml = read_musicxml(path)
            score = converter.parseData(xml, format="musicxml")
            programs = [player for player in find_players(xml) if isinstance(player, int)]
        elif path.suffix.lower() == ".abc":
            score = converter.parseData(read_abc_text(path), format="abc")
        else:
            score = converter.parse(path, forceSource=True)
        notes, info = notes_from_score(score, expand_repeats=expand_repeats)
        info["program"] = min(programs, default=info["program"])  # music21 goes by the names
    except Exception as error:  # music21 raises its own kinds and many built-in ones
        reason = str(error) if isinstance(error, ValueError) else repr(error)
        reason = shorten(reason, 200)
        raise ValueError(f"{path} is not a readable score ({reason}); convert it again") from error
    return (notes, info) if with_info else notes


def notes_from_score(score, *, expand_repeats=False):
    """Turn a music21 score into a note array: ties joined, staves merged, grace notes left out.

    Args:
        score: music21 stream.
        expand_repeats: bool, play repeats out.

    Returns:
        (note array, dict as `rolls.from_quarters` returns it, with n_grace, fifths (sharps, or
        minus flats, of the key signature) and program (MIDI program or None)).
    """
    from music21 import instrument, key, meter, stream

    if expand_repeats:
        score = score.expandRepeats()
    instruments = list(score.recurse().getElementsByClass(instrument.Instrument))
    if any(i.transposition is not None for i in instruments):
        score = score.toSoundingPitch()
    parts = list(score.parts) if hasattr(score, "parts") and score.parts else [score]
    elements = [[e for e in part.flatten().notes if _is_note(e)] for part in parts]
    rows = [row for part in elements for row in join_ties(_heads(part))]
    metres = parts[0].recurse().getElementsByClass(meter.TimeSignature)
    measures = parts[0].getElementsByClass(stream.Measure)
    first = measures[0].duration.quarterLength if len(measures) > 1 else 0
    notes, info = from_quarters(rows, [(m.numerator, m.denominator) for m in metres], first)
    signature = next(iter(score.recurse().getElementsByClass(key.KeySignature)), None)
    programs = [i.midiProgram for i in instruments if i.midiProgram is not None]
    return notes, info | {
        "n_grace": sum(e.duration.isGrace for part in elements for e in part),
        "fifths": signature.sharps if signature else 0,
        "program": programs[0] if programs else None,
    }


def _is_note(element):
    from music21 import chord, harmony, note

    is_note = isinstance(element, (note.Note, chord.Chord))
    return is_note and not isinstance(element, harmony.ChordSymbol)


def _heads(elements):
    """Yield (onset, end, semitone, tie) of each note head but those of grace notes; quarters."""
    for element in elements:
        if element.duration.isGrace:
            continue
        onset = Fraction(element.offset)
        end = onset + Fraction(element.duration.quarterLength)
        for head in getattr(element, "notes", (element,)):
            tie = head.tie or element.tie
            yield (
                onset,
                end,
                head.pitch.ps,
                tie and tie.type,
            )  # .midi would clip


def to_musicxml(notes, tempo=120, program=0, metre="4/4", pickup=0):
    """Write a note array as MusicXML with measures, rests, chords, ties, triplets and beams.

    Args:
        notes: note array.
        tempo: float, quarter notes a minute.
        program: int, General MIDI program 0 to 127.
        metre: str such as "4/4".
        pickup: int, time steps before the first full measure.

    Returns:
        str, MusicXML of one part, on two staves where it needs them.
    """
    from music21 import instrument

    opening = -pickup % steps_of(metre)
    rows = np.array([(on, on + d, p) for on, d, p in notes.tolist()], int).reshape(-1, 3)
    rows[:, :2] += opening
    name = instrument.instrumentFromMidiProgram(program).instrumentName
    beats, unit = map(int, metre.split("/"))
    least = steps_of(metre) + 1 if opening else 1  # a pickup is one before a full measure only
    lines = measure_lines([(0, beats, unit)], rows[:, 1].max(initial=least))
    return score_text([Part(program, False, name, rows)], lines, [], [(0, tempo)], opening)


def to_score(notes, tempo=120, program=0, metre="4/4", pickup=0):
    """Turn a note array into a music21 score.

    Args:
        notes, tempo, program, metre, pickup: as for `to_musicxml`.

    Returns:
        music21.stream.Score.

    Introduced in lesson 03.
    """
    from music21 import converter

    text = to_musicxml(notes, tempo, program, metre, pickup)
    return converter.parseData(text, format="musicxml")


def write_score(notes, path, tempo=120, program=0, metre="4/4", pickup=0):
    """Write a note array as a score, compressed MusicXML where the name ends in `.mxl`.

    Args:
        notes: note array.
        path: the `.mxl` or `.musicxml` file to make, replaced whole or not at all.
        tempo, program, metre, pickup: as for `to_musicxml`.

    Returns:
        Path of the file.

    Introduced in lesson 03.
    """
    text = to_musicxml(notes, tempo, program, metre, pickup)
    with runtime.atomic_path(path) as temporary:
        if Path(path).suffix == ".mxl":
            zip_score(text, temporary)
        else:
            temporary.write_text(text, encoding="utf-8")
    return Path(path)
