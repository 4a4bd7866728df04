"""The generators: shapes, dice, the choice of words, and one score whichever way it is reached."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from fixtures_learning import TINY, tiny_generator

from lstmgan_utils import generator as room
from lstmgan_utils.config import PRESETS, Config
from lstmgan_utils.vocabulary import BEATS_PER_MEASURE, METRES


@pytest.fixture(scope="module")
def player():
    return tiny_generator()


def latents(batch, beats, seed=0):
    """Draw random values, shape (batch, beats, 24)."""
    return np.random.default_rng(seed).standard_normal((batch, beats, 24)).astype("float32")


def test_the_first_try_fills_cells_from_0_to_1():
    first_try = room.build_generator(dataclasses.replace(PRESETS["first_try"], units=8))
    rng = np.random.default_rng(0)
    first_try.set_weights([rng.normal(0, 3, w.shape) for w in first_try.get_weights()])
    roll = first_try(latents(2, 3)).numpy()
    assert roll.shape == (2, 72, 128) and (roll.min(), roll.max()) == (0, 1)
    assert ((roll > 0) & (roll < 1)).any()


def test_the_first_try_reads_one_random_value_a_step():
    first_try = room.build_generator(dataclasses.replace(PRESETS["first_try"], units=8))
    latent = latents(1, 2)
    changed = latent.copy()
    changed[0, 1, 5] += 3  # step 24 + 5
    differs = (first_try(latent) != first_try(changed)).numpy().any(axis=(0, 2))
    assert not differs[:29].any() and differs[29]


def test_words_need_a_vocabulary():
    with pytest.raises(ValueError, match="learn_vocabulary"):
        room.build_generator(TINY)


# Dice


def test_each_words_dice_follow_the_gumbel_distribution():
    n = 4000
    dice = room.throw_dice(latents(n, 1)[:, 0], room.dice_directions(50)).numpy()
    expected = np.exp(-np.exp(-np.sort(dice, axis=0)))  # its distribution function
    ranks = (np.arange(n)[:, None] + 0.5) / n
    # Kolmogorov-Smirnov: 2.5 / sqrt(n) is exceeded once in 135,000 columns.
    assert np.abs(expected - ranks).max() < 2.5 / np.sqrt(n)


def test_independent_dice_choose_as_often_as_the_softmax_says():
    n, logits = 20_000, np.log([0.5, 0.3, 0.15, 0.05])
    dice = room.throw_dice(latents(n, 1)[:, 0], np.eye(24, 4, dtype="float32"))
    share = room.choose(tf.constant(logits, tf.float32) + dice).numpy().mean(axis=0)
    expected = np.exp(logits)
    assert (np.abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)).all()


def test_dice_stay_finite_at_any_latent():
    dice = room.throw_dice(np.array([[-1e4], [0], [1e4]], "float32"), np.ones((1, 2), "float32"))
    assert np.isfinite(dice).all() and (np.diff(dice[:, 0]) > 0).all()


def test_the_choice_is_hard_and_its_gradient_soft():
    scores, weights = tf.constant([[1.0, 2.0, -1.0]]), tf.constant([[0.5, -1.0, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        choice = room.choose(scores, softness=2.0)
        value = tf.reduce_sum(choice * weights)
    assert np.allclose(choice, [[0, 1, 0]], atol=1e-6)
    p = tf.nn.softmax(scores / 2.0)
    expected = p * (weights - tf.reduce_sum(p * weights)) / 2.0
    assert np.allclose(tape.gradient(value, scores), expected, atol=1e-6)


# The LSTM over beats


def test_places_count_beats_measures_and_metres():
    places = room.place_features(30, [METRES.index("4/4"), METRES.index("3/4")]).numpy()
    assert places.shape == (2, 30, 4 + room.CYCLE + len(METRES))
    for row, per_measure in zip(places, (4, 3), strict=True):
        assert row[:, :4].argmax(axis=1).tolist() == [i % per_measure for i in range(30)]
        measures = [i // per_measure % 8 for i in range(30)]
        assert row[:, 4:12].argmax(axis=1).tolist() == measures
    assert (places.sum(axis=2) == 3).all()


@pytest.mark.parametrize("metre", ["4/4", "6/8"])
def test_playing_and_reading_along_give_the_same_scores(player, monkeypatch, metre):
    n_beats, heard = 9 * BEATS_PER_MEASURE[metre], []

    def listen(scores, softness):
        heard.append(scores)
        return tf.one_hot(tf.argmax(scores, axis=-1), scores.shape[-1])

    monkeypatch.setattr(room, "choose", listen)
    latent = latents(3, n_beats)
    words = tf.argmax(tf.stack(player.play(latent, metre), axis=1), axis=-1, output_type=tf.int32)
    metres = tf.fill([3], METRES.index(metre))
    scores = player.teacher_forced(words, metres, latent[:, 0], latent)
    dice = room.throw_dice(latent.reshape(-1, 24), player.directions).numpy()
    expected = scores.numpy() + dice.reshape(3, n_beats, -1)
    assert np.allclose(np.stack(heard, axis=1), expected, atol=1e-4)
    assert len(np.unique(words)) > 5  # a piece that varies, so that a mix-up would show


def test_the_end_of_a_tune_does_not_change_the_scores_before_it(player):
    words = np.random.default_rng(0).integers(0, len(player.vocabulary), (1, 12))
    latent, metres = latents(1, 12), np.array([0])
    whole = player.teacher_forced(tf.constant(words, tf.int32), metres, latent[:, 0], latent)
    words[:, 8:] = -1
    short = player.teacher_forced(tf.constant(words, tf.int32), metres, latent[:, 0], latent)
    assert np.allclose(whole[:, :8], short[:, :8], atol=1e-5)


def test_a_longer_latent_goes_on_where_the_shorter_one_ended(player):
    latent = latents(2, 24)
    whole, half = player.play_words(latent), player.play_words(latent[:, :12])
    assert np.array_equal(whole[:, :12], half)
    assert not np.array_equal(whole[:, 12:], half)


def test_no_weight_depends_on_the_length_of_the_song():
    config = dataclasses.asdict(TINY) | {"measures": 200}
    shapes = [w.shape for w in tiny_generator().weights]
    vocabulary = tiny_generator().vocabulary
    assert [w.shape for w in room.Generator(Config(**config), vocabulary).weights] == shapes


def test_the_roll_shows_the_words_that_were_played(player):
    latent = latents(2, 8)
    roll, words = player(latent).numpy(), player.play_words(latent)
    assert roll.shape == (2, 192, 128)
    for found, row in zip(roll, words, strict=True):
        assert np.allclose(found, player.vocabulary.paint(row), atol=1e-5)


def test_temperature_says_how_much_the_dice_count(player):
    latent = latents(3, 1)
    dice = room.throw_dice(latent[:, 0], player.directions).numpy()
    hot, cold = (player.play_words(latent, temperature=t)[:, 0] for t in (1e6, 0))
    assert hot.tolist() == dice.argmax(axis=1).tolist() != cold.tolist()


def test_every_weight_hears_the_roll(player):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(player(latents(2, 9))[:, :, 60:]))
    gradients = tape.gradient(loss, player.trainable_variables)
    silent = [v.path for v, g in zip(player.trainable_variables, gradients, strict=True)
              if g is None or not np.abs(g).max() > 0]  # fmt: skip
    assert silent == []
