"""Notes to MusicXML: measures, staves, voices, ties, triplets and beams, as text.

music21 can do this too; for a folder of 130,000 files its objects cost most of the time.
"""

import bisect
import itertools
import zipfile
from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from .. import runtime
from .instruments import FAMILIES, parse
from .midi import Part
from .rolls import RESOLUTION, steps_of
from .safe_reading import MAX_HEADS, MAX_MEASURES

MIDDLE_C = 60
SHARPS, FLATS = "CCDDEFFGGAAB", "CDDEEFGGAABB"  # the letters of the twelve pitch classes
NATURALS, MIXED = "C.D.EF.G.A.B", "CCDEEFFGGABB"  # MIXED: where the key says nothing
CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles><rootfile full-path="score.xml" '
    'media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>\n'
)
TREBLE, BASS = "<sign>G</sign><line>2</line>", "<sign>F</sign><line>4</line>"
RATIO = "<actual-notes>3</actual-notes><normal-notes>2</normal-notes>"
# What one note head can show: time steps -> (type, what MusicXML adds to it), longest first.
NAMES = ("long", "breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th")
TRIPLETS = (16, 8, 4, 2, 1)
SHAPES = {384 >> place: (name, "") for place, name in enumerate(NAMES[:-1])}
SHAPES |= {steps * 3 // 2: (name, "<dot/>") for steps, (name, _) in SHAPES.items() if steps > 3}
for _steps, _name in zip(TRIPLETS, NAMES[4:], strict=True):
    SHAPES[_steps] = _name, f"<time-modification>{RATIO}</time-modification>"
SHAPES = dict(sorted(SHAPES.items(), reverse=True))


def to_musicxml(notes, tempo=120, program=0, metre="4/4", pickup=0):
    """Return a note array as MusicXML: str, one part, on two staves where it needs them.

    The tempo is in quarter notes a minute, the pickup in time steps before the first full measure.
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
    return parse(to_musicxml(notes, tempo, program, metre, pickup))


def write_score(notes, path, tempo=120, program=0, metre="4/4", pickup=0):
    """Write a note array as `.mxl`, whole or not at all: Path. Arguments: see `to_musicxml`."""
    text = to_musicxml(notes, tempo, program, metre, pickup)
    with runtime.atomic_path(path) as temporary:
        zip_score(text, temporary)
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

    The parts hold int notes (onset, end, pitch), keys and tempos are (time step, value), the lines
    come from `measure_lines`. `opening` time steps left off the first measure make a pickup.
    """
    entries, bodies = [], []
    for number, part in enumerate(parts, 1):
        marks = _marks(lines, keys, tempos if number == 1 else [])
        entries.append(_part_entry(number, part))
        measures = _PartWriter(part, lines, marks, opening).measures()
        bodies.append(_tag(f'part id="P{number}"', *measures) + "\n")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0">\n'
    return "".join([head, _tag("part-list", *entries), "\n", *bodies, "</score-partwise>\n"])


def _tag(head, *content):
    """Write an XML element: its tag, with attributes if any, and what it contains."""
    return f"<{head}>{''.join(map(str, content))}</{head.split(' ', 1)[0]}>"


def _part_entry(number, part):
    """Write one entry of the part list: its name and what plays it."""
    family = "Drums" if part.is_drum else FAMILIES[part.program // 8]
    name = escape("".join(c for c in part.name if c.isprintable()) or family)
    channel = _tag("midi-channel", 10 if part.is_drum else (number - 1) % 9 + 1)
    place, program = f'instrument id="P{number}-I1"', _tag("midi-program", part.program + 1)
    instrument = _tag(f"score-{place}", _tag("instrument-name", family))
    sound = _tag(f"midi-{place}", channel, program)
    return _tag(f'score-part id="P{number}"', _tag("part-name", name), instrument, sound)


def _marks(lines, keys, tempos):
    """Find for each measure the key and the tempo that change there: {measure: {mark: value}}."""
    marks = defaultdict(dict, {0: {"key": 0}})
    for name, changes in (("key", keys), ("tempo", tempos)):
        for step, value in changes:
            marks[_measure_at(round(step), lines)][name] = value
    return marks


def _measure_at(step, lines):
    return max(bisect.bisect_right(lines, step, key=itemgetter(0)) - 1, 0)


class _PartWriter:
    """Writes the measures of one part; remembers the key, for the spelling of the pitches."""

    def __init__(self, part, lines, marks, opening):
        self.part, self.lines, self.marks = part, lines, marks
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
            number = '0" implicit="yes"' if start else f'{measure + (not self.opening)}"'
            text = [self._head(self.marks[measure], metre)]
            for voice, (staff, leads, chords) in enumerate(self.voices, 1):
                if not leads and measure not in chords:
                    continue
                if voice > 1:
                    text.append(_tag("backup", _tag("duration", length - start)))
                heads = fill_silence(chords[measure], start, length)
                tail = _tag("staff", staff) if len(self.staves) > 1 else ""
                text += self._voice(heads, _tag("voice", voice), leads, tail)
            yield _tag(f'measure number="{number}', *text) + "\n"

    def _head(self, marks, metre):
        """Write what changes at a measure line: key, metre, at the start also clefs; tempo."""
        text = ""
        if "key" in marks:
            sharps = marks["key"]
            self.spelling = FLATS if sharps < 0 else SHARPS if sharps else MIXED
            text += _tag("key", _tag("fifths", sharps))
        if metre != self.metre:
            text += _tag("time", _tag("beats", metre[0]), _tag("beat-type", metre[1]))
        if self.metre is None:
            text = _tag("divisions", RESOLUTION) + text + self._clefs()
        self.metre = metre
        text = _tag("attributes", text) if text else ""
        if "tempo" in marks:
            tempo = marks["tempo"]  # read with one decimal: MIDI keeps 97.6 as 97.5995
            speed = _tag("beat-unit", "quarter") + _tag("per-minute", f"{round(tempo, 1):g}")
            drawn = _tag("direction-type", _tag("metronome", speed))
            text += _tag("direction", drawn, f'<sound tempo="{tempo:.6g}"/>')
        return text

    def _clefs(self):
        """Choose a clef for each staff by where its notes lie."""
        if len(self.staves) > 1:
            clefs = _tag('clef number="1"', TREBLE) + _tag('clef number="2"', BASS)
            return _tag("staves", 2) + clefs
        low = len(self.part.notes) and np.median(self.part.notes[:, 2]) < MIDDLE_C - 3
        return _tag("clef", BASS if low else TREBLE)

    def _voice(self, heads, where, leads, tail):
        """Yield the heads of one voice in one measure, each with its triplet and its beams."""
        beats, unit = self.metre
        compound = unit >= 8 and beats % 3 == 0  # three units make a beat, as in 6/8 and 3/8
        marks, beams = find_groups(heads, 3 * 4 * RESOLUTION // unit if compound else RESOLUTION)
        for number, (_, length, pitches, ties) in enumerate(heads):
            mark, beam = marks.get(number, ""), beams.get(number, "")
            if not pitches:
                note = "note" if leads else 'note print-object="no"'
                yield _tag(note, "<rest/>", _body(length, ties, where, tail, mark))
            for order, pitch in enumerate(pitches):  # the first of a chord has beam and triplet
                once = (tail, "") if order else (tail + beam, mark)
                body = _body(length, ties, where, *once)
                yield _tag("note", "<chord/>" if order else "", self._name(pitch), body)

    def _name(self, pitch):
        """Write a pitch, or that a drum sounds."""
        if self.part.is_drum:
            return "<unpitched/>"  # a rhythm on the middle line
        letter = self.spelling[pitch % 12]
        alter = pitch % 12 - NATURALS.index(letter)
        alter = _tag("alter", alter) if alter else ""
        return _tag("pitch", _tag("step", letter), alter, _tag("octave", pitch // 12 - 1))


def _body(length, ties, where, tail, mark):
    """Write how long a note or a rest lasts and what it looks like."""
    kind, extra = SHAPES[length]
    ends = [end for end, tied in zip(("stop", "start"), ties, strict=True) if tied]
    sound = "".join(f'<tie type="{end}"/>' for end in ends)
    drawn = "".join(f'<tied type="{end}"/>' for end in ends) + mark
    kind = _tag("type", kind) + extra + tail + (_tag("notations", drawn) if drawn else "")
    return _tag("duration", length) + sound + where + kind


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
        found = f"{n_measures:,} measures in all parts, {n_heads:,} note heads"
        allowed = f"{MAX_MEASURES:,} and {MAX_HEADS:,} are allowed"
        raise ValueError(f"it is too large for a score: {found}; {allowed}")


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
    chords, voices = defaultdict(list), []
    for onset, end, pitch in notes.tolist():
        chords[onset, end].append(pitch)
    for (onset, end), pitches in sorted(chords.items()):
        voice = next((voice for voice in voices if voice[-1][1] <= onset), None)
        if voice is None:
            voices.append(voice := [])
        voice.append((onset, end, pitches))
    return voices


def cut_to_heads(voice, lines):
    """Cut chords into note heads: {measure: [(place, length, pitches, (tied before, after))]}."""
    measures = defaultdict(list)
    for onset, end, pitches in voice:
        now = onset
        while now < end:
            measure = _measure_at(now, lines)
            start, length, *_ = lines[measure]
            for steps in split_length(now - start, min(end, start + length) - now):
                ties = now > onset, now + steps < end
                measures[measure].append((now - start, steps, pitches, ties))
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
    triplets, beams, marks, drawn = [], [], defaultdict(str), {}
    for place, length, pitches, _ in heads:
        triplets.append(place // RESOLUTION if length in TRIPLETS else None)
        is_beamed = pitches and SHAPES[length][0] in NAMES[5:]
        beams.append((place // beat, triplets[-1]) if is_beamed else None)
    for run in _runs(triplets):
        marks[run[0]] += '<tuplet type="start"/>'
        marks[run[-1]] += '<tuplet type="stop"/>'
    for run in _runs(beams):
        words = ["begin", *["continue"] * (len(run) - 2), "end"] if len(run) > 1 else []
        drawn |= {n: f'<beam number="1">{word}</beam>' for n, word in zip(run, words, strict=False)}
    return marks, drawn


def _runs(keys):
    runs = itertools.groupby(range(len(keys)), keys.__getitem__)
    return [list(run) for key, run in runs if key is not None]
