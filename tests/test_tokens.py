"""Tokens: every roll whose patterns are known comes back exactly; the rest is near, and counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmgan_utils.pianoroll import decode, encode, note_array
from lstmgan_utils.tokens import Vocabulary, close_ends, exact_share, learn_vocabulary, thin

QUARTER, EIGHTH, SECOND_EIGHTH = 2**24 - 2, 2**24 - 2**13, 2**12 - 2
HELD = 2**24 - 1
SMALL = Vocabulary([QUARTER, EIGHTH, SECOND_EIGHTH, HELD])  # sorted: second, eighth, quarter, held
rolls = st.lists(
    st.tuples(st.integers(0, 200), st.integers(2, 90), st.integers(0, 127)), max_size=40
).map(lambda rows: encode(note_array(rows)))


def test_tokens_by_hand():
    chord_then_held = note_array([(0, 24, 60), (12, 12, 64), (24, 48, 60)])
    n, end = len(SMALL), SMALL.end
    expected = [[60 * n + 2, 64 * n + 0], [60 * n + 3, end], [60 * n + 2, end]]
    tokens = SMALL.tokenize(chord_then_held)
    assert tokens.tolist() == expected and end == 128 * n
    assert SMALL.detokenize(tokens).tolist() == chord_then_held.tolist()


@given(st.lists(rolls, min_size=1, max_size=3))
def test_every_roll_of_known_patterns_comes_back(pieces):
    if not any(roll.any() for roll in pieces):
        return
    vocabulary = learn_vocabulary(pieces, 10_000, least=1)
    for roll in pieces:
        roll = close_ends(np.pad(roll, ((0, -len(roll) % 24), (0, 0))))
        tokens = vocabulary.tokenize(roll)
        assert vocabulary.exact(roll).all()
        assert np.array_equal(vocabulary.draw(tokens), roll)
        assert vocabulary.detokenize(tokens).tolist() == decode(roll).tolist()
        assert (np.diff(tokens, axis=1) >= 0).all()  # low to high, END last


@given(rolls, st.integers(1, 12))
def test_prepared_music_fits_and_leaves_nothing_open(roll, most):
    tokens = SMALL.prepare(roll, most)
    drawn = SMALL.draw(tokens).reshape(-1, 24, 128)
    assert tokens.shape == (-(-len(roll) // 24), most)
    assert not (drawn[:-1, -1] > drawn[1:, 0]).any()
    assert np.array_equal(SMALL.prepare(drawn.reshape(-1, 128), most), tokens)


def test_an_unknown_pattern_becomes_the_nearest_of_its_pitch_alone():
    dotted = note_array([(0, 21, 60), (0, 24, 67)])
    assert SMALL.exact(dotted).tolist() == [False] and SMALL.exact(dotted[1:]).tolist() == [True]
    found = SMALL.detokenize(SMALL.tokenize(dotted))
    assert found.tolist() == [(0, 24, 60), (0, 24, 67)]  # 3 cells more


def test_what_is_not_exact_is_counted_and_said():
    known, dotted = note_array([(0, 240, 60)]), note_array([(0, 18, 60), (24, 24, 60)])
    assert exact_share(SMALL, [known]) == 1
    with pytest.warns(UserWarning, match=r"only 50.0% of 2 beats"):
        assert exact_share(SMALL, [dotted]) == 0.5
    assert np.isnan(exact_share(SMALL, []))


def test_a_note_lasts_no_step_too_long():
    stray = encode(note_array([(12, 13, 60), (24, 24, 62)]))  # sounds through step 23, not on
    assert decode(close_ends(stray)).tolist() == [(12, 12, 60), (24, 24, 62)]
    tied = encode(note_array([(12, 36, 60)]))
    assert np.array_equal(close_ends(tied), tied)


def test_of_a_full_beat_the_outer_voices_stay():
    rows = np.array([[3, 5, 7, 9, 99], [2, 4, 99, 99, 99]])
    assert thin(rows, 3, 99).tolist() == [[3, 7, 9], [2, 4, 99]]
    assert thin(rows, 8, 99).tolist() == rows.tolist()


def test_the_commonest_patterns_are_kept():
    piece = note_array([(0, 24, 60), (24, 24, 62), (48, 12, 60), (72, 12, 60), (84, 12, 60)])
    found = learn_vocabulary([piece] * 3, 2)
    assert found.numbers.tolist() == [EIGHTH, QUARTER] and found.durations.tolist() == [12, 24]
    slip = note_array([(0, 7, 60), (24, 240, 60)])
    found = learn_vocabulary([piece, piece, piece, slip])
    assert found.numbers.tolist() == [EIGHTH, EIGHTH + SECOND_EIGHTH, QUARTER]
    assert found.tidy(slip).tolist() == [(0, 7, 60), (24, 24, 60)]  # 7: shorter than any


@pytest.mark.parametrize("numbers", [[], [0], [2**24]])
def test_patterns_that_are_none_are_refused(numbers):
    with pytest.raises(ValueError, match="1 to 2"):
        Vocabulary(numbers)
