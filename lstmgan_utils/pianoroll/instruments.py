"""Which instruments sound in a score, how many notes it has, and one instrument's part alone.

music21 goes by an instrument's name (a piano called "Violin" is a violin) and knows only the first
of a part. So General MIDI programs are read here from the part list, and music21 reads the notes.
"""

import warnings
import xml.etree.ElementTree as ElementTree

FAMILIES = ("Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble",
            "Brass", "Reed", "Pipe", "Synth lead", "Synth pad", "Synth effects", "Ethnic",
            "Percussive", "Sound effects")  # fmt: skip
PERCUSSION, PERCUSSION_CHANNEL = "percussion", "10"
PROGRAMS = {str(number) for number in range(1, 129)}  # MusicXML counts from 1


def find_players(xml):
    """Return what sounds in a score (bytes of MusicXML), but in grace notes: a set.

    General MIDI programs (int), PERCUSSION, or names of parts without one. Introduced in lesson 02.
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
    """Return names for parts without a program, {id: name}; braced staves share one."""
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
    """Return an instrument's program, PERCUSSION or else the name. Introduced in lesson 02."""
    program = instrument.findtext("midi-program", "").strip()
    if instrument.findtext("midi-channel", "").strip() == PERCUSSION_CHANNEL:
        return PERCUSSION
    return int(program) - 1 if program in PROGRAMS else name


def player_id(note, part):
    """Return the id of what plays a note: its instrument or part. Introduced in lesson 02."""
    instrument = note.find("instrument")
    return str(part.get("id") if instrument is None else instrument.get("id"))


def parse(xml):
    """Return the music21 Score of MusicXML (bytes) that `read_musicxml` found safe."""
    from music21 import converter

    with warnings.catch_warnings(action="ignore"):  # of full measures, of drums without a name
        return converter.parseData(xml, format="musicxml")


def is_sounding(element):
    """Return whether a music21 element sounds: no grace, no symbol. Introduced in lesson 02."""
    is_note = "NotRest" in element.classes and "ChordSymbol" not in element.classes
    return is_note and not element.duration.isGrace


def count_notes(score):
    """Count notes, tied ones once: (int, float quarters to the end). Introduced in lesson 02."""
    n_notes, end = 0, 0.0
    for element in filter(is_sounding, score.recurse()):
        heads = getattr(element, "notes", (element,))
        n_notes += sum(head.tie is None or head.tie.type == "start" for head in heads)
        end = max(end, float(element.getOffsetInHierarchy(score) + element.quarterLength))
    return n_notes, end


def pitched_heads(elements):
    """Yield (music21 element, note head with a pitch) for notes and each note of a chord."""
    for element in filter(is_sounding, elements):
        for head in getattr(element, "notes", (element,)):
            if hasattr(head, "pitch"):
                yield element, head


def name_programs(programs):
    """Return programs, with their families, as text: "0 (piano), 40 (strings)"; four at most."""
    numbers = sorted(program for program in programs if isinstance(program, int))
    names = [f"{program} ({FAMILIES[program // 8].lower()})" for program in numbers]
    names += sorted(program for program in programs if isinstance(program, str))
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def take_part(xml, part):
    """Return a score (bytes of MusicXML) with one instrument's parts only; ValueError if none.

    The part is a General MIDI program, or a piece of the part's or the instrument's name.
    """
    root = ElementTree.fromstring(xml)
    listing = root.find("part-list")
    chosen = {entry.get("id") for entry in listing.iter("score-part") if _plays(entry, part)}
    if not chosen:
        raise ValueError(f"no part plays {part!r}")
    for parent, elements in ((listing, list(listing)), (root, root.findall("part"))):
        for element in elements:
            if element.get("id") not in chosen:
                parent.remove(element)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _plays(entry, part):
    """Return whether an entry of the part list is a part of this program or name."""
    players = [identify(instrument, "") for instrument in entry.iterfind("midi-instrument")]
    if isinstance(part, int):
        return part in players
    names = (entry.findtext("part-name"), entry.findtext("score-instrument/instrument-name"))
    return any(part.strip().casefold() in (name or "").casefold() for name in names)
