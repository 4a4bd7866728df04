"""The generators: shapes, dice, the choice of words, and one score whichever way it is reached."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from fixtures_learning import TINY, tiny_generator

from lstmgan_utils import generator as room
from lstmgan_utils.config import PRESETS, Config
from lstmgan_utils.generator import LOOKBACK, choose_word, dice_landscapes, throw_dice
from lstmgan_utils.vocabulary import BEATS_PER_MEASURE, METRES


@pytest.fixture(scope="module")
def player():
    return tiny_generator()


@pytest.fixture(scope="module")
def echoing():
    """A generator that likes to repeat itself."""
    generator = tiny_generator()
    generator.copy.bias.assign([6.0] * len(LOOKBACK))
    return generator


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


def play(generator, *args, **options):
    """Let a generator play without gradients: int ndarray, shape (batch, beats)."""
    return generator.play_words(*args, **options).numpy()


# Dice


@pytest.fixture(scope="module")
def dice():
    """Throw the dice of 100 words 4,000 times."""
    return throw_dice(latents(4000, 1)[:, 0], dice_landscapes(100)).numpy()


def test_each_words_dice_all_but_follow_the_gumbel_distribution(dice):
    expected = np.exp(-np.exp(-np.sort(dice, axis=0)))  # its distribution function
    ranks = (np.arange(4000)[:, None] + 0.5) / 4000
    distance = np.abs(expected - ranks).max(axis=0)  # 0.014 for true draws, since n is finite
    assert distance.mean() < 0.03 and distance.max() < 0.08


def test_the_dice_choose_nearly_as_often_as_the_softmax_says(dice):
    expected = np.array([0.5, 0.3, 0.15, 0.05])
    for first in range(0, 100, 4):
        scores = np.log(expected) + dice[:, first : first + 4]
        share = choose_word(tf.constant(scores, tf.float32)).numpy().mean(axis=0)
        # 4 standard errors, and the bias of landscapes made of 256 waves
        assert (
            np.abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000) + 0.04
        ).all()


def test_dice_change_a_little_with_the_latent_and_wholly_with_the_seed():
    a, b = latents(1000, 1, 1)[:, 0], latents(1000, 1, 2)[:, 0]
    for amount, low, high in ((1 / 16, 0.9, 1), (1 / 8, 0.7, 0.95), (1, -0.05, 0.1)):
        near = np.float32(np.cos(amount * np.pi / 2) * a + np.sin(amount * np.pi / 2) * b)
        pair = [throw_dice(x, dice_landscapes(50)).numpy() for x in (a, near)]
        assert low < np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1] < high


def test_dice_stay_finite_on_the_highest_peak():
    flat = np.zeros((24, 1), "float32"), np.zeros(1, "float32"), np.array([[-99, 99]], "float32")
    low, high = throw_dice(latents(1, 1)[:, 0], flat).numpy()[0]
    assert np.isfinite([low, high]).all() and low < high


def test_the_choice_is_hard_and_its_gradient_soft():
    scores, weights = tf.constant([[1.0, 2.0, -1.0]]), tf.constant([[0.5, -1.0, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        choice = choose_word(scores, softness=2.0)
        value = tf.reduce_sum(choice * weights)
    assert np.allclose(choice, [[0, 1, 0]], atol=1e-6)
    p = tf.nn.softmax(scores / 2.0)
    expected = p * (weights - tf.reduce_sum(p * weights)) / 2.0
    assert np.allclose(tape.gradient(value, scores), expected, atol=1e-6)


# The LSTM over beats


def test_places_count_beats_measures_metres_and_the_way_to_the_end():
    metres = [METRES.index("4/4"), METRES.index("3/4")]
    places = room.place_features(30, metres, np.array([-1, 27])).numpy()
    assert places.shape == (2, 30, 4 + room.CYCLE + len(METRES) + room.ENDING)
    for row, per_measure in zip(places, (4, 3), strict=True):
        assert row[:, :4].argmax(axis=1).tolist() == [i % per_measure for i in range(30)]
        measures = [i // per_measure % 8 for i in range(30)]
        assert row[:, 4:12].argmax(axis=1).tolist() == measures
    assert (places[..., :15].sum(axis=2) == 3).all() and not places[0, :, 15:].any()
    ending = places[1, :, 15:]
    assert not ending[:15].any() and not ending[27:].any()
    assert ending[15:27].argmax(axis=1).tolist() == [3] * 3 + [2] * 3 + [1] * 3 + [0] * 3


def read_along(player, words, latent, metre, lengths):
    """Score words that were played, with the dice they were played with."""
    metres = tf.fill([len(words)], METRES.index(metre))
    words, lengths = tf.constant(words, tf.int32), tf.fill([len(words)], lengths)
    before = tf.fill(words.shape, -1)
    scores = player.teacher_forced(words, before, metres, lengths, latent[:, 0], latent).numpy()
    dice = throw_dice(latent.reshape(-1, 24), player.landscapes).numpy()
    return scores + dice.reshape(scores.shape)


@pytest.mark.parametrize("metre", ["4/4", "6/8"])
def test_the_words_played_are_those_with_the_highest_scores_along_them(echoing, metre):
    latent = latents(3, 10 * BEATS_PER_MEASURE[metre])
    words = play(echoing, latent, metre, ending=False)
    assert np.array_equal(read_along(echoing, words, latent, metre, -1).argmax(axis=-1), words)
    # It varies and it echoes, so that a mix-up of either would show.
    first = BEATS_PER_MEASURE[metre]
    assert len(np.unique(words)) > 5 and (words[:, first] == words[:, 0]).any()


@pytest.mark.parametrize("measures", [3, 16, 20, 69])
@pytest.mark.parametrize("metre", ["4/4", "3/4"])
def test_gradients_go_to_the_words_that_were_played(echoing, metre, measures):
    latent = latents(2, measures * BEATS_PER_MEASURE[metre])
    words = play(echoing, latent, metre, ending=False)
    played = echoing.play(latent, metre).numpy()
    other = words.copy()
    other[:, 5] = (other[:, 5] + 1) % len(echoing.vocabulary)
    scored = echoing.play(latent, metre, other).numpy()  # a change is heard from the next beat on
    assert np.array_equal(scored[:, :6], played[:, :6]) and not np.array_equal(scored, played)
    assert np.array_equal(played.argmax(axis=-1), words)
    assert np.allclose(played.max(axis=-1), 1) and np.allclose(played.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("metre", ["4/4", "3/4"])
def test_a_song_with_an_end_is_played_as_it_is_read(player, metre):
    latent = latents(3, 10 * BEATS_PER_MEASURE[metre])
    words = play(player, latent, metre)
    expected = read_along(player, words, latent, metre, latent.shape[1])
    assert np.array_equal(expected.argmax(axis=-1), words)
    assert not np.array_equal(play(player, latent, metre, ending=False), words)


def test_what_comes_later_does_not_change_the_scores_before_it(player):
    words = np.random.default_rng(0).integers(0, len(player.vocabulary), (1, 12))
    whole = read_along(player, words, latents(1, 12), "4/4", -1)
    words[:, 8:] = -1
    assert np.allclose(read_along(player, words, latents(1, 12), "4/4", -1)[:, :9], whole[:, :9])


def silence_the_return(generator):
    """Make a copy that does not hear the section before: its last look-back has no weight."""
    deaf = tiny_generator()
    deaf.set_weights(generator.get_weights())
    size, kernel = deaf.config.embedding, deaf.lstms[0].cell.kernel
    rows = np.ones((kernel.shape[0], 1), "float32")
    rows[-size:] = rows[-size * (1 + len(LOOKBACK)) - 1] = 0
    kernel.assign(kernel * rows)
    for weight in (deaf.copy.kernel, deaf.copy.bias):
        weight.assign(weight * np.array([1, 1, 1, 1, 0], "float32"))
    return deaf


def test_a_section_that_does_not_hear_the_one_before_begins_as_a_song_does(echoing):
    deaf = silence_the_return(echoing)
    n_beats = room.SECTION * BEATS_PER_MEASURE["4/4"]
    latent = latents(2, n_beats + 8)
    second = latent[:, n_beats:].copy()
    second[:, 0] = latent[:, 0]  # the song latent, which is also the first beat's own values
    latent[:, n_beats] = latent[:, 0]
    alone = play(deaf, second, ending=False)
    assert np.array_equal(play(deaf, latent, ending=False)[:, n_beats:], alone)
    assert not np.array_equal(play(echoing, latent, ending=False)[:, n_beats:], alone)


@pytest.mark.parametrize("metre", ["4/4", "3/4"])
def test_a_section_can_be_the_one_before_again(player, metre):
    back = tiny_generator()
    back.set_weights(player.get_weights())
    back.copy.bias.assign([0, 0, 0, 0, 100.0])
    width = room.SECTION * BEATS_PER_MEASURE[metre]
    words = play(back, latents(2, 4 * width), metre, ending=False).reshape(2, 4, width)
    assert np.array_equal(words[:, 1], words[:, 0]) and np.array_equal(words[:, 3], words[:, 2])
    assert (words[:, 2] != words[:, 1]).any() and len(np.unique(words[:, 0])) > 5


@pytest.mark.parametrize("metre", ["4/4", "3/4"])
def test_a_long_song_is_a_set_of_tunes_that_share_the_song_latent(echoing, metre):
    tune = 2 * room.SECTION * BEATS_PER_MEASURE[metre]
    latent = latents(2, tune + 9)
    latent[:, tune] = latent[:, 0]  # the song latent is also the first beat's own values
    whole = play(echoing, latent, metre, ending=False)
    for part in (slice(0, tune), slice(tune, None)):
        alone = play(echoing, latent[:, part], metre, ending=False)
        assert np.array_equal(whole[:, part], alone)


def test_a_longer_latent_goes_on_where_the_shorter_one_ended(player):
    latent = latents(2, 24)
    whole, half = (play(player, x, ending=False) for x in (latent, latent[:, :12]))
    assert np.array_equal(whole[:, :12], half) and not np.array_equal(whole[:, 12:], half)
    assert np.array_equal(play(player, latent)[:, :8], whole[:, :8])  # 4 measures to the end


def test_no_weight_depends_on_the_length_of_the_song():
    config = dataclasses.asdict(TINY) | {"measures": 200}
    shapes = [w.shape for w in tiny_generator().weights]
    vocabulary = tiny_generator().vocabulary
    assert [w.shape for w in room.Generator(Config(**config), vocabulary).weights] == shapes


def test_the_roll_shows_the_words_that_were_played(player):
    latent = latents(2, 8)
    roll, words = player(latent).numpy(), play(player, latent, ending=False)
    assert roll.shape == (2, 192, 128)
    for found, row in zip(roll, words, strict=True):
        assert np.allclose(found, player.vocabulary.paint(row), atol=1e-5)


def test_temperature_says_how_much_the_dice_count(player):
    latent = latents(3, 1)
    dice = throw_dice(latent[:, 0], player.landscapes).numpy()
    hot, cold = (play(player, latent, temperature=t)[:, 0] for t in (1e6, 0))
    assert hot.tolist() == dice.argmax(axis=1).tolist() != cold.tolist()


def test_every_weight_hears_the_roll(player):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(player(latents(2, 9))[:, :, 60:]))
    gradients = tape.gradient(loss, player.trainable_variables)
    silent = [v.path for v, g in zip(player.trainable_variables, gradients, strict=True)
              if g is None or not np.abs(g).max() > 0]  # fmt: skip
    assert silent == []
