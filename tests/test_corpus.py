"""Many songs: building from files, the split by family, music21's own tunes."""

import csv

import numpy as np
import pytest

from lstmgan_utils import building, corpus, tunes
from lstmgan_utils.abc_notation import read_abc
from lstmgan_utils.pianoroll import (
    encode,
    note_array,
    notes_from_score,
    transpose,
    write_midi,
    write_score,
)
from lstmgan_utils.songs import melody_family

ABC = "X:1\nT: A tune\nM:6/8\nL:1/8\nK:Ador\nE|ABc def|{a}gab agf|e3 d3|A3-A2|]\n"


def melody(seed, n_notes=40):
    """Make a random melody in eighth notes."""
    pitches = np.random.default_rng(seed).integers(50, 80, n_notes)
    return note_array((12 * i, 12, pitch) for i, pitch in enumerate(pitches))


@pytest.fixture
def files(tmp_path):
    """Write one song of each kind of file."""
    write_midi(melody(1), tmp_path / "one.mid")
    write_score(melody(2), tmp_path / "two.mxl")
    corpus.write_original(encode(melody(3)), tmp_path / "three.zip")
    return [tmp_path / name for name in ("one.mid", "two.mxl", "three.zip")]


def report_of(store):
    with open(store.with_suffix(".csv"), newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_store_holds_what_the_files_do(files, tmp_path):
    songs = corpus.build_store(files, tmp_path / "songs.store", licence="CC0", progress=False)
    for seed, found in enumerate(songs, 1):
        assert found.tolist() == melody(seed).tolist()
    assert songs.table["name"].tolist() == ["one", "two", "three"]
    assert songs.table["licence"].tolist() == ["CC0"] * 3


def test_unreadable_files_are_reported_and_the_rest_goes_on(files, tmp_path):
    bad = tmp_path / "bad.mid"
    bad.write_text("no MIDI")
    copy = tmp_path / "copy.mid"
    copy.write_bytes(files[0].read_bytes())
    songs = corpus.build_store([bad, *files, copy], tmp_path / "songs.store", progress=False)
    report = report_of(tmp_path / "songs.store")
    assert len(songs) == 3
    assert report["bad.mid"]["status"] == "left out" and "bad.mid" in report["bad.mid"]["reason"]
    assert "same bytes as one.mid" in report["copy.mid"]["reason"]
    assert report["two.mxl"]["status"] == "stored"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.mid"):
        corpus.build_store([tmp_path / "gone.mid"], tmp_path / "songs.store")


def test_interrupted_build_goes_on(tmp_path, monkeypatch):
    path, calls = tmp_path / "songs.store", []

    def read(number):
        calls.append(number)
        if number == 3 and len(calls) == 4:
            raise KeyboardInterrupt
        return melody(number), corpus.song_row(melody(number))

    jobs = [(f"hash {i}", (i,)) for i in range(5)]
    run = {"n_jobs": 1, "progress": False}
    monkeypatch.setattr("lstmgan_utils.folder_jobs.BATCH", 1)
    with pytest.raises(KeyboardInterrupt):
        building.fill_store(path, jobs, read, **run)
    assert not path.exists()
    building.fill_store(path, jobs, read, **run)
    assert calls == [0, 1, 2, 3, 3, 4]
    assert [song.tolist() for song in corpus.open_store(path)] == [
        melody(i).tolist() for i in range(5)
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["songs.store"]


def test_store_follows_the_list_or_grows(files, tmp_path):
    path = tmp_path / "songs.store"
    corpus.build_store(files[:2], path, progress=False)
    again = corpus.build_store(files[1:], path, progress=False)
    assert again.table["name"].tolist() == ["two", "three"]
    grown = corpus.build_store(files[:1], path, append=True, progress=False)
    assert grown.table["name"].tolist() == ["two", "three", "one"]


def test_equal_tunes_in_two_keys_are_kept_once():
    songs = [(melody(1), {}), (transpose(melody(1), 5), {}), (melody(2), {})]
    assert [notes.tolist() for notes, _ in building.drop_duplicates(songs)] == [
        melody(1).tolist(),
        melody(2).tolist(),
    ]


def test_family_ignores_key_and_what_comes_late():
    tune = melody(1)
    late, early = tune.copy(), tune.copy()
    late["pitch"][30] += 1
    early["pitch"][3] += 1
    assert melody_family(tune) == melody_family(transpose(tune, -4)) == melody_family(late)
    assert melody_family(tune) != melody_family(early)


def test_split_keeps_families_together():
    songs = corpus.from_arrays([transpose(melody(i % 30), i // 30) for i in range(120)])
    training, test = songs.split(seed=1, test_share=0.2)
    families = songs.table["family"]
    assert len(test) == 24
    assert sorted([*training, *test]) == list(range(120))
    assert not set(families[training]) & set(families[test])
    assert np.array_equal(songs.split(seed=1, test_share=0.2)[1], test)
    assert not np.array_equal(songs.split(seed=2, test_share=0.2)[1], test)


def test_split_refuses_what_is_no_share():
    with pytest.raises(ValueError, match="test_share=3"):
        corpus.from_arrays([melody(1)]).split(test_share=3)


def test_selection_is_a_view_with_its_own_hash():
    songs = corpus.from_arrays([melody(i) for i in range(5)])
    some = songs.select([3, 1])
    assert [notes.tolist() for notes in some] == [melody(3).tolist(), melody(1).tolist()]
    assert some.hash == corpus.from_arrays([melody(3), melody(1)]).hash != songs.hash
    assert np.shares_memory(some[0], songs[3])
    assert len(songs[1:3]) == 2 and len(songs.select(songs.table["n_steps"] < 0)) == 0


def test_abc_tune_is_read_with_its_key_metre_and_pickup():
    notes, row = tunes.read_tune("a book", "A tune", ABC)
    assert (row["metre"], row["key"], row["mode"], row["pickup"]) == ("6/8", 1, "dorian", 12)
    assert notes["onset"][:4].tolist() == [0, 12, 24, 36]
    assert notes[-1].tolist() == (12 + 3 * 72, 60, 69), "tied notes are one"
    assert len(notes) == 1 + 6 + 6 + 2 + 1, "a grace note is no note"


def test_grace_note_in_a_triplet_does_not_move_the_beat():
    plain = tunes.read_tune("", "", "X:1\nM:2/4\nL:1/8\nK:C\n(3ABc de|f4|]\n")[0]
    grace = tunes.read_tune("", "", "X:1\nM:2/4\nL:1/8\nK:C\n(3{g}ABc de|f4|]\n")[0]
    assert grace.tolist() == plain.tolist()


def by_way_of_a_score(text):
    """Read an ABC tune the slow way, through music21's score."""
    return notes_from_score(tunes.parse_without_beams(text))


TUNES = {
    "broken rhythm, rests, accidentals": "M:4/4\nL:1/8\nK:F\nC>E c'<^f z2 =B,,_a|b^gg2 G4|\n",
    "triplets": "M:2/4\nL:1/8\nK:D\n(3ABc (3d/e/f/ g|(3a2b2a2|f4|]\n",
    "chords and a tie into the next measure": "M:3/4\nL:1/4\nK:G\n[GBd] [FA]2|G3-|G z [Bd]|g3|]\n",
    "a tie through two measures": "M:2/4\nL:1/4\nK:C\nc d-|d2-|d c|e2|]\n",
    "a change of metre and key": "M:2/4\nL:1/8\nK:Em\nE2 F2|G4|\nM:6/8\nK:D\nfff g3|ABc d3|]\n",
    "pickups and repeats": "M:6/8\nL:1/8\nK:Ador\nE|ABc def|gab agf|1 e3 d2:|2 e3 d3|]\n",
    "a measure that is too long": "M:2/4\nL:1/4\nK:C\nc d e f|g2|a2|]\n",
    "a false first metre": "M:1/8\nL:1/8\nK:C\nG|\nM:2/4\nK:G\nc2 d2|e4|f4|]\n",
    "one measure line": "M:3/8\nL:1/8\nK:C\nc d e|f\n",
    "no metre": "L:1/4\nK:Bb\nB d f|b2 z|B2 d|]\n",
    "chord symbols": 'M:2/4\nL:1/4\nK:C\n"Am"c "G7"d|"_p"e2|f2|]\n',
    "an accent that music21 takes for a diagram": 'M:2/4\nL:1/4\nK:C\nc ">"d|e2|f2|]\n',
}


@pytest.mark.parametrize("tune", TUNES.values(), ids=TUNES.keys())
def test_tokens_give_what_the_score_does(tune):
    slow, expected = by_way_of_a_score("X:1\n" + tune)
    notes, info = read_abc("X:1\n" + tune)
    assert notes.tolist() == slow.tolist() and len(notes)
    assert {key: info[key] for key in expected} == expected


def test_tokens_give_what_the_score_does_for_real_tunes():
    for _, (_, name, text) in tunes.list_tunes()[30::600]:
        slow, expected = by_way_of_a_score(text)
        notes, info = read_abc(text)
        assert notes.tolist() == slow.tolist(), name
        assert {key: info[key] for key in expected} == expected, name


def test_two_voices_are_left_out():
    text = "X:1\nT:duet\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|\nV:2\nGABc|\n"
    with pytest.raises(ValueError, match="duet"):
        tunes.read_tune("a book", "duet", text)


def test_file_of_tunes_is_split_at_its_numbers():
    assert tunes.split_tunes(f"% a comment\n{ABC}\n{ABC}") == [ABC + "\n", ABC]


def test_builtin_tunes_are_listed_and_read_once(tmp_path, monkeypatch):
    jobs = tunes.list_tunes()
    assert {"oneills1850", "airdsAirs", "ryansMammoth", "miscFolk"} == {j[1][0] for j in jobs}
    assert len(jobs) == len(dict(jobs)) > 4_000
    monkeypatch.setattr(tunes, "list_tunes", lambda: jobs[:4])
    songs = corpus.builtin_tunes(tmp_path, n_jobs=1, progress=False)
    monkeypatch.setattr(tunes, "list_tunes", lambda: pytest.fail("read twice"))
    assert corpus.builtin_tunes(tmp_path).hash == songs.hash
    assert len(songs) == 4 and all(map(len, songs))


def test_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTMGAN_CACHE", str(tmp_path))
    assert tunes.cache_folder() == tmp_path
    assert tunes.cache_folder(tmp_path / "other") == tmp_path / "other"
