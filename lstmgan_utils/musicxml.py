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
    cut_at_measures,
    find_voices,
    measure_lines,
    share_staves,
    split_length,
)
from .pianoroll import RESOLUTION

FAMILIES = (
    "Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass",
    "Reed", "Pipe", "Synth lead", "Synth pad", "Synth effects", "Ethnic", "Percussive",
    "Sound effects",
)  # fmt: skip
SHARPS, FLATS = "CCDDEFFGGAAB", "CDDEEFGGAABB"  # the letters of the twelve pitch classes
BLACK_KEYS = (1, 3, 6, 8, 10)
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


def score_text(parts, lines, keys, tempos):
    """Write the MusicXML of a whole score."""
    listed = "".join(_part_entry(number, part) for number, part in enumerate(parts, 1))
    bodies = []
    for number, part in enumerate(parts, 1):
        marks = _marks(lines, keys, tempos if number == 1 else [])
        measures = _PartWriter(number, part, lines, marks).measures()
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

    def __init__(self, number, part, lines, marks):
        self.part, self.lines, self.marks = part, lines, marks
        self.instrument = f"P{number}-I"
        self.spelling, self.metre = SHARPS, None
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
            text = [
                f'<measure number="{measure + 1}">',
                self._head(self.marks.get(measure, {}), metre),
            ]
            place = 0
            for voice, (staff, leads, pieces) in enumerate(self.voices, 1):
                if not leads and measure not in pieces:
                    continue
                if place:
                    text.append(f"<backup><duration>{place}</duration></backup>")
                tail = f"<staff>{staff}</staff>" if len(self.staves) > 1 else ""
                place = self._fill(text, pieces.get(measure, []), length, voice, leads, tail)
            yield "".join([*text, "</measure>\n"])

    def _head(self, marks, metre):
        """Write what changes at a measure line: key, metre, at the start also clefs; tempo."""
        text = ""
        if self.metre is None:
            text = f"<divisions>{RESOLUTION}</divisions>"
        if "key" in marks:
            self.spelling = FLATS if marks["key"] < 0 else SHARPS
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
        low = np.median(self.part.notes[:, 2]) < MIDDLE_C - 3
        return CLEF.format("", *("F4" if low else "G2"))

    def _fill(self, text, pieces, length, voice, leads, tail):
        """Write one voice of a measure; gives the place that it reaches."""
        place, where = 0, f"<voice>{voice}</voice>"
        for start, steps, pitches, tie_in, tie_out in pieces:
            if start > place:
                text.append(self._silence(place, start - place, where, leads, tail))
            shapes = split_length(start, steps)
            for number, shape in enumerate(shapes):
                ties = (tie_in or number > 0, tie_out or number < len(shapes) - 1)
                for order, pitch in enumerate(pitches):
                    text.append(self._note(pitch, order > 0, shape, ties, where, tail))
            place = start + steps
        if leads and place < length:
            text.append(self._silence(place, length - place, where, leads, tail))
            place = length
        return place

    def _silence(self, place, steps, where, leads, tail):
        """Write rests in the voice that leads a staff; in the others only move on."""
        if not leads:
            return f"<forward><duration>{steps}</duration></forward>"
        return "".join(
            f"<note><rest/><duration>{shape}</duration>{where}{_head_text(shape)}{tail}</note>"
            for shape in split_length(place, steps)
        )

    def _note(self, pitch, in_chord, shape, ties, where, tail):
        """Write one note head."""
        if self.part.is_drum:
            step, octave = "CDEFGAB"[pitch % 7], 4 + pitch % 2
            name = (f"<unpitched><display-step>{step}</display-step><display-octave>{octave}"
                    "</display-octave></unpitched>")  # fmt: skip
            player = f'<instrument id="{self.instrument}{pitch}"/>'
        else:
            alter = (1 if self.spelling == SHARPS else -1) * (pitch % 12 in BLACK_KEYS)
            alter = f"<alter>{alter}</alter>" if alter else ""
            name = (f"<pitch><step>{self.spelling[pitch % 12]}</step>{alter}"
                    f"<octave>{pitch // 12 - 1}</octave></pitch>")  # fmt: skip
            player = ""
        kinds = [kind for kind, tied in zip(("stop", "start"), ties, strict=True) if tied]
        sound = "".join(f'<tie type="{kind}"/>' for kind in kinds)
        drawn = "".join(f'<tied type="{kind}"/>' for kind in kinds)
        drawn = f"<notations>{drawn}</notations>" if drawn else ""
        chord = "<chord/>" if in_chord else ""
        return (f"<note>{chord}{name}<duration>{shape}</duration>{sound}{player}{where}"
                f"{_head_text(shape)}{tail}{drawn}</note>")  # fmt: skip


def _head_text(shape):
    """Write what a note head of this length looks like."""
    name, dot, triplet = SHAPES[shape]
    return f"<type>{name}</type>{dot}{triplet}"
