"""The report stands on its own as one folder; the kept comparison is of the shipped weights."""

import json

import pandas as pd
import pytest
from toy_tunes import toy_songs

from benchmarks import report
from lstmgan_utils import evaluation, sampling
from lstmgan_utils.evaluation.baselines import MeasureShuffle

FACTS = {"seed": 5, "minutes": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a report on toy tunes: Path."""
    folder = tmp_path_factory.mktemp("report")
    training, held_out = toy_songs(30, seed=1), toy_songs(12, seed=2)
    good = evaluation.clips(toy_songs(12, seed=3))
    shuffle = MeasureShuffle().fit(training)
    pieces = {"new tunes": good, "shuffled": [shuffle.sample(seed) for seed in range(12)],
              "noise": evaluation.noise_like(good, 12)}  # fmt: skip
    report.make_report(pieces, held_out, training, folder, facts=FACTS, n_bootstrap=200)
    return folder


def test_page_holds_table_pictures_sound_and_facts(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    for part in ("new tunes", "classifier: random forest", "rolls.png",
                 "scores.png", "shared_runs.png"):  # fmt: skip
        assert part in page
    assert page.count("<audio") == 4 * 3 == len(list((folder / "audio").iterdir()))
    assert "://" not in page, "a page that stands alone asks for nothing from elsewhere"
    assert json.loads((folder / "report.json").read_text()) == FACTS
    assert (folder / "rolls.png").stat().st_size > 5000
    table = pd.read_csv(folder / "table.csv", index_col="metric")
    assert [*table][:5] == ["held_out", "ceiling", "floor", "new tunes", "new tunes low"]
    assert [*table][-3:] == ["noise", "noise low", "noise high"]


def test_the_kept_comparison_is_of_the_weights_that_ship():
    """`python -m benchmarks.report --keep` writes it anew."""
    folder, facts = sampling.WEIGHTS / "folk", report.RESULTS / "comparison.json"
    facts = json.loads(facts.read_text())
    assert facts["weights_hash"] == report.hash_file(folder / "generator.weights.h5")
    record = json.loads((folder / "record.json").read_text())
    assert facts["minutes"] == sum(record["minutes"].values())
    table = pd.read_csv(report.RESULTS / "comparison.csv", index_col="metric")
    assert {"LSTM-GAN", "Markov chain", "shuffled measures", "noise"} < set(table)
