"""Many songs: splitting long pieces, the split by family, music21's own tunes, the piano."""

import shutil

import numpy as np
import pytest
from music21 import converter

from benchmarks.make_piano import write_piano
from lstmgan_utils import corpus, runtime
from lstmgan_utils.corpus import tunes
from lstmgan_utils.corpus.songs import melody_family, split_song
from lstmgan_utils.corpus.store import drop_duplicates
from lstmgan_utils.folder_jobs import read_manifest
from lstmgan_utils.pianoroll import note_array, notes_from_score, transpose
from lstmgan_utils.pianoroll.scores import read_abc, without_graces

ABC = "X:1\nT: A tune\nM:6/8\nL:1/8\nK:Ador\nE|ABc def|{a}gab agf|e3 d3|A3-A2|]\n"


def melody(seed, n_notes=40):
    """Make a random melody in eighth notes."""
    pitches = np.random.default_rng(seed).integers(50, 80, n_notes)
    return note_array((12 * i, 12, pitch) for i, pitch in enumerate(pitches))


def split(rows, **columns):
    """Split a piece of such rows; give its note arrays and its table's rows."""
    notes = note_array(rows)
    pairs = split_song(notes, corpus.song_row(notes, columns) | {"name": "piece"})
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def test_long_piece_is_split_where_phrases_start_and_keeps_every_note():
    rows = [(24 * i, 24, 60 + i % 12) for i in range(1980)]
    songs, found = split([*rows, (30, 19_200, 41), (36, 19_170, 43)], metre="3/4", pickup=24)
    # 66 phrases of 4 * 72 steps after a pickup of 24 end at 19,032, 66 more at 38,040
    assert [row["n_steps"] for row in found] == [19_032, 19_008, 9_480]
    assert [row["name"] for row in found] == [f"piece ({i} of 3)" for i in (1, 2, 3)]
    assert [(row["n_cut"], row["pickup"]) for row in found] == [(2, 24), (0, 0), (0, 0)]
    assert songs[0][1:4].tolist() == [(24, 24, 61), (30, 19_002, 41), (36, 18_996, 43)]
    again = np.concatenate([songs[0]["onset"], songs[1]["onset"] + 19_032])
    assert sum(map(len, songs)) == 1982 and len(set(again)) == 1587
    sides = corpus.from_arrays(songs, found).split(test_share=0.5)
    assert sorted(map(len, sides)) == [0, 3], "one family: all on one side"


def test_a_piece_is_whole_where_it_fits_and_loses_its_silence_where_not():
    songs, (row,) = split([(24 * i, 24, 60) for i in range(800)])
    assert row["name"] == "piece" and row["n_steps"] == 19_200
    songs, rows = split([(0, 24, 60), (96_000, 24, 65)], metre="400/1")
    assert [notes.tolist() for notes in songs] == [[(0, 24, 60)], [(0, 24, 65)]]
    assert split([])[0][0].tolist() == []


def test_equal_tunes_in_two_keys_are_kept_once():
    later = melody(1)
    later["onset"] += 24
    songs = [(melody(1), {}), (transpose(later, 5), {}), (melody(2), {})]
    kept = [notes.tolist() for notes, _ in drop_duplicates(songs)]
    assert kept == [melody(1).tolist(), melody(2).tolist()]


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
    assert len(test) == 24 and sorted([*training, *test]) == list(range(120))
    assert not set(families[training]) & set(families[test])
    assert np.array_equal(songs.split(seed=1, test_share=0.2)[1], test)
    assert not np.array_equal(songs.split(seed=2, test_share=0.2)[1], test)
    with pytest.raises(ValueError, match="test_share=3"):
        songs.split(test_share=3)


def test_selection_is_a_view_with_its_own_hash():
    songs = corpus.from_arrays([melody(i) for i in range(5)])
    some = songs.select([3, 1])
    assert [notes.tolist() for notes in some] == [melody(3).tolist(), melody(1).tolist()]
    assert some.hash == corpus.from_arrays([melody(3), melody(1)]).hash != songs.hash
    assert np.shares_memory(some[0], songs[3])
    assert songs.select(songs.table["n_steps"] > 0).hash == songs.hash
    assert len(songs[1:3]) == 2 and len(songs.select([])) == 0


def test_abc_tune_is_read_with_its_key_metre_and_pickup():
    notes, row = tunes.read_tune("a book", "A tune", ABC)
    assert (row["metre"], row["key"], row["mode"], row["pickup"]) == ("6/8", 1, "dorian", 12)
    assert notes["onset"][:4].tolist() == [0, 12, 24, 36]
    assert notes[-1].tolist() == (12 + 3 * 72, 60, 69), "tied notes are one"
    assert len(notes) == 1 + 6 + 6 + 2 + 1, "a grace note is no note"
    triplet = "X:1\nM:2/4\nL:1/8\nK:C\n(3{g}ABc de|f4|]\n"  # grace notes do not move the beat
    plain = tunes.read_tune("", "", triplet.replace("{g}", ""))[0]
    assert tunes.read_tune("", "", triplet)[0].tolist() == plain.tolist()
    for text, words in (("V:1\nCDEF|\nV:2\nGABc|\n", "2 voices"), ("z4|\n", "duet has no")):
        with pytest.raises(ValueError, match=words):
            tunes.read_tune("a book", "duet", f"X:1\nT:duet\nM:4/4\nL:1/4\nK:C\n{text}")


TUNES = {
    "broken rhythm, rests": "M:4/4\nL:1/8\nK:F\nC>E c'<^f z2 =B,,_a|b^gg2 G4|\n",
    "triplets, long tie": "M:2/4\nL:1/8\nK:D\n(3ABc (3d/e/f/ g|(3a2b2a2|f4-|f4-|f2 g2|]\n",
    "chords, tie": "M:3/4\nL:1/4\nK:G\n[GBd] [FA]2|G3-|G z [Bd]|g3|]\n",
    "another metre and key": "M:2/4\nL:1/8\nK:Em\nE2 F2|G4|\nM:6/8\nK:D\nfff g3|ABc d3|]\n",
    "pickups, repeats": "M:6/8\nL:1/8\nK:Ador\nE|ABc def|gab agf|1 e3 d2:|2 e3 d3|]\n",
    "too long a measure": "M:2/4\nL:1/4\nK:C\nc d e f|g2|a2|]\n",
    "a false first metre": "M:1/8\nL:1/8\nK:C\nG|\nM:2/4\nK:G\nc2 d2|e4|f4|]\n",
    "one measure line": "M:3/8\nL:1/8\nK:C\nc d e|f\n",
    "no metre": "L:1/4\nK:Bb\nB d f|b2 z|B2 d|]\n",
    "symbols": 'M:2/4\nL:1/4\nK:C\n"Am"c "G7"d|"_p"e2|c ">"d|f2|]\n',  # > is no diagram
}
REAL = {name: text for _, (_, name, text) in tunes.list_tunes()[30::600]}


@pytest.mark.parametrize("tune", [*("X:1\n" + tune for tune in TUNES.values()), *REAL.values()],
                         ids=[*TUNES, *REAL])  # fmt: skip
def test_tokens_give_what_the_score_does(tune):
    slow, expected = notes_from_score(converter.parse(without_graces(tune), format="abc"))
    notes, info = read_abc(tune)
    assert notes.tolist() == slow.tolist() and len(notes)
    assert {key: info[key] for key in expected} == expected


def test_builtin_tunes_are_listed_and_read_once(tmp_path, monkeypatch):
    jobs = tunes.list_tunes()
    assert {"oneills1850", "airdsAirs", "ryansMammoth", "miscFolk"} == {j[1][0] for j in jobs}
    assert len(jobs) == len(dict(jobs)) > 4_000
    assert all(text.count("\nT:") and text.startswith("X:") for _, (_, _, text) in jobs[:50])
    monkeypatch.setattr(tunes, "list_tunes", lambda: jobs[:4])
    monkeypatch.setenv("LSTMGAN_CACHE", str(tmp_path))
    songs = corpus.builtin_tunes(n_jobs=1, progress=False)
    path = tmp_path / "builtin_tunes.store"
    path.write_bytes(path.read_bytes()[:-1])
    assert corpus.builtin_tunes(tmp_path, n_jobs=1, progress=False).hash == songs.hash
    monkeypatch.setattr(tunes, "list_tunes", lambda: pytest.fail("read twice"))
    assert corpus.builtin_tunes(tmp_path).hash == songs.hash
    assert len(songs) == 4 and all(map(len, songs))


def test_piano_is_read_as_written_and_kept(tmp_path, monkeypatch):
    songs = [note_array([(0, 19_200, 60), (19_000, 200, 127)]), note_array([(7, 2, 0), (7, 2, 1)])]
    facts = {"composer": "Lang", "title": "Song", "metre": "3/4", "key": -2, "pickup": 24}
    facts = [facts | {"on_grid": 0.5, "name": name, "set": ""} for name in "ab"]
    write_piano(songs, facts, tmp_path)
    monkeypatch.setattr(tunes, "PIANO", tmp_path)
    found = corpus.builtin_piano(tmp_path)
    assert [one.tolist() for one in found] == [one.tolist() for one in songs]
    columns = "name", "licence", "metre", "key", "program", "pickup", "on_grid"
    values = "Lang: Song", "CC0 1.0", "3/4", -2, 0, 24, 0.5
    assert all(found.table[c].tolist() == [v] * 2 for c, v in zip(columns, values, strict=True))


def test_the_piano_that_ships_is_split_by_cycle(tmp_path):
    songs = corpus.builtin_piano(tmp_path)
    training, test = songs.split(0)
    assert (len(songs), len(training), len(test)) == (1403, 1263, 140)
    assert songs.select(training).hash == "40f56a06d254379a"  # what the weights `piano` learned
    composers = np.char.partition(songs.table["name"], ": ")[:, 0]
    families = songs.table["family"]
    assert not set(families[training]) & set(families[test])
    for family in np.unique(families):
        assert len(set(composers[families == family])) == 1


def test_the_chain_is_made_once_and_said(tmp_path, capsys):
    midi, tune = tmp_path / "midi", "ryan_neal_gows_wife_strathspey"
    midi.mkdir()
    shutil.copy(runtime.locate(f"data_sample/midi/{tune}.mid"), midi)
    mxl = tmp_path / "outputs" / "mxl"
    kept = corpus.need_kept(mxl, midi)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["No", "The"]
    assert [path.stem for path in kept] == [tune]
    assert {row["engine"] for row in read_manifest(mxl / "conversion.csv")} == {"python"}
    before = {path: path.stat().st_mtime_ns for path in mxl.iterdir()}
    assert corpus.need_kept(mxl, midi) == kept and len(corpus.need_scores(mxl, "nowhere")) == 1
    songs = corpus.need_songs(str(mxl.parent / "songs.store"))
    assert len(songs) == 1 and len(corpus.need_songs(str(mxl.parent / "songs.store"))) == 1
    assert {path: path.stat().st_mtime_ns for path in mxl.iterdir()} == before
    assert capsys.readouterr().out.count("missing") == 1
    with pytest.raises(FileNotFoundError, match="mine.store does not exist; lesson 03"):
        corpus.need_songs(str(tmp_path / "mine.store"))  # nobody's own is replaced by the sample
