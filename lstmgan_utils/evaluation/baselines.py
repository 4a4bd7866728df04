"""What a GAN is compared with: clips of real tunes, noise, and baselines that it has to beat.

Baselines learn from Songs with `fit`, and sample a piece with `sample(seed, measures)`. All is in
4/4 or halves of it, and in the key signature without sharps or flats.
"""

import numpy as np

from ..pianoroll import RESOLUTION, STEPS_PER_MEASURE, crop, fit_to_roll, note_array, transpose
from ..pianoroll import n_steps as end_of
from ..vocabulary import key_shift
from .descriptors import N_STEPS, cut_measures, join_measures

DUPLE_METRES = ("4/4", "2/4", "2/2")  # whole or half measures of 4/4


def clips(songs, measures=8, seed=0, *, align=4, per_song=1):
    """Return clips of whole measures in random order, cut from Songs: list of note arrays.

    Descriptors change with the length of a piece, its place in the tune and its key, so that only
    such clips can be compared.

    Args:
        songs: Songs; those in other metres than 4/4, 2/4 and 2/2 are left out.
        measures, seed: ints, length of a clip, which clip of each song.
        align: int, clips start so many measures, or a multiple, after the pickup; 4 is where most
            phrases start.
        per_song: int, clips of one song at most; they may overlap.

    Raises:
        ValueError: no song is long enough.

    Introduced in lesson 10.
    """
    rng, length, found = np.random.default_rng(seed), measures * STEPS_PER_MEASURE, []
    for tune in home_tunes(songs):
        # The last measure often lacks the beat that the pickup has: a quarter may be missing.
        starts = np.arange(0, end_of(tune) + RESOLUTION - length + 1, align * STEPS_PER_MEASURE)
        for start in rng.permutation(starts)[:per_song]:
            clip = crop(tune, int(start), int(start) + length)
            clip = clip[clip["duration"] > 1]  # the edge may leave what no roll can hold
            found += [clip] if len(clip) else []
    if not found:
        raise ValueError(f"no song in 4/4, 2/4 or 2/2 lasts {measures} measures; ask for fewer")
    return [found[i] for i in rng.permutation(len(found))]


def home_tunes(songs):
    """Return the tunes in 4/4, 2/4 or 2/2, without pickup, in the key without sharps or flats.

    Introduced in lesson 10.
    """
    tunes, table = [], songs.table
    for i in np.flatnonzero(np.isin(table["metre"], DUPLE_METRES)):
        tune = crop(fit_to_roll(songs[i]), int(table["pickup"][i]), end_of(songs[i]) + 1)
        tunes.append(transpose(tune, key_shift(table["key"][i])))
    return tunes


def noise_like(reference, n_pieces, n_steps=N_STEPS, seed=0):
    """Return pieces of random notes: as many as in real clips, as long on average, as high and low.

    Introduced in lesson 10.
    """
    rng, every, pieces = np.random.default_rng(seed), np.concatenate(reference), []
    low, high = np.quantile(every["pitch"], (0.01, 0.99)).astype(int)
    longest = 2 * int(np.ceil(every["duration"].mean()))
    for i in rng.integers(len(reference), size=n_pieces):
        n_notes = min(len(reference[i]), n_steps)
        onset = np.sort(rng.choice(n_steps, n_notes, replace=False))
        duration = np.minimum(rng.integers(1, longest, n_notes), np.diff(onset, append=n_steps))
        pitch = rng.integers(low, high + 1, n_notes)
        pieces.append(note_array(np.column_stack([onset, duration, pitch])))
    return pieces


class MeasureShuffle:
    """Draw real measures in random order: every measure is music, the tune is not.

    Introduced in lesson 10.
    """

    def fit(self, songs):
        """Cut all tunes into measures."""
        self.measures = [part for tune in home_tunes(songs) for part in cut_measures(tune)]
        return self

    def sample(self, seed, measures=8):
        """Draw measures from all tunes: note array."""
        drawn = np.random.default_rng(seed).integers(len(self.measures), size=measures)
        return join_measures([self.measures[i] for i in drawn])


class MarkovChain:
    """Sample from a Markov chain on notes whose memory is as long as the data allow.

    The next note is one that followed, somewhere in the training tunes, the same last notes at the
    same place in the measure: as many last notes as still leave `n_choices` places to take it from.

    `order` is the most notes of memory, `n_choices` the fewest places.

    Introduced in lesson 10.
    """

    def __init__(self, order=6, n_choices=5):
        self.order, self.n_choices = order, n_choices

    def fit(self, songs):
        """Lay the notes of all tunes end to end, with room for the memory before each."""
        silence = np.full((self.order, 4), -1)
        tunes = [tune_steps(tune) for tune in home_tunes(songs)]
        self.notes = np.concatenate([part for tune in tunes for part in (silence, tune)])
        # one number a note, to compare notes at once
        self.numbers = np.unique(self.notes[:, :3], axis=0, return_inverse=True)[1].reshape(-1)
        place = self.notes[:, 3]
        self.at_place = [np.flatnonzero(place == one) for one in range(STEPS_PER_MEASURE)]
        return self

    def choices(self, history, place):
        """Return the notes that may follow: indices of notes after the same last ones."""
        choices = self.at_place[place]
        for back in range(1, self.order + 1):
            alike = choices[self.numbers[choices - back] == history[-back]]
            if len(alike) < self.n_choices:
                break
            choices = alike
        return choices

    def sample(self, seed, measures=8):
        """Sample a tune note by note: note array."""
        rng, onset, rows = np.random.default_rng(seed), 0, []
        history = [self.numbers[0]] * self.order  # before the first note there is silence
        while onset < measures * STEPS_PER_MEASURE:
            choices = self.choices(history, onset % STEPS_PER_MEASURE)
            if not len(choices):
                break  # no tune has a note here; the rest stays silent
            chosen = rng.choice(choices)
            pitch, duration, step, _ = self.notes[chosen]
            rows.append((onset, duration, pitch))
            history.append(self.numbers[chosen])
            onset += step
        return crop(note_array(rows), 0, measures * STEPS_PER_MEASURE)


def tune_steps(tune):
    """Return pitch, duration, steps to the next onset, place in the measure: shape (notes, 4).

    Steps to the next onset are at most a measure, and 0 inside a chord.
    """
    step = np.diff(tune["onset"], append=tune["onset"][-1:] + tune["duration"][-1:])
    step, place = np.minimum(step, STEPS_PER_MEASURE), tune["onset"] % STEPS_PER_MEASURE
    return np.stack([tune["pitch"], tune["duration"], step, place], axis=1).astype(np.int64)
