"""ABC notation, read from music21's tokens without building a score.

music21 resolves each token (pitch, length, tuplet, tie) in a small part of the time that it then
takes to make a stream of them. The notes are those that `notes_from_score` finds in its score of
one voice, but for two strange ones: music21 takes an accent written as ">" for a diagram and drops
the note under it, which we follow; and it moves a chord that it cuts at a measure line, which we
leave whole.
"""

import functools
import re
from fractions import Fraction

from .rolls import from_quarters, join_ties
from .safe_reading import read_regular_file

MAX_BYTES = 2**20


def read_abc(text):
    """Read the one tune that an ABC text holds, as written, repeats not played out.

    Args:
        text: str, ABC notation.

    Returns:
        (note array, info as `notes_from_score` returns it, with "mode" such as "dorian" or "").

    Raises:
        ValueError: the tune has more than one voice; music21 raises kinds of its own.
    """
    from music21 import abcFormat

    handler = abcFormat.ABCFile().readstr(without_graces(text))
    n_voices = len(handler.splitByVoice())
    if n_voices > 1:  # the first of them is what all have in common
        raise ValueError(f"{n_voices - 1} voices, not one instrument")
    measures = [handler]
    if handler.definesMeasures():
        measures = abcFormat.mergeLeadingMetaData(handler.splitByMeasure())
    heads, ends = _read_measures(measures)
    fields = [t for m in measures for t in m.tokens if isinstance(t, abcFormat.ABCMetadata)]
    metres = [t.getTimeSignatureParameters() for t in fields if t.isMeter()]
    metres = [metre[:2] for metre in metres if metre is not None]
    notes, info = from_quarters(join_ties(heads), metres, ends[0] if len(ends) > 1 else 0)
    sharps, mode = next((t.getKeySignatureParameters() for t in fields if t.isKey()), (0, None))
    return notes, info | {"fifths": sharps, "mode": mode or "", "n_grace": 0, "program": None}


def decode_abc(data):
    """Return the bytes of an ABC file as text: UTF-8, UTF-16 or, as older files are, Latin-1.

    Raises:
        ValueError: UTF-16 that breaks off.
    """
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        if wide:
            raise ValueError("it is UTF-16 that breaks off; save it as UTF-8") from None
        return data.decode("latin-1")


def read_abc_text(path):
    """Read an ABC file of one tune, in any encoding that `decode_abc` knows.

    Args:
        path: the `.abc` file.

    Returns:
        str.

    Raises:
        ValueError: one plain reason why it cannot be read.
    """
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
    heads, ends, now = [], [], Fraction(0)
    for measure in measures:
        for token, length in _sounding(measure.tokens):
            onset, now = now, now + length
            names, tie = _pitches_and_tie(token)
            heads += [(onset, now, _semitone(name), tie) for name in names]
        if measure.hasNotes():
            ends.append(now)
    return heads, ends


def _sounding(tokens):
    """Yield each note, chord and rest with its length in quarters."""
    from music21 import abcFormat

    for token in tokens:
        if isinstance(token, abcFormat.ABCNote) and not _accented(token):
            length = Fraction(token.quarterLength)
            if token.activeTuplet:
                length *= Fraction(token.activeTuplet.numberNotesNormal,
                                   token.activeTuplet.numberNotesActual)  # fmt: skip
            yield token, length


def _accented(token):
    """Return whether music21 takes an accent written as ">" for a diagram, and drops the note."""
    return any(mark.strip('" ()').startswith(">") for mark in token.chordSymbols[:1])


def _pitches_and_tie(token):
    """Name the pitches of a note, a chord or a rest, and the tie; music21 ties no chords of ABC."""
    from music21 import abcFormat

    if isinstance(token, abcFormat.ABCChord):
        return [t.pitchName for t in token.subTokens if isinstance(t, abcFormat.ABCNote)], None
    return [] if token.isRest else [token.pitchName], token.tie


@functools.cache
def _semitone(name):
    from music21 import pitch

    return pitch.Pitch(name).ps
