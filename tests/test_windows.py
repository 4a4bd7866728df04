"""Batches: the same seed gives the same ones, any batch can be the first, measures line up."""

import dataclasses

import numpy as np
import pytest
from fixtures_learning import TINY, tiny_tunes, tiny_vocabulary
from toy_tunes import toy_songs

from lstmgan_utils import windows
from lstmgan_utils.corpus import from_arrays, song_row
from lstmgan_utils.pianoroll import MAX_STEPS, decode, encode, note_array
from lstmgan_utils.windows import NOTHING


@pytest.fixture(scope="module")
def tunes():
    return tiny_tunes()


def song(rows, **info):
    """Make (notes, row) of one song."""
    notes = note_array(rows)
    return notes, song_row(notes, info)


def prepared(*songs, **options):
    """Prepare (notes, row) pairs: list of Tune."""
    arrays, rows = zip(*songs, strict=True)
    return windows.prepare(from_arrays(arrays, rows), **options)


def batches(n, *args, **options):
    """Take the first n batches of `roll_batches`."""
    return [b.numpy() for b in windows.roll_batches(*args, **options).take(n)]


def test_songs_are_moved_to_one_key_and_to_their_first_full_measure():
    rows = [(0, 24, 62), (24, 48, 67), (72, 24, 71)]  # a pickup in D major
    (tune,) = prepared(song(rows, metre="3/4", pickup=24, fifths=2))
    assert tune.notes.tolist() == [(0, 48, 65), (48, 24, 69)]


def test_a_key_never_moves_a_note_off_the_keyboard():
    low, high = prepared(song([(0, 96, 1)], fifths=2), song([(0, 96, 126)], fifths=1))
    assert (low.notes["pitch"][0], high.notes["pitch"][0]) == (11, 119)


def test_songs_that_are_not_modelled_are_left_out():
    odd, whole = song([(0, 96, 60)], metre="5/4"), song([(0, 96, 60)], metre="2/2")
    only_pickup = song([(0, 24, 60)], pickup=24)
    assert [(t.index, t.metre) for t in prepared(odd, only_pickup, whole)] == [(2, "4/4")]
    for songs, options in (([odd], {}), ([whole], {"metres": ["3/4"]})):
        with pytest.raises(ValueError, match="none of 1 songs is in"):
            prepared(*songs, **options)


def test_windows_start_at_phrases_and_end_within_the_tune(tunes):
    assert windows.window_starts(tunes, 4 * 96) == [(t, [0, 384, 768, 1152]) for t in tunes]
    assert windows.window_starts(tunes, 17 * 96) == [(t, [0]) for t in tunes]
    longer = prepared(song([(0, 96 * 17, 60)]))
    assert windows.window_starts(tunes + longer, 17 * 96) == [(longer[0], [0])]
    with pytest.raises(ValueError, match="no tune is in 6/8"):
        windows.window_starts(tunes, 96, "6/8")


def test_long_tunes_are_drawn_no_more_often_than_short_ones():
    short, long = song([(0, 96, 60)]), song([(96 * i, 96, 72) for i in range(160)])
    (rolls,) = batches(1, prepared(short, long), 96, batch_size=400)
    assert 150 < rolls[:, 0, 60].sum() < 250  # 200, and five standard deviations of 10


def test_a_window_is_a_slice_of_the_whole_roll(tunes):
    whole = np.concatenate([encode(tunes[0].notes), np.zeros((96, 128), np.uint8)])
    for start, length in ((0, 96), (372, 400), (1500, 96)):
        found = windows.window(tunes[0], start, length)
        assert np.array_equal(found, whole[start : start + length])


def test_a_song_of_200_measures_fits_in_one_window():
    notes = note_array([(96 * i, 96, 60 + i % 12) for i in range(200)])
    (tune,) = windows.prepare(from_arrays([notes]))
    (roll,) = batches(1, [tune], MAX_STEPS, batch_size=1)
    assert decode(roll[0]).tolist() == tune.notes.tolist()
    (rolls,) = batches(1, tiny_tunes(), MAX_STEPS, batch_size=2)  # filled up with silence
    assert rolls.shape == (2, MAX_STEPS, 128) and rolls.dtype == np.uint8
    assert rolls[:, : 16 * 96].any(axis=(1, 2)).all() and not rolls[:, 16 * 96 :].any()


def test_the_seed_and_the_number_make_the_batch(tunes):
    first = batches(4, tunes, 192, batch_size=3, seed=1)
    assert np.array_equal(first, batches(4, tunes, 192, batch_size=3, seed=1))
    assert np.array_equal(first[2:], batches(2, tunes, 192, batch_size=3, seed=1, first=2))
    assert not np.array_equal(first, batches(4, tunes, 192, batch_size=3, seed=2))
    assert not np.array_equal(first[0], first[1])


def numbered(n_beats, first=0):
    """Number some beats of two pairs: int array, shape (beats, 2), both pairs the same number."""
    return np.repeat(np.arange(first, first + n_beats, dtype=np.int32)[:, None], 2, axis=1)


def test_a_tune_is_cut_where_memory_starts_afresh():
    tokens, before, metres, lengths = windows.cut_sections(
        [numbered(82, 1), numbered(60, 101)], [0, 1]
    )
    assert tokens.shape == before.shape == (4, 64, 2) and metres.tolist() == [0, 0, 1, 1]
    assert lengths.tolist() == [84, 20, 60, 12]  # to the end of the last measure
    assert (tokens[..., 0] == tokens[..., 1]).all() and (before[..., 0] == before[..., 1]).all()
    none = [NOTHING] * 64
    for section, numbers in enumerate(
        (range(1, 65), range(65, 83), range(101, 149), [*range(149, 161)])
    ):
        assert tokens[section, :, 0].tolist() == [*numbers, *none[len(numbers) :]]
    assert before[0, :, 0].tolist() == before[2, :, 0].tolist() == none
    assert (before[1] == tokens[0]).all()
    assert before[3, :, 0].tolist() == [*none[:16], *range(101, 149)]  # just before, in 3/4 too


def test_a_few_beats_after_the_last_section_are_none():
    pieces = [numbered(n) for n in (1, 64, 79, 80, 143, 144)]
    tokens, _, _, lengths = windows.cut_sections(pieces, [0] * 6)
    assert (tokens[..., 0] >= 0).sum(axis=1).tolist() == [1, 64, 64, 64, 16, 64, 64, 64, 64, 16]
    assert lengths.tolist() == [4, 64, 80, 80, 16, 144, 80, 144, 80, 16]


def test_tokens_come_with_those_of_the_section_before():
    sections = windows.cut_sections([numbered(208)], [0])
    tokens, before, _, _ = windows.token_batch(sections, 64, 50, seed=0, number=0)
    assert {*tokens[:, 0, 0].tolist()} == {0, 64, 128, 192}
    for row, earlier in zip(tokens, before, strict=True):
        first = row[0, 0]
        expected = numbered(64, first - 64) if first else np.full((64, 2), NOTHING)
        assert np.array_equal(earlier, expected)
    short, *_ = windows.token_batch(sections, 9, 50, seed=0, number=0)
    assert np.array_equal(short, tokens[:, :9])


def test_half_of_the_lengths_are_told():
    sections = windows.cut_sections([numbered(5), numbered(7)], [0, 1])  # 4/4, 3/4
    _, _, found, lengths = windows.token_batch(sections, 4, 400, seed=0, number=0)
    assert 150 < (lengths == -1).sum() < 250
    pairs = {*zip(found.tolist(), lengths.tolist(), strict=True)}
    assert pairs == {(0, 8), (1, 9), (0, -1), (1, -1)}


def test_the_pairs_of_a_beat_are_counted_in_the_music():
    chord = [(0, 24, 60 + k) for k in range(5)]
    pieces = prepared(*(song([*chord[:n], (24 * 700, 24, 60)]) for n in (5, 3)))
    few, many = (windows.pairs_needed(pieces, tiny_vocabulary(), share) for share in (0.998, 1.0))
    assert (few, many) == (1, 5)  # 5 pairs in one of 1,402 beats
    crowd = song([(0, 24, 40 + k) for k in range(30)])
    assert windows.pairs_needed(prepared(crowd), tiny_vocabulary()) == 12  # as the latent holds


def test_training_batches_resume_with_rolls_and_tokens_in_step():
    tunes, vocabulary = windows.prepare(toy_songs(3)), tiny_vocabulary()
    config = dataclasses.replace(TINY, seed=4)
    whole = list(windows.training_batches(tunes, vocabulary, config).take(3))
    resumed = list(windows.training_batches(tunes, vocabulary, config, first=1).take(2))
    for old, new in zip(whole[1:], resumed, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    shapes = [(4, 192, 128), (4, 32, 4), (4, 64, 4), (4,), (4,)]
    assert [tuple(part.shape) for part in whole[0]] == shapes
    tokens = windows.sections_of(tunes, vocabulary, 4)[0]
    assert all((tokens[:, :32] == row).all(axis=(1, 2)).any() for row in whole[0][1].numpy())
    assert vocabulary.detokenize(tokens[0]).tolist() == tunes[0].notes.tolist()
