"""Tokens: every roll of known patterns comes back exactly; the rest is near, and counted."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lstmgan_utils import sampling, vocabulary
from lstmgan_utils.pianoroll import decode, encode, note_array
from lstmgan_utils.vocabulary import Vocabulary, close_ends, exact_share, learn_vocabulary

QUARTER, EIGHTH, SECOND_EIGHTH = 2**24 - 2, 2**24 - 2**13, 2**12 - 2
HELD = 2**24 - 1
NUMBERS = [QUARTER, EIGHTH, SECOND_EIGHTH, HELD]
SMALL = Vocabulary(NUMBERS)  # in order: second eighth, eighth, quarter, held
CHORD_THEN_HELD = note_array([(0, 24, 60), (12, 12, 64), (24, 48, 60)])
N, END = len(SMALL), SMALL.end
ITS_TOKENS = [[60 * N + 2, 64 * N + 0], [60 * N + 3, END], [60 * N + 2, END]]
rolls = st.lists(
    st.tuples(st.integers(0, 200), st.integers(2, 90), st.integers(0, 127)), max_size=40
).map(lambda rows: encode(note_array(rows)))


def test_key_signatures_move_to_none_and_metres_are_folded_or_left_out():
    shifts = {fifths: vocabulary.key_shift(fifths) for fifths in range(-7, 8)}
    assert all((7 * fifths + shift) % 12 == 0 for fifths, shift in shifts.items())
    assert {*shifts.values()} == {*range(-6, 6)}
    metres = ("4/4", "2/2", "2/4", "3/4", "6/8", "5/4", "")
    expected = ["4/4", "4/4", "4/4", "3/4", "6/8", None, None]
    assert [vocabulary.modelled_metre(metre) for metre in metres] == expected


def test_tokens_by_hand():
    tokens = SMALL.tokenize(CHORD_THEN_HELD)
    assert tokens.tolist() == ITS_TOKENS and END == 128 * 4 and tokens.dtype == np.int32
    assert SMALL.detokenize(tokens).tolist() == CHORD_THEN_HELD.tolist()
    assert np.array_equal(SMALL.tokenize(encode(CHORD_THEN_HELD)), tokens)  # a roll will do
    assert SMALL.tokenize(note_array([])).shape == (0, 0)


@given(st.lists(rolls, min_size=1, max_size=3))
@example([encode(note_array([(23, 2, 0)]))])  # nothing is left of it once its end is closed
def test_every_roll_of_known_patterns_comes_back(pieces):
    if not any(roll.any() for roll in pieces):
        return
    known = learn_vocabulary(pieces, 10_000, least=1)
    for roll in pieces:
        roll = close_ends(np.pad(roll, ((0, -len(roll) % 24), (0, 0))))
        tokens = known.tokenize(roll)
        assert known.exact(roll).all()
        assert np.array_equal(known.to_roll(tokens), roll)
        assert known.detokenize(tokens).tolist() == decode(roll).tolist()
        assert (np.diff(tokens, axis=1) >= 0).all()  # from low to high, END last


@given(rolls, st.integers(1, 4), st.integers(1, 12))
def test_training_tokens_fit_and_leave_no_end_open(roll, n_patterns, max_pairs):
    """Also where a learned vocabulary is tiny."""
    for known in [SMALL, learn_vocabulary([roll], n_patterns)] if roll.any() else [SMALL]:
        tokens = known.training_tokens(roll, max_pairs)
        beats = known.to_roll(tokens).reshape(-1, 24, 128)
        assert tokens.shape == (-(-len(roll) // 24), max_pairs)
        assert not (beats[:-1, -1] > beats[1:, 0]).any()
        again = known.training_tokens(beats.reshape(-1, 128), max_pairs)
        assert known is not SMALL or np.array_equal(again, tokens)


def test_an_unknown_pattern_becomes_the_nearest_for_that_pitch_alone():
    dotted = note_array([(0, 21, 60), (0, 24, 67)])
    assert SMALL.exact(dotted).tolist() == [False] and SMALL.exact(dotted[1:]).tolist() == [True]
    found = SMALL.detokenize(SMALL.tokenize(dotted))
    assert found.tolist() == [(0, 24, 60), (0, 24, 67)]  # 3 cells more
    two = Vocabulary([EIGHTH, EIGHTH + SECOND_EIGHTH])
    for known, rows, nearest in (
        (SMALL, [(0, 16, 60)], [(0, 12, 60)]),  # 4 cells less; a quarter has 8 more
        (SMALL, [(3, 33, 60)], [(0, 36, 60)]),  # the tie is kept
        (two, [(0, 3, 60), (12, 3, 60)], [(0, 12, 60), (12, 12, 60)]),  # onsets before cells
    ):
        assert known.detokenize(known.tokenize(note_array(rows))).tolist() == nearest


def test_the_vocabulary_of_the_piano_weights_is_the_default():
    tokens = vocabulary.tokenize(CHORD_THEN_HELD)
    piano = sampling.load_pretrained("piano").vocabulary
    assert np.array_equal(tokens, piano.tokenize(CHORD_THEN_HELD))
    assert vocabulary.detokenize(tokens).tolist() == CHORD_THEN_HELD.tolist()
    other = Vocabulary([QUARTER])
    assert vocabulary.tokenize(CHORD_THEN_HELD, other)[0].tolist() == [60, 64]
    assert vocabulary.detokenize([[60, 64]], other).tolist() == [(0, 24, 60), (0, 24, 64)]


def test_what_is_not_exact_is_counted_and_said():
    known, dotted = note_array([(0, 240, 60)]), note_array([(0, 18, 60), (24, 24, 60)])
    assert exact_share([known, encode(known)]) == 1
    with pytest.warns(UserWarning, match=r"only 50.0% of 2 beats .*learn_vocabulary"):
        assert exact_share([dotted], SMALL) == 0.5
    assert exact_share(iter([known] * 2), Vocabulary([QUARTER, HELD])) == 1
    assert exact_share([known, dotted[:1]], SMALL) == pytest.approx(10 / 11)  # no warning
    assert np.isnan(exact_share([]))


def test_a_note_lasts_no_step_too_long():
    stray = encode(note_array([(12, 13, 60), (24, 24, 62)]))  # sounds through step 23, not on
    assert decode(close_ends(stray)).tolist() == [(12, 12, 60), (24, 24, 62)]
    tied = encode(note_array([(12, 36, 60)]))
    assert np.array_equal(close_ends(tied), tied)


def test_of_a_full_beat_the_outer_voices_stay():
    rows = np.array([[3, 5, 7, 9, 99], [2, 4, 99, 99, 99]])
    assert vocabulary.outer_voices(rows, 3, 99).tolist() == [[3, 7, 9], [2, 4, 99]]
    assert vocabulary.outer_voices(rows, 8, 99).tolist() == rows.tolist()


def test_the_commonest_patterns_and_the_known_durations_are_kept():
    piece = note_array([(0, 24, 60), (24, 24, 62), (48, 12, 60), (72, 12, 60), (84, 12, 60)])
    found = learn_vocabulary([piece] * 3, 2)
    assert found.numbers.tolist() == [EIGHTH, QUARTER] and found.durations.tolist() == [12, 24]
    slip = note_array([(0, 7, 60), (24, 240, 60)])
    found = learn_vocabulary([piece, piece, piece, slip])
    assert found.numbers.tolist() == [EIGHTH, EIGHTH + SECOND_EIGHTH, QUARTER]
    assert found.known_durations(slip).tolist() == [(0, 7, 60), (24, 24, 60)]  # 7: shorter than any
    assert SMALL.known_durations(slip).tolist() == slip.tolist()  # any length is known
    assert learn_vocabulary([slip]).durations.tolist() == [7, 240]  # better than nothing


@pytest.mark.parametrize("numbers", [[], [0], [2**24]])
def test_patterns_that_are_none_are_refused(numbers):
    with pytest.raises(ValueError, match="1 to 2"):
        Vocabulary(numbers)
    with pytest.raises(ValueError, match="1 to 2"):
        learn_vocabulary([note_array([])])
