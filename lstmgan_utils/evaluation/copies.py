"""What pieces share: runs copied from training tunes, and notes that two pieces have in common.

Copies are sought by intervals and durations, so that a copy in another key is still a copy.
"""

import numpy as np

from .descriptors import melody

RESULT = np.dtype([("run", "<i4"), ("tune", "<i4"), ("start", "<i4"), ("tune_start", "<i4")])


def tokens(notes):
    """Return a number for each step of a melody, from length and interval: int64 ndarray.

    Introduced in lesson 10.
    """
    line = melody(notes)
    interval = np.diff(line["pitch"].astype(np.int64))
    return (interval + 128) * 2**16 + line["duration"][:-1]


def novelty(generated, training):
    """Return, for each piece, the longest run of notes that it shares with a training tune.

    Args:
        generated, training: lists of note arrays, or Songs.

    Returns:
        structured ndarray, shape (pieces,): run, notes whose intervals and durations agree one
        after the other (0 where none do); tune, the index of the first such training tune (−1 for
        none); start and tune_start, where the run starts in the melody of each, counted in notes.

    Introduced in lesson 10.
    """
    sequences = [tokens(notes) for notes in (*training, *generated)]
    n_tunes, lengths = len(training), np.array([len(one) + 1 for one in sequences], int)
    # All sequences end to end. A separator after each equals nothing but itself.
    text = np.concatenate([np.append(one, -1 - i) for i, one in enumerate(sequences)] or [[]])
    owner = np.repeat(np.arange(len(sequences)), lengths)
    start = np.arange(len(text)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    result = np.full(len(generated), np.array((0, -1, 0, 0), RESULT))
    place, keys = np.arange(len(text)), text
    for n_steps in range(1, len(text)):
        _, first, run = np.unique(keys, return_index=True, return_inverse=True)
        is_tune, source = owner[place] < n_tunes, place[first]
        shared = np.isin(run, run[is_tune]) & np.isin(run, run[~is_tune])
        if not shared.any():
            break
        # Places ascend: the first of equal runs is a tune's. The first of a piece is written last.
        found = np.flatnonzero(shared & ~is_tune)[::-1]
        here, there = place[found], source[run[found]]
        columns = n_steps + 1, owner[there], start[here], start[there]
        for name, values in zip(RESULT.names, columns, strict=True):
            result[name][owner[here] - n_tunes] = values
        place, run = place[shared], run[shared]
        # the next token as a number from 0 up, to make one key of run and token
        keys = run * len(text) + np.unique(text[place + n_steps], return_inverse=True)[1]
    return result


def shared_notes(first, second):
    """Return the share of notes (onset and pitch) that two pieces have in common (Dice 1945)."""
    a, b = ({(onset, pitch) for onset, _, pitch in one.tolist()} for one in (first, second))
    return 2 * len(a & b) / ((len(a) + len(b)) or float("nan"))
