"""The generator: one LSTM runs along the beats, another up the keyboard inside each beat.

The time LSTM reads what was chosen before. The pitch LSTM then scores the pitches of the beat from
low to high, and for each its rhythm pattern; one random value a decision turns scores into a
choice. Melodies and piano music are the same to it. The description's first generator, an LSTM
that gives a cell a pitch, stands at the end.
"""

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
# Of the compiled loop: latents, metre, length, temperature.
SIGNATURE = [tf.TensorSpec((None, None, LATENT_SIZE)), *[tf.TensorSpec((), tf.int32)] * 2,
             tf.TensorSpec(())]  # fmt: skip


def positional_features(n_beats, metres, lengths):
    """Compute where each beat is: in its measure, in eight measures, the metre, how near the end.

    `metres`, shape (batch,), are indices into METRES; `lengths`, shape (batch,), the beats of the
    whole pieces, -1 for no end in sight. The result has shape (batch, beats, 19).
    Introduced in lesson 06.
    """
    per_measure = tf.gather(list(BEATS_PER_MEASURE.values()), metres)[:, None]
    beat = tf.range(n_beats)[None]
    place = tf.one_hot(beat % per_measure, 4)
    measure = tf.one_hot(beat // per_measure % CYCLE, CYCLE)
    metre = tf.repeat(tf.one_hot(metres, len(METRES))[:, None], n_beats, axis=1)
    # Zeros for -1, and for more than ENDING measures to go.
    ending = tf.one_hot((lengths[:, None] - 1 - beat) // per_measure, ENDING)
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
    reached = tf.cumsum(tf.nn.softmax(logits / tf.maximum(temperature, 1e-6)), axis=-1)
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
    index = tf.range(tf.shape(beats)[1])[-n_beats:, None] - backs[:, None]
    found = tf.gather(beats, tf.maximum(index, 0), batch_dims=1)
    return tf.where(index[..., None] >= 0, found, blank)


def from_intervals(logits, origin):
    """Turn logits of intervals, of -24 to 24 semitones, into logits of pitches, shape (rows, 129).

    `origin`, shape (rows,), are the pitches to count from, -1 for none. What is farther away gets
    0, as END does.
    """
    interval = tf.range(N_PITCHES) - origin[:, None] + REACH
    inside = (interval >= 0) & (interval <= 2 * REACH) & (origin >= 0)[:, None]
    values = tf.gather(logits, tf.clip_by_value(interval, 0, 2 * REACH), batch_dims=1)
    return tf.pad(tf.where(inside, values, 0.0), [[0, 0], [0, 1]])


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


def add_at(logits, places, amounts, where):
    """Add to logits, shape (rows, choices), amounts at places where true, all (rows, n)."""
    amounts *= tf.cast(where, tf.float32)
    rows = tf.broadcast_to(tf.range(tf.shape(places)[0])[:, None], tf.shape(places))
    return tf.tensor_scatter_nd_add(logits, tf.stack([rows, places], axis=-1), amounts)


def straight_through(logits, choice):
    """Return choices, shape (rows,), as one-hot vectors with the gradient of a softmax.

    Logits and vectors have shape (rows, choices) (Bengio et al. 2013). Introduced in lesson 07.
    """
    soft = tf.nn.softmax(logits)
    hard = tf.one_hot(choice, logits.shape[-1])
    return hard + (soft - tf.stop_gradient(soft))  # in this order exactly 0 and 1


def fold(pieces, length):
    """Cut pieces, shape (batch, beats, …), into rows of so many beats, the last filled with 0."""
    late = -tf.shape(pieces)[1] % length
    pieces = tf.pad(pieces, [[0, 0], [0, late], [0, 0]])
    return tf.reshape(pieces, [-1, length, pieces.shape[2]])


def built(layer, *shape):
    """Return a layer with its weights made, for inputs of shape (batch, …)."""
    layer.build((None, *shape))
    return layer


class Generator(keras.Model):
    """Turns random values into lists of (pitch, pattern) pairs, beat by beat.

    No weight depends on the length of a piece: a long one is a medley of pieces of 32 measures,
    each of two sections. Memory starts afresh with each section, since one that was trained on 16
    measures does not carry 200; look-backs reach over its edge. Introduced in lesson 06.
    """

    def __init__(self, config, vocabulary):
        super().__init__(name="generator")
        self.config, self.vocabulary, self.end = config, vocabulary, vocabulary.end
        size, units, n_patterns = config.embedding, config.pitch_units, len(vocabulary)
        large = keras.initializers.RandomNormal(stddev=0.3, seed=config.seed)
        self.pitch_embedding = self.add_weight((N_PITCHES, size), large, name="pitches")
        self.pattern_embedding = self.add_weight((n_patterns, size), large, name="patterns")
        self.interval_embedding = self.add_weight((2 * REACH + 1, size), large, name="intervals")
        dense, lstm = keras.layers.Dense, keras.layers.LSTM
        n_inputs = N_FEATURES + 2 * len(LOOKBACK) + N_PASTS * size
        self.time_lstms = [
            built(lstm(config.units, return_sequences=True, name=name), None, width)
            for name, width in (("time_1", n_inputs), ("time_2", config.units))
        ]
        self.pitch_lstm = built(keras.layers.LSTMCell(units, name="pitch"), size + 3 * N_PASTS)
        self.first_state = built(dense(2 * units, "tanh", name="first_state"), config.units)
        self.context = built(dense(size, name="context"), config.units)
        self.to_pitch = built(dense(N_PITCHES + 1, name="to_pitch"), units)
        self.from_pair = built(dense(2 * REACH + 1, name="from_pair"), units)
        self.from_beat = built(dense(2 * REACH + 1, name="from_beat"), units)
        self.to_rhythm = built(dense(units, "relu", name="to_rhythm"), units + size)
        self.to_pattern = built(dense(n_patterns, name="to_pattern"), units)
        ones = {"bias_initializer": "ones"}
        self.copy_pitch = built(dense(N_PASTS, name="copy_pitch", **ones), units)
        self.copy_pattern = built(dense(N_PASTS, name="copy_pattern", **ones), units)
        self.copy_rhythm = built(dense(N_PASTS, name="copy_rhythm", **ones), units)
        self.copy_harmony = built(dense(N_PASTS, name="copy_harmony", **ones), units)
        self._tabulate(vocabulary)
        self.built = True

    def _tabulate(self, vocabulary):
        """Note when each pattern ends, whether it is tied to a beat, and its like that is not."""
        patterns = vocabulary.patterns
        # After so many steps the pitch is silent.
        self.ends = tf.constant(RESOLUTION - np.argmax(patterns[:, ::-1], axis=1), tf.int32)
        self.is_open = tf.constant(patterns[:, -1] > 0)  # sounds to the beat's end
        self.goes_on = tf.constant(patterns[:, 0] > 0)  # sounds from its beginning
        closed = [vocabulary.nearest(int(number) & ~1) for number in vocabulary.numbers]
        closed = np.arange(N_PITCHES)[:, None] * len(closed) + closed
        self.closed = tf.constant(np.append(closed, self.end), tf.int32)  # tokens tied to nothing

    # What the time LSTM reads ----------------------------------------------------------------

    def time_inputs(self, features, summaries, pasts, earlier):
        """Assemble what the time LSTM reads at a beat: shape (…, 24 + 6 * embedding).

        Args:
            features: float tensor, shape (…, 19), positional features.
            summaries: float tensor, shape (…, 6, embedding), `summarize` of the pasts.
            pasts: int tensor, shape (…, 6, pairs), the tokens of the beat before, then those of
                the beats 1, 2, 4, 8 and 16 measures ago.
            earlier: int tensor, shape (…, 5, pairs), the beats before these five.
        """
        last, known = pasts[..., :1, :], (earlier[..., 0] >= 0) & self.config.repeat_flags
        repeats = tf.reduce_all(last == earlier, axis=-1) & known  # did the last beat repeat it?
        rhythms = tf.reduce_all(self._rhythm(last) == self._rhythm(earlier), axis=-1)
        rhythms &= known & self.config.rhythms
        flags = tf.cast(tf.concat([repeats, rhythms], axis=-1), tf.float32)
        return tf.concat([features, flags, *tf.unstack(summaries, axis=-2)], axis=-1)

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
        """Split tokens into (pitch, pattern); the pitch of END is 128, of NOTHING -1."""
        return tokens // len(self.vocabulary), tokens % len(self.vocabulary)

    def _rhythm(self, tokens):
        """Return the patterns of tokens; -1 for END and NOTHING."""
        return tf.where((tokens >= 0) & (tokens < self.end), self.split(tokens)[1], -1)

    # Up the keyboard ---------------------------------------------------------------------------

    def begin_beat(self, hidden, pasts):
        """Return (state of the pitch LSTM, last token, which pasts the beat equals so far)."""
        state = tf.split(self.first_state(hidden), 2, axis=-1)
        last = tf.fill(tf.shape(hidden)[:1], NOTHING)
        return state, last, tf.cast(pasts[..., 0] >= 0, tf.float32)

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
        below, origin = self.split(last)[0], self.last_pitch(pasts[:, 0])
        lowest = (below + 1) * len(self.vocabulary)
        upcoming = tf.reduce_min(tf.where(pasts >= lowest[:, None, None], pasts, self.end), axis=-1)
        held, full = self._held(pasts[:, 0], lowest, slot)
        pair = self.embed(last) + self.embed_interval(below, origin)
        flags = tf.concat([same, self._texture(slot, last, pasts)], axis=-1)
        output, state = self.pitch_lstm(tf.concat([context + pair, flags], axis=-1), state)
        logits = self.to_pitch(output)
        if self.config.copying:
            places, known = self.split(upcoming)[0], pasts[..., 0] >= 0
            logits = add_at(logits, places, self.copy_pitch(output), known)
        if self.config.harmonies:
            logits += from_classes(self.copy_harmony(output), self.pitch_classes(pasts))
        if self.config.intervals:
            logits += from_intervals(self.from_pair(output), below)
            logits += from_intervals(self.from_beat(output), origin)
        pitch = tf.range(N_PITCHES + 1)
        first = tf.minimum(tf.where(full, held, below + 1), N_PITCHES)  # after END comes END
        allowed = (pitch >= first[:, None]) & (pitch <= held[:, None])
        return tf.where(allowed, logits, NEVER), output, state, upcoming, held

    def _texture(self, slot, last, pasts):
        """Return which pasts had the last pair's rhythm in its place, and which end here."""
        before = self._rhythm(tf.gather(pasts, tf.maximum(slot - 1, 0), axis=-1))
        alike = (before == self._rhythm(last)[:, None]) & (before >= 0)
        ends = tf.gather(pasts, slot, axis=-1) == self.end
        return tf.cast(tf.concat([alike, ends], axis=-1) & self.config.rhythms, tf.float32)

    def pattern_logits(self, slot, pitch, output, upcoming, held, pasts):
        """Score the patterns of a pitch: shape (rows, patterns)."""
        tone = tf.gather(self.pitch_embedding, tf.minimum(pitch, N_PITCHES - 1))
        tone += self.embed_interval(pitch, self.last_pitch(pasts[:, 0]))
        hidden = self.to_rhythm(tf.concat([output, tone], axis=-1))
        logits = self.to_pattern(hidden)
        if self.config.copying:
            its_pitch, pattern = self.split(upcoming)
            fits = (pasts[..., 0] >= 0) & (its_pitch == pitch[:, None])
            logits = add_at(logits, pattern, self.copy_pattern(hidden), fits)
        if self.config.rhythms:
            pattern = self._rhythm(tf.gather(pasts, slot, axis=-1))
            logits = add_at(logits, tf.maximum(pattern, 0), self.copy_rhythm(hidden), pattern >= 0)
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
        waits = (before >= lowest[:, None]) & (before < self.end)
        waits &= tf.gather(self.is_open, self.split(before)[1])
        n_waiting = tf.reduce_sum(tf.cast(waits, tf.int32), axis=-1)
        full = (n_waiting > 0) & (n_waiting >= self.config.max_pairs - slot)
        return self.split(tf.reduce_min(tf.where(waits, before, self.end), axis=-1))[0], full

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

        def drop(values, number):  # each number silences others
            key = [seed[0], seed[1] + number * 2**30]
            return tf.nn.experimental.stateless_dropout(values, dropout, key)

        batch, n_beats, _ = tokens.shape
        per_measure = tf.gather(list(BEATS_PER_MEASURE.values()), metres)[:, None]
        backs = tf.concat([tf.ones_like(per_measure), per_measure * LOOKBACK], axis=1)
        music = tf.concat([before, tokens], axis=1)
        pasts = look_back(music, backs, n_beats, NOTHING)
        earlier = look_back(music, 1 + backs[:, 1:], n_beats, NOTHING)
        summaries = drop(look_back(self.summarize(music), backs, n_beats, 0.0), 0)
        places = positional_features(n_beats, metres, lengths)
        hidden = self.time_inputs(places, summaries, pasts, earlier)
        for lstm in self.time_lstms:
            hidden = lstm(hidden)
        rows = (drop(hidden, 1), pasts, tokens)
        rows = (tf.reshape(x, (batch * n_beats, *x.shape[2:])) for x in rows)
        return self._score_beats(*rows, drop)

    def _score_beats(self, hidden, pasts, tokens, drop):
        """Run up the keyboard in all beats at once; full beats first, so that others drop out."""
        counts = tf.reduce_sum(tf.cast(tokens < self.end, tf.int32), axis=-1)
        counts = tf.where(tokens[:, 0] >= 0, counts, -1)
        order = tf.argsort(-counts)
        hidden, pasts, tokens = (tf.gather(x, order) for x in (hidden, pasts, tokens))
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
            found.append([x[:n] for x in (logits, patterns, token, last, order)])
            last, same = token, same * tf.cast(upcoming == token[:, None], tf.float32)
        names = "pitch_logits", "pattern_logits", "token", "last", "beat"
        columns = zip(*found, strict=True)
        return {name: tf.concat(parts, 0) for name, parts in zip(names, columns, strict=True)}

    def rolls_along(self, decisions, batch, n_beats):
        """Return the rolls, shape (batch, 24 * beats, 128), of decisions from `score_along`.

        Gradients reach their logits. END stands for a pair that might have been added, in the
        rhythm of the pair before it.
        """
        token, last, n_patterns = decisions["token"], decisions["last"], len(self.vocabulary)
        pitch, pattern = self.split(token)
        pitches = straight_through(decisions["pitch_logits"], pitch)[:, :N_PITCHES]
        patterns = straight_through(decisions["pattern_logits"], pattern)
        instead = tf.one_hot(last % n_patterns, n_patterns)  # without one before, the last pattern
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
        length = latents.shape[1] if ending else -1
        return self._generate(latents, METRES.index(metre), length, float(temperature))

    @tf.function(input_signature=SIGNATURE)
    def _generate(self, latents, metre, length, temperature):
        """The loop of `generate`, a beat a turn, all pieces of a medley beside one another."""
        n_songs, n_beats = tf.shape(latents)[0], tf.shape(latents)[1]
        per_measure = tf.gather(list(BEATS_PER_MEASURE.values()), metre)
        piece = tf.minimum(n_beats, PIECE * per_measure)
        metres, lengths = tf.fill([n_songs], metre), tf.fill([n_songs], length)
        features = fold(positional_features(n_beats, metres, lengths), piece)
        values = fold(latents, piece)
        batch = tf.shape(values)[0]
        backs = tf.concat([[1], per_measure * LOOKBACK], 0)
        width = N_BLANKS + 1 + piece
        music = tf.fill([batch, width, self.config.max_pairs], NOTHING)  # moves on a beat a turn
        states = [[tf.zeros((batch, self.config.units))] * 2 for _ in self.time_lstms]
        for beat in tf.range(piece):
            fresh = beat % (SECTION * per_measure) == 0
            states = [[tf.where(fresh, 0.0, part) for part in state] for state in states]
            pasts = tf.gather(music, width - backs, axis=1)
            earlier = tf.gather(music, width - 1 - backs[1:], axis=1)
            hidden = self.time_inputs(features[:, beat], self.summarize(pasts), pasts, earlier)
            for n, lstm in enumerate(self.time_lstms):
                hidden, states[n] = lstm.cell(hidden, states[n])
            chosen = self._generate_beat(hidden, pasts, values[:, beat], temperature)
            music = tf.concat([music[:, 1:], chosen[:, None]], axis=1)
        return self._medley(music[:, -piece:], n_songs)[:, :n_beats]

    def _medley(self, tokens, n_songs):
        """Join pieces, shape (pieces, beats, pairs), song by song; no note leads to the next."""
        n_pieces, last = tf.shape(tokens)[0] // n_songs, tokens[:, -1]
        leads_on = tf.range(1, 1 + tf.shape(tokens)[0]) % n_pieces > 0
        last = tf.where(leads_on[:, None], tf.gather(self.closed, last), last)
        tokens = tf.concat([tokens[:, :-1], last[:, None]], axis=1)
        return tf.reshape(tokens, [n_songs, -1, self.config.max_pairs])

    def _generate_beat(self, hidden, pasts, values, temperature):
        """Run up the keyboard until every row has come to END: shape (batch, pairs)."""
        context, (state, last, same) = self.context(hidden), self.begin_beat(hidden, pasts)
        pairs = self.config.max_pairs
        tokens, slot = tf.fill([tf.shape(hidden)[0], pairs], self.end), tf.constant(0)
        while (slot < pairs) & tf.reduce_any(last < self.end):
            logits, output, state, upcoming, held = self.pitch_logits(
                slot, context, state, last, same, pasts
            )
            pitch = inverse_cdf(logits, values[:, 2 * slot], temperature)
            logits = self.pattern_logits(slot, pitch, output, upcoming, held, pasts)
            pattern = inverse_cdf(logits, values[:, 2 * slot + 1], temperature)
            last = tf.minimum(pitch * len(self.vocabulary) + pattern, self.end)
            tokens = tf.where(tf.range(pairs) == slot, last[:, None], tokens)
            same *= tf.cast(upcoming == last[:, None], tf.float32)
            slot += 1
        return tokens


# The first generator -------------------------------------------------------------------------


def relu6_sixth(x):
    """Clip to 0..6 and divide by 6: the activation of the first try, relu6(x) / 6.

    Introduced in lesson 05.
    """
    return keras.ops.relu6(x) / 6


def build_first_try(config):
    """Build the generator as it was first described: one LSTM step a time step, one cell a pitch.

    The keras.Model reads a latent, shape (batch, beats, 24), as 24 * beats random values and gives
    a roll, shape (batch, 24 * beats, 128), each cell from 0 to 1; of the Config only `units`
    matters here. Introduced in lesson 05.
    """
    latent = keras.Input((None, LATENT_SIZE), name="latent")
    x = keras.layers.Reshape((-1, 1), name="one_value_a_step")(latent)
    x = keras.layers.LSTM(config.units, return_sequences=True, name="lstm")(x)
    roll = keras.layers.Dense(N_PITCHES, activation=relu6_sixth, name="pitches")(x)
    return keras.Model(latent, roll, name="first_try")


def build_generator(config, vocabulary=None):
    """Build the generator that a Config names: a Generator, or for "first_try" a keras.Model.

    Raises:
        ValueError: the model needs a vocabulary.
    """
    if config.model == "first_try":
        return build_first_try(config)
    if vocabulary is None:
        raise ValueError("this generator writes tokens; give it a vocabulary (learn_vocabulary)")
    return Generator(config, vocabulary)
