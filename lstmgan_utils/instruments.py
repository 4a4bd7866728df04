"""Who plays in a score: the notes of each program, and one instrument's part alone."""

import dataclasses
import xml.etree.ElementTree as ElementTree

from .musicxml import FAMILIES

PERCUSSION = "percussion"


@dataclasses.dataclass
class Sound:
    """What sounds in a score: the notes of each instrument, and where the last one ends."""

    notes: dict  # number of notes by program (int), PERCUSSION, or the name of the unknown
    quarters: float


def parse(xml):
    """Parse MusicXML that `read_musicxml` found safe, with music21.

    Args:
        xml: bytes.

    Returns:
        music21.stream.Score.
    """
    from music21 import converter

    return converter.parseData(xml, format="musicxml")


def listen(score):
    """Count the notes that each instrument of a score plays.

    Chord symbols and grace notes are no notes, and what never sounds is no instrument.

    Args:
        score: music21.stream.Score.

    Returns:
        Sound.

    Introduced in lesson 02.
    """
    notes, end = {}, 0.0
    for part in score.parts:
        player = part.partName or "without a name"
        for element in part.recurse():
            if "Instrument" in element.classes:
                player = identify(element, player)
            elif is_sounding(element):
                who = PERCUSSION if is_percussion(element) else player
                notes[who] = notes.get(who, 0) + count_heads(element)
                end = max(end, float(element.getOffsetInHierarchy(part) + element.quarterLength))
    return Sound(notes, end)


def identify(instrument, name):
    """Name an instrument by its program; without one, by the name of its part.

    Args:
        instrument: music21 Instrument.
        name: str.

    Returns:
        int, str, or PERCUSSION.

    Introduced in lesson 02.
    """
    if instrument.midiChannel == 9 or "UnpitchedPercussion" in instrument.classes:
        return PERCUSSION
    return name if instrument.midiProgram is None else instrument.midiProgram


def is_sounding(element):
    """Tell whether a music21 element is a note or chord that sounds for some time.

    Introduced in lesson 02.
    """
    is_note = "NotRest" in element.classes and "ChordSymbol" not in element.classes
    return is_note and not element.duration.isGrace


def count_heads(element):
    """Count the notes of a note or chord; those tied to an earlier one are no new notes.

    Introduced in lesson 02.
    """
    heads = getattr(element, "notes", (element,))
    return sum(head.tie is None or head.tie.type == "start" for head in heads)


def is_percussion(element):
    """Tell whether a music21 note has no pitch.

    Introduced in lesson 02.
    """
    return bool({"Unpitched", "PercussionChord"} & set(element.classes))


def name_programs(programs):
    """Write programs for people, such as "0 (piano), 40 (strings)"; no more than four of them.

    The words are General MIDI's families: music21's names of instruments collide.
    """
    names = [
        f"{program} ({FAMILIES[program // 8].lower()})" if isinstance(program, int) else program
        for program in sorted(programs, key=lambda program: (isinstance(program, str), program))
    ]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def take_part(xml, part):
    """Take one instrument's parts out of a score.

    Args:
        xml: bytes of MusicXML.
        part: int, General MIDI program; or str, a piece of the part's or the instrument's name.

    Returns:
        bytes of MusicXML with those parts only.

    Raises:
        ValueError: no part of that instrument.

    Introduced in lesson 02.
    """
    root = ElementTree.fromstring(xml)
    listing = root.find("part-list")
    entries = listing.findall("score-part")
    chosen = {entry.get("id") for entry in entries if _plays(entry, part)}
    if not chosen:
        raise ValueError(f"no part plays {part!r}")
    for element in list(listing):
        if element.get("id") not in chosen:
            listing.remove(element)
    for element in root.findall("part"):
        if element.get("id") not in chosen:
            root.remove(element)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _plays(entry, part):
    """Tell whether an entry of the part list is a pitched part of this program or name."""
    if entry.find("midi-instrument/midi-unpitched") is not None:
        return False
    if isinstance(part, str):
        names = (entry.findtext("part-name"), entry.findtext("score-instrument/instrument-name"))
        return any(part.strip().casefold() in (name or "").casefold() for name in names)
    return any(int(e.text or 0) - 1 == part for e in entry.iterfind("midi-instrument/midi-program"))
