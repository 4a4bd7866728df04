"""The file of a corpus: what goes in comes out, damage is found, a build follows its files."""

import csv
import os
import zlib

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmgan_utils import corpus
from lstmgan_utils.corpus import store as stores
from lstmgan_utils.corpus.songs import row_dtype, song_row
from lstmgan_utils.corpus.store import ALIGNMENT, HEADER, open_store, write_store
from lstmgan_utils.pianoroll import NOTE_DTYPE, encode, note_array, write_midi, write_score

NOTE = st.tuples(st.integers(0, 19_000), st.integers(1, 96), st.integers(0, 127))
SONG = st.lists(NOTE, max_size=12).map(note_array)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
ONE = {"n_jobs": 1, "progress": False}


def song(*pitches, **columns):
    """Make (notes, row) of a melody in quarter notes."""
    notes = note_array((24 * i, 24, pitch) for i, pitch in enumerate(pitches))
    return notes, song_row(notes, **columns)


def melody(seed):
    """Make a random melody of 40 eighth notes."""
    pitches = np.random.default_rng(seed).integers(50, 80, 40)
    return note_array((12 * i, 12, pitch) for i, pitch in enumerate(pitches))


def same(songs, expected):
    return [one.tolist() for one in songs] == [one.tolist() for one in expected]


def report_of(store):
    with open(store.with_suffix(".csv"), newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "songs.store"
    write_store(path, [song(60, 62, name="Ä tune"), song(), song(72)])
    return path


@pytest.fixture
def files(tmp_path):
    """Write one song of each kind of file."""
    write_midi(melody(1), tmp_path / "one.mid", program=40)
    midi = mido.MidiFile(tmp_path / "one.mid")
    midi.tracks[0][:0] = [mido.MetaMessage("time_signature", numerator=6, denominator=8),
                          mido.MetaMessage("key_signature", key="Eb")]  # fmt: skip
    midi.save(tmp_path / "one.mid")
    write_score(melody(2), tmp_path / "two.mxl")
    corpus.write_original(encode(melody(3)), tmp_path / "three.zip")
    return [tmp_path / name for name in ("one.mid", "two.mxl", "three.zip")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SONG, TEXT, st.integers(-7, 7)), min_size=1, max_size=5))
def test_what_goes_in_comes_out_and_cannot_be_overwritten(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("store") / "songs.store"
    pairs = [(notes, song_row(notes, name=name, key=key)) for notes, name, key in contents]
    songs = write_store(path, pairs)
    assert len(songs) == len(contents)
    for i, (notes, row) in enumerate(pairs):
        assert songs[i].dtype == NOTE_DTYPE and songs[i].tobytes() == notes.tobytes()
        assert {column: values[i] for column, values in songs.table.items()} == row
        with pytest.raises(ValueError, match="read-only"):
            songs[i]["pitch"] = 0


def test_damage_to_any_byte_is_found_and_named(store):
    good, whole = store.read_bytes(), open_store(store)
    assert len(good) > 3 * ALIGNMENT
    for place in range(0, len(good), 5):
        store.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            songs = open_store(store)
        except ValueError as error:
            assert str(store) in str(error)
        else:  # a byte between two sections, which nobody reads
            assert songs.hash == whole.hash and songs.rows.tobytes() == whole.rows.tobytes()
            assert good[place] == 0
    for kept in (0, 10, 40, 100, len(good) - 1):
        store.write_bytes(good[:kept])
        with pytest.raises(ValueError, match="songs.store: (not a store|damaged store)"):
            open_store(store)
    store.write_bytes(good[:14] + b"\x63" + good[15:])
    with pytest.raises(ValueError, match="not a store of songs of version 2; build a new one"):
        open_store(store)
    with pytest.raises(FileNotFoundError, match="build_store"):
        open_store(store.with_name("no.store"))


def forge(path, place, data):
    """Overwrite bytes of a store, and mend its checksums as a forger would."""
    content = bytearray(path.read_bytes())
    content[place : place + len(data)] = data
    header = np.frombuffer(bytes(content[: HEADER.itemsize]), HEADER).copy()
    n_songs, n_notes, widths = (header[0][c].tolist() for c in ("n_songs", "n_notes", "widths"))
    if 0 < n_songs < 100 and n_notes < 100 and all(0 < width < 100 for width in widths):
        start = ALIGNMENT
        sizes = 7 * n_notes, 8 * (n_songs + 1), n_songs * row_dtype(widths).itemsize
        for i, size in enumerate(sizes):
            header["checksums"][0, i] = zlib.crc32(content[start : start + size])
            start += -(-size // ALIGNMENT) * ALIGNMENT
    content[: HEADER.itemsize] = header.tobytes()
    path.write_bytes(content)


# where the parts of the fixture lie: 3 notes, then 4 offsets, then 3 rows, each at 128 bytes
NOTES, OFFSETS, PROGRAM = ALIGNMENT, 2 * ALIGNMENT, -26  # from the end
FORGED = {
    "a negative onset": (NOTES, -1, 4),
    "no duration": (NOTES + 4, 0, 2),
    "a negative pitch": (NOTES + 6, -1, 1),
    "an end after 19,200 steps": (NOTES + 7, 19_200, 4),
    "onsets out of order": (NOTES, 25, 4),
    "songs out of order": (OFFSETS + 8, 3 + (2 << 64), 16),
    "a song beyond the notes": (OFFSETS + 24, 4, 8),
    "a first song that starts late": (OFFSETS, 1, 8),
    "a program that MIDI does not have": (PROGRAM, 128, 2),
    "no songs": (16, 0, 8),
    "more songs than memory": (16, 2**62, 8),
    "more notes than memory": (24, 2**62, 8),
    "names as long as the disk": (32, 2**31 - 1, 4),
    "names of no width": (32, 0, 4),
}


@pytest.mark.parametrize(("place", "number", "size"), FORGED.values(), ids=FORGED.keys())
def test_forged_store_is_refused_by_name(store, place, number, size):
    forge(store, ALIGNMENT, b"")
    assert len(open_store(store)) == 3, "checksums are mended as they should be"
    place %= store.stat().st_size
    forge(store, place, number.to_bytes(size, "little", signed=True))
    with pytest.raises(ValueError, match=r"songs\.store: .*build a new one"):
        open_store(store)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_forged_is_refused_or_sound(store, data):
    good = store.read_bytes()
    forge(store, data.draw(st.integers(16, len(good) - 1)), data.draw(st.binary(max_size=2)))
    try:
        songs = open_store(store)
    except ValueError as error:
        assert str(store) in str(error)
    else:
        for notes in songs:
            assert notes.tolist() == note_array(notes.tolist()).tolist()  # refuses what is no note
        assert all(len(column) == len(songs) for column in songs.table.values())
    store.write_bytes(good)


def test_store_holds_what_the_files_do_and_the_report_why_not(files, tmp_path):
    bad, copy, path = tmp_path / "bad.mid", tmp_path / "copy.mid", tmp_path / "songs.store"
    bad.write_text("no MIDI")
    copy.write_bytes(files[0].read_bytes())
    songs = corpus.build_store([bad, *files, copy], path, licence="CC0", progress=False)
    assert same(songs, map(melody, (1, 2, 3)))
    assert songs.table["name"].tolist() == ["one", "two", "three"]
    assert songs.table["licence"].tolist() == ["CC0"] * 3
    assert [songs.table[c][0] for c in ("metre", "key", "program")] == ["6/8", -3, 40]
    report = report_of(path)
    assert report["bad.mid"]["status"] == "left out" and "bad.mid" in report["bad.mid"]["reason"]
    assert "same bytes as one.mid" in report["copy.mid"]["reason"]
    assert report["two.mxl"]["status"] == "stored"
    again = corpus.build_store(files[1:], path, progress=False)  # the store follows the list
    assert again.table["name"].tolist() == ["two", "three"]
    with pytest.raises(FileNotFoundError, match="gone.mid"):
        corpus.build_store([tmp_path / "gone.mid"], path)
    for useless, count in (([], 0), ([bad], 1)):
        with pytest.raises(ValueError, match=rf"0 songs: none of the {count} files.*songs\.csv"):
            corpus.build_store(useless, path)
    assert report_of(path)["bad.mid"]["status"] == "left out"
    assert open_store(path).hash == again.hash, "what was there stays"


def test_report_names_long_pieces_and_counts_cut_notes(tmp_path):
    notes = note_array([*((96 * i, 96, 60 + i % 12) for i in range(250)), (24, 19_188, 30)])
    write_midi(notes, tmp_path / "long.mid")
    write_midi(melody(1), tmp_path / "short.mid")
    for _ in range(2):  # the second time from the store
        songs = corpus.build_store(tmp_path.glob("*.mid"), tmp_path / "songs.store", **ONE)
        assert {*songs.table["name"]} == {"long (1 of 2)", "long (2 of 2)", "short"}
        assert sum(map(len, songs)) == len(notes) + 40
        report = report_of(tmp_path / "songs.store")
        assert report["long.mid"]["status"] == "stored" and report["short.mid"]["reason"] == ""
        assert "1 notes cut" in report["long.mid"]["reason"]


def test_file_name_of_any_bytes(files, tmp_path):
    good, bad = tmp_path / os.fsdecode(b"caf\xe9.mid"), tmp_path / os.fsdecode(b"b\xe4d.mid")
    try:
        good.write_bytes(files[0].read_bytes())
        bad.write_text("no MIDI")
    except OSError:
        pytest.skip("this disk takes no such name")
    for _ in range(2):
        songs = corpus.build_store([good, bad], tmp_path / "songs.store", progress=False)
        assert songs.table["name"].tolist() == ["caf\\udce9"]
        report = report_of(tmp_path / "songs.store")
        assert report["caf\\udce9.mid"]["status"] == "stored"
        assert "b\\udce4d.mid" in report["b\\udce4d.mid"]["reason"]


@pytest.mark.parametrize("harm", ["none", "cut short", "forged", "empty"])
def test_interrupted_build_goes_on_and_reads_again_what_was_harmed(tmp_path, monkeypatch, harm):
    path, calls = tmp_path / "songs.store", []

    def read(number):
        calls.append(number)
        if number == 3 and len(calls) == 4:
            raise KeyboardInterrupt
        return melody(number), song_row(melody(number))

    jobs = [(f"hash {i}", (i,)) for i in range(5)]
    monkeypatch.setattr("lstmgan_utils.folder_jobs.BATCH", 1)
    with pytest.raises(KeyboardInterrupt):
        stores.fill_store(path, jobs, read, **ONE)
    assert not path.exists()
    part = tmp_path / "songs.store.parts" / "hash 1.store"
    if harm == "forged":
        forge(part, NOTES + 6, b"\xff")  # a negative pitch
    elif harm != "none":
        part.write_bytes(part.read_bytes()[: -1 if harm == "cut short" else 0])
    stores.fill_store(path, jobs, read, **ONE)
    assert calls == [0, 1, 2, 3, *([] if harm == "none" else [1]), 3, 4]
    assert same(open_store(path), map(melody, range(5)))
    assert [file.name for file in tmp_path.iterdir()] == ["songs.store"]
