"""How the generator chooses: scores of pitches and patterns, raised, looked up and drawn from."""

import tensorflow as tf

from .pianoroll import N_PITCHES

REACH = 24  # semitones: the widest interval that is scored as one


def look_back(beats, backs, n_beats, blank):
    """Look up what was so many beats before each of the last beats.

    Args:
        beats: tensor, shape (batch, all beats, …).
        backs: int tensor, shape (batch, look-backs), beats.
        n_beats: int, how many of the last beats look back.
        blank: what stands before the first beat.

    Returns:
        tensor, shape (batch, n_beats, look-backs, …).

    Introduced in lesson 05.
    """
    now = tf.range(tf.shape(beats)[1])[-n_beats:]
    index = now[None, :, None] - backs[:, None]
    found = tf.gather(beats, tf.maximum(index, 0), batch_dims=1)
    return tf.where(index[..., None] >= 0, found, blank)


def choose(scores, values, temperature=1.0):
    """Choose by the inverse of the cumulative distribution: one random value, one choice.

    Args:
        scores: float tensor, shape (batch, choices).
        values: float tensor, shape (batch,), standard normal; a larger one chooses later.
        temperature: float, 0 for the likeliest choice.

    Returns:
        int tensor, shape (batch,).

    Introduced in lesson 05.
    """
    if_likeliest = tf.one_hot(tf.argmax(scores, axis=-1), scores.shape[-1])
    shares = tf.nn.softmax(scores / tf.maximum(temperature, 1e-6))
    reached = tf.cumsum(tf.where(temperature > 0, shares, if_likeliest), axis=-1)
    place = tf.clip_by_value(0.5 * (1 + tf.math.erf(values / 2**0.5)), 1e-6, 1 - 1e-6)
    return tf.reduce_sum(tf.cast(reached < place[:, None] * reached[:, -1:], tf.int32), axis=-1)


def relative(scores, origin):
    """Turn scores of intervals, shape (rows, 49), into scores of pitches, shape (rows, 129).

    Args:
        scores: float tensor, of −24 to 24 semitones.
        origin: int tensor, shape (rows,), the pitch that they are counted from; −1 for none.

    Returns:
        float tensor; 0 for what is farther away, and for END.

    Introduced in lesson 05.
    """
    pitch = tf.range(N_PITCHES + 1)
    interval = pitch - origin[:, None] + REACH
    inside = (
        (interval >= 0) & (interval <= 2 * REACH) & (pitch < N_PITCHES) & (origin >= 0)[:, None]
    )
    values = tf.gather(scores, tf.clip_by_value(interval, 0, 2 * REACH), batch_dims=1)
    return tf.where(inside, values, 0.0)


def raise_scores(scores, places, amounts):
    """Add to the scores, shape (rows, choices), the amounts at the places, both (rows, n)."""
    rows, choices = tf.unstack(tf.shape(scores))
    flat = tf.tensor_scatter_nd_add(
        tf.reshape(scores, [-1]),
        tf.reshape(tf.range(rows)[:, None] * choices + places, [-1, 1]),
        tf.reshape(amounts, [-1]),
    )
    return tf.reshape(flat, [rows, choices])


def straight_through(scores, choice):
    """Write choices as one-hot vectors with the gradient of the softmax of their scores.

    Introduced in lesson 06.
    """
    soft = tf.nn.softmax(scores)
    hard = tf.one_hot(choice, scores.shape[-1])
    return hard + (soft - tf.stop_gradient(soft))  # in this order exactly 0 and 1
