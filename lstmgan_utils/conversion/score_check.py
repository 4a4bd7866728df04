"""How well a score fits the performance it was made from, without knowing the true score.

A good score is simple and near to what was played. One number counts both, the cost: bits for each
note that stands on an odd place, steps for each note that was moved, and a penalty for each note
that was lost.
"""

import dataclasses
import xml.etree.ElementTree as ElementTree

import numpy as np

from ..pianoroll import RESOLUTION
from ..pianoroll.midi import TIMED_NOTE
from ..pianoroll.rolls import join_ties

REACH = 6.0  # time steps that a note may have been moved and still be the same note
LOST = 12.0  # the cost of a note that is not there
LENGTH_BITS = 4.0  # the cost of a note twice as long as it was meant
HELD = np.log2([0.7, 1.05])  # what share of its length a player may hold a note
END_BITS, LATEST = 0.1, 20.0  # the cost of each quarter that a score ends late or early, and most
TWICE = 1.5  # time steps between two strikes of a key that are one: no finger is so fast
PLACE_BITS = np.array([min(b for size, b in ((24, 0), (12, 1), (6, 2), (8, 2.5), (3, 3.5), (4, 3.5),
                                             (2, 5), (1, 6)) if place % size == 0)
                       for place in range(RESOLUTION)])  # fmt: skip


@dataclasses.dataclass
class Check:
    """How a score compares with its performance."""

    notes: int
    measures: int
    missing: int
    cost: float
    remarks: list  # of str: in which ways the score holds less, or more, than was played


def read_notes(xml):
    """Read the pitched notes of MusicXML, tied notes joined, grace notes left out.

    Returns:
        (ndarray of TIMED_NOTE, shape (notes,), time steps; int number of measures).
    """
    parts = ElementTree.fromstring(xml).findall("part")
    rows = [tuple(row) for part in parts for row in join_ties(_heads(part))]
    n_measures = max((len(part.findall("measure")) for part in parts), default=0)
    return np.sort(np.array(rows, TIMED_NOTE)), n_measures


def _heads(part):
    """Yield (onset, end, pitch, tie) of each pitched note head, in thousandths of time steps."""
    start, divisions = 0.0, 1.0
    for measure in part.iterfind("measure"):
        place = longest = onset = 0.0
        for element in measure:
            if element.tag == "attributes":
                divisions = float(element.findtext("divisions") or divisions)
            inside = {child.tag: child.text for child in element}
            if element.tag not in ("note", "backup", "forward") or "grace" in inside:
                continue
            steps = float(inside.get("duration") or 0) * RESOLUTION / divisions
            if "chord" not in inside:
                onset = place
                place += -steps if element.tag == "backup" else steps
                longest = max(longest, place)
            if "pitch" in inside and "cue" not in inside:
                times = round(start + onset, 3), round(start + onset + steps, 3)
                yield *times, _midi_number(element.find("pitch")), _tie(element)
        start += longest


def _midi_number(pitch):
    semitone = "C D EF G A B".index(pitch.findtext("step"))
    semitone += round(float(pitch.findtext("alter") or 0))
    return semitone + 12 * int(pitch.findtext("octave")) + 12


def _tie(note):
    """Return how a note head is tied, as `join_ties` takes it."""
    kinds = {tie.get("type") for tie in note.iterfind("tie")}
    return "continue" if len(kinds) > 1 else next(iter(kinds), None)


def check_score(performance, xml):
    """Compare a score (bytes of MusicXML) with the performance it was made from: Check."""
    played = [part.notes for part in performance.parts if not part.is_drum]
    played = np.sort(np.concatenate([np.zeros(0, TIMED_NOTE), *played]))
    written, n_measures = read_notes(xml)
    partner = _match(played, written)
    found = partner >= 0
    n_doubled = _count_doubled(played, found)
    n_missing = int((~found).sum()) - n_doubled
    n_extra = len(written) - int(found.sum())
    late = float(written["end"].max(initial=0) - played["end"].max(initial=0)) / RESOLUTION
    cost = LOST * (n_missing + n_extra) / max(len(played), 1) + rhythm_bits(written)
    cost += END_BITS * min(abs(late), LATEST)
    if found.any():
        cost += distance(played[found], written[partner[found]])
    remarks = [text for text, is_so in (
        (f"{n_missing} notes missing", n_missing),
        (f"{n_doubled} struck twice at once, written once", n_doubled),
        (f"{n_extra} notes too many", n_extra),
        (f"it ends {abs(late):.1f} quarters {'late' if late > 0 else 'early'}", abs(late) >= 1),
    ) if is_so]  # fmt: skip
    return Check(len(written), n_measures, n_missing, float(cost), remarks)


def _line_up(notes):
    """Return a number for each note by which notes are in order of pitch, then of onset."""
    return notes["pitch"] * 1e7 + notes["onset"]


def _count_doubled(played, found):
    """Count the missing notes that were struck together with one of their pitch that is there."""
    place = _line_up(played)
    there = np.sort(place[found])
    first, last = np.searchsorted(there, place - TWICE), np.searchsorted(there, place + TWICE)
    return int((~found & (last > first)).sum())


def _match(played, written):
    """Return for each played note the place of its written one; -1 where none is within reach."""
    partner, here, there = np.full(len(played), -1), _line_up(played), _line_up(written)
    candidates, n_passed = np.argsort(there, kind="stable"), 0
    there = there[candidates]
    for i in np.argsort(here, kind="stable"):
        n_passed = max(n_passed, np.searchsorted(there, here[i] - REACH))
        if n_passed < len(there) and there[n_passed] <= here[i] + REACH:
            partner[i] = candidates[n_passed]
            n_passed += 1
    return partner


def distance(played, written):
    """Compute how far notes were moved, and how unevenly lengths were changed.

    A player holds all notes for much the same share of their length; a note that is written twice
    as long as meant stands out. Nobody holds all for half: then they are written too long.

    Returns:
        float, time steps and bits a note.
    """
    moved = np.abs(written["onset"] - played["onset"]).mean()
    lengths = [np.maximum(notes["end"] - notes["onset"], 0.5) for notes in (played, written)]
    held = np.log2(lengths[0] / lengths[1])
    return moved + LENGTH_BITS * np.abs(held - np.median(held).clip(*HELD)).mean()


def rhythm_bits(written):
    """Compute how odd the places are at which notes begin, and end where no other note begins.

    Returns:
        float, bits a note: 0 if all stand on the beat.

    Introduced in lesson 01.
    """
    if not len(written):
        return 0.0
    begins = np.round(written["onset"]).astype(int)
    ends = np.round(written["end"]).astype(int)
    off_grid = np.abs(written["onset"] - begins) > 0.01  # a quintuplet, a 64th
    begin_bits = np.where(off_grid, PLACE_BITS.max() + 1, PLACE_BITS[begins % RESOLUTION])
    end_bits = np.where(np.isin(ends, begins), 0, 0.5 + PLACE_BITS[ends % RESOLUTION])
    return float((begin_bits + end_bits).mean())
