"""Notes to MusicXML: measures, staves, voices, ties, triplets and beams, as text.

music21 can do this too; for a folder of 130,000 files its objects cost most of the time.
"""

import bisect
import itertools
import zipfile
from operator import itemgetter
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from .. import runtime
from .midi import Part
from .rolls import RESOLUTION, steps_of
from .safe_reading import MAX_HEADS, MAX_MEASURES

FAMILIES = (
    "Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass",
    "Reed", "Pipe", "Synth lead", "Synth pad", "Synth effects", "Ethnic", "Percussive",
    "Sound effects",
)  # fmt: skip
MIDDLE_C = 60
SHARPS, FLATS = "CCDDEFFGGAAB", "CDDEEFGGAABB"  # the letters of the twelve pitch classes
NATURALS, MIXED = "C.D.EF.G.A.B", "CCDEEFFGGABB"  # MIXED: where the key says nothing
CLEF = "<clef{}><sign>{}</sign><line>{}</line></clef>"
CONTAINER = ('<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles><rootfile '
             'full-path="score.xml" media-type="application/vnd.recordare.musicxml+xml"/>'
             "</rootfiles></container>\n")  # fmt: skip
IN_TRIPLET = ("<time-modification><actual-notes>3</actual-notes>"
              "<normal-notes>2</normal-notes></time-modification>")  # fmt: skip
# The lengths of one note head: time steps -> (type, what MusicXML adds to it).
PLAIN = {384: "long", 192: "breve", 96: "whole", 48: "half", 24: "quarter", 12: "eighth",
         6: "16th", 3: "32nd"}  # fmt: skip
TRIPLETS = {16: "quarter", 8: "eighth", 4: "16th", 2: "32nd", 1: "64th"}
SHAPES = {steps: (name, "") for steps, name in PLAIN.items()}
SHAPES |= {steps * 3 // 2: (name, "<dot/>") for steps, name in PLAIN.items() if steps > 3}
SHAPES |= {steps: (name, IN_TRIPLET) for steps, name in TRIPLETS.items()}
SHAPES = dict(sorted(SHAPES.items(), reverse=True))  # longest first
FLAGGED = ("eighth", "16th", "32nd", "64th")


def to_musicxml(notes, tempo=120, program=0, metre="4/4", pickup=0):
    """Return a note array as MusicXML: str, one part, on two staves where it needs them.

    The tempo is in quarter notes a minute, the program one of General MIDI, 0 to 127, and the
    pickup in time steps before the first full measure.
    """
    from music21 import instrument

    opening = -pickup % steps_of(metre)
    rows = np.array([(on, on + d, p) for on, d, p in notes.tolist()], int).reshape(-1, 3)
    rows[:, :2] += opening
    name = instrument.instrumentFromMidiProgram(program).instrumentName
    least = steps_of(metre) + 1 if opening else 1  # a pickup is one before a full measure only
    lines = measure_lines([(0, *map(int, metre.split("/")))], rows[:, 1].max(initial=least))
    return score_text([Part(program, False, name, rows)], lines, [], [(0, tempo)], opening)


def to_score(notes, tempo=120, program=0, metre="4/4", pickup=0):
    """Return a note array as a music21 Score. Arguments: see `to_musicxml`."""
    from music21 import converter

    text = to_musicxml(notes, tempo, program, metre, pickup)
    return converter.parseData(text, format="musicxml")


def write_score(notes, path, tempo=120, program=0, metre="4/4", pickup=0):
    """Write a note array as `.mxl` or `.musicxml`, whole or not at all: Path. See `to_musicxml`."""
    text = to_musicxml(notes, tempo, program, metre, pickup)
    with runtime.atomic_path(path) as temporary:
        if Path(path).suffix == ".mxl":
            zip_score(text, temporary)
        else:
            temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_mxl(parts, performance, path):
    """Write parts from `quantize` as MXL, with metres, keys and tempos of their Performance."""
    lines = measure_lines(performance.metres, max(part.notes[:, 1].max() for part in parts))
    zip_score(score_text(parts, lines, performance.keys, performance.tempos), path)


def zip_score(text, path):
    """Write MusicXML (str or bytes) as MXL: a zip with a container that names it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("META-INF/container.xml", CONTAINER), ("score.xml", text)):
            entry = zipfile.ZipInfo(name)  # without the time of day: equal music, equal bytes
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def score_text(parts, lines, keys, tempos, opening=0):
    """Return the MusicXML of a whole score: str.

    The parts hold int notes (onset, end, pitch), keys and tempos (time step, value); the lines come
    from `measure_lines`. Silent time steps left off the first measure (`opening`) make a pickup.
    """
    listed, bodies = "", ""
    for number, part in enumerate(parts, 1):
        marks = _marks(lines, keys, tempos if number == 1 else [])
        measures = _PartWriter(number, part, lines, marks, opening).measures()
        listed += _part_entry(number, part)
        bodies += f'<part id="P{number}">{"".join(measures)}</part>\n'
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0">\n'
            f"<part-list>{listed}</part-list>\n{bodies}</score-partwise>\n")  # fmt: skip


def _part_entry(number, part):
    """Write one entry of the part list: its name and what plays it."""
    family = "Drums" if part.is_drum else FAMILIES[part.program // 8]
    name = escape("".join(c for c in part.name if c.isprintable()) or family)
    channel = 10 if part.is_drum else (number - 1) % 9 + 1
    instruments = midi = ""
    for sound in np.unique(part.notes[:, 2]).tolist() if part.is_drum else [None]:
        i = f"P{number}-I{sound if part.is_drum else 1}"
        unpitched = f"<midi-unpitched>{sound + 1}</midi-unpitched>" if part.is_drum else ""
        instruments += (f'<score-instrument id="{i}"><instrument-name>{family}</instrument-name>'
                        "</score-instrument>")  # fmt: skip
        midi += (f'<midi-instrument id="{i}"><midi-channel>{channel}</midi-channel><midi-program>'
                 f"{part.program + 1}</midi-program>{unpitched}</midi-instrument>")  # fmt: skip
    return (f'<score-part id="P{number}"><part-name>{name}</part-name>{instruments}{midi}'
            "</score-part>")  # fmt: skip


def _marks(lines, keys, tempos):
    """Find for each measure the key and the tempo that change there: {measure: {mark: value}}."""
    marks = {0: {"key": 0}}
    for name, changes in (("key", keys), ("tempo", tempos)):
        for step, value in changes:
            measure = max(bisect.bisect_right(lines, round(step), key=itemgetter(0)) - 1, 0)
            marks.setdefault(measure, {})[name] = value
    return marks


class _PartWriter:
    """Writes the measures of one part; remembers the key, for the spelling of the pitches."""

    def __init__(self, number, part, lines, marks, opening):
        self.number, self.part, self.lines, self.marks = number, part, lines, marks
        self.opening, self.spelling, self.metre = opening, MIXED, None
        self.staves = share_staves(part)
        self.voices = [  # (staff, leads it, what it plays in each measure)
            (staff, order == 0, cut_to_heads(voice, lines))
            for staff, notes in enumerate(self.staves, 1)
            for order, voice in enumerate(find_voices(notes) or [[]])
        ]

    def measures(self):
        """Yield the text of each measure; readers take a measure 0 for a pickup."""
        for measure, (_, length, *metre) in enumerate(self.lines):
            start = 0 if measure else self.opening
            number = '0" implicit="yes' if start else measure + (not self.opening)
            text = [f'<measure number="{number}">', self._head(self.marks.get(measure, {}), metre)]
            for voice, (staff, leads, chords) in enumerate(self.voices, 1):
                if not leads and measure not in chords:
                    continue
                if voice > 1:
                    text.append(f"<backup><duration>{length - start}</duration></backup>")
                heads = fill_silence(chords.get(measure, []), start, length)
                tail = f"<staff>{staff}</staff>" if len(self.staves) > 1 else ""
                text += self._voice(heads, f"<voice>{voice}</voice>", leads, tail)
            yield "".join([*text, "</measure>\n"])

    def _head(self, marks, metre):
        """Write what changes at a measure line: key, metre, at the start also clefs; tempo."""
        text = ""
        if "key" in marks:
            sharps = marks["key"]
            self.spelling = FLATS if sharps < 0 else SHARPS if sharps else MIXED
            text += f"<key><fifths>{sharps}</fifths></key>"
        if metre != self.metre:
            text += "<time><beats>{}</beats><beat-type>{}</beat-type></time>".format(*metre)
        if self.metre is None:
            text = f"<divisions>{RESOLUTION}</divisions>{text}{self._clefs()}"
        self.metre = metre
        text = f"<attributes>{text}</attributes>" if text else ""
        if "tempo" in marks:
            tempo = marks["tempo"]  # read with one decimal: MIDI keeps 97.6 as 97.5995
            text += ("<direction><direction-type><metronome><beat-unit>quarter</beat-unit>"
                     f"<per-minute>{round(tempo, 1):g}</per-minute></metronome></direction-type>"
                     f'<sound tempo="{tempo:.6g}"/></direction>')  # fmt: skip
        return text

    def _clefs(self):
        """Choose a clef for each staff by where its notes lie."""
        if len(self.staves) > 1:
            clefs = [CLEF.format(f' number="{n}"', *sign) for n, sign in ((1, "G2"), (2, "F4"))]
            return "<staves>2</staves>" + "".join(clefs)
        if self.part.is_drum:
            return "<clef><sign>percussion</sign></clef>"
        low = len(self.part.notes) and np.median(self.part.notes[:, 2]) < MIDDLE_C - 3
        return CLEF.format("", *("F4" if low else "G2"))

    def _voice(self, heads, where, leads, tail):
        """Yield the heads of one voice in one measure, each with its triplet and its beams."""
        beats, unit = self.metre
        compound = unit >= 8 and beats % 3 == 0  # three units make a beat, as in 6/8 and 3/8
        marks, beams = find_groups(heads, 3 * 4 * RESOLUTION // unit if compound else RESOLUTION)
        for number, (_, length, pitches, ties) in enumerate(heads):
            mark, beam = marks.get(number, ""), beams.get(number, "")
            if not pitches:
                hidden = "" if leads else ' print-object="no"'
                yield f"<note{hidden}><rest/>" + _body(length, ties, where, tail, mark)
            for order, pitch in enumerate(pitches):  # the first of a chord has beam and triplet
                once = (tail, "") if order else (tail + beam, mark)
                name, sound = self._name(pitch)
                text = _body(length, ties, sound + where, *once)
                yield f"<note>{'<chord/>' if order else ''}{name}{text}"

    def _name(self, pitch):
        """Write a pitch, or the place of a drum's sound on its staff, and which drum sounds."""
        if self.part.is_drum:
            step, octave = "CDEFGAB"[pitch % 7], 4 + pitch % 2
            name = (f"<unpitched><display-step>{step}</display-step><display-octave>{octave}"
                    "</display-octave></unpitched>")  # fmt: skip
            return name, f'<instrument id="P{self.number}-I{pitch}"/>'
        letter = self.spelling[pitch % 12]
        alter = pitch % 12 - NATURALS.index(letter)
        alter = f"<alter>{alter}</alter>" if alter else ""
        return f"<pitch><step>{letter}</step>{alter}<octave>{pitch // 12 - 1}</octave></pitch>", ""


def _body(length, ties, where, tail, mark):
    """Write how long a note or a rest lasts and what it looks like."""
    kind, extra = SHAPES[length]
    ends = [end for end, tied in zip(("stop", "start"), ties, strict=True) if tied]
    sound = "".join(f'<tie type="{end}"/>' for end in ends)
    drawn = "".join(f'<tied type="{end}"/>' for end in ends) + mark
    notations = f"<notations>{drawn}</notations>" if drawn else ""
    return (f"<duration>{length}</duration>{sound}{where}<type>{kind}</type>{extra}{tail}"
            f"{notations}</note>")  # fmt: skip


def measure_lines(metres, n_steps):
    """Return the measures of a piece of `n_steps`: list of (start, length, beats, unit).

    The metres are (time step, beats, unit) in time order; a change of metre cuts a measure short.
    """
    metres = [(round(step), beats, unit) for step, beats, unit in metres if step < n_steps]
    if not metres or metres[0][0] > 0:
        metres.insert(0, (0, 4, 4))
    lines = []
    for (first, beats, unit), (stop, *_) in itertools.pairwise([*metres, (n_steps,)]):
        length = beats * 4 * RESOLUTION // unit
        for start in range(first, stop, length):
            cut = min(length, stop - start) if stop < n_steps else length
            lines.append((start, cut, beats, unit))
    return lines


def check_size(performance):
    """Raise ValueError where a score would fill the memory: a small file can hold huge ones."""
    played = np.concatenate([part.notes for part in performance.parts])
    lines = measure_lines(performance.metres, int(np.ceil(played["end"].max())))
    first, last = np.searchsorted([line[0] for line in lines], [played["onset"], played["end"]])
    n_measures, n_heads = len(lines) * len(performance.parts), int((last - first + 1).sum())
    if n_measures > MAX_MEASURES or n_heads > MAX_HEADS:
        raise ValueError(
            f"it is too large for a score: {n_measures:,} measures in {len(performance.parts):,} "
            f"parts and {n_heads:,} note heads; {MAX_MEASURES:,} and {MAX_HEADS:,} are allowed"
        )


def share_staves(part):
    """Share the notes between two staves where a part reaches well over both sides of middle C."""
    pitches = part.notes[:, 2]
    low, high = pitches.min(initial=MIDDLE_C), pitches.max(initial=MIDDLE_C)
    if part.is_drum or low > MIDDLE_C - 8 or high < MIDDLE_C + 8:
        return [part.notes]
    return [part.notes[pitches >= MIDDLE_C], part.notes[pitches < MIDDLE_C]]


def find_voices(notes):
    """Share notes, shape (notes, 3), among voices in each of which no two chords overlap.

    Each voice is a list of (onset, end, list of pitches) in time order.
    """
    chords = {}
    for onset, end, pitch in notes.tolist():
        chords.setdefault((onset, end), []).append(pitch)
    voices = []
    for (onset, end), pitches in sorted(chords.items()):
        voice = next((voice for voice in voices if voice[-1][1] <= onset), None)
        if voice is None:
            voices.append(voice := [])
        voice.append((onset, end, pitches))
    return voices


def cut_to_heads(voice, lines):
    """Cut chords into note heads: {measure: [(place, length, pitches, (tied before, after))]}."""
    measures = {}
    for onset, end, pitches in voice:
        now = onset
        while now < end:
            measure = bisect.bisect_right(lines, now, key=itemgetter(0)) - 1
            start, length, *_ = lines[measure]
            for steps in split_length(now - start, min(end, start + length) - now):
                head = (now - start, steps, pitches, (now > onset, now + steps < end))
                measures.setdefault(measure, []).append(head)
                now += steps
    return measures


def fill_silence(heads, start, end):
    """Return the heads of a voice in a measure with rests between them; a rest has no pitches."""
    filled, now = [], start
    for head in [*heads, (end, 0, [], ())]:
        for steps in split_length(now, head[0] - now):
            filled.append((now, steps, [], (False, False)))
            now += steps
        filled.append(head)
        now += head[1]
    return filled[:-1]


def split_length(onset, length):
    """Split a note into lengths that note heads can show, in time steps; they add up to `length`.

    The onset counts from the measure line. A triplet never crosses a beat.
    """
    end = onset + length
    in_triplet = onset % 3 or length % 3
    if in_triplet:  # tie over the beat: the one where the note begins, or the one where it ends
        beat = onset - onset % RESOLUTION + RESOLUTION if onset % 3 else end - end % RESOLUTION
        if onset < beat < end:
            return split_length(onset, beat - onset) + split_length(beat, end - beat)
    pieces = []
    for shape in TRIPLETS if in_triplet else SHAPES:
        pieces += [shape] * (length // shape)
        length %= shape
    return pieces


def find_groups(heads, beat):
    """Write which heads one triplet holds, and which one beam joins: two dicts of number to text.

    A beam joins two or more notes of a beat (in time steps), all in one triplet or none.
    """
    triplets = [place // RESOLUTION if length in TRIPLETS else None for place, length, *_ in heads]
    beams = [(place // beat, triplet) if pitches and SHAPES[length][0] in FLAGGED else None
             for (place, length, pitches, _), triplet in zip(heads, triplets, strict=True)
             ]  # fmt: skip
    marks, drawn = {}, {}
    for run in _runs(triplets):
        marks[run[0]] = '<tuplet type="start"/>'
        marks[run[-1]] = marks.get(run[-1], "") + '<tuplet type="stop"/>'
    for run in _runs(beams):
        words = ["begin", *["continue"] * (len(run) - 2), "end"] if len(run) > 1 else []
        drawn |= {n: f'<beam number="1">{word}</beam>' for n, word in zip(run, words, strict=False)}
    return marks, drawn


def _runs(keys):
    runs = itertools.groupby(range(len(keys)), keys.__getitem__)
    return [list(run) for key, run in runs if key is not None]
