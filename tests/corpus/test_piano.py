"""The piano music that ships: read as it was written, split by cycle, cached."""

import numpy as np

from benchmarks.make_piano import write_piano
from lstmgan_utils import corpus
from lstmgan_utils.corpus import tunes
from lstmgan_utils.pianoroll import note_array


def test_piano_is_read_as_written_and_kept(tmp_path, monkeypatch):
    songs = [note_array([(0, 19_200, 60), (19_000, 200, 127)]), note_array([(7, 2, 0), (7, 2, 1)])]
    facts = {"composer": "Lang", "title": "Song", "metre": "3/4", "key": -2, "pickup": 24,
             "on_grid": 0.5}  # fmt: skip
    write_piano(songs, [facts | {"name": "a", "set": "Op. 1"}, facts | {"name": "b", "set": ""}],
                tmp_path)  # fmt: skip
    monkeypatch.setattr(tunes, "PIANO", tmp_path)
    found = corpus.builtin_piano(tmp_path / "cache")
    assert [one.tolist() for one in found] == [one.tolist() for one in songs]
    columns = "name", "licence", "metre", "key", "program", "pickup", "on_grid"
    values = "Lang: Song", "CC0 1.0", "3/4", -2, 0, 24, 0.5
    assert all(found.table[c].tolist() == [v] * 2 for c, v in zip(columns, values, strict=True))
    (tmp_path / "notes.npz").unlink()  # from now on the store in the cache is opened
    assert corpus.builtin_piano(tmp_path / "cache").hash == found.hash


def test_the_piano_that_ships_is_split_by_cycle(tmp_path):
    songs = corpus.builtin_piano(tmp_path)
    training, test = songs.split(0)
    assert (len(songs), len(training), len(test)) == (1403, 1263, 140)
    assert songs.select(training).hash == "40f56a06d254379a"  # what the weights `piano` learned
    composers = np.char.partition(songs.table["name"], ": ")[:, 0]
    families = songs.table["family"]
    assert not set(families[training]) & set(families[test])
    sizes = np.unique(families, return_counts=True)[1]
    assert sizes.max() > 10 and (sizes == 1).sum() > 100
    for family in np.unique(families):
        assert len(set(composers[families == family])) == 1
