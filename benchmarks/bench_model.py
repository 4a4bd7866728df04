"""What a song costs: folded by beats against one LSTM step a time step, and how fast it plays."""

from statistics import median
from time import perf_counter

import pytest
import tensorflow as tf

from lstmgan_utils import sampling
from lstmgan_utils.config import LATENT_SIZE, PRESETS
from lstmgan_utils.generator import build_first_try

pytestmark = pytest.mark.benchmark
N_BEATS = 800  # 200 measures of 4/4: 19,200 time steps
REPEATS = {8: 9, 200: 5}


@pytest.fixture(scope="module")
def generator():
    return sampling.load_pretrained("folk")


def seconds(action, repeats):
    """Median time of an action, its first call left out."""
    action()
    times = []
    for _ in range(repeats):
        began = perf_counter()
        action()
        times.append(perf_counter() - began)
    return median(times)


def forward_and_backward(network, latent, prepare=lambda latent: ()):
    """Compile one generator step: a song, its loss and the gradients of all weights."""

    @tf.function
    def step():
        prepared = prepare(latent)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(latent, *prepared))
        return tape.gradient(loss, network.trainable_variables)

    return step


@pytest.mark.parametrize("measures", REPEATS)
def test_play(generator, measures):
    time = seconds(lambda: sampling.sample(generator, 0, measures), REPEATS[measures])
    print(f"{measures} measures: {1000 * time:.0f} ms")
    assert time < 2 * measures  # faster than it is played at 120 quarters a minute


def test_song_step(generator):
    latent = tf.random.stateless_normal((1, N_BEATS, LATENT_SIZE), (0, 0))
    folded = forward_and_backward(
        generator, latent, lambda latent: [generator.play_words(latent, ending=False)]
    )
    flat_network = build_first_try(PRESETS["first_try"])
    flat = forward_and_backward(flat_network, latent)
    times = seconds(flat, 2), seconds(folded, 5)
    print(f"a song of 19,200 steps, both ways: flat {times[0]:.2f} s, folded {times[1]:.3f} s")
    print(f"folding is {times[0] / times[1]:.0f} times as fast")
    assert times[1] < times[0]
