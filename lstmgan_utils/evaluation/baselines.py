"""Rivals: four plain ways to make tunes, which a GAN has to beat to be worth its trouble.

Each learns from Songs with `fit`, and writes a piece in the key signature without sharps or flats
with `sample(seed, measures)`. All measures are 4/4 or halves of it. The fourth, a plain LSTM that
learns by likelihood, stands in `rival_lstm`.
"""

import time

import numpy as np

from ..pianoroll import STEPS_PER_MEASURE, crop, note_array
from .clipping import clips, home_tunes, scatter


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


class LikelihoodLSTM(Rival):
    """A plain LSTM that reads notes and guesses pitch, duration and step of the next one.

    Args:
        units: int, size of the LSTM.
        minutes: float, wall time of training at most.
        window: int, notes a training sequence.
        seed: int.
        check_every: int, batches between two looks at the tunes that were kept aside.
    """

    SIZES = (129, 97, 97, 96)  # pitch (128 starts a tune), duration, step, place in the measure
    PATIENCE = 15  # checks without a better guess, after which more training only learns by heart

    def __init__(self, units=256, minutes=5.0, window=64, seed=0, check_every=200):
        self.units, self.minutes, self.window, self.seed = units, minutes, window, seed
        self.check_every = check_every

    def fit(self, songs):
        """Train by cross-entropy until the time is up, or until it learns nothing more."""
        import keras

        keras.utils.set_random_seed(self.seed)
        self.build()
        self.trainer.compile(keras.optimizers.Adam(2e-3, clipnorm=1.0),
                             ["sparse_categorical_crossentropy"] * 3)  # fmt: skip
        data, unseen = (self.windows(home_tunes(songs.select(part)))
                        for part in songs.split(self.seed, 0.05))  # fmt: skip
        unseen = unseen if len(unseen) else data  # too few songs to keep any aside
        rng, end = np.random.default_rng(self.seed), None
        self.losses, self.unseen_losses, best = [], [], self.trainer.get_weights()
        while end is None or time.monotonic() < end:
            batch = data[rng.integers(len(data), size=64)]
            self.losses.append(self.loss(self.trainer.train_on_batch, batch))
            end = end or time.monotonic() + 60 * self.minutes  # the first step is compilation
            if len(self.losses) % self.check_every == 0:
                best = self.check(unseen, best)
                if len(self.unseen_losses) - np.argmin(self.unseen_losses) > self.PATIENCE:
                    break
        self.trainer.set_weights(self.check(unseen, best))
        return self

    @staticmethod
    def loss(action, batch):
        """Train or test on sequences: float, nats a note."""
        targets = tuple(batch[:, 1:, i] for i in range(3))
        return float(action(batch[:, :-1], targets)[0])

    def check(self, unseen, best):
        """Guess tunes that were kept aside: the present weights if better than ever, else best."""
        self.unseen_losses.append(self.loss(self.trainer.test_on_batch, unseen))
        is_best = np.argmin(self.unseen_losses) == len(self.unseen_losses) - 1
        return self.trainer.get_weights() if is_best else best

    def build(self):
        """Make two models of the same layers: one for whole sequences, one for a step at a time."""
        from keras import Input, Model, layers

        tables = [layers.Embedding(size, 48) for size in self.SIZES]
        cells = layers.LSTM(self.units, return_sequences=True, return_state=True)
        heads = [layers.Dense(size, activation="softmax") for size in self.SIZES[:3]]

        def read(notes, state=None):
            embedded = [table(notes[:, :, i]) for i, table in enumerate(tables)]
            hidden, *state = cells(layers.Concatenate()(embedded), initial_state=state)
            return [head(hidden) for head in heads], state

        notes = Input((None, 4), dtype="int32")
        self.trainer = Model(notes, read(notes)[0])
        state = [Input((self.units,)), Input((self.units,))]
        guesses, new_state = read(notes, state)
        self.stepper = Model([notes, *state], guesses + new_state)

    def windows(self, tunes):
        """Cut tunes into sequences: int32 ndarray, shape (sequences, window + 1, 4).

        A row holds pitch, duration and step of a note, and the place where the next one starts.
        """
        found = []
        for tune in tunes:
            rows = tune_steps(tune)
            place = (rows[:, 3] + rows[:, 2]) % STEPS_PER_MEASURE
            chain = np.concatenate([[(128, 0, 0, rows[0, 3])], np.c_[rows[:, :3], place]])
            short = max(self.window + 1 - len(chain), 0)
            chain = np.concatenate([np.repeat(chain[:1], short, axis=0), chain])
            starts = range(0, len(chain) - self.window, 16)
            found += [chain[start : start + self.window + 1] for start in starts]
        return np.array(found, np.int32)

    def sample(self, seed, measures=8):
        """Write a tune note by note: note array."""
        return self.sample_many([seed], measures)[0]

    def sample_many(self, seeds, measures=8):
        """Write one tune for each seed, all at the same time: list of note arrays."""
        length, n = measures * STEPS_PER_MEASURE, len(seeds)
        rngs = [np.random.default_rng(seed) for seed in seeds]
        onset, rows = np.zeros(n, int), [[] for _ in seeds]
        note = np.tile(np.array([128, 0, 0, 0], np.int32), (n, 1, 1))
        state = [np.zeros((n, self.units), np.float32)] * 2
        while (onset < length).any() and max(map(len, rows)) < length:
            *guesses, h, c = (np.asarray(x) for x in self.stepper([note, *state], training=False))
            state = [h, c]
            draws = np.array([rng.random(3) for rng in rngs])
            drawn = [draw_classes(guess[:, 0], draws[:, i]) for i, guess in enumerate(guesses)]
            for i, (pitch, duration, step) in enumerate(zip(*drawn, strict=True)):
                if onset[i] < length and pitch < 128 and duration:
                    rows[i].append((onset[i], duration, pitch))
                onset[i] += step
            note = np.stack([*drawn, onset % STEPS_PER_MEASURE], axis=1)[:, None].astype(np.int32)
        return [crop(note_array(found), 0, length) for found in rows]


def draw_classes(shares, draws):
    """Draw a class from each row of shares by a number from 0 to 1: int ndarray, shape (rows,)."""
    passed = (np.cumsum(shares, axis=1) < draws[:, None]).sum(axis=1)
    return np.minimum(passed, shares.shape[1] - 1)
