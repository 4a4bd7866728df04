"""What a piece costs: an LSTM over beats against one over time steps, and how long samples take."""

import dataclasses
from statistics import median
from time import perf_counter

import pytest
import tensorflow as tf

from lstmgan_utils import gan, sampling
from lstmgan_utils.config import LATENT_SIZE, PRESETS
from lstmgan_utils.generator import build_first_try

pytestmark = pytest.mark.benchmark
N_BEATS = 800  # 200 measures of 4/4: 19,200 time steps
REPEATS = {8: 9, 200: 5}


@pytest.fixture(scope="module", params=["folk", "piano"])
def generator(request):
    return sampling.load_pretrained(request.param)


def seconds(action, repeats):
    """Median time of an action, its first call left out."""
    action()
    times = []
    for _ in range(repeats):
        began = perf_counter()
        action()
        times.append(perf_counter() - began)
    return median(times)


def gradient_step(network, roll_of):
    """Compile one generator step: a piece, its loss and the gradients of all weights."""

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(roll_of())
        return tape.gradient(loss, network.trainable_variables)

    return step


@pytest.mark.parametrize("measures", REPEATS)
def test_play(generator, measures):
    time = seconds(lambda: sampling.sample(generator, 0, measures), REPEATS[measures])
    print(f"{measures} measures: {1000 * time:.0f} ms")
    assert time < 2 * measures  # faster than it is played at 120 quarters a minute


def test_piece_step(generator):
    latent = tf.random.stateless_normal((1, N_BEATS, LATENT_SIZE), (0, 0))
    config = dataclasses.replace(generator.config, measures=200)
    model = gan.LSTMGAN(config, generator.vocabulary)
    tokens = tf.ensure_shape(
        generator.generate(latent, ending=False), (1, N_BEATS, config.max_pairs)
    )
    by_beats = gradient_step(model.generator, lambda: model.rolls_of(tokens))
    first_try = build_first_try(PRESETS["first_try"])
    by_steps = gradient_step(first_try, lambda: first_try(latent))
    times = seconds(by_steps, 2), seconds(by_beats, 5)
    print(f"a piece of 19,200 steps: by steps {times[0]:.2f} s, by beats {times[1]:.3f} s")
    print(f"by beats it is {times[0] / times[1]:.0f} times as fast")
    assert times[1] < times[0]
