"""The discriminator: strided convolutions over time, flatten, dense, softmax."""

import keras

from .pianoroll import N_PITCHES, STEPS_PER_MEASURE

STRIDES = (6, 4, 4, 2)
LAYERS = ("sixteenths", "quarters", "measures", "pairs_of_measures")  # one output for each
GENERATED, REAL = 0, 1  # the two classes of the softmax


def build_discriminator(config):
    """Build the network that tells real rolls from generated ones.

    Each layer looks at a longer stretch: 6 steps (a 16th note), a quarter, a measure, two
    measures. Instead of pooling, the convolutions take large strides.

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
    x = keras.layers.Dense(config.filters[-1], activation="leaky_relu", name="dense")(x)
    logits = keras.layers.Dense(2, name="logits")(x)
    return keras.Model(roll, keras.layers.Softmax(name="softmax")(logits), name="discriminator")
