"""The generator: an LSTM that reads 24 random values a beat and chooses a word of music a beat."""

import keras
import numpy as np
import tensorflow as tf

from .config import LATENT_SIZE
from .pianoroll import N_PITCHES, RESOLUTION
from .vocabulary import BEATS_PER_MEASURE, METRES

LOOKBACK = (1, 2, 4, 8)  # measures: what was played here so long ago is offered again
N_BLANKS = 1 + max(LOOKBACK) * max(BEATS_PER_MEASURE.values())  # beats that a look-back reaches
SECTION = 16  # measures after which memory starts afresh, as long as the tunes of the warm-up
CYCLE = 8  # measures after which the counting starts again, as in most tunes
ENDING = 4  # measures before the end in which the generator is told how far it is
DICE_SEED = 24
DICE_ROUGHNESS = 0.6  # a blend step of an eighth keeps most words, two seeds share none
N_WAVES = 256


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


def relu6_sixth(x):
    """Clip to 0..6 and divide by 6: the activation of the first try, relu6(x) / 6.

    Introduced in lesson 05.
    """
    return keras.ops.relu6(x) / 6


def build_first_try(config):
    """Build the generator as it was first described: one LSTM step a time step, one cell a pitch.

    Args:
        config: Config; `units` and `measures` matter here.

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
        latent: float tensor, shape (batch, 24), standard normal.
        landscapes: from `dice_landscapes`.

    Returns:
        float tensor, shape (batch, words).

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
    beat's values), the place in the measure, the word just played, the words played 1, 2, 4 and
    8 measures ago, and whether the last word was an echo of one of them. They score the words
    of the vocabulary; the dice choose; the word paints its 24 x 128 cells. No weight depends on
    the length of the song. After each section of 16 measures it forgets what it has played, as a
    band goes from one tune to the next: a memory that was trained on tunes does not carry 200
    measures. The song latent stays.

    Args:
        config: Config.
        vocabulary: Vocabulary.

    Introduced in lesson 05.
    """

    def __init__(self, config, vocabulary):
        super().__init__(name="generator")
        self.config, self.vocabulary = config, vocabulary
        cells = [keras.layers.LSTMCell(config.units) for _ in range(2)]
        self.lstm = keras.layers.RNN(cells, return_sequences=True, name="lstm")
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
        words, size = len(self.vocabulary), self.config.embedding
        self.embedding = self.add_weight((words, size), "normal", name="embedding")
        self.word_bias = self.add_weight((words,), "zeros", name="word_bias")
        n_inputs = 2 * LATENT_SIZE + 4 + CYCLE + len(METRES) + ENDING + len(LOOKBACK)
        n_inputs += size * (1 + len(LOOKBACK))
        self.lstm.build((None, None, n_inputs))
        self.to_embedding.build((None, self.config.units))
        self.copy.build((None, self.config.units))
        self.built = True

    def score(self, hidden):
        """Score the words without the offer to copy: (…, units) to (…, words)."""
        meaning = self.to_embedding(hidden)
        return tf.matmul(meaning, self.embedding, transpose_b=True) + self.word_bias

    def start(self, batch):
        """Return the LSTM's states before the first beat."""
        return [[tf.zeros((batch, self.config.units))] * 2 for _ in range(2)]

    def step(self, inputs, embedded, offered, dice, states):
        """Play one beat.

        Args:
            inputs: float tensor, shape (batch, 71): latent, song latent, place, and for each
                lookback whether the last word echoed it.
            embedded: float tensor, shape (batch, 5 * embedding): the words just played and 1, 2,
                4, 8 measures ago, zeros before the start.
            offered: list of 4 float tensors, shape (batch, words): those of 1, 2, 4, 8 measures
                ago, one-hot.
            dice: float tensor, shape (batch, words).
            states: LSTM states.

        Returns:
            (word one-hot, shape (batch, words); its embedding; states).
        """
        hidden, states = self.lstm.cell(tf.concat([inputs, embedded], axis=-1), states)
        scores, copy = self.score(hidden), self.copy(hidden)
        for k, past in enumerate(offered):
            scores += copy[:, k : k + 1] * past
        word = choose_word(scores + dice, self.config.softness)
        return word, tf.matmul(word, self.embedding), states

    def play(self, latent, metre="4/4"):
        """Play an excerpt with gradients, in a plain loop that is unrolled when it is compiled.

        Args:
            latent: float tensor, shape (batch, beats, 24).
            metre: str from METRES.

        Returns:
            float tensor, shape (batch, beats, words), a one-hot word a beat.
        """
        (batch, n_beats, _), size = latent.shape, self.config.embedding
        metres, lengths = tf.fill([batch], METRES.index(metre)), tf.fill([batch], -1)
        places = place_features(n_beats, metres, lengths)
        no_word, no_meaning = tf.zeros((batch, len(self.vocabulary))), tf.zeros((batch, size))
        words, meanings, states = [], [], None
        back = [1] + [k * BEATS_PER_MEASURE[metre] for k in LOOKBACK]
        for beat in range(n_beats):
            heard = beat % (SECTION * BEATS_PER_MEASURE[metre])  # beats of this section
            states = states if heard else self.start(batch)
            past = [meanings[beat - b] if heard >= b else no_meaning for b in back]
            offered = [words[beat - b] if heard >= b else no_word for b in back[1:]]
            echoes = [
                tf.reduce_sum(words[beat - 1] * words[beat - 1 - b], axis=-1, keepdims=True)
                if heard > b
                else tf.zeros((batch, 1))
                for b in back[1:]
            ]
            inputs = [latent[:, beat], latent[:, 0], places[:, beat], *echoes]
            inputs = tf.concat(inputs, axis=-1)
            dice = throw_dice(latent[:, beat], self.landscapes)
            word, meaning, states = self.step(
                inputs, tf.concat(past, axis=-1), offered, dice, states
            )
            words.append(word)
            meanings.append(meaning)
        return tf.stack(words, axis=1)

    def play_words(self, latents, metre="4/4", temperature=1.0, ending=True):
        """Play songs of any length without gradients.

        Args:
            latents: float array, shape (batch, beats, 24).
            metre: str from METRES.
            temperature: float, strength of the dice; 0 takes the likeliest word.
            ending: bool, True for a song that comes to its end, False for an excerpt.

        Returns:
            int ndarray, shape (batch, beats).
        """
        if not hasattr(self, "_compiled_play"):
            shapes = [(None, None, LATENT_SIZE), (None,), (None,), ()]
            kinds = [tf.float32, tf.int32, tf.int32, tf.float32]
            signature = [tf.TensorSpec(*pair) for pair in zip(shapes, kinds, strict=True)]
            self._compiled_play = tf.function(self._play_words, input_signature=signature)
        latents = tf.convert_to_tensor(latents, tf.float32)
        metres = tf.fill([tf.shape(latents)[0]], METRES.index(metre))
        lengths = tf.fill(tf.shape(metres), latents.shape[1] if ending else -1)
        temperature = tf.constant(float(temperature))
        return self._compiled_play(latents, metres, lengths, temperature).numpy()

    def _play_words(self, latents, metres, lengths, temperature):
        """The loop of `play_words`: as `play`, with word numbers in place of one-hot words."""
        batch, n_beats = tf.shape(latents)[0], tf.shape(latents)[1]
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres[0])
        backs = tf.stack([1, *(k * per_measure for k in LOOKBACK)])
        songs = tf.repeat(latents[:, :1], n_beats, axis=1)
        known = tf.concat([latents, songs, place_features(n_beats, metres, lengths)], axis=-1)
        # Blanks before the first word, as far as the look-back reaches, so that no beat is special.
        words = tf.TensorArray(
            tf.int32, N_BLANKS + n_beats, clear_after_read=False, element_shape=(None,)
        )
        words = words.scatter(tf.range(N_BLANKS), tf.fill([N_BLANKS, batch], -1))
        states = self.start(batch)
        for beat in tf.range(n_beats):
            heard = beat % (SECTION * per_measure)  # beats of this section
            states = [[tf.where(heard > 0, s, 0) for s in pair] for pair in states]
            now = beat + N_BLANKS
            pasts = tf.where((heard >= backs)[:, None], words.gather(now - backs), -1)
            befores = tf.where((heard > backs[1:])[:, None], words.gather(now - 1 - backs[1:]), -1)
            meanings = tf.transpose(_embed(self.embedding, pasts), [1, 0, 2])
            meanings = tf.reshape(meanings, [batch, (1 + len(LOOKBACK)) * self.config.embedding])
            echoes = tf.transpose(_echo(pasts[0], befores))
            inputs = tf.concat([known[:, beat], echoes, meanings], axis=-1)
            hidden, states = self.lstm.cell(inputs, states)
            offers = [pasts[k, :, None] for k in range(1, 1 + len(LOOKBACK))]
            scores = _offer(self.score(hidden)[:, None], self.copy(hidden)[:, None], offers)[:, 0]
            scores += temperature * throw_dice(latents[:, beat], self.landscapes)
            words = words.write(now, tf.argmax(scores, axis=-1, output_type=tf.int32))
        return tf.transpose(words.stack()[N_BLANKS:])

    def paint(self, words):
        """Paint one-hot words, shape (batch, beats, words), as rolls, shape (batch, time, 128)."""
        batch, n_beats, _ = words.shape
        cells = tf.matmul(tf.reshape(words, (batch * n_beats, -1)), self.tiles)
        n_pitches = N_PITCHES - sum(self.margins[2])
        return tf.pad(tf.reshape(cells, (batch, n_beats * RESOLUTION, n_pitches)), self.margins)

    def call(self, latent, training=None):
        """Turn latents, shape (batch, beats, 24), into rolls, shape (batch, 24 * beats, 128)."""
        return self.paint(self.play(latent))

    def teacher_forced(self, words, metres, lengths, song, latent, dropout=0.0, seed=(0, 0)):
        """Score each next word of real tunes, given the true words before it.

        Args:
            words: int tensor, shape (batch, beats); -1 after the end.
            metres: int tensor, shape (batch,).
            lengths: int tensor, shape (batch,), as for `place_features`.
            song: float tensor, shape (batch, 24), the song latent.
            latent: float tensor, shape (batch, beats, 24).
            dropout: float, share of the LSTM's inputs and outputs to silence.
            seed: pair of ints for it.

        Returns:
            float tensor, shape (batch, beats, words).
        """
        n_beats = words.shape[1]
        per_measure = tf.gather(tf.constant(list(BEATS_PER_MEASURE.values())), metres)
        pasts = [_shift(words, tf.ones_like(per_measure))]
        pasts += [_shift(words, k * per_measure) for k in LOOKBACK]
        befores = [_shift(words, 1 + k * per_measure) for k in LOOKBACK]
        echoes = tf.stack([_echo(pasts[0], before) for before in befores], axis=-1)
        meanings = tf.concat([_embed(self.embedding, past) for past in pasts], axis=-1)
        drop = tf.nn.experimental.stateless_dropout
        if dropout:
            meanings = drop(meanings, dropout, seed=seed)
        songs = tf.repeat(song[:, None], n_beats, axis=1)
        places = place_features(n_beats, metres, lengths)
        hidden = self.lstm(tf.concat([latent, songs, places, echoes, meanings], axis=-1))
        if dropout:
            hidden = drop(hidden, dropout, seed=[seed[0], seed[1] + 2**30])
        return _offer(self.score(hidden), self.copy(hidden), pasts[1:])


def _shift(words, by):
    """Move each row of words later by its own number of beats; -1 comes in."""
    index = tf.range(words.shape[1])[None] - by[:, None]
    moved = tf.gather(words, tf.maximum(index, 0), batch_dims=1)
    return tf.where(index >= 0, moved, -1)


def _echo(last, before):
    """Tell whether the last word is the one that was played a lookback before it."""
    return tf.cast((last == before) & (last >= 0), tf.float32)


def _embed(embedding, words):
    """Look words up; -1 is a row of zeros."""
    return tf.gather(embedding, tf.maximum(words, 0)) * tf.cast(words >= 0, tf.float32)[..., None]


def _offer(scores, copy, pasts):
    """Raise the scores of the words played 1, 2, 4, 8 measures ago by the copy values."""
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


class Encoder(keras.Model):
    """Reads a whole tune into a song latent; it helps the warm-up and is then not needed.

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
        heard = tf.reduce_sum(self.listen(pairs) * mask, axis=1) / tf.reduce_sum(mask, axis=1)
        return tf.split(self.summary(heard), 2, axis=-1)
