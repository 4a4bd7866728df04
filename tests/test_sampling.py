"""From random values to music: lengths, blends, seeds, batches, files and clear refusals."""

import keras
import numpy as np
import pytest
from fixtures_learning import TINY, tiny_generator, tiny_vocabulary

from benchmarks.train_weights import save_generator
from lstmgan_utils import gan, sampling
from lstmgan_utils.config import PRESETS
from lstmgan_utils.generator import build_generator
from lstmgan_utils.pianoroll import encode, transpose
from lstmgan_utils.runs import read_facts


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


def test_200_measures_are_19200_random_values():
    latent = sampling.draw_latent(0, 200)
    assert latent.shape == (800, 24) and latent.size == 19_200 and latent.dtype == np.float32
    assert abs(latent.mean()) < 4 / np.sqrt(19_200)
    assert abs(latent.var() - 1) < 4 * np.sqrt(2 / 19_200)
    assert np.array_equal(latent[:32], sampling.draw_latent(0, 8))
    assert not np.array_equal(latent[:32], sampling.draw_latent(1, 8))


@pytest.mark.parametrize(
    "measures, metre, said",
    [(0, "4/4", "0 measures"), (201, "4/4", "1 to 200"), (267, "3/4", "1 to 266"),
     (8, "7/8", "'7/8'.*4/4")],
)  # fmt: skip
def test_a_length_out_of_range_and_an_unknown_metre_are_named(measures, metre, said):
    with pytest.raises(ValueError, match=said):
        sampling.draw_latent(0, measures, metre)


def test_a_blend_leads_from_one_song_to_the_other_and_stays_standard_normal():
    a, b = sampling.draw_latent(1, 200), sampling.draw_latent(2, 200)
    assert np.array_equal(sampling.blend(a, b, 0), a)
    assert np.allclose(sampling.blend(a, b, 1), b, atol=1e-6)
    for amount in (0.25, 0.5, 0.8):
        assert abs(sampling.blend(a, b, amount).var() - 1) < 5 * np.sqrt(2 / a.size)


def test_a_morph_turns_the_last_measure_first(generator):
    a, b = sampling.draw_latent(0, 4), sampling.draw_latent(1, 4)
    assert np.array_equal(sampling.morph(a, b, 0), a)
    assert np.allclose(sampling.morph(a, b, 1), b, atol=1e-6)
    part = sampling.morph(a, b, 0.4, width=1)  # 1.6 of 4 measures have turned
    assert np.array_equal(part[:8], a[:8]) and np.allclose(part[12:], b[12:], atol=1e-6)
    assert part[8:12] == pytest.approx(sampling.blend(a[8:12], b[8:12], 0.6), abs=1e-6)
    pieces = sampling.sample_latents(generator, np.stack([a, part]), ending=False)
    kept = [piece[piece["onset"] < 8 * 24]["pitch"].tolist() for piece in pieces]
    assert kept[0] == kept[1] and pieces[0].tolist() != pieces[1].tolist()


def test_a_morph_counts_measures_of_three_beats_and_goes_one_way():
    a, b = np.zeros((9, 24), "float32"), np.ones((9, 24), "float32")
    ways = [sampling.morph(a, b, amount, beats_per_measure=3) for amount in np.linspace(0, 1, 9)]
    turned = np.arctan2(ways, np.cos(np.arcsin(ways)))[..., 0]
    assert (np.diff(turned, axis=0) >= -1e-6).all() and (np.diff(turned, axis=1) >= -1e-6).all()
    assert (turned.reshape(9, 3, 3) == turned.reshape(9, 3, 3)[..., :1]).all()


@pytest.mark.parametrize("metre, beats", [("4/4", 4), ("3/4", 3), ("6/8", 3)])
def test_a_seed_is_a_piece_of_the_length_and_metre_asked_for(generator, metre, beats):
    notes = sampling.sample(generator, 3, 4, metre=metre)
    latent = sampling.draw_latent(3, 4, metre)
    assert generator.generate(latent[None], metre).shape == (1, 4 * beats, TINY.max_pairs)
    assert encode(notes, 4 * beats * 24).any()
    assert np.array_equal(notes, sampling.sample(generator, 3, 4, metre=metre))
    assert not np.array_equal(notes, sampling.sample(generator, 4, 4, metre=metre))
    assert np.array_equal(notes, sampling.sample(generator, latent=latent, metre=metre))


def test_many_pieces_are_the_same_as_each_alone(generator, monkeypatch):
    monkeypatch.setattr(sampling, "BEATS_AT_ONCE", 24)  # two pieces of 12 beats
    many = sampling.sample_many(generator, range(5), 3)
    assert sampling.sample_many(generator, [], 3) == []
    assert len(sampling.sample_many(build_generator(PRESETS["first_try"]), [0, 1], 1)) == 2
    for seed, notes in enumerate(many):
        assert np.array_equal(notes, sampling.sample(generator, seed, 3))


def test_transposing_moves_the_piece(generator):
    notes = sampling.sample(generator, 0, 2)
    assert np.array_equal(sampling.sample(generator, 0, 2, transpose=-5), transpose(notes, -5))


def test_a_song_comes_to_its_end_and_an_excerpt_does_not(generator):
    # This generator is not trained: in some songs the end changes no choice.
    songs, excerpts = (
        sampling.sample_many(generator, range(10), 4, ending=e) for e in (True, False)
    )
    assert not all(np.array_equal(*pair) for pair in zip(songs, excerpts, strict=True))
    assert np.array_equal(sampling.sample(generator, 1, 4, ending=False), excerpts[1])


def test_notes_have_lengths_that_music_has(generator):
    """A triplet tied to a sixteenth is cut to a length that is known."""
    lengths = {*tiny_vocabulary().durations.tolist()}
    latents = np.stack([sampling.draw_latent(seed, 4) for seed in range(10)])
    raw = [tiny_vocabulary().detokenize(piece) for piece in generator.generate(latents).numpy()]
    raw, notes = np.concatenate(raw), np.concatenate(sampling.sample_latents(generator, latents))
    assert {*raw["duration"].tolist()} - lengths
    assert {*notes["duration"][notes["duration"] >= min(lengths)].tolist()} <= lengths
    assert np.array_equal(notes[["onset", "pitch"]], raw[["onset", "pitch"]])


def test_shipped_weights_are_16_bits(generator, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "WEIGHTS", tmp_path)
    path = save_generator(generator, tmp_path / "opera", minutes=3) / "generator.weights.h5"
    loaded = sampling.load_pretrained("opera")
    rounded = [w.astype("float16").astype("float32") for w in generator.get_weights()]
    for ours, theirs in zip(rounded, loaded.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(loaded.vocabulary.patterns, generator.vocabulary.patterns)
    assert read_facts(path.parent)["minutes"] == 3 and loaded.config == TINY
    assert path.stat().st_size < 2 * sum(w.size for w in rounded) + 60_000
    assert keras.config.dtype_policy().name == "float32"
    path.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        sampling.load_pretrained("opera")
    with pytest.raises(ValueError, match="no weights named 'folk'.*opera"):
        sampling.load_pretrained("folk")


def test_a_run_is_sampled_by_its_exponential_moving_average(tmp_path):
    model = gan.LSTMGAN(TINY, tiny_vocabulary())
    model.compile()
    rng = np.random.default_rng(0)
    model.ema.set_weights([rng.normal(0, 0.5, w.shape) for w in model.ema.get_weights()])
    model.save_run(tmp_path)
    notes = sampling.sample(sampling.load_run(tmp_path), 5, 2)
    assert np.array_equal(notes, sampling.sample(model.ema, 5, 2))
    assert not np.array_equal(notes, sampling.sample(model.generator, 5, 2))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sampling.load_run(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["folk", "piano"])
def test_the_shipped_weights_are_small_and_generate(name):
    assert (sampling.WEIGHTS / name / "generator.weights.h5").stat().st_size < 5e6
    first, second = sampling.sample_many(sampling.load_pretrained(name), [0, 1], 8)
    assert len(first) > 8 and len(second) > 8 and not np.array_equal(first, second)
