"""Scores to note arrays: MusicXML through music21, ABC from music21's tokens.

Reading tokens takes a thirteenth of the time of a stream, and finds the same notes but for a chord
over a measure line, which music21 cuts and moves.
"""

import functools
import re
from fractions import Fraction
from pathlib import Path

from ..runtime import shorten
from .instruments import find_players, parse, pitched_heads
from .rolls import from_quarters, join_ties
from .safe_reading import read_musicxml, read_regular_file

MAX_BYTES = 2**20


def read_score(path, *, with_info=False):
    """Read the notes of a score file (MXL, MusicXML or ABC) as written, repeats not played out.

    Returns the note array, or with `with_info` what `notes_from_score` does. Raises
    FileNotFoundError, or ValueError with one plain reason. Introduced in lesson 02.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    try:
        if path.suffix.lower() == ".abc":
            notes, info = read_abc(read_abc_text(path))
        else:
            xml = read_musicxml(path)
            notes, info = notes_from_score(parse(xml))
            programs = [player for player in find_players(xml) if isinstance(player, int)]
            info["program"] = min(programs, default=None)
    except Exception as error:  # music21 raises its own kinds and many built-in ones
        reason = shorten(str(error) if isinstance(error, ValueError) else repr(error), 200)
        raise ValueError(f"{path} is not a readable score ({reason}); convert it again") from error
    return (notes, info) if with_info else notes


def notes_from_score(score):
    """Return a music21 stream's notes, ties joined, staves merged, grace notes left out.

    (Note array, dict of `rolls.from_quarters`, with fifths: sharps, or minus flats.)
    """
    instruments = list(score.recurse().getElementsByClass("Instrument"))
    if any(i.transposition is not None for i in instruments):
        score = score.toSoundingPitch()
    parts = list(getattr(score, "parts", ())) or [score]
    rows = [row for part in parts for row in join_ties(_heads(part))]
    metres = parts[0].recurse().getElementsByClass("TimeSignature")
    measures = parts[0].getElementsByClass("Measure")
    first = measures[0].duration.quarterLength if len(measures) > 1 else 0
    notes, info = from_quarters(rows, [(m.numerator, m.denominator) for m in metres], first)
    keys = score.recurse().getElementsByClass("KeySignature")
    return notes, info | {"fifths": keys[0].sharps if keys else 0}


def _heads(part):
    """Yield (onset, end, semitone, tie) of each note head with a pitch; quarters."""
    for element, head in pitched_heads(part.flatten().notes):
        onset = Fraction(element.offset)
        end = onset + Fraction(element.duration.quarterLength)
        tie = head.tie or element.tie
        yield onset, end, head.pitch.ps, tie and tie.type  # .midi would clip


def read_abc(text):
    """Return the tune of an ABC text as `notes_from_score` does, with mode, "dorian" or ""."""
    from music21 import abcFormat

    handler = abcFormat.ABCFile().readstr(without_graces(text))
    n_voices = len(handler.splitByVoice()) - 1  # the first is what all have in common
    if n_voices > 0:
        raise ValueError(f"{n_voices} voices, not one instrument")
    measures = [handler]
    if handler.definesMeasures():
        measures = abcFormat.mergeLeadingMetaData(handler.splitByMeasure())
    heads, ends = _read_measures(measures)
    fields = [t for m in measures for t in m.tokens if isinstance(t, abcFormat.ABCMetadata)]
    metres = [t.getTimeSignatureParameters() for t in fields if t.isMeter()]
    metres = [metre[:2] for metre in metres if metre]
    notes, info = from_quarters(join_ties(heads), metres, ends[0] if len(ends) > 1 else 0)
    sharps, mode = next((t.getKeySignatureParameters() for t in fields if t.isKey()), (0, None))
    return notes, info | {"fifths": sharps, "mode": mode or ""}


def decode_abc(data):
    """Return the bytes of an ABC file as text: UTF-16, UTF-8 or, as older files are, Latin-1."""
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_abc_text(path):
    """Read the text of an ABC file of one tune; ValueError with one plain reason if it is not."""
    text = decode_abc(read_regular_file(path, MAX_BYTES))
    n_tunes = len(re.findall(r"^X:", text, re.MULTILINE))
    if n_tunes > 1:
        raise ValueError(f"it holds {n_tunes} tunes; save each of them in a file of its own")
    if not re.search(r"^K:", text, re.MULTILINE):
        raise ValueError("it is not ABC: no line names the key (K:); export it again")
    return text


def without_graces(text):
    """Strip the grace notes, one of which music21 would count as a third of a triplet around it."""
    return re.sub(r"\{[^}\n]*\}", "", text)


def _read_measures(measures):
    """Add up the tokens: note heads (onset, end, semitone, tie), and where each measure ends."""
    from music21.abcFormat import ABCChord, ABCNote

    heads, ends, now = [], [], Fraction(0)
    for measure in measures:
        for token in measure.tokens:
            if not isinstance(token, ABCNote) or _is_accented(token):
                continue
            length, tuplet = Fraction(token.quarterLength), token.activeTuplet
            if tuplet:
                length *= Fraction(tuplet.numberNotesNormal, tuplet.numberNotesActual)
            onset, now = now, now + length
            tones, tie = [token], token.tie
            if isinstance(token, ABCChord):  # music21 ties no chords of ABC
                tones, tie = [t for t in token.subTokens if isinstance(t, ABCNote)], None
            pitches = [_semitone(tone.pitchName) for tone in tones if not tone.isRest]
            heads += [(onset, now, pitch, tie) for pitch in pitches]
        if measure.hasNotes():
            ends.append(now)
    return heads, ends


def _is_accented(token):
    """Return whether music21 takes an accent written as ">" for a diagram, and drops the note."""
    return any(mark.strip('" ()').startswith(">") for mark in token.chordSymbols[:1])


@functools.cache
def _semitone(name):
    from music21 import pitch

    return pitch.Pitch(name).ps
