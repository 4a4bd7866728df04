"""The generator as it was first described: an LSTM that paints cells, a step at a time."""

import keras

from .config import LATENT_SIZE
from .pianoroll import N_PITCHES


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
