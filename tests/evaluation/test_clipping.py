"""Clips are cut where phrases start, in one key and metre."""

import pytest

from lstmgan_utils.corpus import from_arrays, song_row
from lstmgan_utils.evaluation.baselines import clips, home_tunes
from lstmgan_utils.pianoroll import note_array


def quarters(pitches):
    """A song of quarter notes."""
    return note_array([(24 * i, 24, pitch) for i, pitch in enumerate(pitches)])


def songs_of(notes, **row):
    """One song with values of its own in the table."""
    return from_arrays([notes], [song_row(notes) | row])


def test_clips_start_after_the_pickup_and_in_the_home_key():
    found = clips(songs_of(quarters([66] + [67] * 64), pickup=24, key=1), align=8)  # in G
    assert {len(clip) for clip in found} == {32}
    assert found[0]["onset"][0] == 0 and set(found[0]["pitch"]) == {67 + 5}
    for fifths, tonic in {0: 60, 1: 67, 2: 62, -1: 65, 3: 69, -3: 63}.items():
        assert home_tunes(songs_of(quarters([tonic]), key=fifths))[0]["pitch"][0] % 12 == 0


def test_clips_are_aligned_to_phrases():
    found = clips(songs_of(quarters(range(40, 120))), align=4, per_song=9)  # 20 measures
    assert sorted(clip["pitch"][0] for clip in found) == [40, 56, 72, 88]


def test_clips_may_lack_the_beat_of_the_pickup_but_no_more():
    assert len(clips(songs_of(quarters([60] * 31)))) == 1
    with pytest.raises(ValueError, match="8 measures"):
        clips(songs_of(quarters([60] * 30)))


def test_clips_leave_other_metres_out():
    jig = songs_of(quarters([60] * 32), metre="6/8")
    with pytest.raises(ValueError, match="no song"):
        clips(jig)
    assert len(clips(jig, metres=("6/8",))) == 1
