"""Rivals: four plain ways to make tunes, which a GAN has to beat to be worth its trouble.

Each learns from Songs with `fit`, and writes a piece in the key signature without sharps or flats
with `sample(seed, measures)`. All measures are 4/4 or halves of it. The fourth, a plain LSTM that
learns by likelihood, stands in `rival_lstm`.
"""

import numpy as np

from .clipping import clips, home_tunes, scatter
from .pianoroll import STEPS_PER_MEASURE, crop, note_array


class Rival:
    """What all rivals share: many samples are samples one by one."""

    def sample_many(self, seeds, measures=8):
        """Write one piece for each seed: list of note arrays."""
        return [self.sample(seed, measures) for seed in seeds]


class Noise(Rival):
    """Notes scattered at random, as many as in real clips: the floor."""

    def fit(self, songs):
        """Learn how many notes a beat, how long and how high."""
        every = np.concatenate(home_tunes(songs))
        self.pitches = np.quantile(every["pitch"], (0.01, 0.99)).astype(int)
        self.longest = 2 * int(np.ceil(every["duration"].mean()))
        self.density = np.array([len(clip) for clip in clips(songs)]) / 8  # notes a measure
        return self

    def sample(self, seed, measures=8):
        """Scatter notes over some measures: note array."""
        rng = np.random.default_rng(seed)
        n_notes = round(rng.choice(self.density) * measures)
        return scatter(rng, n_notes, measures * STEPS_PER_MEASURE, self.pitches, self.longest)


def join(parts, measures):
    """Put pieces of as many measures one after the other: note array."""
    moved = [part.copy() for part in parts]
    for place, part in enumerate(moved):
        part["onset"] += place * measures * STEPS_PER_MEASURE
    return np.concatenate(moved)


class MeasureShuffle(Rival):
    """Real measures in random order: every measure is music, the tune is not.

    Introduced in lesson 08.
    """

    def fit(self, songs):
        """Cut all tunes into measures."""
        self.measures = []
        for tune in home_tunes(songs):
            for measure in range(int(tune["onset"].max(initial=0)) // STEPS_PER_MEASURE + 1):
                start = measure * STEPS_PER_MEASURE
                self.measures.append(crop(tune, start, start + STEPS_PER_MEASURE))
        return self

    def sample(self, seed, measures=8):
        """Draw measures from all tunes: note array."""
        drawn = np.random.default_rng(seed).integers(len(self.measures), size=measures)
        return join([self.measures[i] for i in drawn], 1)


class Markov(Rival):
    """A Markov chain on notes whose memory is as long as the data allow.

    The next note is one that followed, somewhere in the training tunes, the same last notes at the
    same place in the measure: as many last notes as still leave `n_choices` places to take it from.

    Args:
        order: int, most notes of memory.
        n_choices: int, fewest places to choose from.
    """

    def __init__(self, order=6, n_choices=5):
        self.order, self.n_choices = order, n_choices

    def fit(self, songs):
        """Lay the notes of all tunes end to end, with room for the memory before each."""
        tunes = [tune_steps(tune) for tune in home_tunes(songs)]
        silence = np.full((self.order, 4), -1)
        self.notes = np.concatenate([part for tune in tunes for part in (silence, tune)])
        # One number a note, so that notes are compared at once; then all places in the order of
        # the note before and the place in the measure, so that they are found at once.
        self.numbers = np.unique(self.notes[:, :3], axis=0, return_inverse=True)[1].reshape(-1)
        keys = np.roll(self.numbers, 1) * STEPS_PER_MEASURE + self.notes[:, 3]
        keys[self.notes[:, 3] < 0] = -1
        self.sorted_places = np.argsort(keys, kind="stable")
        self.keys = keys[self.sorted_places]
        return self

    def choices(self, history, place):
        """Find the notes that may follow: indices of notes after the same last ones."""
        key = history[-1] * STEPS_PER_MEASURE + place
        choices = self.sorted_places[slice(*np.searchsorted(self.keys, (key, key + 1)))]
        if len(choices) < self.n_choices:
            choices = np.flatnonzero(self.notes[:, 3] == place)
        for back in range(1, self.order + 1):
            alike = choices[self.numbers[choices - back] == history[-back]]
            if len(alike) < self.n_choices:
                break
            choices = alike
        return choices

    def sample(self, seed, measures=8):
        """Write a tune note by note: note array."""
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
    """List the notes of a tune as a chain.

    Returns:
        int ndarray, shape (notes, 4): pitch, duration, steps to the next onset (at most a measure;
        0 inside a chord), place in the measure.
    """
    step = np.diff(tune["onset"], append=tune["onset"][-1:] + tune["duration"][-1:])
    columns = (tune["pitch"], tune["duration"], np.minimum(step, STEPS_PER_MEASURE),
               tune["onset"] % STEPS_PER_MEASURE)  # fmt: skip
    return np.stack(columns, axis=1).astype(np.int64)
