"""The discriminator: strided convolutions over time, flatten, dense, softmax."""

import keras
import numpy as np

from .pianoroll import N_PITCHES, STEPS_PER_MEASURE

STRIDES = (6, 4, 4, 2)
LAYERS = ("sixteenths", "quarters", "measures", "pairs_of_measures")  # one output for each
GENERATED, REAL = 0, 1  # the two classes of the softmax


class MeasureSimilarity(keras.layers.Layer):
    """Compares every two measures of a roll: the cosine of the angle between their cells.

    Strided convolutions see that two measures are alike only with much luck; form is repetition,
    so the discriminator is told.

    Introduced in lesson 04.
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

    Each layer looks at a longer stretch: 6 steps (a 16th note), a quarter, a measure, two
    measures. Instead of pooling, the convolutions take large strides. Beside them stands how much
    the measures resemble each other.

    Args:
        config: Config; `measures` and `filters` matter here.

    Returns:
        keras.Model: float rolls, shape (batch, time, 128), to probabilities, shape (batch, 2), of
        (generated, real). The layer "logits" holds them before the softmax.

    Introduced in lesson 04.
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
