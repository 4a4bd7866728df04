"""Small steps in the latent, counted in notes that stay."""

import numpy as np
import pytest
from fixtures_learning import tiny_generator

from lstmgan_utils.evaluation.long_pieces import blend_continuity, shared_notes
from lstmgan_utils.pianoroll import note_array


def test_shared_notes_by_hand():
    a = note_array([(0, 24, 60), (24, 24, 62), (48, 24, 64)])
    b = note_array([(0, 12, 60), (24, 24, 63), (48, 24, 64), (72, 24, 65), (96, 24, 67)])
    assert shared_notes(a, b) == pytest.approx(2 * 2 / (3 + 5))  # lengths do not matter
    assert shared_notes(a, a) == 1 and shared_notes(a, note_array([])) == 0
    assert np.isnan(shared_notes(note_array([]), note_array([])))


def test_neighbours_on_the_way_share_more_than_the_ends():
    table = blend_continuity(tiny_generator(), [0, 1, 2, 3], measures=4)
    assert table.column("step")[0] == "1/256" and table.column("step")[-1] == "1"
    shared = table.column("shared")
    assert all(0 <= value <= 1 for value in shared) and shared[0] > shared[-1] + 0.2
