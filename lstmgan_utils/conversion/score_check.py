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

    n_notes: int
    n_measures: int
    n_missing: int
    n_extra: int
    length_error: float  # quarter notes by which the score is longer (or, below 0, shorter)
    cost: float
    n_doubled: int = 0  # struck twice at once, and written once

    def remarks(self):
        """List in which ways the score holds less, or more, than was played: list of str."""
        off = self.length_error
        return [text for text, is_so in (
            (f"{self.n_missing} notes missing", self.n_missing),
            (f"{self.n_doubled} struck twice at once, written once", self.n_doubled),
            (f"{self.n_extra} notes too many", self.n_extra),
            (f"it ends {abs(off):.1f} quarters {'late' if off > 0 else 'early'}", abs(off) >= 1),
        ) if is_so]  # fmt: skip


def read_notes(xml):
    """Read the pitched notes of MusicXML, tied notes joined, grace notes left out.

    Args:
        xml: bytes from `read_musicxml`.

    Returns:
        (ndarray of TIMED_NOTE, shape (notes,), time steps; int number of measures).
    """
    rows, n_measures = [], 0
    for part in ElementTree.fromstring(xml).iterfind("part"):
        start, divisions, tied = 0.0, 1.0, {}
        measures = part.findall("measure")
        n_measures = max(n_measures, len(measures))
        for measure in measures:
            length, divisions = _read_measure(measure, start, divisions, rows, tied)
            start += length
    notes = np.array([tuple(row) for row in rows], TIMED_NOTE)
    return np.sort(notes), n_measures


def _read_measure(measure, start, divisions, rows, tied):
    """Add the notes of one measure to `rows`; return (its length in time steps, divisions)."""
    place = longest = onset = 0.0
    for element in measure:
        if element.tag == "attributes":
            divisions = float(element.findtext("divisions") or divisions)
        if element.tag not in ("note", "backup", "forward") or element.find("grace") is not None:
            continue
        steps = float(element.findtext("duration") or 0) * RESOLUTION / divisions
        if element.find("chord") is None:
            onset = place
            place += -steps if element.tag == "backup" else steps
            longest = max(longest, place)
        if element.tag == "note":
            _read_note(element, start + onset, steps, rows, tied)
    return longest, divisions


def _read_note(element, onset, steps, rows, tied):
    """Add a note to `rows`, or lengthen the one that it is tied to."""
    pitch = element.find("pitch")
    if pitch is None or element.find("cue") is not None:
        return
    semitone = "C D EF G A B".index(pitch.findtext("step"))
    semitone += round(float(pitch.findtext("alter") or 0))
    number = semitone + 12 * int(pitch.findtext("octave")) + 12
    kinds = {tie.get("type") for tie in element.iterfind("tie")}
    row = tied.pop((number, round(onset, 3)), None) if "stop" in kinds else None
    if row is None:
        rows.append(row := [onset, onset, number])
    row[1] = onset + steps
    if "start" in kinds:
        tied[number, round(row[1], 3)] = row


def check_score(performance, xml):
    """Compare a score with the performance it was made from.

    Args:
        performance: Performance.
        xml: bytes of MusicXML.

    Returns:
        Check.
    """
    played = [part.notes for part in performance.parts if not part.is_drum]
    played = np.sort(np.concatenate([np.zeros(0, TIMED_NOTE), *played]))
    written, n_measures = read_notes(xml)
    partner = match(played, written)
    found = partner >= 0
    doubled = find_doubled(played, found)
    n_missing = int((~found & ~doubled).sum())
    n_extra = len(written) - int(found.sum())
    written_end, played_end = (notes["end"].max(initial=0.0) for notes in (written, played))
    length_error = float(written_end - played_end) / RESOLUTION
    cost = LOST * (n_missing + n_extra) / max(len(played), 1) + rhythm_bits(written)
    cost += END_BITS * min(abs(length_error), LATEST)
    if found.any():
        cost += distance(played[found], written[partner[found]])
    counts = len(written), n_measures, n_missing, n_extra
    return Check(*counts, length_error, float(cost), int(doubled.sum()))


def find_doubled(played, found):
    """Return which missing notes were struck together with a note of their pitch that is there.

    Args:
        played: ndarray of TIMED_NOTE, sorted.
        found: bool ndarray, shape (played notes,).

    Returns:
        bool ndarray, shape (played notes,).
    """
    place = played["pitch"] * 1e7 + played["onset"]
    there = np.sort(place[found])
    first, last = np.searchsorted(there, place - TWICE), np.searchsorted(there, place + TWICE)
    return ~found & (last > first)


def match(played, written):
    """Return for each played note the written one of its pitch, in order and within reach.

    Args:
        played, written: ndarrays of TIMED_NOTE, sorted.

    Returns:
        int ndarray, shape (played notes,): places in `written`; -1 where the note is missing.
    """
    partner = np.full(len(played), -1)
    for pitch in np.unique(played["pitch"]):
        candidates = np.flatnonzero(written["pitch"] == pitch)
        onsets = written["onset"][candidates]
        place = 0
        for i in np.flatnonzero(played["pitch"] == pitch):
            while place < len(onsets) and onsets[place] < played["onset"][i] - REACH:
                place += 1
            if place < len(onsets) and onsets[place] <= played["onset"][i] + REACH:
                partner[i] = candidates[place]
                place += 1
    return partner


def distance(played, written):
    """Compute how far notes were moved, and how unevenly lengths were changed.

    A player who holds every note for nine tenths of its length holds all of them alike; a note that
    is written twice as long as meant stands out from the others. Nobody holds all notes for half of
    their length: then they are written too long.

    Args:
        played, written: ndarrays of TIMED_NOTE, note for note the same.

    Returns:
        float, time steps and bits a note.

    Introduced in lesson 01.
    """
    moved = np.abs(written["onset"] - played["onset"]).mean()
    lengths = [np.maximum(notes["end"] - notes["onset"], 0.5) for notes in (played, written)]
    held = np.log2(lengths[0] / lengths[1])
    return moved + LENGTH_BITS * np.abs(held - np.median(held).clip(*HELD)).mean()


def rhythm_bits(written):
    """Compute how odd the places are at which notes begin, and end where no other note begins.

    Args:
        written: ndarray of TIMED_NOTE.

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
