"""The file of a corpus: what goes in comes out, damage is found, an interrupted build goes on."""

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmgan_utils.corpus.songs import row_dtype, song_row
from lstmgan_utils.corpus.store import (
    ALIGNMENT,
    HEADER,
    Journal,
    are_notes,
    open_store,
    write_store,
)
from lstmgan_utils.pianoroll import NOTE_DTYPE, note_array

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


def test_table_keeps_text_and_numbers_and_nothing_can_be_overwritten(store):
    songs = open_store(store)
    assert songs.table["name"].tolist() == ["Ä tune", "", "b"]
    assert songs.table["key"].tolist() == [-3, 0, 0]
    assert songs.table["n_steps"].tolist() == [48, 0, 24]
    with pytest.raises(ValueError, match="read-only"):
        songs[0]["pitch"] = 0


def test_damage_to_any_byte_is_found_and_named(store):
    good, whole = store.read_bytes(), open_store(store)
    padding = set(range(HEADER.size + 4, ALIGNMENT))
    for place in sorted(set(range(0, len(good), 5)) - padding):
        damaged = store.with_name("damaged.store")
        damaged.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            songs = open_store(damaged)
        except ValueError as error:
            assert str(damaged) in str(error)
        else:  # a byte between two sections, which nobody reads
            assert songs.hash == whole.hash and songs.rows.tobytes() == whole.rows.tobytes()


@pytest.mark.parametrize("kept", [0, 10, 40, 100, -1])
def test_a_store_cut_short_is_found(store, kept):
    store.write_bytes(store.read_bytes()[:kept])
    with pytest.raises(ValueError, match="songs.store: (not a store|damaged store)"):
        open_store(store)


def test_what_is_no_store_says_how_to_build_one(store, tmp_path):
    with pytest.raises(FileNotFoundError, match="build_store"):
        open_store(tmp_path / "no.store")
    with pytest.raises(ValueError, match=r"a store of 0 songs.*build_store"):
        write_store(tmp_path / "empty.store", [])
    content = bytearray(store.read_bytes())
    content[14] = 99
    store.write_bytes(content)
    with pytest.raises(ValueError, match="version 99.*build it again"):
        open_store(store)
    assert list(tmp_path.iterdir()) == [store]


def forge(path, place, data):
    """Overwrite bytes of a store, and mend its checksums as a forger would."""
    content = bytearray(path.read_bytes())
    content[place : place + len(data)] = data
    fields = list(HEADER.unpack_from(content))
    try:
        counts = fields[3], fields[2] + 1, fields[2]  # notes, offsets, rows
        sizes = [7, 8, row_dtype(fields[4:-3]).itemsize]
        start = ALIGNMENT
        for i, (count, size) in enumerate(zip(counts, sizes, strict=True)):
            fields[i - 3] = zlib.crc32(content[start : start + count * size])
            start += -(-count * size // ALIGNMENT) * ALIGNMENT
    except (ValueError, TypeError, OverflowError):
        pass  # sizes beyond all bounds
    header = HEADER.pack(*fields)
    content[: HEADER.size + 4] = header + struct.pack("<I", zlib.crc32(header))
    path.write_bytes(content)


# where the parts of the fixture lie: 3 notes, then 4 offsets, then 3 rows, each at 128 bytes
NOTES, OFFSETS, ROWS = ALIGNMENT, 2 * ALIGNMENT, 3 * ALIGNMENT
FORGED = {
    "a negative onset": (NOTES, struct.pack("<i", -1)),
    "no duration": (NOTES + 4, struct.pack("<h", 0)),
    "a negative duration": (NOTES + 4, struct.pack("<h", -5)),
    "a negative pitch": (NOTES + 6, b"\xff"),
    "an end after 19,200 steps": (NOTES + 7, struct.pack("<i", 19_200)),
    "onsets out of order": (NOTES, struct.pack("<i", 25)),
    "songs out of order": (OFFSETS + 8, struct.pack("<qq", 3, 2)),
    "a song beyond the notes": (OFFSETS + 24, struct.pack("<q", 4)),
    "a first song that starts late": (OFFSETS, struct.pack("<q", 1)),
    "no songs": (16, struct.pack("<Q", 0)),
    "more songs than memory": (16, struct.pack("<Q", 2**62)),
    "more notes than memory": (24, struct.pack("<Q", 2**63)),
    "names as long as the disk": (32, struct.pack("<I", 2**32 - 1)),
    "names of no width": (32, struct.pack("<I", 0)),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED.keys())
def test_forged_store_is_refused_by_name(store, change):
    forge(store, ALIGNMENT, b"")
    assert len(open_store(store)) == 3, "checksums are mended as they should be"
    forge(store, *change)
    with pytest.raises(ValueError, match=r"songs\.store: .*build it again"):
        open_store(store)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_forged_is_refused_or_sound(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("store") / "songs.store"
    write_store(path, [song(60, 62, name="Ä tune", key=-3), song(), song(72, name="b")])
    place = data.draw(st.integers(16, path.stat().st_size - 1))
    forge(path, place, data.draw(st.binary(min_size=1, max_size=2)))
    try:
        songs = open_store(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        for notes in songs:
            assert notes.tolist() == note_array(notes.tolist()).tolist()  # refuses what is no note
        assert all(len(column) == len(songs) for column in songs.table.values())


def test_notes_are_looked_through_across_blocks_and_songs(monkeypatch):
    monkeypatch.setattr("lstmgan_utils.corpus.store.BLOCK", 3)
    two = np.concatenate([song(*range(60, 67))[0], song(*range(60, 65))[0]])
    assert are_notes(two, [0, 7, 12]) and not are_notes(two, [0, 6, 12])
    for place in range(len(two) - 1):
        if place != 6:  # the end of the first song
            swapped = two.copy()
            swapped[[place, place + 1]] = two[[place + 1, place]]
            assert not are_notes(swapped, [0, 7, 12])


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


GOOD = song(60, 62, file_hash="forged")
RECORDS = {  # JSON and notes of a record whose checksum is right
    "deep JSON": (b"[" * 100_000, b""),
    "no JSON": (b"\xff\xfe", b""),
    "a list": (b"[1, 2]", b""),
    "no name": (json.dumps({k: v for k, v in GOOD[1].items() if k != "name"}), None),
    "a name that is a list": (json.dumps(GOOD[1] | {"name": ["x"]}), None),
    "a key that is a text": (json.dumps(GOOD[1] | {"key": "7"}), None),
    "a key beyond its type": (json.dumps(GOOD[1] | {"key": 300}), None),
    "no metre": (json.dumps(GOOD[1] | {"metre": "4/0"}), None),
    "another length": (json.dumps(GOOD[1] | {"n_steps": 49}), None),
    "half a note": (json.dumps(GOOD[1]), GOOD[0].tobytes()[:-1]),
    "notes out of order": (json.dumps(GOOD[1]), GOOD[0][::-1].tobytes()),
    "a negative pitch": (json.dumps(GOOD[1]), GOOD[0].tobytes()[:-1] + b"\xff"),
}


@pytest.mark.parametrize(("text", "data"), RECORDS.values(), ids=RECORDS.keys())
def test_forged_record_of_a_journal_is_read_again(tmp_path, text, data):
    journal = Journal(tmp_path / "songs.store")
    journal.add(*song(64, file_hash="honest"))
    text = text if isinstance(text, bytes) else text.encode()
    data = GOOD[0].tobytes() if data is None else data
    record = struct.pack("<III", len(text), len(data), zlib.crc32(text + data)) + text + data
    with open(journal.path, "ab") as file:
        file.write(record)
    assert list(Journal(tmp_path / "songs.store").songs) == ["honest"]
    journal.add(*GOOD)
    assert list(Journal(tmp_path / "songs.store").songs) == ["honest", "forged"]
