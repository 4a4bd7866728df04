"""Written parts to MusicXML: measures, voices, ties and rests, straight to text.

music21 can do this too, and far more; for a folder of 130,000 files its objects cost most of the
time. What is written here reads back, through music21 or MuseScore, note for note.
"""

import zipfile
from xml.sax.saxutils import escape

import numpy as np

from .layout import (
    MIDDLE_C,
    SHAPES,
    TRIPLETS,
    count_flags,
    cut_at_measures,
    find_groups,
    find_voices,
    measure_lines,
    share_staves,
    split_length,
)
from .rolls import RESOLUTION

FAMILIES = (
    "Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass",
    "Reed", "Pipe", "Synth lead", "Synth pad", "Synth effects", "Ethnic", "Percussive",
    "Sound effects",
)  # fmt: skip
SHARPS, FLATS = "CCDDEFFGGAAB", "CDDEEFGGAABB"  # the letters of the twelve pitch classes
NATURALS = "C.D.EF.G.A.B"
MIXED = "CCDEEFFGGABB"  # where the key says nothing
CLEF = "<clef{}><sign>{}</sign><line>{}</line></clef>"
CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
    '<rootfile full-path="score.xml" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>\n"
)


def write_mxl(parts, performance, path):
    """Write parts as compressed MusicXML.

    Args:
        parts: list of Part with int notes (onset, end, pitch), from `quantize`.
        performance: the Performance they come from, for its metres, keys and tempos.
        path: the `.mxl` file to make.

    Returns:
        int, the number of measures.
    """
    n_steps = max(int(part.notes[:, 1].max()) for part in parts)
    lines = measure_lines(performance.metres, n_steps)
    zip_score(score_text(parts, lines, performance.keys, performance.tempos), path)
    return len(lines)


def zip_score(text, path):
    """Write MusicXML as MXL: a zip with a container that names it.

    Args:
        text: str or bytes of MusicXML.
        path: the `.mxl` file to make.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("META-INF/container.xml", CONTAINER), ("score.xml", text)):
            entry = zipfile.ZipInfo(name)  # without the time of day: equal music, equal bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def score_text(parts, lines, keys, tempos, opening=0):
    """Write the MusicXML of a whole score.

    Args:
        parts: list of Part with int notes (onset, end, pitch).
        lines: list from `measure_lines`.
        keys, tempos: lists of (time step, value).
        opening: int, time steps, silent ones, to leave off the first measure: then it is a pickup.

    Returns:
        str.
    """
    listed = "".join(_part_entry(number, part) for number, part in enumerate(parts, 1))
    bodies = []
    for number, part in enumerate(parts, 1):
        marks = _marks(lines, keys, tempos if number == 1 else [])
        measures = _PartWriter(number, part, lines, marks, opening).measures()
        bodies.append(f'<part id="P{number}">{"".join(measures)}</part>\n')
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0">\n'
            f"<part-list>{listed}</part-list>\n{''.join(bodies)}</score-partwise>\n")  # fmt: skip


def _part_entry(number, part):
    """Write one entry of the part list: its name and what plays it."""
    family = "Drums" if part.is_drum else FAMILIES[part.program // 8]
    name = escape("".join(c for c in part.name if c.isprintable()) or family)
    sounds = sorted(set(part.notes[:, 2].tolist())) if part.is_drum else [None]
    ids = [f"P{number}-I{sound}" if part.is_drum else f"P{number}-I1" for sound in sounds]
    instruments = "".join(
        f'<score-instrument id="{i}"><instrument-name>{family}</instrument-name></score-instrument>'
        for i in ids
    )
    channel = 10 if part.is_drum else (number - 1) % 9 + 1
    midi = "".join(
        f'<midi-instrument id="{i}"><midi-channel>{channel}</midi-channel>'
        f"<midi-program>{part.program + 1}</midi-program>"
        + (f"<midi-unpitched>{sound + 1}</midi-unpitched>" if part.is_drum else "")
        + "</midi-instrument>"
        for i, sound in zip(ids, sounds, strict=True)
    )
    return (
        f'<score-part id="P{number}"><part-name>{name}</part-name>{instruments}{midi}</score-part>'
    )


def _marks(lines, keys, tempos):
    """Find for each measure the key and the tempo that change there: {measure: {mark: value}}."""
    starts = np.array([start for start, *_ in lines])
    marks = {0: {"key": 0}}
    for name, changes in (("key", keys), ("tempo", tempos)):
        for step, value in changes:
            measure = max(int(np.searchsorted(starts, round(step), side="right")) - 1, 0)
            marks.setdefault(measure, {})[name] = value
    return marks


class _PartWriter:
    """Writes the measures of one part; remembers the key, for the spelling of the pitches."""

    def __init__(self, number, part, lines, marks, opening):
        self.part, self.lines, self.marks, self.opening = part, lines, marks, opening
        self.instrument = f"P{number}-I"
        self.spelling, self.metre = MIXED, None
        starts = [start for start, *_ in lines]
        self.staves = share_staves(part)
        self.voices = [  # (staff, leads it, what it plays in each measure)
            (staff, order == 0, cut_at_measures(voice, lines, starts))
            for staff, notes in enumerate(self.staves, 1)
            for order, voice in enumerate(find_voices(notes) or [[]])
        ]

    def measures(self):
        """Give the text of each measure."""
        for measure, (_, length, *metre) in enumerate(self.lines):
            text = [self._open(measure), self._head(self.marks.get(measure, {}), metre)]
            start = place = 0 if measure else self.opening
            for voice, (staff, leads, pieces) in enumerate(self.voices, 1):
                if not leads and measure not in pieces:
                    continue
                if place > start:
                    text.append(f"<backup><duration>{place - start}</duration></backup>")
                heads = list_heads(pieces.get(measure, []), start, length, leads)
                tail = f"<staff>{staff}</staff>" if len(self.staves) > 1 else ""
                text += self._voice(heads, f"<voice>{voice}</voice>", leads, tail)
                place = sum(heads[-1][:2]) if heads else start
            yield "".join([*text, "</measure>\n"])

    def _open(self, measure):
        """Number a measure; readers take a measure 0 for a pickup."""
        if measure == 0 and self.opening:
            return '<measure number="0" implicit="yes">'
        return f'<measure number="{measure + (not self.opening)}">'

    def _head(self, marks, metre):
        """Write what changes at a measure line: key, metre, at the start also clefs; tempo."""
        text = ""
        if self.metre is None:
            text = f"<divisions>{RESOLUTION}</divisions>"
        if "key" in marks:
            sharps = marks["key"]
            self.spelling = FLATS if sharps < 0 else SHARPS if sharps else MIXED
            text += f"<key><fifths>{marks['key']}</fifths></key>"
        if metre != self.metre:
            text += f"<time><beats>{metre[0]}</beats><beat-type>{metre[1]}</beat-type></time>"
        if self.metre is None:
            text += self._clefs()
        self.metre = metre
        text = f"<attributes>{text}</attributes>" if text else ""
        if "tempo" in marks:
            tempo = f"{marks['tempo']:.6g}"
            text += ("<direction><direction-type><metronome><beat-unit>quarter</beat-unit>"
                     f"<per-minute>{tempo}</per-minute></metronome></direction-type>"
                     f'<sound tempo="{tempo}"/></direction>')  # fmt: skip
        return text

    def _clefs(self):
        """Choose a clef for each staff by where its notes lie."""
        if len(self.staves) > 1:
            return "<staves>2</staves>" + CLEF.format(' number="1"', *"G2") + CLEF.format(
                ' number="2"', *"F4")  # fmt: skip
        if self.part.is_drum:
            return "<clef><sign>percussion</sign></clef>"
        low = len(self.part.notes) and np.median(self.part.notes[:, 2]) < MIDDLE_C - 3
        return CLEF.format("", *("F4" if low else "G2"))

    def _voice(self, heads, where, leads, tail):
        """Write the heads of one voice in one measure, each with its triplet and its beams."""
        beat = 3 * 4 * RESOLUTION // self.metre[1] if is_compound(*self.metre) else RESOLUTION
        triplets, beams = find_groups([(h[0], h[1], bool(h[2])) for h in heads], beat)
        marks = {run[0]: '<tuplet type="start"/>' for run in triplets}
        for run in triplets:
            marks[run[-1]] = marks.get(run[-1], "") + '<tuplet type="stop"/>'
        drawn = {}
        for run in beams:
            drawn |= zip(run, beam_texts([count_flags(heads[n][1]) for n in run]), strict=True)
        for number, (_, length, pitches, ties) in enumerate(heads):
            mark, beam = marks.get(number, ""), drawn.get(number, "")
            if not pitches:
                yield self._silence(length, where, leads, tail, mark)
            for order, pitch in enumerate(pitches):  # the first of a chord has beam and triplet
                once = (mark, tail + beam) if order == 0 else ("", tail)
                yield self._note(pitch, order > 0, length, ties, where, *once)

    def _silence(self, length, where, leads, tail, mark):
        """Write a rest in the voice that leads a staff; in the others move on, or hide the rest."""
        if not leads and length not in TRIPLETS:
            return f"<forward><duration>{length}</duration>{where}{tail}</forward>"
        hidden = "" if leads else ' print-object="no"'
        mark = f"<notations>{mark}</notations>" if mark else ""
        return (f"<note{hidden}><rest/><duration>{length}</duration>{where}{_head_text(length)}"
                f"{tail}{mark}</note>")  # fmt: skip

    def _note(self, pitch, in_chord, shape, ties, where, mark, tail):
        """Write one note head."""
        if self.part.is_drum:
            step, octave = "CDEFGAB"[pitch % 7], 4 + pitch % 2
            name = (f"<unpitched><display-step>{step}</display-step><display-octave>{octave}"
                    "</display-octave></unpitched>")  # fmt: skip
            player = f'<instrument id="{self.instrument}{pitch}"/>'
        else:
            letter = self.spelling[pitch % 12]
            alter = pitch % 12 - NATURALS.index(letter)
            alter = f"<alter>{alter}</alter>" if alter else ""
            name = f"<pitch><step>{letter}</step>{alter}<octave>{pitch // 12 - 1}</octave></pitch>"
            player = ""
        kinds = [kind for kind, tied in zip(("stop", "start"), ties, strict=True) if tied]
        sound = "".join(f'<tie type="{kind}"/>' for kind in kinds)
        drawn = "".join(f'<tied type="{kind}"/>' for kind in kinds) + mark
        drawn = f"<notations>{drawn}</notations>" if drawn else ""
        chord = "<chord/>" if in_chord else ""
        return (f"<note>{chord}{name}<duration>{shape}</duration>{sound}{player}{where}"
                f"{_head_text(shape)}{tail}{drawn}</note>")  # fmt: skip


def is_compound(beats, unit):
    """Tell whether three units make a beat, as in 6/8 and 3/8."""
    return unit >= 8 and beats % 3 == 0


def list_heads(pieces, start, end, leads):
    """List the heads and the silences of one voice in one measure.

    Args:
        pieces: list from `cut_at_measures`.
        start, end: int, time steps since the measure line, of the measure.
        leads: bool, fill the measure to its end; otherwise a triplet to the end of its beat.

    Returns:
        list of (place, length, pitches, (tie in, tie out)); no pitches: silence.
    """
    heads, place = [], start
    last = pieces[-1][0] + pieces[-1][1] if pieces else start
    if not leads:
        end = min(end, last + -last % RESOLUTION) if last % 3 else last
    for onset, steps, pitches, *ties in [*pieces, (end, 0, [], False, False)]:
        gap = [(shape, [], (False, False)) for shape in split_length(place, max(onset - place, 0))]
        shapes = split_length(onset, steps)
        struck = [(length, pitches, (ties[0] or number > 0, ties[1] or number < len(shapes) - 1))
                  for number, length in enumerate(shapes)]  # fmt: skip
        for head in gap + struck:
            heads.append((place, *head))
            place += head[0]
    return heads


def beam_texts(flags):
    """Write for each note under one beam which of its lines begin, go on or end there.

    Args:
        flags: list of int, 1 for an eighth, 2 for a 16th …

    Returns:
        list of str.
    """
    texts = []
    for before, own, after in zip([0, *flags], flags, [*flags[1:], 0], strict=False):
        words = [
            "continue" if min(before, after) >= line else "end" if before >= line
            else "begin" if after >= line else "backward hook" if before else "forward hook"
            for line in range(1, own + 1)
        ]  # fmt: skip
        texts.append("".join(f'<beam number="{n}">{w}</beam>' for n, w in enumerate(words, 1)))
    return texts


def _head_text(shape):
    """Write what a note head of this length looks like."""
    name, dot, triplet = SHAPES[shape]
    return f"<type>{name}</type>{dot}{triplet}"
