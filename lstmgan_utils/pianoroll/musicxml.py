"""Written notes to MusicXML: measures, staves, voices, ties, triplets and beams, as text.

music21 can do this too, and far more; for a folder of 130,000 files its objects cost most of the
time. What is written here reads back, through music21 or MuseScore, note for note.
"""

import bisect
import itertools
import zipfile
from operator import itemgetter
from xml.sax.saxutils import escape

import numpy as np

from .rolls import RESOLUTION
from .safe_reading import MAX_HEADS, MAX_MEASURES

FAMILIES = (
    "Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass",
    "Reed", "Pipe", "Synth lead", "Synth pad", "Synth effects", "Ethnic", "Percussive",
    "Sound effects",
)  # fmt: skip
MIDDLE_C = 60
SHARPS, FLATS = "CCDDEFFGGAAB", "CDDEEFGGAABB"  # the letters of the twelve pitch classes
NATURALS = "C.D.EF.G.A.B"
MIXED = "CCDEEFFGGABB"  # where the key says nothing
CLEF = "<clef{}><sign>{}</sign><line>{}</line></clef>"
CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
    '<rootfile full-path="score.xml" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>\n"
)
NOTE_TYPES = {  # time steps of a plain note -> its type in MusicXML
    384: "long", 192: "breve", 96: "whole", 48: "half",
    24: "quarter", 12: "eighth", 6: "16th", 3: "32nd", 1.5: "64th",
}  # fmt: skip
IN_TRIPLET = ("<time-modification><actual-notes>3</actual-notes>"
              "<normal-notes>2</normal-notes></time-modification>")  # fmt: skip
TRIPLETS = {int(steps * 2 / 3): (name, IN_TRIPLET) for steps, name in NOTE_TYPES.items()
            if steps <= RESOLUTION}  # fmt: skip
PLAIN = {steps: (name, "") for steps, name in NOTE_TYPES.items() if steps >= 3}
DOTTED = {steps * 3 // 2: (name, "<dot/>") for steps, (name, _) in PLAIN.items() if steps > 3}
# The lengths of one note head, longest first: time steps -> (type, what MusicXML adds to it).
SHAPES = dict(sorted((PLAIN | DOTTED | TRIPLETS).items(), reverse=True))
FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}
N_FLAGS = {length: FLAGS.get(name, 0) for length, (name, _) in SHAPES.items()}


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
    """Write MusicXML (str or bytes) as MXL: a zip with a container that names it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("META-INF/container.xml", CONTAINER), ("score.xml", text)):
            entry = zipfile.ZipInfo(name)  # without the time of day: equal music, equal bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def score_text(parts, lines, keys, tempos, opening=0):
    """Write the MusicXML of a whole score: str.

    Args:
        parts: list of Part with int notes (onset, end, pitch).
        lines: list from `measure_lines`.
        keys, tempos: lists of (time step, value).
        opening: int, silent time steps to leave off the first measure: then it is a pickup.
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
    for sound in sorted(set(part.notes[:, 2].tolist())) if part.is_drum else [None]:
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
        self.part, self.lines, self.marks, self.opening = part, lines, marks, opening
        self.instrument = f"P{number}-I"
        self.spelling, self.metre = MIXED, None
        self.staves = share_staves(part)
        self.voices = [  # (staff, leads it, what it plays in each measure)
            (staff, order == 0, cut_at_measures(voice, lines))
            for staff, notes in enumerate(self.staves, 1)
            for order, voice in enumerate(find_voices(notes) or [[]])
        ]

    def measures(self):
        """Yield the text of each measure; readers take a measure 0 for a pickup."""
        for measure, (_, length, *metre) in enumerate(self.lines):
            start = place = 0 if measure else self.opening
            number = '0" implicit="yes' if start else measure + (not self.opening)
            text = [f'<measure number="{number}">', self._head(self.marks.get(measure, {}), metre)]
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

    def _head(self, marks, metre):
        """Write what changes at a measure line: key, metre, at the start also clefs; tempo."""
        text, opens = "", self.metre is None
        if "key" in marks:
            sharps = marks["key"]
            self.spelling = FLATS if sharps < 0 else SHARPS if sharps else MIXED
            text += f"<key><fifths>{sharps}</fifths></key>"
        if metre != self.metre:
            text += f"<time><beats>{metre[0]}</beats><beat-type>{metre[1]}</beat-type></time>"
        self.metre = metre
        if opens:
            text = f"<divisions>{RESOLUTION}</divisions>{text}{self._clefs()}"
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
        beat = 3 * 4 * RESOLUTION // unit if compound else RESOLUTION
        triplets, beams = find_groups(heads, beat)
        marks = {run[0]: '<tuplet type="start"/>' for run in triplets}
        for run in triplets:
            marks[run[-1]] = marks.get(run[-1], "") + '<tuplet type="stop"/>'
        drawn = {}
        for run in beams:
            drawn |= zip(run, beam_texts([N_FLAGS[heads[n][1]] for n in run]), strict=True)
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
        return f"<note{hidden}><rest/>" + _body(length, where, tail, mark)

    def _note(self, pitch, in_chord, length, ties, where, mark, tail):
        """Write one note head."""
        if self.part.is_drum:
            step, octave = "CDEFGAB"[pitch % 7], 4 + pitch % 2
            name = (f"<unpitched><display-step>{step}</display-step><display-octave>{octave}"
                    "</display-octave></unpitched>")  # fmt: skip
            where = f'<instrument id="{self.instrument}{pitch}"/>{where}'
        else:
            letter = self.spelling[pitch % 12]
            alter = pitch % 12 - NATURALS.index(letter)
            alter = f"<alter>{alter}</alter>" if alter else ""
            name = f"<pitch><step>{letter}</step>{alter}<octave>{pitch // 12 - 1}</octave></pitch>"
        kinds = [kind for kind, tied in zip(("stop", "start"), ties, strict=True) if tied]
        sound = "".join(f'<tie type="{kind}"/>' for kind in kinds)
        drawn = "".join(f'<tied type="{kind}"/>' for kind in kinds) + mark
        chord = "<chord/>" if in_chord else ""
        return f"<note>{chord}{name}" + _body(length, sound + where, tail, drawn)


def _body(length, where, tail, notations):
    """Write how long a note or a rest lasts and what it looks like."""
    kind, extra = SHAPES[length]
    notations = f"<notations>{notations}</notations>" if notations else ""
    return (f"<duration>{length}</duration>{where}<type>{kind}</type>{extra}{tail}{notations}"
            "</note>")  # fmt: skip


def measure_lines(metres, n_steps):
    """Lay out the measures of a piece.

    Args:
        metres: list of (time step, beats, unit), in time order.
        n_steps: int, where the last note ends.

    Returns:
        list of (start, length, beats, unit), time steps; a change of metre cuts a measure short.
    """
    metres = [(round(step), beats, unit) for step, beats, unit in metres if step < n_steps]
    if not metres or metres[0][0] > 0:
        metres.insert(0, (0, 4, 4))
    lines = []
    stops = [step for step, _, _ in metres[1:]] + [n_steps]
    for (first, beats, unit), stop in zip(metres, stops, strict=True):
        length = beats * 4 * RESOLUTION // unit
        for start in range(first, stop, length):
            cut = min(length, stop - start) if stop < n_steps else length
            lines.append((start, cut, beats, unit))
    return lines


def check_size(performance):
    """Refuse a performance whose score would fill the memory, before anyone begins to write it.

    A file of a few kilobytes can hold thousands of tracks, each with measures up to the last one,
    or chords that are held through all of them.

    Args:
        performance: Performance with at least one note.

    Raises:
        ValueError: one plain reason.
    """
    played = np.concatenate([part.notes for part in performance.parts])
    lines = measure_lines(performance.metres, int(np.ceil(played["end"].max())))
    starts = [start for start, *_ in lines]
    first, last = np.searchsorted(starts, [played["onset"], played["end"]])
    n_parts, n_heads = len(performance.parts), int((last - first + 1).sum())
    if len(lines) * n_parts > MAX_MEASURES or n_heads > MAX_HEADS:
        raise ValueError(
            f"it is too large for a score: {len(lines) * n_parts:,} measures in {n_parts:,} parts "
            f"and {n_heads:,} note heads; {MAX_MEASURES:,} and {MAX_HEADS:,} are allowed"
        )


def share_staves(part):
    """Share the notes between two staves where a part reaches well over both sides of middle C."""
    pitches = part.notes[:, 2]
    low, high = pitches.min(initial=MIDDLE_C), pitches.max(initial=MIDDLE_C)
    if part.is_drum or low > MIDDLE_C - 8 or high < MIDDLE_C + 8:
        return [part.notes]
    return [part.notes[pitches >= MIDDLE_C], part.notes[pitches < MIDDLE_C]]


def find_voices(notes):
    """Share notes among voices, so that in each voice one chord ends before the next begins.

    Args:
        notes: int ndarray, shape (notes, 3): onset, end, pitch.

    Returns:
        list of voices, each a list of (onset, end, list of pitches) in time order.
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


def cut_at_measures(voice, lines):
    """Cut chords at the measure lines: {measure: [(start, length, pitches, tie in, tie out)]}."""
    measures = {}
    for onset, end, pitches in voice:
        place = onset
        while place < end:
            measure = bisect.bisect_right(lines, place, key=itemgetter(0)) - 1
            start, length, *_ = lines[measure]
            stop = min(end, start + length)
            piece = (place - start, stop - place, pitches, place > onset, stop < end)
            measures.setdefault(measure, []).append(piece)
            place = stop
    return measures


def list_heads(pieces, start, end, leads):
    """List the heads of one voice in one measure: (place, length, pitches, (tie in, tie out)).

    No pitches mean silence. The voice that leads fills the measure from `start` to `end`, another
    one a triplet to the end of its beat.
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


def split_length(onset, length):
    """Split a note into lengths that note heads can show, to be tied together.

    Args:
        onset: int, time steps since the last measure line.
        length: int, time steps.

    Returns:
        list of int, time steps; they add up to `length`. A triplet never crosses a beat.
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
    """Find which neighbours one triplet holds, and which notes one beam joins.

    Both are lists of lists of numbers of heads; a beam joins two or more, all in one triplet or
    none. The beat is in time steps.
    """
    triplets = [place // RESOLUTION if length in TRIPLETS else None for place, length, *_ in heads]
    beams = [(place // beat, triplet) if pitches and N_FLAGS[length] else None
             for (place, length, pitches, _), triplet in zip(heads, triplets, strict=True)
             ]  # fmt: skip
    return _runs(triplets), [run for run in _runs(beams) if len(run) > 1]


def _runs(keys):
    runs = itertools.groupby(range(len(keys)), keys.__getitem__)
    return [list(run) for key, run in runs if key is not None]


def beam_texts(flags):
    """Write the beams of each note under one beam, from their numbers of flags: list of str."""
    texts = []
    for before, own, after in zip([0, *flags], flags, [*flags[1:], 0], strict=False):
        words = [
            "continue" if min(before, after) >= line else "end" if before >= line
            else "begin" if after >= line else "backward hook" if before else "forward hook"
            for line in range(1, own + 1)
        ]  # fmt: skip
        texts.append("".join(f'<beam number="{n}">{w}</beam>' for n, w in enumerate(words, 1)))
    return texts
