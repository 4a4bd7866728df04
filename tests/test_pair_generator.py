"""The generator of pairs: one score whichever way it is reached, and music that a roll can hold."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_tunes import toy_songs

from lstmgan_utils import pair_windows
from lstmgan_utils.choices import choose, relative, straight_through
from lstmgan_utils.config import PairConfig
from lstmgan_utils.pair_gan import PairGAN, cross_entropy
from lstmgan_utils.pair_generator import NOTHING, PairGenerator
from lstmgan_utils.pianoroll import note_array
from lstmgan_utils.tokens import learn_vocabulary
from lstmgan_utils.vocabulary import METRES
from lstmgan_utils.windows import prepare

TINY = PairConfig(
    n_patterns=30, pairs=4, embedding=8, units=12, pitch_units=10, measures=1, filters=(8, 8, 8, 8),
    warm_up_steps=2, adversarial_steps=2, warm_up_beats=16, batch_size=4, dropout=0.0,
)  # fmt: skip
TUNES = prepare(toy_songs(4))


@functools.cache
def loud_generator(seed=0, config=TINY):
    """Build a generator whose random weights are large enough to matter, with chords and ties."""
    chords = note_array([(0, 48, 60), (12, 24, 64), (48, 30, 67), (0, 90, 48)])
    pieces = [t.notes for t in TUNES] + [chords]
    vocabulary = learn_vocabulary(pieces, config.n_patterns, least=1)
    generator, rng = PairGenerator(config, vocabulary), np.random.default_rng(seed)
    weights = [rng.normal(0, 0.7, w.shape) for w in generator.get_weights()]
    generator.set_weights(weights)
    generator.to_pitch.bias.assign(generator.to_pitch.bias - 2.0 * (np.arange(129) % 12 > 4))
    return generator


LOUD = loud_generator()


def latents(batch, beats, seed=0):
    return np.random.default_rng(seed).standard_normal((batch, beats, 24)).astype("float32")


@pytest.mark.parametrize("metre, n_beats", [("4/4", 70), ("3/4", 50)])
def test_the_loop_plays_what_the_scores_say(metre, n_beats):
    """Hear a whole played piece at once: each choice is what its scores make of its value."""
    per_measure = 4 if metre == "4/4" else 3
    values, width = latents(2, n_beats, seed=1), 16 * per_measure
    played = LOUD.play(values, metre).numpy()
    assert len(np.unique(played)) > 30
    music = np.pad(played, ((0, 0), (64, 2 * width - n_beats), (0, 0)), constant_values=NOTHING)
    for start in (0, width):  # two sections
        rows = [
            music[:, first : first + size] for first, size in ((start + 64, width), (start, 64))
        ]
        found = LOUD.score_along(
            *map(tf.constant, rows),
            tf.fill([2], METRES.index(metre)),
            tf.fill([2], n_beats - start),
        )
        song, beat = np.divmod(found["beat"].numpy(), width)
        here = played[song, start + beat]
        slot = (here <= found["last"].numpy()[:, None]).sum(axis=1)
        token = here[np.arange(len(slot)), slot]
        pitch, pattern = (
            choose(found[f"{name}_scores"], values[song, start + beat, 2 * slot + k]).numpy()
            for k, name in enumerate(("pitch", "pattern"))
        )
        assert np.array_equal(np.minimum(pitch * len(LOUD.vocabulary) + pattern, LOUD.end), token)


@given(st.integers(0, 2**31), st.sampled_from(["4/4", "3/4", "6/8"]))
@settings(max_examples=10, deadline=None)
def test_whatever_is_played_is_a_roll(seed, metre):
    tokens = loud_generator(seed=seed % 3).play(latents(5, 40, seed), metre).numpy()
    for piece in tokens:
        drawn = LOUD.vocabulary.draw(piece).reshape(-1, 24, 128)
        assert not (drawn[:-1, -1] > drawn[1:, 0]).any()  # what goes on goes on
        again = LOUD.vocabulary.tokenize(drawn.reshape(-1, 128))
        assert np.array_equal(again, piece[:, : again.shape[1]])  # from low to high, none twice


@given(st.integers(0, 2**31), st.floats(0, 3))
@settings(max_examples=20, deadline=None)
def test_a_larger_first_value_never_lowers_the_lowest_note(seed, more):
    values = latents(3, 6, seed)
    higher = values.copy()
    higher[:, 5, 0] += more
    low, high = (LOUD.play(v).numpy()[:, 5, 0] // len(LOUD.vocabulary) for v in (values, higher))
    assert (high >= low).all()


def test_choices_are_the_inverse_of_the_distribution():
    scores = tf.math.log([[0.2, 0.0, 0.5, 0.3]] * 4)
    values = tf.constant([-9.0, -0.8, 0.0, 9.0])  # Φ(−0.8) = 0.212
    assert choose(scores, values).numpy().tolist() == [0, 2, 2, 3]
    assert choose(scores, values, 0.0).numpy().tolist() == [2] * 4


def test_scores_along_music_are_probabilities_of_it():
    sections = pair_windows.sections_of(TUNES, LOUD.vocabulary, TINY.pairs)
    batch = [tf.constant(x) for x in pair_windows.token_batch(sections, 16, 4, 0, 0)]
    found = LOUD.score_along(*batch)
    tokens = batch[0].numpy()
    n_decisions = sum(
        min((beat < LOUD.end).sum() + 1, TINY.pairs)
        for row in tokens
        for beat in row
        if beat[0] >= 0
    )
    assert len(found["token"]) == n_decisions and np.isfinite(float(cross_entropy(found, LOUD.end)))
    rolls = LOUD.rolls_along(found, 4, 16).numpy()
    for row, roll in zip(tokens, rolls, strict=True):
        known = np.where(row >= 0, row, LOUD.end)
        assert np.array_equal(roll, LOUD.vocabulary.draw(known))


def test_intervals_are_scored_from_their_origin():
    scores = tf.constant([np.arange(-24.0, 25.0)] * 3)
    found = relative(scores, tf.constant([60, 120, -1])).numpy()
    assert found[0, 36:85].tolist() == list(range(-24, 25)) and not found[0, :36].any()
    assert found[1, 127] == 7 and found[1, 128] == 0 and not found[2].any()
    n = len(LOUD.vocabulary)
    assert LOUD.vocabulary.patterns[-1].all()  # sounds to the end
    beats = [[60 * n + n - 1, 64 * n + n - 1, 72 * n], [LOUD.end] * 3, [NOTHING] * 3]
    assert LOUD.last_pitch(tf.constant(beats)).numpy().tolist() == [64, -1, -1]


def test_cross_entropy_by_hand():
    found = {
        "token": tf.constant([60 * 2 + 1, 256]), "pitch_scores": tf.zeros((2, 129)),
        "pattern_scores": tf.constant([[0.0, np.log(3.0)], [5.0, 0.0]]),
    }  # fmt: skip
    expected = 2 * np.log(129) - np.log(3 / 4)
    assert float(cross_entropy(found, 256)) == pytest.approx(expected, rel=1e-5)


def test_straight_through_is_hard_with_a_soft_gradient():
    scores = tf.constant([[1.0, 2.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        out = straight_through(scores, tf.constant([2]))
        value = out[0, 1]
    soft = tf.nn.softmax(scores)[0].numpy()
    assert out.numpy() == pytest.approx(np.array([[0, 0, 1]]), abs=1e-6)
    expected = -soft[1] * soft
    expected[1] += soft[1]
    assert tape.gradient(value, scores).numpy()[0] == pytest.approx(expected, abs=1e-6)


def test_both_phases_learn():
    model = PairGAN(TINY, LOUD.vocabulary)
    model.compile()
    batches = iter(pair_windows.training_batches(TUNES, LOUD.vocabulary, TINY))
    before = model.generator.get_weights()
    batch = next(batches)
    found = [model.train_step(batch)["nats"] for _ in range(2)]
    moved = sum((a != b).any() for a, b in zip(model.generator.get_weights(), before, strict=True))
    assert moved == len(before) and model.phase_of(2) == "adversarial" and found[1] < found[0]
    model.enter("adversarial")
    before = [w.copy() for n in (model.generator, model.discriminator) for w in n.get_weights()]
    losses = model.train_step(next(batches))
    after = [w for n in (model.generator, model.discriminator) for w in n.get_weights()]
    assert sum((a != b).any() for a, b in zip(after, before, strict=True)) > len(before) - 4
    assert 0.3 < float(losses["d_loss"]) < 1.5 and int(model.n_batches.numpy()) == 3


def test_copying_and_repeat_flags_can_be_left_out():
    config = dataclasses.replace(TINY, copying=False, repeat_flags=False)
    plain = PairGenerator(config, LOUD.vocabulary)
    plain.set_weights(LOUD.get_weights())
    values = latents(2, 24)
    assert not np.array_equal(plain.play(values).numpy(), LOUD.play(values).numpy())
