"""Which instruments sound in a score, how many notes it has, and one instrument's part alone.

The part list names instruments as General MIDI programs. music21 goes by their names, takes a piano
that is called "Violin" for a violin, and knows only the first instrument of a part. So programs are
read here, and music21 reads the notes.
"""

import warnings
import xml.etree.ElementTree as ElementTree

from .musicxml import FAMILIES

PERCUSSION = "percussion"
PERCUSSION_CHANNEL = "10"
PROGRAMS = {str(number) for number in range(1, 129)}  # MusicXML counts from 1


def find_players(xml):
    """Return the instruments that sound in a score.

    Args:
        xml: bytes of MusicXML.

    Returns:
        set of General MIDI programs (int), PERCUSSION, or the names of parts without a program
        (str). What has nothing but rests and grace notes is not in it.

    Introduced in lesson 02.
    """
    root = ElementTree.fromstring(xml)
    names, players = name_parts(root.find("part-list")), {}
    for entry in root.iterfind("part-list/score-part"):
        first = player = names[entry.get("id")]
        for number, instrument in enumerate(entry.iterfind("midi-instrument")):
            player = identify(instrument, player)
            first = first if number else player
            players[instrument.get("id")] = player
        players[entry.get("id")] = first
    return {
        PERCUSSION if note.find("unpitched") is not None else players.get(who, who)
        for part in root.iterfind("part")
        for note in part.iterfind("measure/note")
        if note.find("rest") is None and note.find("grace") is None and note.find("cue") is None
        for who in [player_id(note, part)]
    }


def name_parts(listing):
    """Return a name for each part, used where it has no program; braced staves share one.

    Args:
        listing: Element, the part list; None where a score has none.

    Returns:
        dict of str (the part's id) to str.
    """
    names, brace = {}, None
    for entry in [] if listing is None else listing:
        if entry.tag == "part-group":
            opens = entry.get("type") == "start" and entry.findtext("group-symbol") == "brace"
            brace = f"the braced staves {len(names) + 1}" if opens else None
        elif entry.tag == "score-part":
            name = (entry.findtext("part-name") or "").strip()
            names[entry.get("id")] = brace or name or f"without a name ({entry.get('id')})"
    return names


def identify(instrument, name):
    """Return the program of a `midi-instrument`, or that it is percussion.

    Args:
        instrument: Element.
        name: str, for one that has no program.

    Returns:
        int, PERCUSSION, or the name.

    Introduced in lesson 02.
    """
    program = instrument.findtext("midi-program", "").strip()
    if instrument.findtext("midi-channel", "").strip() == PERCUSSION_CHANNEL:
        return PERCUSSION
    return int(program) - 1 if program in PROGRAMS else name


def player_id(note, part):
    """Return the id of the instrument that plays a note; the part's own where none is named.

    Introduced in lesson 02.
    """
    instrument = note.find("instrument")
    return str(part.get("id") if instrument is None else instrument.get("id"))


def parse(xml):
    """Parse MusicXML that `read_musicxml` found safe, with music21.

    Args:
        xml: bytes.

    Returns:
        music21.stream.Score.

    Introduced in lesson 02.
    """
    from music21 import converter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # measures that are too full, drums without a name
        return converter.parseData(xml, format="musicxml")


def is_sounding(element):
    """Return whether a music21 element is a note or a chord that sounds for some time.

    Chord symbols are chords to music21, and grace notes are notes; neither lasts.

    Introduced in lesson 02.
    """
    is_note = "NotRest" in element.classes and "ChordSymbol" not in element.classes
    return is_note and not element.duration.isGrace


def count_notes(score):
    """Count the notes of a score, tied ones once, and find where the last one ends.

    Args:
        score: music21.stream.Score.

    Returns:
        (int notes, float quarter notes).

    Introduced in lesson 02.
    """
    n_notes, end = 0, 0.0
    for element in filter(is_sounding, score.recurse()):
        heads = getattr(element, "notes", (element,))
        n_notes += sum(head.tie is None or head.tie.type == "start" for head in heads)
        end = max(end, float(element.getOffsetInHierarchy(score) + element.quarterLength))
    return n_notes, end


def list_semitones(score):
    """Return the pitches of a music21 score as MIDI numbers, list of float; tied notes once."""
    return [
        head.pitch.ps
        for element in filter(is_sounding, score.recurse())
        for head in getattr(element, "notes", (element,))
        if hasattr(head, "pitch") and (head.tie is None or head.tie.type == "start")
    ]


def name_programs(programs):
    """Return programs as text such as "0 (piano), 40 (strings)"; no more than four of them.

    The words are General MIDI's families: music21's names of instruments collide.
    """
    names = [
        f"{program} ({FAMILIES[program // 8].lower()})" if isinstance(program, int) else program
        for program in sorted(programs, key=lambda program: (isinstance(program, str), program))
    ]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def take_part(xml, part):
    """Return a score with one instrument's parts only.

    Args:
        xml: bytes of MusicXML.
        part: int, General MIDI program; or str, a piece of the part's or the instrument's name.

    Returns:
        bytes of MusicXML with those parts only.

    Raises:
        ValueError: no part of that instrument.
    """
    root = ElementTree.fromstring(xml)
    listing, parts = root.find("part-list"), root.findall("part")
    chosen = {entry.get("id") for entry in listing.iter("score-part") if _plays(entry, part)}
    if not chosen:
        raise ValueError(f"no part plays {part!r}")
    tempos = [measure.findall("direction[sound]") for measure in parts[0]] if parts else []
    for parent, elements in ((listing, list(listing)), (root, parts)):
        for element in elements:
            if element.get("id") not in chosen:
                parent.remove(element)
    if parts and parts[0].get("id") not in chosen:  # the tempo stands in the first part alone
        _put_tempos(root.findall("part/measure"), tempos)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _put_tempos(measures, tempos):
    """Put marks of tempo at the start of measures: after the attributes, where there are some."""
    for measure, marks in zip(measures, tempos, strict=False):
        for mark in marks:
            if mark.find("sound").get("tempo"):
                measure.insert(len(measure) > 0 and measure[0].tag == "attributes", mark)


def _plays(entry, part):
    """Return whether an entry of the part list is a pitched part of this program or name."""
    if entry.find("midi-instrument/midi-unpitched") is not None:
        return False
    if isinstance(part, str):
        names = (entry.findtext("part-name"), entry.findtext("score-instrument/instrument-name"))
        return any(part.strip().casefold() in (name or "").casefold() for name in names)
    return any(int(e.text or 0) - 1 == part for e in entry.iterfind("midi-instrument/midi-program"))
