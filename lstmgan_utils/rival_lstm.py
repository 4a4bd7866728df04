"""The strongest plain rival: an LSTM that guesses the next note, trained by likelihood.

One training tune in twenty is kept aside. The weights that guess those best are kept, so that more
time than the network needs does not turn it into a copier.
"""

import time

import numpy as np

from .clipping import home_tunes
from .pianoroll import STEPS_PER_MEASURE, crop, note_array
from .rivals import Rival, tune_steps


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
