"""The cheap LSTM gives Keras's numbers and Keras's gradients."""

import keras
import numpy as np
import tensorflow as tf

from lstmgan_utils.recurrence import run_lstm


def test_outputs_and_gradients_are_those_of_keras():
    keras.utils.set_random_seed(0)
    layer = keras.layers.LSTM(5, return_sequences=True, bias_initializer="normal")
    inputs = tf.random.normal((3, 7, 4))
    weights = tf.random.normal((3, 7, 5))
    found = []
    for run in (layer, tf.function(lambda x: run_lstm(layer.cell, x))):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = run(inputs)
            loss = tf.reduce_sum(weights * outputs)
        sources = [inputs, *(v.value for v in layer.trainable_variables)]
        found.append([outputs.numpy(), *(g.numpy() for g in tape.gradient(loss, sources))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
