"""Where written notes stand on the page: measures, staves, voices, and the heads a length takes."""

import bisect
import itertools

import numpy as np

from .rolls import RESOLUTION
from .safe_reading import MAX_HEADS, MAX_MEASURES

NOTE_TYPES = {  # time steps of a plain note -> MusicXML's word for it
    384: "long", 192: "breve", 96: "whole", 48: "half",
    24: "quarter", 12: "eighth", 6: "16th", 3: "32nd",
}  # fmt: skip
MIDDLE_C = 60


def _shapes():
    """List the lengths that one note head can show, in time steps, the longest first."""
    triplet = ("<time-modification><actual-notes>3</actual-notes>"
               "<normal-notes>2</normal-notes></time-modification>")  # fmt: skip
    heads = [*NOTE_TYPES.items(), (1.5, "64th")]
    shapes = {int(steps * 2 / 3): (name, "", triplet) for steps, name in heads if steps <= 24}
    for steps, name in NOTE_TYPES.items():
        shapes |= {steps: (name, "", "")}
        shapes |= {steps * 3 // 2: (name, "<dot/>", "")} if steps % 2 == 0 else {}
    return dict(sorted(shapes.items(), reverse=True))


SHAPES = _shapes()
TRIPLETS = [shape for shape, (*_, triplet) in SHAPES.items() if triplet]  # of one beat
FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}


def split_length(onset, length):
    """Split a note into lengths that note heads can show, to be tied together.

    Args:
        onset: int, time steps since the last measure line.
        length: int, time steps.

    Returns:
        list of int, time steps; they add up to `length`. A triplet never crosses a beat.

    Introduced in lesson 01.
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

    Args:
        heads: list of (place, length, sounds) of one voice in one measure, time steps.
        beat: int, time steps.

    Returns:
        (triplets, beams), each a list of lists of numbers of heads; a beam joins two or more, all
        in one triplet or none.
    """
    triplets = [place // RESOLUTION if length in TRIPLETS else None for place, length, _ in heads]
    beams = [(place // beat, triplet) if sounds and count_flags(length) else None
             for (place, length, sounds), triplet in zip(heads, triplets, strict=True)]  # fmt: skip
    return _runs(triplets), [run for run in _runs(beams) if len(run) > 1]


def _runs(keys):
    runs = itertools.groupby(range(len(keys)), keys.__getitem__)
    return [list(run) for key, run in runs if key is not None]


def count_flags(length):
    """Count the flags, or beams, of a note of one head."""
    return FLAGS.get(SHAPES[length][0], 0)


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
    for (start, beats, unit), stop in zip(metres, stops, strict=True):
        length = beats * 4 * RESOLUTION // unit
        while start < stop:
            end = start + length
            cut = stop if stop < n_steps else end
            lines.append((start, min(end, cut) - start, beats, unit))
            start = end
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
    played = [part.notes for part in performance.parts]
    lines = measure_lines(performance.metres, max(notes["end"].max() for notes in played))
    starts = [start for start, *_ in lines]
    first, last = (
        np.searchsorted(starts, np.concatenate([notes[side] for notes in played]))
        for side in ("onset", "end")
    )
    n_measures, n_heads = len(lines) * len(played), int((last - first + 1).sum())
    if n_measures > MAX_MEASURES or n_heads > MAX_HEADS:
        raise ValueError(
            f"it is too large for a score: {n_measures:,} measures in {len(played):,} parts and "
            f"{n_heads:,} note heads; {MAX_MEASURES:,} and {MAX_HEADS:,} are allowed"
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

    Introduced in lesson 01.
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


def cut_at_measures(voice, lines, starts):
    """Cut chords at the measure lines: {measure: [(start, length, pitches, tie in, tie out)]}."""
    measures = {}
    for onset, end, pitches in voice:
        place = onset
        while place < end:
            measure = bisect.bisect_right(starts, place) - 1
            stop = min(end, lines[measure][0] + lines[measure][1])
            piece = (place - starts[measure], stop - place, pitches, place > onset, stop < end)
            measures.setdefault(measure, []).append(piece)
            place = stop
    return measures
