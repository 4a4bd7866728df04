"""The piano corpus that ships: read whole, split by cycle, and refused when damaged."""

import numpy as np
import pytest

from lstmgan_utils.piano_parts import piano_parts, write_parts
from lstmgan_utils.pianoroll import note_array


def facts(name, set_name, **more):
    return {"name": name, "composer": "Lang", "set": set_name, "title": f"Song {name}",
            "metre": "3/4", "key": -2, "pickup": 24, "on_grid": 1.0} | more  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    songs = [note_array([(0, 19_200, 60), (19_000, 200, 127)]), note_array([(7, 2, 0), (7, 2, 1)])]
    write_parts(songs, [facts("a", "Op. 1"), facts("b", "", metre="6/8", key=3)], tmp_path)
    found = piano_parts(tmp_path)
    assert [one.tolist() for one in found] == [one.tolist() for one in songs]
    assert found.table["metre"].tolist() == ["3/4", "6/8"] and found.table["key"].tolist() == [
        -2,
        3,
    ]
    assert found.table["licence"].tolist() == ["CC0 1.0"] * 2
    (tmp_path / "notes.npz").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="damaged"):
        piano_parts(tmp_path)


def test_a_cycle_stays_on_one_side(tmp_path):
    rng = np.random.default_rng(0)
    songs = [note_array([(0, 24, int(p))]) for p in rng.integers(30, 90, 40)]
    table = [facts(str(i), f"Op. {i // 4}" if i < 30 else "") for i in range(40)]
    write_parts(songs, table, tmp_path)
    sides = piano_parts(tmp_path).split(0, 0.3)
    cycles = [{table[i]["set"] for i in side} - {""} for side in sides]
    assert not cycles[0] & cycles[1] and len(sides[1]) == 12
    lonely = [[i for i in side if i >= 30] for side in sides]
    assert all(lonely)  # songs of no cycle are families of their own


def test_the_corpus_that_ships():
    songs = piano_parts()
    assert 1300 < len(songs) < 1450 and songs.n_notes > 900_000
    counts = np.bincount(songs.table["pickup"] > 0)
    assert set(songs.table["source"]) == {"OpenScore Lieder"} and counts.min() > 100
