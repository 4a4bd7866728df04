"""The report stands on its own as one folder; the kept comparison is of the shipped weights."""

import json
import math
from types import SimpleNamespace

import pandas as pd
import pytest
from toy_tunes import toy_songs

from benchmarks import report
from lstmgan_utils import evaluation, sampling
from lstmgan_utils.evaluation.baselines import MeasureShuffle

FACTS = {"seed": 5, "minutes": 3, "baseline_minutes": 2}


@pytest.fixture(scope="module")
def toys():
    """Training songs, held-out songs, and pieces of a good generator."""
    return toy_songs(30, seed=1), toy_songs(12, seed=2), evaluation.clips(toy_songs(12, seed=3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, toys):
    """Write a report on toy tunes: Path."""
    folder = tmp_path_factory.mktemp("report")
    training, held_out, good = toys
    pieces = {"new tunes": good, "shuffled": MeasureShuffle().fit(training).sample_many(range(12)),
              "noise": evaluation.noise_like(good, 12)}  # fmt: skip
    report.make_report(pieces, held_out, training, folder, facts=FACTS, n_bootstrap=200)
    return folder


def test_page_holds_table_pictures_sound_and_facts(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    for part in ("new tunes", "classifier: random forest", "the baseline wins", "rolls.png",
                 "scores.png", "shared_runs.png"):  # fmt: skip
        assert part in page
    assert page.count("<audio") == 4 * 3 == len(list((folder / "audio").iterdir()))
    assert "://" not in page, "a page that stands alone asks for nothing from elsewhere"
    assert json.loads((folder / "report.json").read_text()) == FACTS
    assert (folder / "rolls.png").stat().st_size > 5000
    table = pd.read_csv(folder / "table.csv", index_col="metric")
    assert [*table][:5] == ["held_out", "ceiling", "floor", "new tunes", "new tunes low"]
    assert [*table][-3:] == ["noise", "noise low", "noise high"]


def test_new_pieces_are_compared_beside_the_baselines_that_are_kept(folder, toys, tmp_path):
    training, held_out, good = toys
    facts = {"training_hash": training.hash, "held_out_hash": held_out.hash, "seeds": "0 to 11"}
    kept = facts | {"baseline_minutes": 2, "weights_hash": "cafe"}
    (tmp_path / "comparison.json").write_text(json.dumps(kept))
    (tmp_path / "comparison.csv").write_bytes((folder / "table.csv").read_bytes())
    before = pd.read_csv(tmp_path / "comparison.csv", index_col="metric")
    report.compare_again(good, held_out, training, tmp_path, dict(facts))
    after = pd.read_csv(tmp_path / "comparison.csv", index_col="metric")
    pd.testing.assert_frame_equal(after[[*before]], before)
    assert after["LSTM-GAN"].to_numpy() == pytest.approx(
        before["new tunes"].to_numpy(), nan_ok=True
    )
    assert json.loads((tmp_path / "comparison.json").read_text())["baselines_made_beside"] == "cafe"
    with pytest.raises(ValueError, match="another seeds"):
        report.compare_again(good, held_out, training, tmp_path, facts | {"seeds": "0 to 9"})


def test_minutes_are_those_of_the_run_or_of_the_weights(tmp_path):
    assert report.training_minutes(SimpleNamespace(run=None, weights="folk")) > 1
    run = SimpleNamespace(run=tmp_path, weights="folk")
    assert math.isnan(report.training_minutes(run))
    (tmp_path / "minutes.json").write_text('{"before": 2, "after": 1.5}')
    assert report.training_minutes(run) == 3.5


def test_the_kept_comparison_is_of_the_weights_that_ship():
    """`python -m benchmarks.report --keep` writes it anew."""
    folder, facts = sampling.WEIGHTS / "folk", report.RESULTS / "comparison.json"
    facts = json.loads(facts.read_text())
    assert facts["weights_hash"] == report.hash_file(folder / "generator.weights.h5")
    record = json.loads((folder / "record.json").read_text())
    assert facts["minutes"] == sum(record["minutes"].values())
    table = pd.read_csv(report.RESULTS / "comparison.csv", index_col="metric")
    baselines = ["likelihood LSTM", "Markov chain", "shuffled measures", "noise"]
    assert set(baselines) < set(table)
    assert len(evaluation.count_wins(table, "LSTM-GAN", baselines)) == 4
