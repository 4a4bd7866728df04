"""What a GAN is compared with: clips of real tunes, noise, and baselines that it has to beat.

Baselines learn from Songs with `fit`, and sample a piece with `sample(seed, measures)`. All is in
4/4 or halves of it, and in the key signature without sharps or flats.
"""

import time

import keras
import numpy as np

from ..pianoroll import RESOLUTION, STEPS_PER_MEASURE, crop, fit_to_roll, note_array, transpose
from ..pianoroll import n_steps as end_of
from ..vocabulary import key_shift
from .descriptors import cut_measures, join_measures

DUPLE_METRES = ("4/4", "2/4", "2/2")  # whole or half measures of 4/4


def clips(songs, measures=8, seed=0, *, metres=DUPLE_METRES, align=4, per_song=1):
    """Return clips of whole measures in random order, cut from Songs: list of note arrays.

    Descriptors change with the length of a piece, its place in the tune and its key, so that only
    such clips can be compared.

    Args:
        songs: Songs.
        measures, seed: ints, length of a clip, which clip of each song.
        metres: tuple of str, songs in other metres are left out.
        align: int, clips start so many measures, or a multiple, after the pickup; 4 is where most
            phrases start.
        per_song: int, clips of one song at most; they may overlap.

    Raises:
        ValueError: no song is long enough.

    Introduced in lesson 10.
    """
    rng, length, found = np.random.default_rng(seed), measures * STEPS_PER_MEASURE, []
    for tune in home_tunes(songs, metres):
        # The last measure often lacks the beat that the pickup has: a quarter may be missing.
        starts = np.arange(0, end_of(tune) + RESOLUTION - length + 1, align * STEPS_PER_MEASURE)
        cut = (crop(tune, int(start), int(start) + length)
               for start in rng.permutation(starts)[:per_song])  # fmt: skip
        # the edge may leave a splinter that no roll can hold
        found += [clip[clip["duration"] > 1] for clip in cut if (clip["duration"] > 1).any()]
    if not found:
        raise ValueError(f"no song of {', '.join(metres)} lasts {measures} measures; ask for fewer")
    return [found[i] for i in rng.permutation(len(found))]


def home_tunes(songs, metres=DUPLE_METRES):
    """Return whole tunes of these metres without pickup, in the key without sharps or flats.

    Introduced in lesson 10.
    """
    tunes, table = [], songs.table
    for i in np.flatnonzero(np.isin(table["metre"], metres)):
        tune = crop(fit_to_roll(songs[i]), int(table["pickup"][i]), end_of(songs[i]) + 1)
        tunes.append(transpose(tune, key_shift(table["key"][i])))
    return tunes


def noise_like(reference, n_pieces, n_steps=8 * STEPS_PER_MEASURE, seed=0):
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


class Baseline:
    """Sample many pieces as single pieces are sampled."""

    def sample_many(self, seeds, measures=8):
        """Return one piece for each seed: list of note arrays."""
        return [self.sample(seed, measures) for seed in seeds]


class MeasureShuffle(Baseline):
    """Draw real measures in random order: every measure is music, the tune is not.

    Introduced in lesson 10.
    """

    def fit(self, songs):
        """Cut all tunes into measures."""
        self.measures = []
        for tune in home_tunes(songs):
            n_measures = int(tune["onset"].max(initial=0)) // STEPS_PER_MEASURE + 1
            self.measures += cut_measures(tune, n_measures)
        return self

    def sample(self, seed, measures=8):
        """Draw measures from all tunes: note array."""
        drawn = np.random.default_rng(seed).integers(len(self.measures), size=measures)
        return join_measures([self.measures[i] for i in drawn])


class MarkovChain(Baseline):
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


class LikelihoodLSTM(Baseline):
    """Sample from a plain LSTM that predicts pitch, duration and step of the next note.

    It has `units`, trains on sequences of `window` notes, and for at most so many `minutes`.

    Introduced in lesson 10.
    """

    SIZES = (129, 97, 97, 96)  # pitch (128 starts a tune), duration, step, place in the measure
    PATIENCE = 10  # epochs without a lower loss on unseen tunes, after which it only overfits

    def __init__(self, units=256, minutes=5.0, window=64, seed=0):
        self.units, self.minutes, self.window, self.seed = units, minutes, window, seed

    def fit(self, songs):
        """Train by cross-entropy until the time is up, or the loss on unseen tunes stops falling.

        The weights are then those of the lowest val_loss; `history` holds the losses of each epoch
        in nats a note.
        """
        keras.utils.set_random_seed(self.seed)
        self.tables = [keras.layers.Embedding(size, 48) for size in self.SIZES]
        self.lstm = keras.layers.LSTM(self.units, return_sequences=True, return_state=True)
        self.heads = [keras.layers.Dense(size, "softmax") for size in self.SIZES[:3]]
        notes = keras.Input((None, 4), dtype="int32")
        self.model = keras.Model(notes, self.predict(notes)[0])
        self.model.compile(keras.optimizers.Adam(2e-3, clipnorm=1.0),
                           ["sparse_categorical_crossentropy"] * 3)  # fmt: skip
        data, unseen = (self.windows(home_tunes(songs.select(part)))
                        for part in songs.split(self.seed, 0.05))  # fmt: skip
        unseen = unseen if len(unseen[0]) else data  # too few songs to keep any aside
        end = []

        def stop_in_time(batch, logs):
            end[:] = end or [time.monotonic() + 60 * self.minutes]  # the first batch compiles
            self.model.stop_training = time.monotonic() >= end[0]

        stop = keras.callbacks.LambdaCallback(on_train_batch_end=stop_in_time)
        patience = keras.callbacks.EarlyStopping(patience=self.PATIENCE, restore_best_weights=True)
        self.history = self.model.fit(*data, 64, epochs=1000, validation_data=unseen,
                                      callbacks=[stop, patience], verbose=0).history  # fmt: skip
        return self

    def predict(self, notes, state=None):
        """Return the probabilities of the next pitch, duration and step, and the new state."""
        embedded = [table(notes[:, :, i]) for i, table in enumerate(self.tables)]
        hidden, *state = self.lstm(keras.ops.concatenate(embedded, axis=-1), initial_state=state)
        return [head(hidden) for head in self.heads], state

    def windows(self, tunes):
        """Return training sequences, int32, shape (sequences, window, 4), and their targets.

        A row holds pitch, duration and step of a note, and the place where the next one starts.
        """
        found = [np.empty((0, self.window + 1, 4), np.int32)]
        for tune in tunes:
            rows = tune_steps(tune)
            place = (rows[:, 3] + rows[:, 2]) % STEPS_PER_MEASURE
            chain = np.concatenate([[(128, 0, 0, rows[0, 3])], np.c_[rows[:, :3], place]])
            chain = np.pad(chain, ((max(self.window + 1 - len(chain), 0), 0), (0, 0)), "edge")
            cut = np.lib.stride_tricks.sliding_window_view(chain, self.window + 1, axis=0)[::16]
            found.append(cut.swapaxes(1, 2))
        found = np.concatenate(found, dtype=np.int32, casting="unsafe")
        return found[:, :-1], tuple(found[:, 1:, i] for i in range(3))

    def sample_many(self, seeds, measures=8):
        """Sample one tune for each seed, all at the same time: list of note arrays."""
        length, rngs = measures * STEPS_PER_MEASURE, [np.random.default_rng(seed) for seed in seeds]
        note = np.tile(np.array([128, 0, 0, 0], np.int32), (len(seeds), 1, 1))
        onset, found, state = np.zeros(len(seeds), int), [], None
        while (onset < length).any() and len(found) < length:
            shares, state = self.predict(note, state)
            draws = np.array([rng.random(3) for rng in rngs])
            pitch, duration, step = (draw_classes(np.asarray(share)[:, 0], draws[:, i])
                                     for i, share in enumerate(shares))  # fmt: skip
            found.append(np.stack([onset, duration, pitch], axis=1))
            onset = onset + step
            note = np.stack([pitch, duration, step, onset % STEPS_PER_MEASURE], axis=1)[:, None]
        pieces = np.stack(found, axis=1)
        return [crop(note_array(piece[(piece[:, 1] > 0) & (piece[:, 2] < 128)]), 0, length)
                for piece in pieces]  # fmt: skip


def draw_classes(shares, draws):
    """Return a class from each row of shares, drawn by a number from 0 to 1."""
    passed = (np.cumsum(shares, axis=1) < draws[:, None]).sum(axis=1)
    return np.minimum(passed, shares.shape[1] - 1)
