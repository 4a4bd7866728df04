"""The notes of a score, read in another way than the package's own, to check what it wrote."""

import xml.etree.ElementTree as ElementTree

import numpy as np

from lstmgan_utils.pianoroll import RESOLUTION
from lstmgan_utils.pianoroll.midi import TIMED_NOTE
from lstmgan_utils.pianoroll.rolls import join_ties


def read_notes(xml):
    """Read the pitched notes of MusicXML (bytes), tied notes joined, grace notes left out.

    Returns:
        ndarray of TIMED_NOTE, shape (notes,), time steps.
    """
    parts = ElementTree.fromstring(xml).iterfind("part")
    rows = [tuple(row) for part in parts for row in join_ties(_heads(part))]
    return np.sort(np.array(rows, TIMED_NOTE))


def _heads(part):
    """Yield (onset, end, pitch, tie) of each pitched note head, in thousandths of time steps."""
    start, divisions = 0.0, 1.0
    for measure in part.iterfind("measure"):
        place = longest = onset = 0.0
        for element in measure:
            if element.tag == "attributes":
                divisions = float(element.findtext("divisions") or divisions)
            inside = {child.tag: child for child in element}
            if element.tag not in ("note", "backup", "forward") or "grace" in inside:
                continue
            steps = float(element.findtext("duration") or 0) * RESOLUTION / divisions
            if "chord" not in inside:
                onset = place
                place += -steps if element.tag == "backup" else steps
                longest = max(longest, place)
            if "pitch" in inside and "cue" not in inside:
                times = round(start + onset, 3), round(start + onset + steps, 3)
                ties = [tie.get("type") for tie in element.iterfind("tie")]
                tie = "continue" if len(set(ties)) > 1 else next(iter(ties), None)
                yield *times, _midi_number(inside["pitch"]), tie
        start += longest


def _midi_number(pitch):
    semitone = "C D EF G A B".index(pitch.findtext("step"))
    semitone += round(float(pitch.findtext("alter") or 0))
    return semitone + 12 * int(pitch.findtext("octave")) + 12
