"""Playing, blends and files of the generator of pairs."""

import numpy as np
import pytest
from test_pair_generator import LOUD

from lstmgan_utils import pair_sampling as room
from lstmgan_utils.sampling import draw_latent


def test_pieces_do_not_depend_on_company():
    alone = room.sample_many(LOUD, [3], 2, metre="3/4")[0]
    assert room.sample_many(LOUD, range(5), 2, metre="3/4")[3].tolist() == alone.tolist()
    assert room.sample_many(LOUD, []) == []


def test_a_morph_turns_the_end_first():
    a, b = draw_latent(0, 4), draw_latent(1, 4)
    assert np.array_equal(room.morph(a, b, 0), a) and np.allclose(room.morph(a, b, 1), b, atol=1e-6)
    half = room.morph(a, b, 0.4, width=1)  # 1.6 of 4 measures have turned
    assert np.array_equal(half[:8], a[:8]) and np.allclose(half[12:], b[12:], atol=1e-6)
    assert half[8:12] == pytest.approx(
        np.cos(0.3 * np.pi) * a[8:12] + np.sin(0.3 * np.pi) * b[8:12]
    )
    pieces = room.play_latents(LOUD, [a, half], ending=False)
    kept = [piece[piece["onset"] < 8 * 24]["pitch"].tolist() for piece in pieces]
    assert kept[0] == kept[1] and pieces[0].tolist() != pieces[1].tolist()


def test_saved_weights_play_the_same_but_for_rounding(tmp_path):
    folder = room.save_generator(LOUD, tmp_path)
    again = room.load_generator(folder)
    rounded = [w.astype("float16").astype("float32") for w in LOUD.get_weights()]
    for ours, theirs in zip(rounded, again.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(again.vocabulary.patterns, LOUD.vocabulary.patterns)
    n_weights = sum(w.size for w in rounded)
    assert (folder / "generator.weights.h5").stat().st_size < 2 * n_weights + 60_000
    (folder / "generator.weights.h5").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        room.load_generator(folder)
