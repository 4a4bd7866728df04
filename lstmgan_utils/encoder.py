"""The encoder: it reads a section, so that the song latent learns to mean something."""

import keras
import tensorflow as tf

from .config import LATENT_SIZE


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
