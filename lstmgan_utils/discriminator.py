"""The discriminator: strided convolutions over time, flatten, dense, softmax."""

import keras
import numpy as np

from .pianoroll import N_PITCHES, STEPS_PER_MEASURE

STRIDES = (6, 4, 4, 2)
LAYERS = ("sixteenths", "quarters", "measures", "pairs_of_measures")  # one output for each
GENERATED, REAL = 0, 1  # the two classes of the softmax


class MeasureSimilarity(keras.layers.Layer):
    """Compares every two measures of a roll: the cosine of the angle between their cells.

    Form is repetition, and strided convolutions hardly see it. Introduced in lesson 04.
    """

    def call(self, rolls):
        """Turn rolls, shape (batch, time, 128), into similarities, shape (batch, pairs)."""
        n_measures = rolls.shape[1] // STEPS_PER_MEASURE
        cells = keras.ops.reshape(rolls, (-1, n_measures, STEPS_PER_MEASURE * N_PITCHES))
        length = keras.ops.sqrt(keras.ops.sum(cells * cells, axis=-1, keepdims=True) + 1)
        angles = keras.ops.matmul(cells / length, keras.ops.transpose(cells / length, (0, 2, 1)))
        first, second = np.triu_indices(n_measures, 1)
        flat = keras.ops.reshape(angles, (-1, n_measures**2))
        return keras.ops.take(flat, first * n_measures + second, axis=1)


def build_discriminator(config):
    """Build the network that tells real rolls from generated ones.

    The keras.Model turns float rolls, shape (batch, time, 128), into probabilities, shape
    (batch, 2), of (generated, real); the layer "logits" holds them before the softmax. Convolutions
    with large strides look at 6 steps, a quarter, a measure, two measures; beside them stands how
    much the measures resemble each other. Introduced in lesson 04.
    """
    roll = keras.Input((config.measures * STEPS_PER_MEASURE, N_PITCHES), name="roll")
    x = keras.layers.Dense(config.filters[0], activation="leaky_relu", name="chords")(roll)
    for name, filters, stride in zip(LAYERS, config.filters, STRIDES, strict=True):
        convolution = keras.layers.Conv1D(
            filters, 2 * stride, stride, "same", activation="leaky_relu", name=name
        )
        x = convolution(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Concatenate(name="form")([x, MeasureSimilarity(name="similarity")(roll)])
    x = keras.layers.Dense(config.filters[-1], activation="leaky_relu", name="dense")(x)
    logits = keras.layers.Dense(2, name="logits")(x)
    return keras.Model(roll, keras.layers.Softmax(name="softmax")(logits), name="discriminator")
