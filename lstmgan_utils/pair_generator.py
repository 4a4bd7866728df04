"""The generator: one LSTM walks along the beats, another up the keyboard inside each beat.

It reads what it has played, scores the next pitch from low to high, then its rhythm pattern, and
turns one random value a decision into a choice. Melodies and piano music are the same to it.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from .choices import REACH, choose, look_back, raise_scores, relative, straight_through
from .config import LATENT_SIZE
from .generator import place_features
from .lookback import fold
from .pianoroll import N_PITCHES, RESOLUTION
from .recurrence import run_lstm
from .tokens import Vocabulary
from .vocabulary import BEATS_PER_MEASURE, METRES, SECTION

LOOKBACK = (1, 2, 4, 8, SECTION)  # measures: what was played so long ago is offered again
N_BACKS = 1 + len(LOOKBACK)  # and the beat before
TUNE = 2 * SECTION  # measures; a longer piece is a medley of tunes
N_BLANKS = SECTION * max(BEATS_PER_MEASURE.values())  # beats that a look-back reaches
NOTHING = -1  # in place of a token: no music there, before a tune begins and after its end
NEVER = -1e9  # score of what may not be chosen


class PairGenerator(keras.Model):
    """Plays a list of (pitch, pattern) pairs a beat; see the top of this file.

    No weight depends on the length of a piece: a long one is a medley of tunes of 32 measures,
    each of two sections. Memory starts afresh with each section, since one that was trained on 16
    measures does not carry 200; look-backs reach over its edge.

    Args:
        config: PairConfig.
        vocabulary: tokens.Vocabulary.

    Introduced in lesson 05.
    """

    def __init__(self, config, vocabulary: Vocabulary):
        super().__init__(name="generator")
        self.config, self.vocabulary, self.end = config, vocabulary, vocabulary.end
        size, units, n_patterns = config.embedding, config.pitch_units, len(vocabulary)
        large = keras.initializers.RandomNormal(stddev=0.3, seed=config.seed)
        self.pitch_embedding = self.add_weight((N_PITCHES, size), large, name="pitches")
        self.pattern_embedding = self.add_weight((n_patterns, size), large, name="patterns")
        self.interval_embedding = self.add_weight((2 * REACH + 1, size), large, name="intervals")
        self.time_cells = [keras.layers.LSTMCell(config.units, name=f"time_{n}") for n in (1, 2)]
        self.pitch_cell = keras.layers.LSTMCell(units, name="pitch")
        dense = keras.layers.Dense
        self.first_state = dense(2 * units, "tanh", name="first_state")
        self.context = dense(size, name="context")
        self.to_pitch = dense(N_PITCHES + 1, name="to_pitch")
        self.from_pair, self.from_beat = (
            dense(2 * REACH + 1, name=f"from_{name}") for name in ("pair", "beat")
        )
        self.to_rhythm = dense(units, "relu", name="to_rhythm")
        self.to_pattern = dense(n_patterns, name="to_pattern")
        self.copy_pitch, self.copy_pattern = (
            dense(N_BACKS, bias_initializer="ones", name=f"copy_{name}") for name in ("1", "2")
        )
        n_places = 4 + 8 + len(METRES) + 4
        for layer, width in (
            (self.time_cells[0], n_places + len(LOOKBACK) + N_BACKS * size),
            (self.time_cells[1], config.units), (self.pitch_cell, size + N_BACKS),
            (self.first_state, config.units), (self.context, config.units), (self.to_pitch, units),
            (self.to_rhythm, units + size), (self.to_pattern, units),
            (self.copy_pitch, units), (self.copy_pattern, units),
            (self.from_pair, units), (self.from_beat, units),
        ):  # fmt: skip
            layer.build((None, width))
        ends = RESOLUTION - np.argmax(vocabulary.patterns[:, ::-1], axis=1)
        self.ends = tf.constant(ends, tf.int32)  # after so many steps the pitch is silent
        self.is_open = tf.constant(vocabulary.patterns[:, -1] > 0)  # sounds to the beat's end
        self.goes_on = tf.constant(vocabulary.patterns[:, 0] > 0)  # sounds from its beginning
        self.built = True

    # What a beat is told -------------------------------------------------------------------

    def inputs(self, places, summaries, pasts, earlier):
        """Assemble what the time LSTM reads.

        Args:
            places: float tensor, shape (…, 19), positional features.
            summaries: float tensor, shape (…, look-backs, embedding), `summarize` of the pasts.
            pasts: int tensor, shape (…, look-backs, pairs), the beat before, then the beats 1, 2,
                4, 8 and 16 measures ago.
            earlier: int tensor, shape (…, look-backs − 1, pairs), the beats before these.

        Returns:
            float tensor, shape (…, features).
        """
        repeats = tf.reduce_all(pasts[..., :1, :] == earlier, axis=-1)  # did the last beat?
        repeats = tf.cast(repeats & (earlier[..., 0] >= 0), tf.float32)
        if not self.config.repeat_flags:
            repeats = tf.zeros_like(repeats)
        shape = tf.concat([tf.shape(places)[:-1], [N_BACKS * self.config.embedding]], 0)
        return tf.concat([places, repeats, tf.reshape(summaries, shape)], axis=-1)

    def summarize(self, tokens):
        """Describe beats, shape (…, pairs), by the sums of their pairs: shape (…, embedding)."""
        return tf.reduce_sum(self.embed(tokens), axis=-2)

    def embed(self, tokens):
        """Describe pairs by numbers, shape (…, embedding); END and NOTHING are zeros."""
        is_pair = (tokens >= 0) & (tokens < self.end)
        pitch, pattern = self.split(tf.where(is_pair, tokens, 0))
        both = tf.gather(self.pitch_embedding, pitch) + tf.gather(self.pattern_embedding, pattern)
        return tf.nn.relu(both) * tf.cast(is_pair, tf.float32)[..., None]

    def split(self, tokens):
        """Split tokens into (pitch, pattern); the pitch of END is 128."""
        return tokens // len(self.vocabulary), tokens % len(self.vocabulary)

    # The walk up the keyboard --------------------------------------------------------------

    def begin(self, hidden, pasts):
        """Stand below the keyboard: (state, last token, which beats were equal so far)."""
        state = tf.split(self.first_state(hidden), 2, axis=-1)
        same = tf.cast(pasts[..., 0] >= 0, tf.float32)
        return state, tf.fill(tf.shape(hidden)[:1], NOTHING), same

    def pitch_scores(self, slot, context, state, last, same, pasts):
        """Score the pitch of pair number `slot` of the beat, and END.

        Args:
            slot: int.
            context: float tensor, shape (rows, embedding), what the time LSTM says of the beat.
            state, last, same: from `begin` or the pair before.
            pasts: int tensor, shape (rows, look-backs, pairs).

        Returns:
            (scores, shape (rows, 129), output of the pitch LSTM, its state, offered tokens,
            shape (rows, look-backs), pitch that must not be skipped, shape (rows,)).
        """
        floor = (last // len(self.vocabulary) + 1) * len(self.vocabulary)
        offers = self._above(pasts, floor[:, None, None])
        before = pasts[:, 0]
        is_open = (before >= 0) & (before < self.end)
        is_open &= tf.gather(self.is_open, tf.maximum(before, 0) % len(self.vocabulary))
        held = tf.where(is_open, before, self.end)  # these go on into this beat
        next_held = self.split(self._above(held, floor[:, None]))[0]
        waiting = tf.reduce_sum(tf.cast((held >= floor[:, None]) & is_open, tf.int32), axis=-1)
        full = waiting >= self.config.pairs - slot  # no room for others
        lowest = tf.where(full & (waiting > 0), next_held, self.split(floor)[0])
        lowest = tf.minimum(lowest, N_PITCHES)  # after END comes END
        origin = self.last_pitch(before)
        pitch_before = tf.where(last < 0, -1, self.split(last)[0])
        pair = self.embed(last) + self.embed_interval(pitch_before, origin)
        output, state = self.pitch_cell(tf.concat([context + pair, same], axis=-1), state)
        scores = self.to_pitch(output)
        if self.config.copying:
            known = tf.cast(pasts[..., 0] >= 0, tf.float32)
            scores = raise_scores(scores, self.split(offers)[0], self.copy_pitch(output) * known)
        if self.config.intervals:
            scores += relative(self.from_pair(output), pitch_before)
            scores += relative(self.from_beat(output), origin)
        pitch = tf.range(N_PITCHES + 1)
        allowed = (pitch >= lowest[:, None]) & (pitch <= next_held[:, None])
        return tf.where(allowed, scores, NEVER), output, state, offers, next_held

    def pattern_scores(self, pitch, output, offers, next_held, pasts):
        """Score the patterns of a pitch: shape (rows, patterns)."""
        tone = tf.gather(self.pitch_embedding, tf.minimum(pitch, N_PITCHES - 1))
        tone += self.embed_interval(pitch, self.last_pitch(pasts[:, 0]))
        hidden = self.to_rhythm(tf.concat([output, tone], axis=-1))
        scores = self.to_pattern(hidden)
        if self.config.copying:
            offered, pattern = self.split(offers)
            fits = (pasts[..., 0] >= 0) & (offered == pitch[:, None])
            scores = raise_scores(
                scores, pattern, self.copy_pattern(hidden) * tf.cast(fits, tf.float32)
            )
        return tf.where((pitch != next_held)[:, None] | self.goes_on, scores, NEVER)

    def embed_interval(self, pitch, origin):
        """Describe how far pitches are from where the last beat ended: shape (rows, embedding)."""
        interval = tf.clip_by_value(pitch - origin, -REACH, REACH) + REACH
        there = (pitch >= 0) & (pitch < N_PITCHES) & (origin >= 0) & self.config.intervals
        return tf.gather(self.interval_embedding, interval) * tf.cast(there, tf.float32)[:, None]

    def last_pitch(self, tokens):
        """Find the pitch, of beats (rows, pairs), that sounds last, the highest of several; or −1.

        A melody goes on from there.
        """
        pitch, pattern = self.split(tf.maximum(tokens, 0))
        is_pair = (tokens >= 0) & (tokens < self.end)
        late = tf.gather(self.ends, pattern) * N_PITCHES + pitch
        last = tf.reduce_max(tf.where(is_pair, late, -1), axis=-1)
        return tf.where(last < 0, -1, last % N_PITCHES)

    def _above(self, tokens, floor):
        """Find the first token from `floor` up: END where there is none."""
        return tf.reduce_min(tf.where(tokens >= floor, tokens, self.end), axis=-1)

    # Along given music ---------------------------------------------------------------------

    def score_along(self, tokens, before, metres, lengths, dropout=0.0, seed=(0, 0)):
        """Score every decision of some music at once, each given the true ones before it.

        Args:
            tokens: int tensor, shape (batch, beats, pairs), a section; NOTHING after the end.
            before: int tensor, shape (batch, 64, pairs), the beats before it; NOTHING where none.
            metres, lengths: int tensors, shape (batch,), as for `place_features`.
            dropout: float, share of the features to silence.
            seed: pair of ints for it.

        Returns:
            dict of what each decision was: pitch_scores (n, 129), pattern_scores (n, patterns),
            token (n,), last (n,) the token before it, beat (n,) its row in batch * beats.
        """
        batch, n_beats, _ = tokens.shape
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres)
        backs = tf.concat([[1], LOOKBACK], 0) * tf.concat(
            [tf.ones_like(per_measure)[:, None], tf.repeat(per_measure[:, None], len(LOOKBACK), 1)],
            1,
        )
        music = tf.concat([before, tokens], axis=1)
        pasts = look_back(music, backs, n_beats, NOTHING)
        earlier = look_back(music, 1 + backs[:, 1:], n_beats, NOTHING)
        drop = functools.partial(self._drop, dropout, seed)
        summaries = drop(look_back(self.summarize(music), backs, n_beats, 0.0), 0)
        places = place_features(n_beats, metres, lengths)
        hidden = self.inputs(places, summaries, pasts, earlier)
        for cell in self.time_cells:
            hidden = run_lstm(cell, hidden)
        n_rows = batch * n_beats
        return self._walk_along(
            tf.reshape(drop(hidden, 1), (n_rows, -1)),
            tf.reshape(pasts, (n_rows, N_BACKS, -1)),
            tf.reshape(tokens, (n_rows, -1)),
            drop,
        )

    def _walk_along(self, hidden, pasts, tokens, drop):
        """Walk up the keyboard in all beats at once; full beats first, so that others drop out."""
        counts = tf.reduce_sum(tf.cast(tokens < self.end, tf.int32), axis=-1)
        counts = tf.where(tokens[:, 0] >= 0, counts, -1)
        order = tf.argsort(-counts)
        counts, hidden, pasts, tokens = (
            tf.gather(x, order) for x in (counts, hidden, pasts, tokens)
        )
        context, (state, last, same) = self.context(hidden), self.begin(hidden, pasts)
        found = []
        for slot in range(self.config.pairs):
            n = tf.reduce_sum(tf.cast(counts >= slot, tf.int32))  # beats that have come so far
            some = tf.maximum(n, 1)  # since layers refuse to work on nothing
            context, last, same, pasts = (x[:some] for x in (context, last, same, pasts))
            state, token = [part[:some] for part in state], tokens[:some, slot]
            scores, output, state, offers, next_held = self.pitch_scores(
                slot, context, state, last, same, pasts
            )
            pitch = self.split(token)[0]
            patterns = self.pattern_scores(pitch, drop(output, 2 + slot), offers, next_held, pasts)
            step = {"pitch_scores": scores, "pattern_scores": patterns, "token": token,
                    "last": last, "beat": order[:some]}  # fmt: skip
            found.append({name: values[:n] for name, values in step.items()})
            last, same = token, same * tf.cast(offers == token[:, None], tf.float32)
        return {name: tf.concat([one[name] for one in found], 0) for name in found[0]}

    def _drop(self, share, seed, values, number):
        if not share:
            return values
        seed = [seed[0], seed[1] + number * 2**30]
        return tf.nn.experimental.stateless_dropout(values, share, seed=seed)

    # Playing -------------------------------------------------------------------------------

    def play(self, latents, metre="4/4", temperature=1.0, ending=True):
        """Play pieces of any length, without gradients.

        Args:
            latents: float array, shape (batch, beats, 24), standard normal.
            metre: str from METRES.
            temperature: float; 0 takes the likeliest choices.
            ending: bool, True for a piece that comes to its end, False for an excerpt.

        Returns:
            int tensor, shape (batch, beats, pairs).
        """
        latents = tf.convert_to_tensor(latents, tf.float32)
        metres = tf.fill([tf.shape(latents)[0]], METRES.index(metre))
        lengths = tf.fill(tf.shape(metres), latents.shape[1] if ending else -1)
        return self._compiled_play(latents, metres, lengths, tf.constant(float(temperature)))

    @functools.cached_property
    def _compiled_play(self):
        shapes = [(None, None, LATENT_SIZE), (None,), (None,), ()]
        kinds = [tf.float32, tf.int32, tf.int32, tf.float32]
        signature = [tf.TensorSpec(*pair) for pair in zip(shapes, kinds, strict=True)]
        return tf.function(self._play, input_signature=signature)

    def _play(self, latents, metres, lengths, temperature):
        """The loop of `play`, a beat a turn, all tunes of a medley beside one another."""
        n_songs, n_beats = tf.shape(latents)[0], tf.shape(latents)[1]
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres[0])
        tune = tf.minimum(n_beats, TUNE * per_measure)
        places = fold(place_features(n_beats, metres, lengths), tune)
        values = fold(latents, tune)
        batch = tf.shape(values)[0]
        backs = tf.concat([[1], per_measure * LOOKBACK], 0)
        shape = (None, self.config.pairs)
        music = tf.TensorArray(tf.int32, N_BLANKS + 1 + tune, False, False, element_shape=shape)
        blank = tf.fill([N_BLANKS + 1, batch, self.config.pairs], NOTHING)
        music = music.scatter(tf.range(N_BLANKS + 1), blank)
        states = [[tf.zeros((batch, self.config.units))] * 2 for _ in self.time_cells]
        for beat in tf.range(tune):
            fresh = beat % (SECTION * per_measure) == 0
            states = [[tf.where(fresh, 0.0, part) for part in state] for state in states]
            now = beat + N_BLANKS + 1
            pasts = tf.transpose(music.gather(now - backs), [1, 0, 2])
            earlier = tf.transpose(music.gather(now - 1 - backs[1:]), [1, 0, 2])
            hidden = self.inputs(places[:, beat], self.summarize(pasts), pasts, earlier)
            for n, cell in enumerate(self.time_cells):
                hidden, states[n] = cell(hidden, states[n])
            music = music.write(now, self._play_beat(hidden, pasts, values[:, beat], temperature))
        played = tf.transpose(music.stack()[N_BLANKS + 1 :], [1, 0, 2])
        return tf.reshape(played, [n_songs, -1, self.config.pairs])[:, :n_beats]

    def _play_beat(self, hidden, pasts, values, temperature):
        """Walk up the keyboard until every row has come to END: shape (batch, pairs)."""
        context, (state, last, same) = self.context(hidden), self.begin(hidden, pasts)
        pairs = self.config.pairs
        tokens = tf.TensorArray(tf.int32, pairs, element_shape=(None,))
        tokens = tokens.scatter(tf.range(pairs), tf.fill([pairs, tf.shape(hidden)[0]], self.end))
        slot = tf.constant(0)
        while (slot < pairs) & tf.reduce_any(last < self.end):
            scores, output, state, offers, next_held = self.pitch_scores(
                slot, context, state, last, same, pasts
            )
            pitch = choose(scores, values[:, 2 * slot], temperature)
            scores = self.pattern_scores(pitch, output, offers, next_held, pasts)
            pattern = choose(scores, values[:, 2 * slot + 1], temperature)
            last = tf.minimum(pitch * len(self.vocabulary) + pattern, self.end)
            tokens = tokens.write(slot, last)
            same *= tf.cast(offers == last[:, None], tf.float32)
            slot += 1
        return tf.transpose(tokens.stack())

    def rolls_along(self, decisions, batch, n_beats):
        """Draw the rolls of some decisions, so that gradients reach their scores.

        A choice is a one-hot vector with the gradient of its softmax (straight-through). END
        stands for a pair that might have been added, in the rhythm of the pair before it.

        Args:
            decisions: from `score_along`.
            batch, n_beats: int, its shape.

        Returns:
            float tensor, shape (batch, 24 * beats, 128).
        """
        token, last, n_patterns = decisions["token"], decisions["last"], len(self.vocabulary)
        pitch, pattern = self.split(token)
        pitches = straight_through(decisions["pitch_scores"], pitch)[:, :N_PITCHES]
        patterns = straight_through(decisions["pattern_scores"], pattern)
        instead = tf.one_hot(tf.where(last >= 0, last % n_patterns, n_patterns - 1), n_patterns)
        patterns = tf.where((token < self.end)[:, None], patterns, instead)
        steps = tf.matmul(patterns, tf.constant(self.vocabulary.patterns, tf.float32))
        cells = tf.einsum("np,ns->nsp", pitches, steps)
        cells = tf.math.unsorted_segment_sum(cells, decisions["beat"], batch * n_beats)
        return tf.reshape(cells, (batch, n_beats * RESOLUTION, N_PITCHES))
