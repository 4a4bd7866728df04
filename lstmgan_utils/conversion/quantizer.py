"""From played times to written ones: which grid fits each beat, and how long each note was meant.

Both are questions between hypotheses (a beat in sixteenths, in triplets, …; a note held up to the
next one, to the next eighth, …): how well does each explain what was played, and how often does
this piece use it? The second is learned from the piece itself, in a few rounds.
"""

import dataclasses
from operator import itemgetter

import numpy as np

from ..pianoroll import MAX_STEPS, RESOLUTION

GRIDS = {  # the places inside a quarter note, in time steps, and how likely a beat is to use them
    "quarter": ((0,), 0.2),
    "eighth": ((0, 12), 0.3),
    "sixteenth": ((0, 6, 12, 18), 0.3),
    "triplet": ((0, 8, 16), 0.06),
    "dotted": ((0, 9, 12, 21), 0.03),
    "32nd": (tuple(range(0, 24, 3)), 0.04),
    "sixteenth triplet": (tuple(range(0, 24, 4)), 0.03),
    "triplet, then binary": ((0, 4, 8, 12, 18), 0.02),
    "binary, then triplet": ((0, 6, 12, 16, 20), 0.02),
    "32nd triplet": (tuple(range(0, 24, 2)), 0.02),
    "sixteenth and triplet": ((0, 6, 8, 12, 16, 18), 0.02),
    "any step": (tuple(range(24)), 0.01),
}
SPREADS = (0.06, 0.15, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.2)  # of the played onsets, in time steps
UNITS = (24, 12, 6, 8, 3, 4, 2, 1)  # a note may end at a multiple of these
HELD = (1.0, 0.98, 0.95, 0.93, 0.9, 0.87, 0.83, 0.78, 0.72, 0.65, 0.55, 0.45)  # played / written
MANNERS = [(held, 0) for held in HELD] + [(1, gap) for gap in (0.5, 1, 1.5, 2, 3)]  # … or cut
LOOSENESS = (0.005, 0.03, 0.06)  # how much that share varies from note to note
# How likely a note ends at the next onset, the one after, the third; at one multiple of each unit.
END_CHANCES = np.array([0.5, 0.1, 0.05, *np.multiply(UNITS, (9, 7, 4, 3, 3, 2, 2, 2)) / 9000])
NEAR = 0.1  # share of its length by which a note may differ and still tell how notes are held
ODD = -12.0  # log-likelihood below which a note tells nothing about the manner of playing
N_ROUNDS = 4


def snap(onsets, positions):
    """Return each onset moved to the nearest place of a grid: int ndarray, shape (notes,).

    The positions are places in a quarter note, time steps from 0 to 23. Introduced in lesson 01.
    """
    places = np.array([*positions, RESOLUTION])
    beat = np.floor(onsets / RESOLUTION)
    distance = np.abs((onsets - beat * RESOLUTION)[:, None] - places)
    return (beat * RESOLUTION).astype(int) + places[distance.argmin(axis=1)]


def find_grid(onsets):
    """Choose a grid for each quarter note, and the spread of the playing around it.

    Takes the onsets as a float ndarray, shape (notes,), in time steps. Returns (int ndarray, shape
    (notes,): the onsets on their grids; float spread in time steps; dict of the share of the
    quarter notes on each grid). Introduced in lesson 01.
    """
    snapped = np.stack([snap(onsets, places) for places, _ in GRIDS.values()], axis=1)
    sizes = np.array([len(places) for places, _ in GRIDS.values()])
    chances = np.array([chance for _, chance in GRIDS.values()])
    beats, beat = np.unique(np.floor((onsets + 1) / RESOLUTION), return_inverse=True)
    fits = []
    for spread in SPREADS:
        misfit = (onsets[:, None] - snapped) ** 2 / (2 * spread**2)
        evidence = np.zeros((len(beats), len(GRIDS)))
        np.add.at(evidence, beat, -misfit - np.log(spread * sizes))
        fits.append((*_weigh(evidence, chances), spread))
    _, belief, spread = max(fits, key=itemgetter(0))
    chosen = belief.argmax(axis=1)
    shares = np.bincount(chosen, minlength=len(GRIDS)) / len(chosen)
    onsets = snapped[np.arange(len(onsets)), chosen[beat]]
    return onsets, spread, dict(zip(GRIDS, shares.tolist(), strict=True))


def _weigh(evidence, expected):
    """Learn from a piece how often each hypothesis holds (expectation-maximisation).

    Takes log likelihoods, shape (cases, hypotheses), and the first guess of each share; returns
    (log-likelihood of all cases, log beliefs of the shape of `evidence`).
    """
    share = expected / expected.sum()
    for _ in range(N_ROUNDS):
        belief = evidence + np.log(share)
        total = np.logaddexp.reduce(belief, axis=1)
        counts = np.exp(belief - total[:, None]).sum(axis=0)
        share = (counts + 2 * expected) / (counts.sum() + 2 * expected.sum())
    return total.sum(), belief


def find_ends(onsets, lengths, spread):
    """Return where each note was meant to end, though playing lets go of it earlier.

    Takes the onsets on their grid, sorted, the lengths as played, both of shape (notes,), and the
    spread of the playing, all in time steps. Returns an int ndarray, shape (notes,), each end later
    than its onset. Introduced in lesson 01.
    """
    some = lengths[:1000]  # enough to learn how the piece is played

    def weigh(held, gap, looseness=LOOSENESS[1]):
        return _weigh_ends(onsets, some, spread, held, gap, looseness)

    held, gap = max(MANNERS, key=lambda manner: weigh(*manner)[0])
    written, sounding = weigh(held, gap)[1] - onsets[: len(some)], some + gap
    plain = np.abs(sounding - held * written) <= NEAR * written
    if plain.any():
        held = sounding[plain].sum() / written[plain].sum()
    looseness = max(LOOSENESS, key=lambda looseness: weigh(held, gap, looseness)[0])
    _, ends = _weigh_ends(onsets, lengths, spread, held, gap, looseness)
    return np.clip(ends, onsets + 1, onsets + MAX_STEPS)


def _weigh_ends(onsets, lengths, spread, held, gap, looseness):
    """Find the likeliest ends of the first notes, all held in one manner: (likelihood, ends)."""
    places = np.append(np.unique(onsets), [onsets.max() + 10 * MAX_STEPS] * 3)  # the last: never
    onset = onsets[: len(lengths)]
    following = np.searchsorted(places, onset, side="right")[:, None] + np.arange(3)
    meant = onset + (lengths + gap) / held
    nearest = [np.maximum(np.round(meant / unit), onset // unit + 1) * unit for unit in UNITS]
    ends = np.column_stack([places[following], *nearest]).astype(int)
    written = ends - onset[:, None]
    variance = 2 * max(spread, 0.1) ** 2 + (looseness * written) ** 2
    evidence = -((lengths[:, None] + gap - held * written) ** 2) / (2 * variance)
    evidence += np.log(END_CHANCES) - np.log(variance) / 2
    evidence[:, :3][written[:, :3] > 9 * MAX_STEPS] = -np.inf
    each = np.logaddexp.reduce(evidence, axis=1)
    return np.maximum(each, ODD).sum(), ends[np.arange(len(onset)), evidence.argmax(axis=1)]


def keep_apart(onsets, ends, pitches):
    """End a note where its pitch is struck again, and merge what was struck twice at once.

    Returns an int ndarray, shape (notes, 3): onset, end, pitch, sorted by onset and pitch.
    """
    rows = np.column_stack([onsets, ends, pitches])[np.lexsort((-ends, onsets, pitches))]
    rows = rows[np.append(True, (np.diff(rows[:, ::2], axis=0) != 0).any(axis=1))]
    same_pitch = rows[1:, 2] == rows[:-1, 2]
    rows[:-1, 1][same_pitch] = np.minimum(rows[:-1, 1], rows[1:, 0])[same_pitch]
    return rows[np.lexsort((rows[:, 2], rows[:, 0]))]


def quantize(performance):
    """Compute written notes from played ones: one grid for all parts, lengths part by part.

    Returns (list of Part whose notes are int ndarrays of onset, end, pitch in time steps; dict of
    the share of the quarter notes on each grid).
    """
    played = [part.notes for part in performance.parts]
    written, spread, shares = find_grid(np.concatenate([notes["onset"] for notes in played]))
    cuts, parts = np.cumsum([len(notes) for notes in played])[:-1], []
    for part, onsets in zip(performance.parts, np.split(written, cuts), strict=True):
        order = np.argsort(onsets, kind="stable")
        notes, onsets = part.notes[order], onsets[order]
        ends = find_ends(onsets, notes["end"] - onsets, spread)
        rows = keep_apart(onsets, ends, notes["pitch"].astype(int))
        parts.append(dataclasses.replace(part, notes=rows))
    return parts, shares
