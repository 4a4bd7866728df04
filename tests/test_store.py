"""The file of a corpus: what goes in comes out, damage is found, an interrupted build goes on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmgan_utils.pianoroll import NOTE_DTYPE, note_array
from lstmgan_utils.songs import open_store, song_row
from lstmgan_utils.store import PRELUDE, Journal, read_store, write_store

NOTE = st.tuples(st.integers(0, 19_000), st.integers(1, 96), st.integers(0, 127))
SONG = st.lists(NOTE, max_size=12).map(note_array)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def song(*pitches, **columns):
    """Make (notes, row) of a melody in quarter notes."""
    notes = note_array((24 * i, 24, pitch) for i, pitch in enumerate(pitches))
    return notes, song_row(notes, **columns)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "songs.store"
    write_store(path, [song(60, 62, name="Ä tune", key=-3), song(), song(72, name="b")])
    return path


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SONG, TEXT), min_size=1, max_size=5))
def test_what_goes_in_comes_out(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("store") / "songs.store"
    write_store(path, [(notes, song_row(notes, name=name)) for notes, name in contents])
    songs = open_store(path)
    assert len(songs) == len(contents)
    for found, (notes, _) in zip(songs, contents, strict=True):
        assert found.dtype == NOTE_DTYPE and found.tobytes() == notes.tobytes()
    assert songs.table["name"].tolist() == [name for _, name in contents]


def test_table_keeps_text_and_numbers(store):
    table = open_store(store).table
    assert table["name"].tolist() == ["Ä tune", "", "b"]
    assert table["key"].tolist() == [-3, 0, 0]
    assert table["n_steps"].tolist() == [48, 0, 24]


def test_songs_cannot_be_overwritten(store):
    with pytest.raises(ValueError, match="read-only"):
        open_store(store)[0]["pitch"] = 0


def test_damage_to_any_byte_is_found_and_named(store):
    good = store.read_bytes()
    padding = set(range(PRELUDE.size, 64))
    for place in sorted(set(range(0, len(good), 5)) - padding):
        store.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            arrays = read_store(store)
        except ValueError as error:
            assert str(store) in str(error)
        else:  # a byte between two sections, which nobody reads
            store.write_bytes(good)
            assert all(np.array_equal(a, arrays[n]) for n, a in read_store(store).items())


@pytest.mark.parametrize("kept", [0, 10, 40, 100, -1])
def test_a_store_cut_short_is_found(store, kept):
    store.write_bytes(store.read_bytes()[:kept])
    with pytest.raises(ValueError, match="songs.store: (not a store|damaged store)"):
        open_store(store)


def test_notes_are_checked_unless_told_otherwise(store):
    content = bytearray(store.read_bytes())
    content[64] ^= 1  # the first note
    store.write_bytes(content)
    with pytest.raises(ValueError, match="its notes do not match"):
        open_store(store)
    assert len(open_store(store, verify=False)) == 3


def test_another_version_says_what_to_do(store):
    content = bytearray(store.read_bytes())
    content[14] = 99
    store.write_bytes(content)
    with pytest.raises(ValueError, match="version 99.*build it again"):
        open_store(store)


def test_missing_store_says_how_to_build_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="build_store"):
        open_store(tmp_path / "no.store")


def test_a_failed_write_leaves_the_old_store(store):
    before = store.read_bytes()

    def songs():
        yield song(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(store, songs())
    assert store.read_bytes() == before
    assert [path.name for path in store.parent.iterdir()] == ["songs.store"]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_journal_survives_a_cut_at_any_byte(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "songs.store"
    journal = Journal(path)
    ends = []
    for i in range(4):
        journal.add(*song(60 + i, 64, file_hash=str(i)))
        ends.append(journal.path.stat().st_size)
    cut = data.draw(st.integers(0, ends[-1]))
    journal.path.write_bytes(journal.path.read_bytes()[:cut])
    again = Journal(path)
    whole = [str(i) for i, end in enumerate(ends) if end <= cut]
    assert list(again.songs) == whole
    again.add(*song(50, file_hash="new"))
    assert list(Journal(path).songs) == [*whole, "new"]
