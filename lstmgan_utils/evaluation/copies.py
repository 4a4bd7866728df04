"""Novelty: the longest stretch that a piece shares with any tune of the training set.

Intervals and durations are compared, so that a copy in another key is still a copy. All tunes are
laid end to end and all their endings sorted, as in a suffix array; what shares most stands side by
side then, so that a thousand pieces are searched in seconds.
"""

import numpy as np

from .descriptors import melody

RESULT = np.dtype([("run", "<i4"), ("tune", "<i4"), ("start", "<i4"), ("tune_start", "<i4")])
MAX_LEVEL = 9  # stretches up to 2**10 − 1 intervals are told apart


def tokens(notes):
    """Number each step of a melody by the length of its note and the interval to the next.

    Args:
        notes: note array.

    Returns:
        int64 ndarray, shape (onsets − 1,), or empty.

    Introduced in lesson 08.
    """
    line = melody(notes)
    interval = np.diff(line["pitch"].astype(np.int64))
    return (interval + 128) * 2**16 + line["duration"][:-1]


def novelty(generated, training):
    """Find, for each piece, the longest run of notes that it shares with a training tune.

    Args:
        generated: list of note arrays.
        training: list of note arrays, or Songs.

    Returns:
        structured ndarray, shape (pieces,): run, notes whose intervals and durations agree one
        after the other (0 where none do); tune, the index of that training tune (−1 for none);
        start and tune_start, where the run starts in the melody of each, counted in notes.

    Introduced in lesson 08.
    """
    sequences = [tokens(notes) for notes in training] + [tokens(notes) for notes in generated]
    lengths = np.array([len(sequence) for sequence in sequences])
    starts = np.cumsum(lengths + 1) - lengths - 1  # one more for the separator after each
    n_tunes = len(sequences) - len(generated)
    levels = rank_levels(sequences)
    split = starts[n_tunes] if len(generated) else len(levels[0])
    shared, place = longest_matches(levels, split)
    result = np.zeros(len(generated), RESULT)
    result["tune"] = -1
    searched = zip(starts[n_tunes:] - split, lengths[n_tunes:], strict=True)
    for piece, (start, length) in enumerate(searched):
        if length and (found := shared[start : start + length]).max() > 0:
            best = int(found.argmax())
            tune = int(np.searchsorted(starts[:n_tunes], place[start + best], side="right")) - 1
            result[piece] = (found[best] + 1, tune, best, place[start + best] - starts[tune])
    return result


def rank_levels(sequences):
    """Number all stretches of 1, 2, 4, … tokens, so that equal numbers mean equal stretches.

    Args:
        sequences: list of int ndarrays.

    Returns:
        list of int32 ndarrays, one a level, each over all sequences end to end with a separator
        after each; numbers are in sorted order. A separator equals nothing but itself.
    """
    n_total = sum(len(sequence) + 1 for sequence in sequences)
    text = np.empty(n_total, np.int64)
    place = 0
    for number, sequence in enumerate(sequences):
        text[place : place + len(sequence)] = sequence
        place += len(sequence) + 1
        text[place - 1] = -1 - number
    levels = [np.unique(text, return_inverse=True)[1].astype(np.int32)]
    for level in range(MAX_LEVEL):
        rank, span = levels[-1].astype(np.int64), 2**level
        if rank.max(initial=0) == n_total - 1:
            break  # all stretches differ: longer ones do too
        following = np.full(n_total, -1, np.int64)
        following[:-span] = rank[span:]
        pairs = rank * (n_total + 1) + following + 1
        levels.append(np.unique(pairs, return_inverse=True)[1].astype(np.int32))
    return levels


def longest_matches(levels, split):
    """Find the longest match before `split` of every stretch that starts after it.

    Args:
        levels: list from `rank_levels`.
        split: int, where the searched-for sequences start.

    Returns:
        (length of the match in tokens, its place), int ndarrays, shape (tokens after split,).
    """
    order = np.lexsort((np.arange(len(levels[-1])), levels[-1]))  # sorted stretches
    is_tune = order < split
    positions = np.arange(len(order))
    # the nearest training stretch before and after each place in the sorted order
    before = np.maximum.accumulate(np.where(is_tune, positions, -1))
    after = np.minimum.accumulate(np.where(is_tune, positions, len(order))[::-1])[::-1]
    n_searched = len(order) - split
    best, place = np.zeros(n_searched, np.int64), np.full(n_searched, -1, np.int64)
    searched = order[~is_tune]
    for neighbour in (before[~is_tune], after[~is_tune]):
        exists = (neighbour >= 0) & (neighbour < len(order))
        mine, theirs = searched[exists], order[neighbour[exists]]
        length = common_length(levels, mine, theirs)
        better = length > best[mine - split]
        best[mine[better] - split], place[mine[better] - split] = length[better], theirs[better]
    return best, place


def common_length(levels, first, second):
    """Count the equal tokens from each pair of places on: int64 ndarray, shape (pairs,)."""
    length = np.zeros(len(first), np.int64)
    last = len(levels[0]) - 1
    for level in reversed(range(len(levels))):
        rank = levels[level]
        a, b = np.minimum(first + length, last), np.minimum(second + length, last)
        length += np.where(rank[a] == rank[b], 2**level, 0)
    return length
