"""Looking back: songs cut into rows of beats, and the words that were played some measures ago."""

import tensorflow as tf

from .vocabulary import BEATS_PER_MEASURE, SECTION

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
