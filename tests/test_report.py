"""The report stands on its own as one folder, and counts the wins fairly."""

import json
import math

import pytest
from toy_tunes import toy_songs

from benchmarks import report
from lstmgan_utils import evaluation
from lstmgan_utils.rivals import MeasureShuffle, Noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a report on toy tunes: Path."""
    folder = tmp_path_factory.mktemp("report")
    training, held_out = toy_songs(30, seed=1), toy_songs(12, seed=2)
    pieces = {"new tunes": evaluation.clips(toy_songs(12, seed=3))}
    pieces |= {
        r.__name__: r().fit(training).sample_many(range(12)) for r in (MeasureShuffle, Noise)
    }
    report.make_report(pieces, held_out, training, folder, facts={"seed": 5}, n_bootstrap=5)
    return folder


def test_page_holds_table_pictures_sound_and_facts(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    for part in ("new tunes", "classifier: random forest", "rolls.png", "shared_runs.png"):
        assert part in page
    assert page.count("<audio") == 4 * 3 == len(list((folder / "audio").iterdir()))
    assert "://" not in page, "a page that stands alone asks for nothing from elsewhere"
    assert json.loads((folder / "report.json").read_text()) == {"seed": 5}
    assert (folder / "rolls.png").stat().st_size > 5000
    header = (folder / "table.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "measure,held_out,ceiling,new tunes,MeasureShuffle,Noise"


def test_distance_from_real_music():
    row = {"measure": "silence", "generated": 0.3, "held_out": 0.1, "ceiling": 0.1}
    assert report.badness(row) == pytest.approx(0.2)
    overlap = {"measure": "overlap: x", "generated": 0.9, "held_out": math.nan, "ceiling": 0.95}
    assert report.badness(overlap) == pytest.approx(0.05)
    assert report.badness(overlap | {"generated": 0.99}) == 0, "over the ceiling is no fault"
    forest = overlap | {"measure": "classifier: random forest", "generated": 0.45}
    assert report.badness(forest) == pytest.approx(0.05)
    borrowed = row | {"measure": "shared run: longest (notes)", "generated": 3, "held_out": 20}
    assert report.badness(borrowed) == 0


def test_wins_are_counted_on_rows_that_both_have():
    def card(*values):
        return evaluation.Table(
            {"measure": f"m{i}", "generated": v, "held_out": 1.0, "ceiling": 1.0}
            for i, v in enumerate(values)
        )

    wins = report.count_wins({"ours": card(1, 0.5, math.nan), "rival": card(0.9, 0.8, 1)})
    assert wins == {"against rival": "1 of 2"}
