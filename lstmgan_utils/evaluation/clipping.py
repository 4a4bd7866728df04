"""Clips of equal length: the only fair things to compare. Real ones are cut from tunes here.

Statistics change with the length of a piece, its place in the tune and its key. So every set is
made of clips of as many measures, cut at measure lines, moved to the key signature without sharps
or flats.
"""

import numpy as np

from ..pianoroll import (
    RESOLUTION,
    STEPS_PER_MEASURE,
    crop,
    fit_to_roll,
    n_steps,
    note_array,
    transpose,
)
from ..vocabulary import key_shift

DUPLE_METRES = ("4/4", "2/4", "2/2")  # whole or half measures of 4/4


def clips(songs, measures=8, seed=0, *, metres=DUPLE_METRES, align=4, per_song=1):
    """Cut clips of whole measures of 4/4 from songs that are long enough.

    Args:
        songs: Songs.
        measures: int, length of a clip.
        seed: int, which clip of each song.
        metres: tuple of str, songs in other metres are left out.
        align: int, a clip starts this many measures, or a multiple, after the pickup. With 4, it
            starts where most phrases do.
        per_song: int, clips of one song at most; they may overlap.

    Returns:
        list of note arrays in random order, each `96 * measures` steps long with its final
        silence.

    Raises:
        ValueError: no song is long enough.

    Introduced in lesson 08.
    """
    rng, length, found = np.random.default_rng(seed), measures * STEPS_PER_MEASURE, []
    for tune in home_tunes(songs, metres):
        # The last measure often lacks the beat that the pickup has: a quarter may be missing.
        starts = np.arange(0, n_steps(tune) + RESOLUTION - length + 1, align * STEPS_PER_MEASURE)
        for start in rng.permutation(starts)[:per_song]:
            clip = crop(tune, int(start), int(start) + length)
            clip = clip[clip["duration"] > 1]  # the edge may leave a splinter that no roll can hold
            if len(clip):
                found.append(clip)
    if not found:
        raise ValueError(f"no song of {', '.join(metres)} lasts {measures} measures; ask for fewer")
    return [found[i] for i in rng.permutation(len(found))]


def home_tunes(songs, metres=DUPLE_METRES):
    """Prepare whole tunes: without pickup, in the key signature without sharps or flats.

    Args:
        songs: Songs.
        metres: tuple of str, songs in other metres are left out.

    Returns:
        list of note arrays as a roll can hold them.

    Introduced in lesson 08.
    """
    table = songs.table
    return [
        transpose(
            crop(fit_to_roll(songs[i]), int(table["pickup"][i]), n_steps(songs[i]) + 1),
            key_shift(table["key"][i]),
        )
        for i in np.flatnonzero(np.isin(table["metre"], metres))
    ]


def noise_like(reference, n_pieces, n_steps=8 * STEPS_PER_MEASURE, seed=0):
    """Scatter notes at random: as many as in real clips, as long on average, as high and low.

    Args:
        reference: list of note arrays, real clips.
        n_pieces: int.
        n_steps: int, length of a piece.
        seed: int.

    Returns:
        list of note arrays, one note at a time.

    Introduced in lesson 08.
    """
    rng = np.random.default_rng(seed)
    every = np.concatenate(reference)
    low, high = np.quantile(every["pitch"], (0.01, 0.99)).astype(int)
    longest = 2 * int(np.ceil(every["duration"].mean()))
    sizes = [len(reference[i]) for i in rng.integers(len(reference), size=n_pieces)]
    return [scatter(rng, size, n_steps, (low, high), longest) for size in sizes]


def scatter(rng, n_notes, n_steps, pitches, longest):
    """Scatter notes over some time steps, one note at a time, each no longer than `longest`.

    Args:
        rng: numpy Generator.
        n_notes, n_steps: int.
        pitches: (lowest, highest), int.
        longest: int, time steps.

    Returns:
        note array.
    """
    n_notes = min(n_notes, n_steps)
    onset = np.sort(rng.choice(n_steps, n_notes, replace=False))
    duration = np.minimum(rng.integers(1, longest, n_notes), np.diff(onset, append=n_steps))
    pitch = rng.integers(pitches[0], pitches[1] + 1, n_notes)
    return note_array(np.column_stack([onset, duration, pitch]))
