"""Words for beats: cut, learned, read and painted; keys and metres folded into a few."""

import numpy as np
import pytest
from fixtures_learning import tiny_vocabulary

from lstmgan_utils.pianoroll import encode, note_array
from lstmgan_utils.vocabulary import (
    Vocabulary,
    cut_beats,
    key_shift,
    learn_vocabulary,
    modelled_metre,
)


def beat(*rows):
    """Draw one beat."""
    return encode(note_array(rows), 24)


SILENCE, QUARTER, EIGHTHS = beat(), beat((0, 24, 60)), beat((0, 12, 60), (12, 12, 62))


@pytest.mark.parametrize("fifths", range(-7, 8))
def test_every_key_signature_moves_to_none(fifths):
    assert (7 * fifths + key_shift(fifths)) % 12 == 0 and -6 <= key_shift(fifths) <= 5


def test_metres_are_folded_or_left_out():
    assert [modelled_metre(m) for m in ("4/4", "2/2", "2/4", "3/4", "6/8", "5/4", "")] == [
        "4/4", "4/4", "4/4", "3/4", "6/8", None, None,
    ]  # fmt: skip


def test_beats_are_the_roll_in_slices():
    notes = note_array([(0, 12, 50), (12, 60, 60), (72, 30, 62)])
    beats = cut_beats(notes, pickup=12)
    assert beats.shape == (4, 24, 128) and beats.dtype == np.uint8
    assert np.array_equal(beats.reshape(96, 128)[:90], encode(notes)[12:])
    assert not beats[3, 18:].any()
    assert len(cut_beats(note_array([]))) == len(cut_beats(notes[:1], pickup=24)) == 0


def test_the_commonest_beats_become_words_after_silence():
    tunes = [np.stack([QUARTER, SILENCE, QUARTER]), np.stack([EIGHTHS, QUARTER])]
    vocabulary, share = learn_vocabulary(tunes, n_words=2)
    assert np.array_equal(vocabulary.tiles, [SILENCE, QUARTER]) and share == 4 / 5
    vocabulary, share = learn_vocabulary(tunes)
    assert np.array_equal(vocabulary.tiles, [SILENCE, QUARTER, EIGHTHS]) and share == 1


def test_silence_is_a_word_even_where_no_tune_rests():
    vocabulary, share = learn_vocabulary([np.stack([QUARTER])], n_words=2)
    assert not vocabulary.tiles[0].any() and len(vocabulary) == 2 and share == 1


def test_known_beats_come_back_through_words():
    vocabulary = tiny_vocabulary()
    words = np.arange(len(vocabulary), dtype=np.int32)
    assert np.array_equal(vocabulary.read(vocabulary.tiles), words)
    assert np.array_equal(vocabulary.paint(words), vocabulary.tiles.reshape(-1, 128))


def test_a_strange_beat_keeps_its_rhythm_and_gets_the_nearest_melody():
    rhythms = [
        beat((0, 24, 60)),
        beat((0, 24, 72)),
        beat((0, 12, 60), (12, 12, 64)),
        beat((0, 12, 67), (12, 12, 65)),
    ]
    vocabulary = Vocabulary([SILENCE, *rhythms])
    for strange, word in (
        (beat((0, 24, 61)), 1),  # not silence, though that differs in fewer cells
        (beat((0, 24, 69)), 2),
        (beat((0, 12, 60), (12, 12, 60)), 3),
        (beat((0, 12, 65), (12, 12, 65)), 4),  # 2 + 0 semitones; 5 + 1 for the other
        (beat((0, 24, 60), (0, 24, 64)), 1),  # a chord is as high as its mean: 62
        (beat((0, 11, 60), (12, 12, 64)), 3),  # no such rhythm: one step differs
        (beat((0, 2, 60)), 0),  # and here all words but silence differ in more steps
    ):
        assert vocabulary.read([strange]).tolist() == [word]


def test_reading_changes_nothing_that_is_read_later():
    vocabulary = Vocabulary([SILENCE, QUARTER])
    first = vocabulary.read([EIGHTHS])
    assert first == vocabulary.read([EIGHTHS]) and len(vocabulary) == 2
    assert vocabulary.read([QUARTER, SILENCE]).tolist() == [1, 0]
