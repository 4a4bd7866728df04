"""The GAN: losses by hand, each network learns alone, and one bar can be learned by heart."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from fixtures_learning import TINY, moved, tiny_generator, tiny_tunes, tiny_vocabulary

from lstmgan_utils import gan
from lstmgan_utils.corpus import from_arrays
from lstmgan_utils.generator import inverse_cdf
from lstmgan_utils.pianoroll import note_array
from lstmgan_utils.vocabulary import learn_vocabulary
from lstmgan_utils.windows import prepare, training_batches

SHORT = dataclasses.replace(TINY, measures=1, pretraining_beats=8)


@pytest.fixture(scope="module")
def batch():
    return next(iter(training_batches(tiny_tunes(), tiny_vocabulary(), SHORT)))


def tiny_gan(**changes):
    """Build and compile a tiny GAN that skips pretraining: LSTMGAN."""
    config = dataclasses.replace(SHORT, **{"pretraining_steps": 0, **changes})
    model = gan.LSTMGAN(config, tiny_vocabulary())
    model.compile()
    return model


# Losses


near = functools.partial(pytest.approx, rel=1e-5)


def test_the_score_is_the_log_odds_of_real():
    logits = tf.constant([[1.0, 3.0], [2.0, -1.0]])
    generated, real = tf.nn.softmax(logits).numpy().T
    assert gan.real_score(logits).numpy() == near(np.log(real / generated))
    assert gan.real_score(logits).numpy() == near(np.array([2, -3]))


def test_cross_entropy_losses_by_hand():
    real, fake = tf.math.log([3.0, 1.0]), tf.math.log([1.0, 1 / 3])
    d_loss, g_loss = map(float, gan.cross_entropy_losses(real, fake))
    assert d_loss == near((np.log(4 / 3) + np.log(2)) / 2)  # the odds say 3/4, 1/2; 1/2, 1/4
    assert g_loss == near((np.log(2) + np.log(4)) / 2)


def test_relativistic_losses_by_hand():
    equal = tf.constant([2.0, 5.0])
    assert [*map(float, gan.relativistic_losses(equal, equal))] == near([np.log(2)] * 2)
    losses = gan.relativistic_losses(tf.math.log([3.0]), tf.constant([0.0]))
    assert [*map(float, losses)] == near([np.log(4 / 3), np.log(4)])


def test_the_penalty_of_a_linear_score_is_its_squared_norm():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(5, 128)).astype("float32")
    rolls = tf.constant(rng.random((3, 5, 128)), tf.float32)
    penalty = gan.gradient_penalty(lambda r: tf.reduce_sum(r * weights, axis=(1, 2)), rolls)
    assert float(penalty) == pytest.approx((weights**2).sum(), rel=1e-4)


def test_the_cross_entropy_of_decisions_by_hand():
    """Two patterns; pitch 60 in the second of them, then END, which has no pattern."""
    decisions = {
        "token": tf.constant([60 * 2 + 1, 128 * 2]),
        "pitch_logits": tf.zeros((2, 129)),
        "pattern_logits": tf.constant([[0.0, np.log(3.0)], [5.0, 0.0]], tf.float32),
    }
    expected = 2 * np.log(129) - np.log(3 / 4)
    assert float(gan.decision_cross_entropy(decisions, end=128 * 2)) == near(expected)


def test_cross_entropy_is_counted_a_beat_of_music(batch):
    """A generator without weights finds every choice that is allowed as likely."""
    model, (_, tokens, before, metres, lengths) = tiny_gan(), batch
    model.generator.set_weights([np.zeros_like(w) for w in model.generator.get_weights()])
    end, n_patterns = tiny_vocabulary().end, len(tiny_vocabulary())
    one = tf.constant([[[60 * n_patterns, end, end, end]]] * len(tokens))
    before = tf.fill(before.shape, -1)
    expected = np.log(129) + np.log(n_patterns) + np.log(68)  # 61 to 127, or END
    music = one, before, metres, lengths
    assert float(model.cross_entropy(*music)) == near(expected)
    longer = tf.pad(one, [[0, 0], [0, 3], [0, 0]], constant_values=-1)  # nothing follows
    assert float(model.cross_entropy(longer, *music[1:])) == near(expected)


# Steps


def test_pretraining_leaves_the_discriminator_alone(batch):
    model = tiny_gan(pretraining_steps=4)
    before = model.generator.get_weights(), model.discriminator.get_weights()
    logs = model.train_step(batch)
    assert set(logs) == {"cross_entropy", "generator_gradient"}
    assert moved(model.generator, before[0]) == len(before[0])
    assert not moved(model.discriminator, before[1])
    assert model.train_step(batch)["cross_entropy"] < logs["cross_entropy"]


def test_each_network_gets_better_against_one_that_stands_still(batch):
    model = tiny_gan(penalty=0.0, likelihood_weight=0.0, g_learning_rate=0.0, d_learning_rate=1e-2)
    step, before = tf.function(model.train_step), model.generator.get_weights()
    d_losses = [float(step(batch)["d_loss"]) for _ in range(20)]
    assert np.mean(d_losses[-5:]) < 0.3 * np.mean(d_losses[:5])
    assert not moved(model.generator, before)
    # What can tell the two apart is what the generator can learn from.
    model.g_optimizer.learning_rate, model.d_optimizer.learning_rate = 1e-2, 0.0
    before = model.discriminator.get_weights()
    g_losses = [float(step(batch)["g_loss"]) for _ in range(40)]
    assert np.mean(g_losses[-5:]) < 0.7 * np.mean(g_losses[:5])
    assert not moved(model.discriminator, before)


def test_the_penalty_reaches_the_discriminator_only(batch):
    steps = []
    for penalty in (0.0, 5.0):
        model = tiny_gan(penalty=penalty, likelihood_weight=0.0)
        for network in (model.generator, model.discriminator):
            rng = np.random.default_rng(0)
            network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
        model.train_step(batch)
        steps.append((model.generator.get_weights(), model.discriminator.get_weights()))
    (g_plain, d_plain), (g_steep, d_steep) = steps
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(g_plain, g_steep, strict=True))
    assert not all(np.allclose(a, b, atol=1e-6) for a, b in zip(d_plain, d_steep, strict=True))


def test_the_exponential_moving_average_follows_the_generator(batch):
    model = tiny_gan(ema_decay=0.5, pretraining_steps=1)
    start = model.ema.get_weights()
    assert not moved(model.generator, start)
    model.n_batches.assign(100)
    model.train_step(batch)
    weights = model.ema.get_weights(), model.generator.get_weights(), start
    for slow, fast, old in zip(*weights, strict=True):
        assert np.allclose(slow, (fast + old) / 2, atol=1e-6)


def test_a_long_piece_is_scored_with_gradients_as_it_was_sampled():
    """200 beats: memory restarts with each section, and the second of two looks back."""
    player, found = tiny_generator(), {}
    model = gan.LSTMGAN(player.config, player.vocabulary)
    model.generator.set_weights(player.get_weights())
    score_along = model.generator.score_along
    model.generator.score_along = lambda *a: found.setdefault("decisions", score_along(*a))
    values = np.random.default_rng(0).standard_normal((2, 200, 24)).astype("float32")
    tokens = tf.ensure_shape(model.generator.generate(values, ending=False), (2, 200, 4))
    for roll, row in zip(model.rolls_of(tokens).numpy(), tokens, strict=True):
        assert np.array_equal(roll, model.vocabulary.to_roll(row))
    decisions, late = found["decisions"], ((0, 0), (0, 56), (0, 0))
    section, beat = np.divmod(decisions["beat"].numpy(), 64)
    piece, beat = section // 4, section % 4 * 64 + beat
    slot = (np.pad(tokens, late)[piece, beat] <= decisions["last"].numpy()[:, None]).sum(axis=1)
    value = np.pad(values, late)[piece, beat]
    pitch, pattern = (
        inverse_cdf(decisions[f"{name}_logits"], value[np.arange(len(slot)), 2 * slot + k]).numpy()
        for k, name in enumerate(("pitch", "pattern"))
    )
    chosen = np.minimum(pitch * len(model.vocabulary) + pattern, model.generator.end)
    same = (chosen == decisions["token"].numpy())[beat < 200]
    assert same[beat[beat < 200] != 127].all()  # where a piece of a medley ends, notes are cut


def test_it_learns_one_bar_by_heart():
    bar = [(0, 24, 60), (24, 12, 62), (36, 12, 64), (48, 36, 48), (48, 24, 65), (84, 12, 69)]
    tunes = prepare(from_arrays([note_array(bar)]))
    vocabulary = learn_vocabulary(tune.notes for tune in tunes)
    config = dataclasses.replace(
        TINY, pretraining_steps=60, pretraining_beats=4, pretraining_rate=0.03, units=32
    )
    model = gan.LSTMGAN(config, vocabulary)
    model.compile()
    step = tf.function(model.train_step)
    data = training_batches(tunes, vocabulary, config).take(60)
    losses = [float(step(one)["cross_entropy"]) for one in data]
    assert losses[0] > 5 and np.mean(losses[-10:]) < 0.1  # log 129 = 4.9 nats a pitch at first
    sampled = model.generator.generate(np.zeros((1, 4, 24), "float32"), temperature=0).numpy()
    assert vocabulary.detokenize(sampled[0]).tolist() == tunes[0].notes.tolist()
