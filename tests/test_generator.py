"""The generators: choices, one score whichever way it is reached, and rolls that are rolls."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from fixtures_learning import CHORDS, TINY, tiny_generator, tiny_tunes, tiny_vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmgan_utils import generator as module
from lstmgan_utils.config import PRESETS
from lstmgan_utils.generator import N_PASTS, SECTION, Generator, inverse_cdf
from lstmgan_utils.vocabulary import BEATS_PER_MEASURE, METRES
from lstmgan_utils.windows import N_BLANKS, cut_sections, sections_of

N = len(tiny_vocabulary())
END = tiny_vocabulary().end


def latents(batch, beats, seed=0):
    return np.random.default_rng(seed).standard_normal((batch, beats, 24)).astype("float32")


remembered = functools.cache(tiny_generator)  # with its compiled loop


@pytest.fixture(scope="module")
def generator():
    """A generator that likes to repeat itself."""
    generator = tiny_generator()
    for layer in (generator.copy_pitch, generator.copy_pattern):
        layer.bias.assign([2.5] * N_PASTS)
    return generator


def generate(generator, *args, **options):
    return generator.generate(*args, **options).numpy()


# The first generator


def test_the_first_try_reads_a_random_value_a_step_and_fills_cells_from_0_to_1():
    first_try = module.build_generator(dataclasses.replace(PRESETS["first_try"], units=8))
    rng = np.random.default_rng(0)
    first_try.set_weights([rng.normal(0, 3, w.shape) for w in first_try.get_weights()])
    latent = latents(2, 3)
    roll = first_try(latent).numpy()
    assert roll.shape == (2, 72, 128) and (roll.min(), roll.max()) == (0, 1)
    assert ((roll > 0) & (roll < 1)).any()
    latent[:, 1, 5] += 3  # step 24 + 5
    differs = (first_try(latent).numpy() != roll).any(axis=(0, 2))
    assert not differs[:29].any() and differs[29]
    with pytest.raises(ValueError, match="learn_vocabulary"):
        module.build_generator(TINY)  # tokens need a vocabulary


def test_choices_are_the_inverse_of_the_cumulative_distribution():
    logits = tf.math.log([[0.2, 0.0, 0.5, 0.3]] * 4)
    values = tf.constant([-9.0, -0.8, -0.1, 9.0])  # Φ(−0.8) = 0.212
    assert inverse_cdf(logits, values).numpy().tolist() == [0, 2, 2, 3]
    assert inverse_cdf(logits, values, 0.0).numpy().tolist() == [2] * 4
    assert inverse_cdf(tf.maximum(logits, -9), values, 1e6).numpy().tolist() == [0, 0, 1, 3]


@given(st.integers(0, 2**31), st.floats(0.1, 2))
@settings(max_examples=20, deadline=None)
def test_a_larger_value_never_chooses_earlier_and_never_what_is_forbidden(seed, temperature):
    rng = np.random.default_rng(seed)
    row = np.where(rng.random(129) < 0.5, module.NEVER, rng.normal(0, 3, 129)).astype("float32")
    row[rng.integers(129)] = 0  # at least one is allowed
    values = np.sort(np.append(rng.normal(0, 2, 200), [-30, 30])).astype("float32")
    chosen = inverse_cdf(tf.constant([row] * len(values)), values, temperature).numpy()
    assert (np.diff(chosen) >= 0).all() and (row[chosen] > module.NEVER).all()


def test_intervals_are_scored_from_their_origin():
    logits = tf.constant([np.arange(-24.0, 25.0)] * 3)
    found = module.from_intervals(logits, tf.constant([60, 120, -1])).numpy()
    assert found[0, 36:85].tolist() == list(range(-24, 25))
    assert not found[0, :36].any() and not found[0, 85:].any()
    assert found[1, 127] == 7 and found[1, 128] == 0 and not found[2].any()


def test_a_choice_is_hard_and_its_gradient_soft():
    logits = tf.constant([[1.0, 2.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        out = module.straight_through(logits, tf.constant([2]))
        value = out[0, 1]
    soft = tf.nn.softmax(logits)[0].numpy()
    assert out.numpy().tolist() == [[0, 0, 1]]
    expected = -soft[1] * soft
    expected[1] += soft[1]
    assert tape.gradient(value, logits).numpy()[0] == pytest.approx(expected, abs=1e-6)


def test_positional_features_count_beats_measures_metres_and_the_way_to_the_end():
    metres = [METRES.index("4/4"), METRES.index("3/4")]
    features = module.positional_features(30, metres, np.array([-1, 27])).numpy()
    assert features.shape == (2, 30, module.N_FEATURES) and module.N_FEATURES == 19
    for row, per_measure in zip(features, (4, 3), strict=True):
        assert row[:, :4].argmax(axis=1).tolist() == [i % per_measure for i in range(30)]
        assert row[:, 4:12].argmax(axis=1).tolist() == [i // per_measure % 8 for i in range(30)]
    assert features[:, 0, 12:15].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert (features[..., :15].sum(axis=2) == 3).all() and not features[0, :, 15:].any()
    ending = features[1, :, 15:]
    assert not ending[:15].any() and not ending[27:].any()
    assert ending[15:27].argmax(axis=1).tolist() == [3] * 3 + [2] * 3 + [1] * 3 + [0] * 3


# Along music


@pytest.mark.parametrize("ending", [True, False])
@pytest.mark.parametrize("metre, n_beats", [("4/4", 84), ("3/4", 62)])
def test_the_loop_chooses_by_the_scores_along_the_piece(generator, metre, n_beats, ending):
    """Score whole generated pieces at once: each decision is what its logits make of its value."""
    values = latents(2, n_beats, seed=1)
    pieces = generate(generator, values, metre, ending=ending)
    copied = (pieces[:, 4:] == pieces[:, :-4]) & (pieces[:, 4:] < END)
    assert len(np.unique(pieces)) > 30 and copied.any()
    tokens, before, metres, lengths = cut_sections(list(pieces), [METRES.index(metre)] * 2)
    width, per_section = N_BLANKS, SECTION * BEATS_PER_MEASURE[metre]
    assert len(tokens) == 4 and (n_beats - per_section) * 2 == (tokens[1::2, :, 0] >= 0).sum()
    lengths = np.array([n_beats, n_beats - per_section] * 2, "int32") if ending else [-1] * 4
    found = generator.score_along(*map(tf.constant, (tokens, before, metres, lengths)))
    row, beat = np.divmod(found["beat"].numpy(), width)
    here = tokens[row, beat]
    slot = (here <= found["last"].numpy()[:, None]).sum(axis=1)
    assert len(slot) == (pieces < END).sum() + (pieces == END).any(axis=2).sum()
    values = values[row // 2, row % 2 * per_section + beat]
    pitch, pattern = (
        inverse_cdf(found[f"{name}_logits"], values[np.arange(len(slot)), 2 * slot + k]).numpy()
        for k, name in enumerate(("pitch", "pattern"))
    )
    chosen = np.minimum(pitch * N + pattern, END)
    assert np.array_equal(chosen, here[np.arange(len(slot)), slot])


def test_rolls_along_music_are_its_rolls_with_gradients_for_every_weight(generator):
    chords = cut_sections([tiny_vocabulary().training_tokens(CHORDS, 4)], [0])
    sections = zip(sections_of(tiny_tunes(), tiny_vocabulary(), 4), chords, strict=True)
    tokens, *sections = [np.concatenate(parts) for parts in sections]
    tokens = tokens[:, :16]
    with tf.GradientTape() as tape:
        found = generator.score_along(*map(tf.constant, (tokens, *sections)))
        rolls = generator.rolls_along(found, len(tokens), 16)
        loss = tf.reduce_sum(tf.square(rolls[:, ::3, 40:70])) + tf.reduce_sum(rolls[:, :, ::5])
    for row, roll in zip(tokens, rolls.numpy(), strict=True):
        known = np.where(row >= 0, row, END)
        assert np.array_equal(roll, tiny_vocabulary().to_roll(known))
    decided = tokens[tokens[..., 0] >= 0]
    assert len(found["token"]) == (decided < END).sum() + (decided == END).any(axis=1).sum()
    pitch, pattern = generator.split(found["token"])
    true = tf.gather(found["pitch_logits"], pitch, batch_dims=1).numpy()
    of_pattern = tf.gather(found["pattern_logits"], pattern, batch_dims=1)[pitch < 128].numpy()
    assert min(true.min(), of_pattern.min()) > module.NEVER  # nothing that is real is forbidden
    for gradient in tape.gradient(loss, generator.trainable_variables):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0


# Generated music


@given(st.integers(0, 2**31), st.sampled_from(METRES), st.sampled_from([40, 140]))
@settings(max_examples=10, deadline=None)
def test_whatever_is_generated_is_a_roll(seed, metre, n_beats):
    """Also where a medley, of more than 32 measures, goes from one piece to the next."""
    for piece in generate(remembered(seed % 3), latents(3, n_beats, seed), metre):
        beats = tiny_vocabulary().to_roll(piece).reshape(-1, 24, 128)
        assert not (beats[:-1, -1] > beats[1:, 0]).any()  # what goes on goes on
        again = tiny_vocabulary().tokenize(beats.reshape(-1, 128))
        assert np.array_equal(again, piece[:, : again.shape[1]])  # from low to high, none twice


@given(st.integers(0, 2**31), st.floats(0, 3))
@settings(max_examples=20, deadline=None)
def test_a_larger_first_value_never_lowers_the_lowest_note(seed, more):
    values = latents(3, 6, seed)
    higher = values.copy()
    higher[:, 5, 0] += more
    low, high = (generate(remembered(), v)[:, 5, 0] // N for v in (values, higher))
    assert (high >= low).all()


@pytest.mark.parametrize("metre", ["4/4", "3/4"])
def test_a_longer_latent_goes_on_and_more_than_32_measures_are_a_medley(metre):
    per_measure, excerpt = BEATS_PER_MEASURE[metre], {"metre": metre, "ending": False}
    length = 2 * SECTION * per_measure
    latent = latents(2, length + 9)
    whole = generate(remembered(), latent, **excerpt)
    half, tune, second = (
        generate(remembered(), part, **excerpt)
        for part in (latent[:, : 3 * per_measure], latent[:, :length], latent[:, length:])
    )
    assert np.array_equal(whole[:, : 3 * per_measure], half)
    assert np.array_equal(whole[:, : length - 1], tune[:, :-1])  # the last beat leads to nothing
    assert np.array_equal(whole[:, length:], second)
    ended = generate(remembered(), latent[:, :length], metre)  # the last 4 measures know it
    known = length - 4 * per_measure
    assert np.array_equal(ended[:, :known], tune[:, :known]) and not np.array_equal(ended, tune)


@pytest.mark.parametrize("metre", ["4/4", "3/4"])
def test_a_section_can_be_the_one_before_again(metre):
    """The look-back of 16 measures reaches over the edge at which memory starts afresh."""
    copying, width = tiny_generator(), SECTION * BEATS_PER_MEASURE[metre]
    for layer in (copying.copy_pitch, copying.copy_pattern):
        layer.kernel.assign(0 * layer.kernel)
        layer.bias.assign([0.0] * (N_PASTS - 1) + [100.0])
    tokens = generate(copying, latents(2, 2 * width), metre, ending=False).reshape(2, 2, width, 4)
    assert len(np.unique(tokens[:, 0])) > 5
    assert (tokens[:, 1, 1:] == tokens[:, 0, 1:]).all(axis=2).mean() > 0.9  # but for ties


def test_rhythms_are_copied_at_any_pitch_and_harmonies_in_any_octave():
    copying = tiny_generator()
    for layer in (copying.copy_rhythm, copying.copy_harmony):
        layer.kernel.assign(0 * layer.kernel)
        layer.bias.assign([100.0] + [0.0] * (N_PASTS - 1))  # from the beat before
    tokens = generate(copying, latents(4, 24), ending=False)
    (pitch, pattern), is_pair = np.divmod(tokens, N), tokens < END
    moved = (pitch[:, 1:] != pitch[:, :-1]) & is_pair[:, 1:] & is_pair[:, :-1]
    assert moved.sum() > 50
    assert (pattern[:, 1:] == pattern[:, :-1])[moved].mean() > 0.9  # but for ties
    known = (pitch[:, 1:, :, None] % 12 == pitch[:, :-1, None] % 12) & is_pair[:, :-1, None]
    assert known.any(axis=3)[is_pair[:, 1:]].mean() > 0.9
    assert len(np.unique(pitch[is_pair])) > len(np.unique(pitch[is_pair] % 12))


def test_temperature_0_takes_the_likeliest_choices_whatever_the_values(generator):
    cold, warm = (generate(generator, latents(3, 12), temperature=t) for t in (0, 1))
    assert (cold == cold[0]).all() and not (warm == warm[0]).all()


@pytest.mark.parametrize(
    "setting", ["copying", "rhythms", "harmonies", "repeat_flags", "intervals"]
)
def test_each_part_can_be_left_out(generator, setting):
    plain = Generator(dataclasses.replace(TINY, **{setting: False}), tiny_vocabulary())
    plain.set_weights(generator.get_weights())
    values = latents(2, 60)
    assert not np.array_equal(generate(plain, values), generate(generator, values))
