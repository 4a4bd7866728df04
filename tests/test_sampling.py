"""From random values to music: lengths, blends, seeds, batches, keys and clear refusals."""

import numpy as np
import pytest
from fixtures_learning import TINY, tiny_generator, tiny_vocabulary

from lstmgan_utils import gan, sampling
from lstmgan_utils.config import PRESETS
from lstmgan_utils.generator import build_generator
from lstmgan_utils.pianoroll import encode, transpose


@pytest.fixture(scope="module")
def player():
    return tiny_generator()


def test_200_measures_are_19200_random_values():
    latent = sampling.draw_latent(0, 200)
    assert latent.shape == (800, 24) and latent.size == 19_200 and latent.dtype == np.float32
    assert abs(latent.mean()) < 4 / np.sqrt(19_200)
    assert abs(latent.var() - 1) < 4 * np.sqrt(2 / 19_200)
    assert np.array_equal(latent[:32], sampling.draw_latent(0, 8))
    assert not np.array_equal(latent[:32], sampling.draw_latent(1, 8))
    assert sampling.draw_latent(0, 4, "6/8").shape == (12, 24)


@pytest.mark.parametrize("measures, metre", [(0, "4/4"), (201, "4/4"), (267, "3/4"), (-1, "6/8")])
def test_a_length_out_of_range_is_named(measures, metre):
    with pytest.raises(ValueError, match=f"{measures} measures"):
        sampling.draw_latent(0, measures, metre)


def test_a_metre_that_was_not_learned_is_named():
    with pytest.raises(ValueError, match="'7/8'.*4/4"):
        sampling.draw_latent(0, 8, "7/8")


def test_a_blend_leads_from_one_song_to_the_other_and_stays_standard_normal():
    a, b = sampling.draw_latent(1, 200), sampling.draw_latent(2, 200)
    assert np.array_equal(sampling.blend(a, b, 0), a)
    assert np.allclose(sampling.blend(a, b, 1), b, atol=1e-6)
    for amount in (0.25, 0.5, 0.8):
        assert abs(sampling.blend(a, b, amount).var() - 1) < 5 * np.sqrt(2 / a.size)


def test_details_and_song_change_apart():
    latent = sampling.draw_latent(1, 4)
    details, song = sampling.new_details(latent, 7), sampling.new_song(latent, 7)
    assert np.array_equal(details[0], latent[0]) and (details[1:] != latent[1:]).all()
    assert np.array_equal(song[1:], latent[1:]) and (song[0] != latent[0]).all()
    assert np.array_equal(latent, sampling.draw_latent(1, 4))


def test_a_walk_starts_near_one_song_and_ends_in_the_other():
    a, b = sampling.draw_latent(1, 4), sampling.draw_latent(2, 4)
    path = sampling.walk(a, b)
    assert np.array_equal(path[0], sampling.blend(a, b, 0.5)[0])
    assert np.allclose(path[-1], b[-1], atol=1e-6)
    to_b = [np.dot(p, y) / np.dot(y, y) for p, y in zip(path[1:], b[1:], strict=True)]
    assert to_b[0] < 0.8 < to_b[-1]


@pytest.mark.parametrize("metre, beats", [("4/4", 4), ("3/4", 3), ("6/8", 3)])
def test_a_seed_is_a_piece_of_the_length_and_metre_asked_for(player, metre, beats):
    notes = sampling.sample(player, 3, 4, metre=metre)
    latents = sampling.draw_latent(3, 4, metre)[None]
    assert player.play_words(latents, metre).shape == (1, 4 * beats)
    assert np.array_equal(notes, sampling.sample(player, 3, 4, metre=metre))
    assert not np.array_equal(notes, sampling.sample(player, 4, 4, metre=metre))
    assert encode(notes, 4 * beats * 24).any()
    latent = sampling.draw_latent(3, 4, metre)
    assert np.array_equal(notes, sampling.sample(player, latent=latent, metre=metre))


def test_many_pieces_are_the_same_as_each_alone(player, monkeypatch):
    monkeypatch.setattr(sampling, "BEATS_AT_ONCE", 24)  # two pieces of 12 beats
    many = sampling.sample_many(player, range(5), 3)
    assert sampling.sample_many(player, [], 3) == []
    assert [m.tolist() for m in many] == [sampling.sample(player, s, 3).tolist() for s in range(5)]


def test_transposing_moves_the_piece_and_keeps_to_the_keyboard(player):
    notes = sampling.sample(player, 0, 2)
    assert np.array_equal(sampling.sample(player, 0, 2, transpose=-5), transpose(notes, -5))
    with pytest.raises(ValueError, match=r"\+100 semitones"):
        sampling.sample(player, 0, 2, transpose=100)


def test_the_first_try_can_be_sampled_too():
    config = PRESETS["first_try"]
    notes = sampling.sample(build_generator(config), 0, 1)
    assert notes.dtype.names == ("onset", "duration", "pitch")


def test_a_song_comes_to_its_end_and_an_excerpt_does_not(player):
    # This player is not trained: in some songs the end changes no word.
    songs, excerpts = (sampling.sample_many(player, range(10), 4, ending=e) for e in (True, False))
    differs = [not np.array_equal(*pair) for pair in zip(songs, excerpts, strict=True)]
    assert any(differs)
    assert np.array_equal(sampling.sample(player, 1, 4, ending=True), songs[1])
    assert np.array_equal(sampling.sample(player, 1, 4, ending=False), excerpts[1])


def test_a_generator_comes_back_from_its_folder(player, tmp_path):
    sampling.save_generator(player, tmp_path)
    loaded = sampling.load_generator(tmp_path, tmp_path / "generator.weights.h5")
    assert np.array_equal(sampling.sample(loaded, 5, 2), sampling.sample(player, 5, 2))


def test_a_run_is_sampled_by_its_averaged_weights(tmp_path):
    model = gan.LSTMGAN(TINY, tiny_vocabulary())
    model.compile()
    rng = np.random.default_rng(0)
    model.average.set_weights([rng.normal(0, 0.5, w.shape) for w in model.average.get_weights()])
    model.save_run(tmp_path)
    notes = sampling.sample(sampling.load_run(tmp_path), 5, 2)
    assert np.array_equal(notes, sampling.sample(model.average, 5, 2))
    assert not np.array_equal(notes, sampling.sample(model.generator, 5, 2))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sampling.load_run(tmp_path / "nowhere")


def test_the_shipped_weights_are_small_and_play():
    assert (sampling.WEIGHTS / "folk" / "generator.weights.h5").stat().st_size < 5e6
    first, second = sampling.sample_many(sampling.load_pretrained("folk"), [0, 1], 8)
    assert len(first) > 8 and len(second) > 8 and not np.array_equal(first, second)


def test_weights_that_are_not_shipped_are_named():
    with pytest.raises(ValueError, match="no weights named 'opera'"):
        sampling.load_pretrained("opera")
