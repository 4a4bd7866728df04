"""The generator as it was first described: an LSTM that paints cells, a step at a time."""

import functools

import keras
import numpy as np
import tensorflow as tf

from .config import LATENT_SIZE
from .pianoroll import N_PITCHES, RESOLUTION
from .vocabulary import BEATS_PER_MEASURE, METRES, SECTION


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


class Encoder(keras.Model):
    """Reads a section of a tune into a song latent; training needs it, playing does not.

    Args:
        config: Config.

    Introduced in lesson 06.
    """

    def __init__(self, config):
        super().__init__(name="encoder")
        self.listen = keras.layers.Dense(128, activation="tanh", name="listen")
        self.summary = keras.layers.Dense(2 * LATENT_SIZE, name="summary")
        self.listen.build((None, None, 2 * config.embedding))
        self.summary.build((None, 128))
        self.built = True

    def call(self, meanings, mask):
        """Summarise embedded words, shape (batch, beats, embedding), where the mask is 1.

        Returns:
            (mean, log variance), each of shape (batch, 24).
        """
        pairs = tf.concat([meanings[:, :-1], meanings[:, 1:]], axis=-1)  # rhythm lives in pairs
        mask = mask[:, 1:, None]
        n_pairs = tf.maximum(tf.reduce_sum(mask, axis=1), 1)  # a tune of one beat has none
        heard = tf.reduce_sum(self.listen(pairs) * mask, axis=1) / n_pairs
        return tf.split(self.summary(heard), 2, axis=-1)


DICE_SEED = 24
DICE_ROUGHNESS = 0.6  # neighbours 1/128 apart keep most words, two seeds share next to none
N_WAVES = 256


def dice_landscapes(n_words):
    """Give each word a fixed random landscape over the space of a beat's 24 random values.

    The landscapes are sums of 256 random waves (Rahimi and Recht 2007), so that the heights of
    two words are all but independent, and that a small step in the latent changes them little.

    Args:
        n_words: int.

    Returns:
        float32 ndarrays: wave vectors, shape (24, 256), phases, shape (256,), and the weights of
        the waves, shape (256, words).

    Introduced in lesson 05.
    """
    rng = np.random.default_rng(DICE_SEED)
    waves = rng.normal(scale=DICE_ROUGHNESS, size=(LATENT_SIZE, N_WAVES))
    phases = rng.uniform(0, 2 * np.pi, N_WAVES)
    weights = rng.normal(scale=(2 / N_WAVES) ** 0.5, size=(N_WAVES, n_words))
    return tuple(np.float32(array) for array in (waves, phases, weights))


def throw_dice(latent, landscapes):
    """Turn a beat's 24 random values into one Gumbel number a word.

    The largest of logit + Gumbel number is a draw from the softmax of the logits (the
    Gumbel-max trick); that all numbers come from 24 values makes the draw a function of the
    latent, so that songs can be repeated and blended.

    Args:
        latent: float tensor, shape (…, 24), standard normal.
        landscapes: from `dice_landscapes`.

    Returns:
        float tensor, shape (…, words).

    Introduced in lesson 05.
    """
    waves, phases, weights = landscapes
    normal = tf.matmul(tf.cos(tf.matmul(latent, waves) + phases), weights)
    uniform = 0.5 * (1 + tf.math.erf(normal / np.sqrt(2)))
    return -tf.math.log(-tf.math.log(tf.clip_by_value(uniform, 1e-6, 1 - 1e-6)))


def choose_word(scores, softness=1.0):
    """Choose the word with the highest score, with the gradient of a softmax.

    Args:
        scores: float tensor, shape (batch, words).
        softness: float, temperature of that softmax.

    Returns:
        float tensor, shape (batch, words), one 1 a row (straight-through estimator).

    Introduced in lesson 05.
    """
    soft = tf.nn.softmax(scores / softness)
    hard = tf.one_hot(tf.argmax(scores, axis=-1), scores.shape[-1], dtype=soft.dtype)
    return hard + soft - tf.stop_gradient(soft)


# Measures: what was played here so long ago is offered again. Memory and look-back stop where the
# section begins; the last look-back goes from the second section of a tune to its first.
LOOKBACK = (1, 2, 4, 8, SECTION)
N_BLANKS = 1 + max(LOOKBACK) * max(BEATS_PER_MEASURE.values())  # beats that a look-back reaches


def fold(songs, length, fill=0):
    """Cut songs, shape (batch, beats, …), into rows of so many beats, the last one filled up."""
    late = -(songs.shape[1] or tf.shape(songs)[1]) % length
    songs = tf.pad(songs, [[0, 0], [0, late]] + [[0, 0]] * (len(songs.shape) - 2), "CONSTANT", fill)
    return tf.reshape(songs, [-1, length, *songs.shape[2:]])


def shift(words, by):
    """Move each row of words later by its own number of beats; -1 comes in."""
    index = tf.range(words.shape[1])[None] - by[:, None]
    moved = tf.gather(words, tf.maximum(index, 0), batch_dims=1)
    return tf.where(index >= 0, moved, -1)


def echo(last, before):
    """Tell whether the last word is the one that was played a lookback before it."""
    return tf.cast((last == before) & (last >= 0), tf.float32)


def embed(embedding, words):
    """Look words up; -1 is a row of zeros."""
    return tf.gather(embedding, tf.maximum(words, 0)) * tf.cast(words >= 0, tf.float32)[..., None]


def offer(scores, copy, pasts):
    """Raise the scores of the words played 1, 2, 4, 8 and 16 measures ago by the copy values."""
    shape = tf.shape(scores)
    rows = tf.range(shape[0] * shape[1]) * shape[2]
    places = [rows + tf.reshape(tf.maximum(past, 0), [-1]) for past in pasts]
    bonuses = [tf.where(past >= 0, copy[..., k], 0) for k, past in enumerate(pasts)]
    flat = tf.tensor_scatter_nd_add(
        tf.reshape(scores, [-1]),
        tf.concat(places, axis=0)[:, None],
        tf.reshape(tf.stack(bonuses), [-1]),
    )
    return tf.reshape(flat, shape)


CYCLE = 8  # measures after which the counting starts again, as in most tunes
ENDING = 4  # measures before the end in which the generator is told how far it is


def build_generator(config, vocabulary=None):
    """Build the generator that a configuration names.

    Args:
        config: Config.
        vocabulary: Vocabulary; the "lstmgan" model needs it.

    Returns:
        keras.Model: latent, shape (batch, beats, 24), to roll, shape (batch, 24 * beats, 128).

    Raises:
        ValueError: the model needs a vocabulary.

    Introduced in lesson 05.
    """
    if config.model == "first_try":
        return build_first_try(config)
    if vocabulary is None:
        raise ValueError("this generator paints words; give it a vocabulary (learn_vocabulary)")
    return Generator(config, vocabulary)


def place_features(n_beats, metres, lengths):
    """Tell each beat where it is: place in the measure, measure of eight, metre, how far the end.

    Args:
        n_beats: int.
        metres: int tensor, shape (batch,), indices into METRES.
        lengths: int tensor, shape (batch,), beats of the whole song; -1 for no end in sight.

    Returns:
        float tensor, shape (batch, beats, 19).

    Introduced in lesson 05.
    """
    per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres)[:, None]
    beat = tf.range(n_beats)[None]
    place = tf.one_hot(beat % per_measure, 4)
    measure = tf.one_hot(beat // per_measure % CYCLE, CYCLE)
    metre = tf.repeat(tf.one_hot(metres, len(METRES))[:, None], n_beats, axis=1)
    left = (lengths[:, None] - 1 - beat) // per_measure
    ending = tf.one_hot(left, ENDING)  # zeros for -1 and for more than ENDING measures
    return tf.concat([place, measure, metre, ending], axis=-1)


class Generator(keras.Model):
    """An LSTM over beats that hears what it has played and throws dice for the next beat.

    At each beat the two LSTM layers read the beat's 24 random values, the song latent (the first
    beat's values), the place in the measure, the word just played, the words played 1, 2, 4, 8
    and 16 measures ago, and whether the last word was an echo of one of them. They score the
    words of the vocabulary; the dice choose; the word paints its 24 x 128 cells. No weight
    depends on the length of the song: a long one is a set of tunes of 32 measures, as a band
    plays them, which share the song latent. A tune has two sections of 16 measures. Memory
    starts afresh with each, since one that was trained on 16 measures does not carry 200, but
    the second section is offered the first again.

    Args:
        config: Config.
        vocabulary: Vocabulary.

    Introduced in lesson 05.
    """

    def __init__(self, config, vocabulary):
        super().__init__(name="generator")
        self.config, self.vocabulary = config, vocabulary
        self.lstms = [
            keras.layers.LSTM(config.units, return_sequences=True, name=f"lstm_{n}") for n in (1, 2)
        ]
        self.to_embedding = keras.layers.Dense(config.embedding, name="to_embedding")
        self.copy = keras.layers.Dense(len(LOOKBACK), name="copy")
        self.landscapes = dice_landscapes(len(vocabulary))
        sounding = vocabulary.tiles.any(axis=(0, 1)).nonzero()[0]
        low, high = (sounding[0], sounding[-1] + 1) if len(sounding) else (0, 1)
        self.margins = [[0, 0], [0, 0], [int(low), N_PITCHES - int(high)]]
        self.tiles = vocabulary.tiles[:, :, low:high].reshape(len(vocabulary), -1).astype("float32")
        self.built_once()

    def built_once(self):
        """Create all weights, so that they can be loaded before the first call."""
        words, size, units = len(self.vocabulary), self.config.embedding, self.config.units
        self.embedding = self.add_weight((words, size), "normal", name="embedding")
        self.word_bias = self.add_weight((words,), "zeros", name="word_bias")
        n_inputs = 2 * LATENT_SIZE + 4 + CYCLE + len(METRES) + ENDING + len(LOOKBACK)
        n_inputs += size * (1 + len(LOOKBACK))
        for layer, width in zip(self.lstms, (n_inputs, units), strict=True):
            layer.build((None, None, width))
        self.to_embedding.build((None, units))
        self.copy.build((None, units))
        self.built = True

    def play(self, latent, metre="4/4", words=None):
        """Play an excerpt with gradients.

        It plays first and asks for gradients afterwards: once the words are known, all beats are
        scored along them at once, section beside section. A word thus learns from what it
        sounds like, not from what it led to.

        Args:
            latent: float tensor, shape (batch, beats, 24).
            metre: str from METRES.
            words: int tensor, shape (batch, beats), what `play_words` made of the latent; None to
                play them now. Play before you open a tape: it would prepare gradients of the
                loop, which nobody needs.

        Returns:
            float tensor, shape (batch, beats, words), a one-hot word a beat.
        """
        batch, n_beats, _ = latent.shape
        metres, lengths = tf.fill([batch], METRES.index(metre)), tf.fill([batch], -1)
        if words is None:
            words = self.play_words(latent, metre, ending=False)
        section = min(SECTION * BEATS_PER_MEASURE[metre], n_beats)
        tune = section if section == n_beats else 2 * section
        words = fold(tf.ensure_shape(words, (batch, n_beats)), tune, -1)
        before = tf.pad(words, [[0, 0], [section, 0]], constant_values=-1)[:, :tune]
        conditions = fold(self._conditions(latent, latent[:, 0], metres, lengths), tune)
        words, before = tf.reshape(words, (-1, section)), tf.reshape(before, (-1, section))
        scores = self._score_along(
            words,
            before,
            tf.fill([words.shape[0]], BEATS_PER_MEASURE[metre]),
            tf.reshape(conditions, (words.shape[0], section, -1)),
        )
        scores = tf.reshape(scores, (batch, -1, scores.shape[-1]))[:, :n_beats]
        return choose_word(scores + throw_dice(latent, self.landscapes), self.config.softness)

    def play_words(self, latents, metre="4/4", temperature=1.0, ending=True):
        """Play songs of any length without gradients.

        Args:
            latents: float array, shape (batch, beats, 24).
            metre: str from METRES.
            temperature: float, strength of the dice; 0 takes the likeliest word.
            ending: bool, True for a song that comes to its end, False for an excerpt.

        Returns:
            int tensor, shape (batch, beats).
        """
        latents = tf.convert_to_tensor(latents, tf.float32)
        metres = tf.fill([tf.shape(latents)[0]], METRES.index(metre))
        lengths = tf.fill(tf.shape(metres), latents.shape[1] if ending else -1)
        temperature = tf.constant(float(temperature))
        return self._compiled_play(latents, metres, lengths, temperature)

    @functools.cached_property
    def _compiled_play(self):
        shapes = [(None, None, LATENT_SIZE), (None,), (None,), ()]
        kinds = [tf.float32, tf.int32, tf.int32, tf.float32]
        signature = [tf.TensorSpec(*pair) for pair in zip(shapes, kinds, strict=True)]
        return tf.function(self._play_words, input_signature=signature)

    def _play_words(self, latents, metres, lengths, temperature):
        """The loop of `play_words`, a word a beat, all tunes of a song beside one another."""
        n_songs, n_beats = tf.shape(latents)[0], tf.shape(latents)[1]
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres[0])
        backs = tf.stack([1, *(k * per_measure for k in LOOKBACK)])
        tune = tf.minimum(n_beats, 2 * SECTION * per_measure)
        conditions = fold(self._conditions(latents, latents[:, 0], metres, lengths), tune)
        dice = temperature * throw_dice(conditions[..., :LATENT_SIZE], self.landscapes)
        batch = tf.shape(conditions)[0]
        # Blanks before the first word, as far as the look-back reaches, so that no beat is special.
        words = tf.TensorArray(
            tf.int32, N_BLANKS + tune, clear_after_read=False, element_shape=(None,)
        )
        words = words.scatter(tf.range(N_BLANKS), tf.fill([N_BLANKS, batch], -1))
        silent = tf.zeros((batch, self.config.units))
        states = [[silent, silent] for _ in self.lstms]
        for beat in tf.range(tune):
            heard = beat % (SECTION * per_measure)  # beats of this section
            states = [[tf.where(heard > 0, s, 0) for s in pair] for pair in states]
            now = beat + N_BLANKS
            reach = tf.stack([heard] * len(LOOKBACK) + [beat])
            pasts = tf.where((reach >= backs)[:, None], words.gather(now - backs), -1)
            told = (reach > backs)[1:] & (heard > 0)
            earlier = tf.where(told[:, None], words.gather(now - 1 - backs[1:]), -1)
            meanings = tf.transpose(embed(self.embedding, pasts), [1, 0, 2])
            meanings = tf.reshape(meanings, [batch, (1 + len(LOOKBACK)) * self.config.embedding])
            echoes = tf.transpose(echo(pasts[0], earlier))
            hidden = tf.concat([conditions[:, beat], echoes, meanings], axis=-1)
            for n, layer in enumerate(self.lstms):
                hidden, states[n] = layer.cell(hidden, states[n])
            offers = [pasts[k, :, None] for k in range(1, 1 + len(LOOKBACK))]
            scores = self._score(hidden[:, None], offers)[:, 0]
            scores += dice[:, beat]
            words = words.write(now, tf.argmax(scores, axis=-1, output_type=tf.int32))
        return tf.reshape(tf.transpose(words.stack()[N_BLANKS:]), (n_songs, -1))[:, :n_beats]

    def _conditions(self, latent, song, metres, lengths):
        """All that a beat is told but what was played before: shape (batch, beats, 67)."""
        n_beats = tf.shape(latent)[1]
        songs = tf.repeat(song[:, None], n_beats, axis=1)
        return tf.concat([latent, songs, place_features(n_beats, metres, lengths)], axis=-1)

    def paint(self, words):
        """Paint one-hot words, shape (batch, beats, words), as rolls, shape (batch, time, 128)."""
        batch, n_beats, _ = words.shape
        cells = tf.matmul(tf.reshape(words, (batch * n_beats, -1)), self.tiles)
        n_pitches = N_PITCHES - sum(self.margins[2])
        return tf.pad(tf.reshape(cells, (batch, n_beats * RESOLUTION, n_pitches)), self.margins)

    def call(self, latent, words=None, training=None):
        """Turn latents, shape (batch, beats, 24), into rolls, shape (batch, 24 * beats, 128).

        Args:
            latent: float tensor.
            words: as for `play`.
            training: not used.

        Returns:
            float tensor.
        """
        return self.paint(self.play(latent, words=words))

    def teacher_forced(
        self, words, before, metres, lengths, song, latent, dropout=0.0, seed=(0, 0)
    ):
        """Score each next word of a section of real tunes, given the true words before it.

        Args:
            words: int tensor, shape (batch, beats); -1 after the end.
            before: int tensor, shape (batch, beats), the section before; -1 where none is.
            metres: int tensor, shape (batch,).
            lengths: int tensor, shape (batch,), as for `place_features`.
            song: float tensor, shape (batch, 24), the song latent.
            latent: float tensor, shape (batch, beats, 24).
            dropout: float, share of the LSTM's inputs and outputs to silence.
            seed: pair of ints for it.

        Returns:
            float tensor, shape (batch, beats, words).
        """
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres)
        conditions = self._conditions(latent, song, metres, lengths)
        return self._score_along(words, before, per_measure, conditions, dropout, seed)

    def _score_along(self, words, before, per_measure, conditions, dropout=0.0, seed=(0, 0)):
        """Score the words of all beats at once, one section a row."""
        inside = [k * per_measure for k in LOOKBACK[:-1]]
        one = tf.ones_like(per_measure)
        pasts = [shift(words, by) for by in (one, *inside)] + [before]
        earlier = [shift(words, 1 + by) for by in inside] + [shift(before, one)]
        echoes = tf.stack([echo(pasts[0], words) for words in earlier], axis=-1)
        meanings = tf.concat([embed(self.embedding, past) for past in pasts], axis=-1)
        drop = tf.nn.experimental.stateless_dropout
        if dropout:
            meanings = drop(meanings, dropout, seed=seed)
        hidden = tf.concat([conditions, echoes, meanings], axis=-1)
        for layer in self.lstms:
            hidden = layer(hidden)
        if dropout:
            hidden = drop(hidden, dropout, seed=[seed[0], seed[1] + 2**30])
        return self._score(hidden, pasts[1:])

    def _score(self, hidden, offers):
        """Score the words from the LSTM's output, shape (batch, beats, units), and the offers."""
        scores = tf.matmul(self.to_embedding(hidden), self.embedding, transpose_b=True)
        return offer(scores + self.word_bias, self.copy(hidden), offers)
