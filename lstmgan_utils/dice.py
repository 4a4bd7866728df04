"""Dice: how a beat's 24 random values become a draw from the words of music."""

import numpy as np
import tensorflow as tf

from .config import LATENT_SIZE

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
