"""After calibration as much comes back as in the tunes, and nothing else has changed."""

import math

import numpy as np
import pytest
from fixtures_learning import tiny_generator
from toy_tunes import toy_songs

from lstmgan_utils.evaluation.calibration import calibrate_copies, generated_returns


@pytest.fixture(scope="module")
def calibrated():
    """A generator set by toy tunes of 16 measures: (before, after, table, returns before)."""
    before, after = tiny_generator(), tiny_generator()
    table = calibrate_copies(after, toy_songs(20), seeds=range(40), rounds=12)
    return before, after, table, generated_returns(before, (2, 4, 8), range(40))


def test_as_much_returns_as_in_the_tunes(calibrated):
    *_, table, returns = calibrated
    for lag, value in returns.items():
        row = table.loc[lag]
        apart = [abs(math.log(row["real"] / found)) for found in (value, row["generated"])]
        assert apart[1] < max(0.5 * apart[0], 0.2), lag


def test_only_the_bias_of_the_offers_has_changed(calibrated):
    before, after, table, _ = calibrated
    changed = [a.path for a, b in zip(after.weights, before.weights, strict=True)
               if not np.array_equal(a, b)]  # fmt: skip
    assert changed == [after.copy.bias.path]
    shift = after.copy.bias.numpy() - before.copy.bias.numpy()
    assert shift[:4] == pytest.approx(table["shift"].tolist(), abs=1e-5)


def test_a_look_back_longer_than_all_tunes_stays_as_it_is(calibrated):
    before, after, table, _ = calibrated
    assert table.index.tolist() == [1, 2, 4, 8]
    assert after.copy.bias[-1] == before.copy.bias[-1]
