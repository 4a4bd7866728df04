"""How well a score fits the performance it was made from, without knowing the true score.

A good score is simple and near to what was played. One number counts both, the cost: bits for each
note that stands on an odd place, steps for each note that was moved, and a penalty for each note
that was lost.
"""

import numpy as np

from ..pianoroll import RESOLUTION

REACH = 6  # time steps that a note may have been moved and still be the same note
TWICE = 1.5  # time steps between two strikes of a key that are one: no finger is so fast
LOST = 12.0  # the cost of a note that is not there, or too many
MAX_LOST = 0.1  # share of its notes that a score may lose and still count


def check_score(performance, rows):
    """Compare the notes of a score with the performance that it was made from.

    Takes a Performance and its score's pitched notes, int ndarray, shape (notes, 3): onset, end,
    pitch. Returns (float cost, int notes missing, list of str: what is missing or too many). Raises
    ValueError where too many notes are missing.
    """
    parts = [part.notes for part in performance.parts if not part.is_drum]
    played = np.sort(
        np.concatenate([[], *(notes["pitch"] * 1e7 + notes["onset"] for notes in parts)])
    )
    written = np.sort(rows[:, 2] * 1e7 + rows[:, 0])  # in order of pitch, then of onset
    partner = _match(played, written)
    found = partner >= 0
    n_lost, n_extra = int((~found).sum()), len(written) - int(found.sum())
    n_twice = min(n_lost, int((np.diff(played) <= TWICE).sum()))
    n_missing = n_lost - n_twice
    if n_missing > MAX_LOST * len(played):
        raise ValueError(f"the score lost {n_missing} of {len(played)} notes")
    cost = LOST * (n_missing + n_extra) / max(len(played), 1) + rhythm_bits(rows)
    if found.any():
        cost += np.abs(written[partner[found]] - played[found]).mean()
    counts = {"notes missing": n_missing, "struck twice at once, written once": n_twice,
              "notes too many": n_extra}  # fmt: skip
    return cost, n_missing, [f"{count} {words}" for words, count in counts.items() if count]


def _match(played, written):
    """Return for each played note the place of its written one; -1 where none is within reach."""
    partner, n_passed = np.full(len(played), -1), 0
    for i, place in enumerate(played):
        n_passed = max(n_passed, np.searchsorted(written, place - REACH))
        if n_passed < len(written) and written[n_passed] <= place + REACH:
            partner[i] = n_passed
            n_passed += 1
    return partner


def rhythm_bits(rows):
    """Compute how odd the places are at which notes begin, and end where no other note begins.

    A place in the quarter note costs the bits that name its grid: 0 on the beat, 1 for an eighth, 2
    for a sixteenth. Takes int ndarray, shape (notes, 3), as `check_score`; returns bits a note.
    """
    if not len(rows):
        return 0.0
    bits = np.log2(RESOLUTION / np.gcd(rows[:, :2], RESOLUTION))
    ends_alone = ~np.isin(rows[:, 1], rows[:, 0])
    return float((bits[:, 0] + ends_alone * (0.5 + bits[:, 1])).mean())
