"""The generator: one LSTM runs along the beats, another up the keyboard inside each beat.

The time LSTM reads what was chosen before. The pitch LSTM then scores the pitches of the beat from
low to high, and for each its rhythm pattern; one random value a decision turns scores into a
choice. Melodies and piano music are the same to it. The description's first generator, an LSTM
that gives a cell a pitch, stands at the end.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from .config import LATENT_SIZE
from .pianoroll import N_PITCHES, RESOLUTION
from .vocabulary import BEATS_PER_MEASURE, METRES, SECTION
from .windows import N_BLANKS, NOTHING

LOOKBACK = (1, 2, 4, 8, SECTION)  # measures: what was chosen so long ago can be copied
N_PASTS = 1 + len(LOOKBACK)  # and the beat before
PIECE = 2 * SECTION  # measures; a longer piece is a medley
CYCLE, ENDING = 8, 4  # measures: a period, and the last ones, which know how far the end is
N_FEATURES = 4 + CYCLE + len(METRES) + ENDING
REACH = 24  # semitones: the widest interval that is scored as one
NEVER = -1e9  # logit of what may not be chosen


def positional_features(n_beats, metres, lengths):
    """Compute where each beat is: in its measure, in eight measures, the metre, how near the end.

    Args:
        n_beats: int.
        metres: int tensor, shape (batch,), indices into METRES.
        lengths: int tensor, shape (batch,), beats of the whole piece; -1 for no end in sight.

    Returns:
        float tensor, shape (batch, beats, 19).

    Introduced in lesson 06.
    """
    per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres)[:, None]
    beat = tf.range(n_beats)[None]
    place = tf.one_hot(beat % per_measure, 4)
    measure = tf.one_hot(beat // per_measure % CYCLE, CYCLE)
    metre = tf.repeat(tf.one_hot(metres, len(METRES))[:, None], n_beats, axis=1)
    left = (lengths[:, None] - 1 - beat) // per_measure
    ending = tf.one_hot(left, ENDING)  # zeros for -1 and for more than ENDING measures
    return tf.concat([place, measure, metre, ending], axis=-1)


def inverse_cdf(logits, values, temperature=1.0):
    """Choose by the inverse of the cumulative distribution: one random value, one choice.

    Args:
        logits: float tensor, shape (batch, choices).
        values: float tensor, shape (batch,), standard normal; a larger one chooses later.
        temperature: float, 0 for the likeliest choice.

    Returns:
        int tensor, shape (batch,).

    Introduced in lesson 06.
    """
    likeliest = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1])
    shares = tf.nn.softmax(logits / tf.maximum(temperature, 1e-6))
    reached = tf.cumsum(tf.where(temperature > 0, shares, likeliest), axis=-1)
    place = tf.clip_by_value(0.5 * (1 + tf.math.erf(values / 2**0.5)), 1e-6, 1 - 1e-6)
    return tf.reduce_sum(tf.cast(reached < place[:, None] * reached[:, -1:], tf.int32), axis=-1)


def look_back(beats, backs, n_beats, blank):
    """Look up what was so many beats before each of the last beats.

    Args:
        beats: tensor, shape (batch, all beats, …).
        backs: int tensor, shape (batch, look-backs), beats.
        n_beats: int, how many of the last beats look back.
        blank: what stands before the first beat.

    Returns:
        tensor, shape (batch, n_beats, look-backs, …).
    """
    now = tf.range(tf.shape(beats)[1])[-n_beats:]
    index = now[None, :, None] - backs[:, None]
    found = tf.gather(beats, tf.maximum(index, 0), batch_dims=1)
    return tf.where(index[..., None] >= 0, found, blank)


def from_intervals(logits, origin):
    """Turn logits of intervals, shape (rows, 49), into logits of pitches, shape (rows, 129).

    Args:
        logits: float tensor, of -24 to 24 semitones.
        origin: int tensor, shape (rows,), the pitch that they are counted from; -1 for none.

    Returns:
        float tensor; 0 for what is farther away, and for END.
    """
    pitch = tf.range(N_PITCHES + 1)
    interval = pitch - origin[:, None] + REACH
    inside = (interval >= 0) & (interval <= 2 * REACH) & (pitch < N_PITCHES)
    values = tf.gather(logits, tf.clip_by_value(interval, 0, 2 * REACH), batch_dims=1)
    return tf.where(inside & (origin >= 0)[:, None], values, 0.0)


def from_classes(amounts, classes):
    """Turn amounts, a past beat each, into logits of all pitches of the classes that it has.

    Args:
        amounts: float tensor, shape (rows, pasts).
        classes: float tensor, shape (rows, pasts, 12), 1 where a past has the pitch class.

    Returns:
        float tensor, shape (rows, 129); 0 for END.
    """
    octaves = tf.tile(tf.einsum("rk,rkc->rc", amounts, classes), [1, N_PITCHES // 12 + 1])
    return tf.pad(octaves[:, :N_PITCHES], [[0, 0], [0, 1]])


def add_at(logits, places, amounts):
    """Add to logits, shape (rows, choices), the amounts at the places, both (rows, n)."""
    rows, choices = tf.unstack(tf.shape(logits))
    flat = tf.tensor_scatter_nd_add(
        tf.reshape(logits, [-1]),
        tf.reshape(tf.range(rows)[:, None] * choices + places, [-1, 1]),
        tf.reshape(amounts, [-1]),
    )
    return tf.reshape(flat, [rows, choices])


def straight_through(logits, choice):
    """Return choices as one-hot vectors with the gradient of the softmax of their logits.

    Args:
        logits: float tensor, shape (rows, choices).
        choice: int tensor, shape (rows,).

    Returns:
        float tensor, shape (rows, choices) (Bengio et al. 2013).

    Introduced in lesson 07.
    """
    soft = tf.nn.softmax(logits)
    hard = tf.one_hot(choice, logits.shape[-1])
    return hard + (soft - tf.stop_gradient(soft))  # in this order exactly 0 and 1


def fold(pieces, length):
    """Cut pieces, shape (batch, beats, …), into rows of so many beats, the last filled with 0."""
    late = -tf.shape(pieces)[1] % length
    pieces = tf.pad(pieces, [[0, 0], [0, late]] + [[0, 0]] * (len(pieces.shape) - 2))
    return tf.reshape(pieces, [-1, length, *pieces.shape[2:]])


class Generator(keras.Model):
    """Turns random values into lists of (pitch, pattern) pairs, beat by beat.

    No weight depends on the length of a piece: a long one is a medley of pieces of 32 measures,
    each of two sections. Memory starts afresh with each section, since one that was trained on 16
    measures does not carry 200; look-backs reach over its edge.

    Args:
        config: Config.
        vocabulary: Vocabulary.

    Introduced in lesson 06.
    """

    def __init__(self, config, vocabulary):
        super().__init__(name="generator")
        self.config, self.vocabulary, self.end = config, vocabulary, vocabulary.end
        size, units, n_patterns = config.embedding, config.pitch_units, len(vocabulary)
        large = keras.initializers.RandomNormal(stddev=0.3, seed=config.seed)
        self.pitch_embedding = self.add_weight((N_PITCHES, size), large, name="pitches")
        self.pattern_embedding = self.add_weight((n_patterns, size), large, name="patterns")
        self.interval_embedding = self.add_weight((2 * REACH + 1, size), large, name="intervals")
        lstm = functools.partial(keras.layers.LSTM, config.units, return_sequences=True)
        self.time_lstms = [lstm(name="time_1"), lstm(name="time_2")]
        dense = keras.layers.Dense
        self.pitch_lstm = keras.layers.LSTMCell(units, name="pitch")
        self.first_state = dense(2 * units, "tanh", name="first_state")
        self.context = dense(size, name="context")
        self.to_pitch = dense(N_PITCHES + 1, name="to_pitch")
        self.from_pair = dense(2 * REACH + 1, name="from_pair")
        self.from_beat = dense(2 * REACH + 1, name="from_beat")
        self.to_rhythm = dense(units, "relu", name="to_rhythm")
        self.to_pattern = dense(n_patterns, name="to_pattern")
        self.copy_pitch, self.copy_pattern, self.copy_rhythm, self.copy_harmony = (
            dense(N_PASTS, bias_initializer="ones", name=f"copy_{name}")
            for name in ("pitch", "pattern", "rhythm", "harmony")
        )
        n_flags = 3 * N_PASTS if config.rhythms else N_PASTS
        for layer, width in (
            (self.pitch_lstm, size + n_flags), (self.first_state, config.units),
            (self.context, config.units), (self.to_pitch, units), (self.from_pair, units),
            (self.from_beat, units), (self.to_rhythm, units + size), (self.to_pattern, units),
            (self.copy_pitch, units), (self.copy_pattern, units),
        ):  # fmt: skip
            layer.build((None, width))
        for wanted, layer in (
            (config.rhythms, self.copy_rhythm), (config.harmonies, self.copy_harmony),
        ):  # fmt: skip
            if wanted:
                layer.build((None, units))
        n_repeats = len(LOOKBACK) * (2 if config.rhythms else 1)
        n_inputs = N_FEATURES + n_repeats + N_PASTS * size
        for layer, width in zip(self.time_lstms, (n_inputs, config.units), strict=True):
            layer.build((None, None, width))
        ends = RESOLUTION - np.argmax(vocabulary.patterns[:, ::-1], axis=1)
        self.ends = tf.constant(ends, tf.int32)  # after so many steps the pitch is silent
        self.is_open = tf.constant(vocabulary.patterns[:, -1] > 0)  # sounds to the beat's end
        self.goes_on = tf.constant(vocabulary.patterns[:, 0] > 0)  # sounds from its beginning
        closed = [vocabulary.nearest(int(number) & ~1) for number in vocabulary.numbers]
        self.closed = tf.constant(closed, tf.int32)  # the like of it with a silent last step
        self.built = True

    # What the time LSTM reads ----------------------------------------------------------------

    def time_inputs(self, features, summaries, pasts, earlier):
        """Assemble what the time LSTM reads at a beat.

        Args:
            features: float tensor, shape (…, 19), positional features.
            summaries: float tensor, shape (…, 6, embedding), `summarize` of the pasts.
            pasts: int tensor, shape (…, 6, pairs), the tokens of the beat before, then those of
                the beats 1, 2, 4, 8 and 16 measures ago.
            earlier: int tensor, shape (…, 5, pairs), the beats before these five.

        Returns:
            float tensor, shape (…, 29 + 6 * embedding).
        """
        last, known = pasts[..., :1, :], earlier[..., 0] >= 0
        repeats = tf.cast(tf.reduce_all(last == earlier, axis=-1) & known, tf.float32)
        if self.config.rhythms:
            alike = tf.reduce_all(self._rhythm(last) == self._rhythm(earlier), axis=-1) & known
            repeats = tf.concat([repeats, tf.cast(alike, tf.float32)], axis=-1)
        if not self.config.repeat_flags:
            repeats = tf.zeros_like(repeats)
        shape = tf.concat([tf.shape(features)[:-1], [N_PASTS * self.config.embedding]], 0)
        return tf.concat([features, repeats, tf.reshape(summaries, shape)], axis=-1)

    def summarize(self, tokens):
        """Describe beats, shape (…, pairs), by the sums of their pairs: shape (…, embedding)."""
        return tf.reduce_sum(self.embed(tokens), axis=-2)

    def embed(self, tokens):
        """Embed pairs: shape (…, embedding); END and NOTHING are zeros."""
        is_pair = (tokens >= 0) & (tokens < self.end)
        pitch, pattern = self.split(tf.where(is_pair, tokens, 0))
        both = tf.gather(self.pitch_embedding, pitch) + tf.gather(self.pattern_embedding, pattern)
        return tf.nn.relu(both) * tf.cast(is_pair, tf.float32)[..., None]

    def split(self, tokens):
        """Split tokens into (pitch, pattern); the pitch of END is 128."""
        return tokens // len(self.vocabulary), tokens % len(self.vocabulary)

    def _rhythm(self, tokens):
        """Return the patterns of tokens; -1 for END and NOTHING."""
        return tf.where((tokens >= 0) & (tokens < self.end), self.split(tokens)[1], -1)

    # Up the keyboard ---------------------------------------------------------------------------

    def begin_beat(self, hidden, pasts):
        """Return (state of the pitch LSTM, last token, which pasts the beat equals so far)."""
        state = tf.split(self.first_state(hidden), 2, axis=-1)
        same = tf.cast(pasts[..., 0] >= 0, tf.float32)
        return state, tf.fill(tf.shape(hidden)[:1], NOTHING), same

    def pitch_logits(self, slot, context, state, last, same, pasts):
        """Score the pitch of pair number `slot` of the beat, and END.

        Args:
            slot: int.
            context: float tensor, shape (rows, embedding), from the time LSTM.
            state, last, same: from `begin_beat` or the pair before.
            pasts: int tensor, shape (rows, 6, pairs), as for `time_inputs`.

        Returns:
            (logits, shape (rows, 129); output of the pitch LSTM; its state; next token of each
            past, shape (rows, 6); next pitch held over from the last beat, shape (rows,)).
        """
        lowest = (last // len(self.vocabulary) + 1) * len(self.vocabulary)
        upcoming = self._next(pasts, lowest[:, None, None])
        held, full = self._held(pasts[:, 0], lowest, slot)
        origin = self.last_pitch(pasts[:, 0])
        below = tf.where(last < 0, -1, self.split(last)[0])
        pair = self.embed(last) + self.embed_interval(below, origin)
        flags = [same, *self._texture(slot, last, pasts)] if self.config.rhythms else [same]
        output, state = self.pitch_lstm(tf.concat([context + pair, *flags], axis=-1), state)
        logits = self.to_pitch(output)
        if self.config.copying:
            known = tf.cast(pasts[..., 0] >= 0, tf.float32)
            logits = add_at(logits, self.split(upcoming)[0], self.copy_pitch(output) * known)
        if self.config.harmonies:
            logits += from_classes(self.copy_harmony(output), self.pitch_classes(pasts))
        if self.config.intervals:
            logits += from_intervals(self.from_pair(output), below)
            logits += from_intervals(self.from_beat(output), origin)
        pitch = tf.range(N_PITCHES + 1)
        first = tf.minimum(tf.where(full, held, self.split(lowest)[0]), N_PITCHES)
        allowed = (pitch >= first[:, None]) & (pitch <= held[:, None])  # after END comes END
        return tf.where(allowed, logits, NEVER), output, state, upcoming, held

    def _texture(self, slot, last, pasts):
        """Return which pasts had the last pair's rhythm in its place, and which end here."""
        before = self._rhythm(tf.gather(pasts, tf.maximum(slot - 1, 0), axis=-1))
        alike = (before == self._rhythm(last)[:, None]) & (before >= 0)
        ends = tf.gather(pasts, slot, axis=-1) == self.end
        return tf.cast(alike, tf.float32), tf.cast(ends, tf.float32)

    def pattern_logits(self, slot, pitch, output, upcoming, held, pasts):
        """Score the patterns of a pitch: shape (rows, patterns)."""
        tone = tf.gather(self.pitch_embedding, tf.minimum(pitch, N_PITCHES - 1))
        tone += self.embed_interval(pitch, self.last_pitch(pasts[:, 0]))
        hidden = self.to_rhythm(tf.concat([output, tone], axis=-1))
        logits = self.to_pattern(hidden)
        if self.config.copying:
            its_pitch, pattern = self.split(upcoming)
            fits = (pasts[..., 0] >= 0) & (its_pitch == pitch[:, None])
            logits = add_at(logits, pattern, self.copy_pattern(hidden) * tf.cast(fits, tf.float32))
        if self.config.rhythms:
            pattern = self._rhythm(tf.gather(pasts, slot, axis=-1))
            fits = tf.cast(pattern >= 0, tf.float32)
            logits = add_at(logits, tf.maximum(pattern, 0), self.copy_rhythm(hidden) * fits)
        return tf.where((pitch != held)[:, None] | self.goes_on, logits, NEVER)

    def pitch_classes(self, tokens):
        """Mark the pitch classes of beats, shape (…, pairs): float tensor, shape (…, 12)."""
        is_pair = (tokens >= 0) & (tokens < self.end)
        pitch_class = tf.where(is_pair, self.split(tokens)[0] % 12, -1)
        return tf.reduce_max(tf.one_hot(pitch_class, 12), axis=-2)

    def embed_interval(self, pitch, origin):
        """Embed how far pitches are from where the last beat ended: shape (rows, embedding)."""
        interval = tf.clip_by_value(pitch - origin, -REACH, REACH) + REACH
        there = (pitch >= 0) & (pitch < N_PITCHES) & (origin >= 0) & self.config.intervals
        return tf.gather(self.interval_embedding, interval) * tf.cast(there, tf.float32)[:, None]

    def last_pitch(self, tokens):
        """Find the pitch, of beats (rows, pairs), that sounds last, the highest of several; or -1.

        A melody goes on from there.
        """
        pitch, pattern = self.split(tf.maximum(tokens, 0))
        is_pair = (tokens >= 0) & (tokens < self.end)
        late = tf.gather(self.ends, pattern) * N_PITCHES + pitch
        last = tf.reduce_max(tf.where(is_pair, late, -1), axis=-1)
        return tf.where(last < 0, -1, last % N_PITCHES)

    def _held(self, before, lowest, slot):
        """Find the next pitch that the last beat holds over, and whether only such ones have room.

        What sounds to the end of a beat must sound in the next: it can't be skipped.
        """
        is_open = (before >= 0) & (before < self.end)
        is_open &= tf.gather(self.is_open, tf.maximum(before, 0) % len(self.vocabulary))
        held = tf.where(is_open, before, self.end)
        waiting = tf.reduce_sum(tf.cast((held >= lowest[:, None]) & is_open, tf.int32), axis=-1)
        full = (waiting > 0) & (waiting >= self.config.max_pairs - slot)
        return self.split(self._next(held, lowest[:, None]))[0], full

    def _next(self, tokens, lowest):
        """Find the first token from `lowest` up: END where there is none."""
        return tf.reduce_min(tf.where(tokens >= lowest, tokens, self.end), axis=-1)

    # Along given music (teacher forcing) -------------------------------------------------------

    def score_along(self, tokens, before, metres, lengths, dropout=0.0, seed=(0, 0)):
        """Score every decision of some music at once, each given the true ones before it.

        Args:
            tokens: int tensor, shape (batch, beats, pairs), a section; NOTHING after the end.
            before: int tensor, shape (batch, 64, pairs), the beats before it; NOTHING where none.
            metres, lengths: int tensors, shape (batch,), as for `positional_features`.
            dropout: float, share of the features to silence.
            seed: pair of ints for it.

        Returns:
            dict of what each decision was: pitch_logits (n, 129), pattern_logits (n, patterns),
            token (n,), last (n,) the token before it, beat (n,) its row in batch * beats.

        Introduced in lesson 08.
        """
        batch, n_beats, _ = tokens.shape
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres)[:, None]
        backs = tf.concat([tf.ones_like(per_measure), per_measure * LOOKBACK], axis=1)
        music = tf.concat([before, tokens], axis=1)
        pasts = look_back(music, backs, n_beats, NOTHING)
        earlier = look_back(music, 1 + backs[:, 1:], n_beats, NOTHING)
        drop = functools.partial(_dropout, dropout, seed)
        summaries = drop(look_back(self.summarize(music), backs, n_beats, 0.0), 0)
        features = positional_features(n_beats, metres, lengths)
        hidden = self.time_inputs(features, summaries, pasts, earlier)
        for lstm in self.time_lstms:
            hidden = lstm(hidden)
        n_rows = batch * n_beats
        return self._score_beats(
            tf.reshape(drop(hidden, 1), (n_rows, -1)),
            tf.reshape(pasts, (n_rows, N_PASTS, -1)),
            tf.reshape(tokens, (n_rows, -1)),
            drop,
        )

    def _score_beats(self, hidden, pasts, tokens, drop):
        """Run up the keyboard in all beats at once; full beats first, so that others drop out."""
        counts = tf.reduce_sum(tf.cast(tokens < self.end, tf.int32), axis=-1)
        counts = tf.where(tokens[:, 0] >= 0, counts, -1)
        order = tf.argsort(-counts)
        counts, hidden, pasts, tokens = (
            tf.gather(x, order) for x in (counts, hidden, pasts, tokens)
        )
        context, (state, last, same) = self.context(hidden), self.begin_beat(hidden, pasts)
        found = []
        for slot in range(self.config.max_pairs):
            n = tf.reduce_sum(tf.cast(counts >= slot, tf.int32))  # beats that have come so far
            some = tf.maximum(n, 1)  # since layers refuse to work on nothing
            context, last, same, pasts = (x[:some] for x in (context, last, same, pasts))
            state, token = [part[:some] for part in state], tokens[:some, slot]
            logits, output, state, upcoming, held = self.pitch_logits(
                slot, context, state, last, same, pasts
            )
            pitch = self.split(token)[0]
            heard = drop(output, 2 + slot)
            patterns = self.pattern_logits(slot, pitch, heard, upcoming, held, pasts)
            step = {"pitch_logits": logits, "pattern_logits": patterns, "token": token,
                    "last": last, "beat": order[:some]}  # fmt: skip
            found.append({name: values[:n] for name, values in step.items()})
            last, same = token, same * tf.cast(upcoming == token[:, None], tf.float32)
        return {name: tf.concat([one[name] for one in found], 0) for name in found[0]}

    def rolls_along(self, decisions, batch, n_beats):
        """Return the rolls of some decisions, so that gradients reach their logits.

        END stands for a pair that might have been added, in the rhythm of the pair before it.

        Args:
            decisions: from `score_along`.
            batch, n_beats: int, its shape.

        Returns:
            float tensor, shape (batch, 24 * beats, 128).
        """
        token, last, n_patterns = decisions["token"], decisions["last"], len(self.vocabulary)
        pitch, pattern = self.split(token)
        pitches = straight_through(decisions["pitch_logits"], pitch)[:, :N_PITCHES]
        patterns = straight_through(decisions["pattern_logits"], pattern)
        instead = tf.one_hot(tf.where(last >= 0, last % n_patterns, n_patterns - 1), n_patterns)
        patterns = tf.where((token < self.end)[:, None], patterns, instead)
        steps = tf.matmul(patterns, tf.constant(self.vocabulary.patterns, tf.float32))
        cells = tf.einsum("np,ns->nsp", pitches, steps)
        cells = tf.math.unsorted_segment_sum(cells, decisions["beat"], batch * n_beats)
        return tf.reshape(cells, (batch, n_beats * RESOLUTION, N_PITCHES))

    # Sampling ------------------------------------------------------------------------------------

    def generate(self, latents, metre="4/4", temperature=1.0, ending=True):
        """Choose the tokens of pieces of any length, without gradients.

        Args:
            latents: float array, shape (batch, beats, 24), standard normal.
            metre: str from METRES.
            temperature: float; 0 takes the likeliest choices.
            ending: bool, True for a piece that comes to its end, False for an excerpt.

        Returns:
            int tensor, shape (batch, beats, pairs).

        Introduced in lesson 06.
        """
        latents = tf.convert_to_tensor(latents, tf.float32)
        metres = tf.fill([tf.shape(latents)[0]], METRES.index(metre))
        lengths = tf.fill(tf.shape(metres), latents.shape[1] if ending else -1)
        return self._compiled(latents, metres, lengths, tf.constant(float(temperature)))

    @functools.cached_property
    def _compiled(self):
        shapes = [(None, None, LATENT_SIZE), (None,), (None,), ()]
        kinds = [tf.float32, tf.int32, tf.int32, tf.float32]
        signature = [tf.TensorSpec(*pair) for pair in zip(shapes, kinds, strict=True)]
        return tf.function(self._generate, input_signature=signature)

    def _generate(self, latents, metres, lengths, temperature):
        """The loop of `generate`, a beat a turn, all pieces of a medley beside one another."""
        n_songs, n_beats = tf.shape(latents)[0], tf.shape(latents)[1]
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres[0])
        piece = tf.minimum(n_beats, PIECE * per_measure)
        features = fold(positional_features(n_beats, metres, lengths), piece)
        values = fold(latents, piece)
        batch = tf.shape(values)[0]
        backs = tf.concat([[1], per_measure * LOOKBACK], 0)
        shape, n_blanks = (None, self.config.max_pairs), N_BLANKS + 1
        music = tf.TensorArray(tf.int32, n_blanks + piece, False, False, element_shape=shape)
        blank = tf.fill([n_blanks, batch, self.config.max_pairs], NOTHING)
        music = music.scatter(tf.range(n_blanks), blank)
        states = [[tf.zeros((batch, self.config.units))] * 2 for _ in self.time_lstms]
        for beat in tf.range(piece):
            fresh = beat % (SECTION * per_measure) == 0
            states = [[tf.where(fresh, 0.0, part) for part in state] for state in states]
            now = beat + n_blanks
            pasts = tf.transpose(music.gather(now - backs), [1, 0, 2])
            earlier = tf.transpose(music.gather(now - 1 - backs[1:]), [1, 0, 2])
            hidden = self.time_inputs(features[:, beat], self.summarize(pasts), pasts, earlier)
            for n, lstm in enumerate(self.time_lstms):
                hidden, states[n] = lstm.cell(hidden, states[n])
            chosen = self._generate_beat(hidden, pasts, values[:, beat], temperature)
            music = music.write(now, chosen)
        tokens = tf.transpose(music.stack()[n_blanks:], [1, 0, 2])
        return self._medley(tokens, n_songs)[:, :n_beats]

    def _medley(self, tokens, n_songs):
        """Join pieces, shape (pieces, beats, pairs), song by song; no note leads to the next."""
        n_pieces = tf.shape(tokens)[0] // n_songs
        leads_on = tf.range(tf.shape(tokens)[0]) % n_pieces < n_pieces - 1
        pitch, pattern = self.split(tokens[:, -1])
        closed = pitch * len(self.vocabulary) + tf.gather(self.closed, pattern)
        leads_on = leads_on[:, None] & (tokens[:, -1] < self.end)
        ends = tf.where(leads_on, closed, tokens[:, -1])
        tokens = tf.concat([tokens[:, :-1], ends[:, None]], axis=1)
        return tf.reshape(tokens, [n_songs, -1, self.config.max_pairs])

    def _generate_beat(self, hidden, pasts, values, temperature):
        """Run up the keyboard until every row has come to END: shape (batch, pairs)."""
        context, (state, last, same) = self.context(hidden), self.begin_beat(hidden, pasts)
        pairs = self.config.max_pairs
        tokens = tf.TensorArray(tf.int32, pairs, element_shape=(None,))
        tokens = tokens.scatter(tf.range(pairs), tf.fill([pairs, tf.shape(hidden)[0]], self.end))
        slot = tf.constant(0)
        while (slot < pairs) & tf.reduce_any(last < self.end):
            logits, output, state, upcoming, held = self.pitch_logits(
                slot, context, state, last, same, pasts
            )
            pitch = inverse_cdf(logits, values[:, 2 * slot], temperature)
            logits = self.pattern_logits(slot, pitch, output, upcoming, held, pasts)
            pattern = inverse_cdf(logits, values[:, 2 * slot + 1], temperature)
            last = tf.minimum(pitch * len(self.vocabulary) + pattern, self.end)
            tokens = tokens.write(slot, last)
            same *= tf.cast(upcoming == last[:, None], tf.float32)
            slot += 1
        return tf.transpose(tokens.stack())


def _dropout(share, seed, values, number):
    """Silence a share of the values; each `number` draws others."""
    if not share:
        return values
    return tf.nn.experimental.stateless_dropout(
        values, share, seed=[seed[0], seed[1] + number * 2**30]
    )


# The first generator -------------------------------------------------------------------------


def relu6_sixth(x):
    """Clip to 0..6 and divide by 6: the activation of the first try, relu6(x) / 6.

    Introduced in lesson 05.
    """
    return keras.ops.relu6(x) / 6


def build_first_try(config):
    """Build the generator as it was first described: one LSTM step a time step, one cell a pitch.

    Args:
        config: Config; only `units` matters here.

    Returns:
        keras.Model: latent, shape (batch, beats, 24), read as 24 * beats random values, to
        roll, shape (batch, 24 * beats, 128), each cell from 0 to 1.

    Introduced in lesson 05.
    """
    latent = keras.Input((None, LATENT_SIZE), name="latent")
    x = keras.layers.Reshape((-1, 1), name="one_value_a_step")(latent)
    x = keras.layers.LSTM(config.units, return_sequences=True, name="lstm")(x)
    roll = keras.layers.Dense(N_PITCHES, activation=relu6_sixth, name="pitches")(x)
    return keras.Model(latent, roll, name="first_try")


def build_generator(config, vocabulary=None):
    """Build the generator that a configuration names.

    Args:
        config: Config.
        vocabulary: Vocabulary; the "lstmgan" model needs it.

    Returns:
        Generator; for model="first_try" a keras.Model from latents to rolls.

    Raises:
        ValueError: the model needs a vocabulary.
    """
    if config.model == "first_try":
        return build_first_try(config)
    if vocabulary is None:
        raise ValueError("this generator writes tokens; give it a vocabulary (learn_vocabulary)")
    return Generator(config, vocabulary)
