"""The report stands on its own as one folder, and counts the wins fairly."""

import json
import math
from types import SimpleNamespace

import pytest
from toy_tunes import toy_songs

from benchmarks import report
from lstmgan_utils import evaluation, sampling
from lstmgan_utils.evaluation import league
from lstmgan_utils.evaluation.baselines import MeasureShuffle, Noise

FACTS = {"seed": 5, "minutes": 3, "rival_minutes": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a report on toy tunes: Path."""
    folder = tmp_path_factory.mktemp("report")
    training, held_out = toy_songs(30, seed=1), toy_songs(12, seed=2)
    pieces = {"new tunes": evaluation.clips(toy_songs(12, seed=3))}
    pieces |= {
        r.__name__: r().fit(training).sample_many(range(12)) for r in (MeasureShuffle, Noise)
    }
    report.make_report(pieces, held_out, training, folder, facts=FACTS, n_bootstrap=5)
    return folder


def test_page_holds_table_pictures_sound_and_facts(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    for part in ("new tunes", "classifier: random forest", "the rival wins", "rolls.png",
                 "scores.png", "shared_runs.png"):  # fmt: skip
        assert part in page
    assert page.count("<audio") == 4 * 3 == len(list((folder / "audio").iterdir()))
    assert "://" not in page, "a page that stands alone asks for nothing from elsewhere"
    assert json.loads((folder / "report.json").read_text()) == FACTS
    assert (folder / "rolls.png").stat().st_size > 5000
    header = (folder / "table.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("measure,held_out,ceiling,floor,new tunes,new tunes low,")
    assert header.endswith(",Noise,Noise low,Noise high")


def test_distance_from_real_music():
    def distance(**row):
        anchors = {"held_out": math.nan, "ceiling": 0.95, "floor": 0.0}
        return league.distance_from_real(anchors | row, "us")

    assert distance(measure="silence", us=0.3, held_out=0.1) == pytest.approx(0.2)
    assert distance(measure="overlap: x", us=0.9) == pytest.approx(0.05)
    assert distance(measure="overlap: x", us=0.99) == 0, "over the ceiling is no fault"
    assert distance(measure="classifier: random forest", us=0.45) == pytest.approx(0.05)
    assert distance(measure="Fréchet distance", us=3, ceiling=1) == 2
    assert distance(measure="shared run: longest (notes)", us=3, held_out=20) == 0


@pytest.mark.parametrize(
    ("ours", "rival", "said"),
    [
        ((0.9, 0.8, 1.0), (0.5, 0.4, 0.6), "nearer"),
        ((0.5, 0.4, 0.6), (0.9, 0.8, 1.0), "farther"),
        ((0.5, 0.4, 0.8), (0.9, 0.7, 1.0), "alike"),  # the intervals meet
        ((0.9, math.nan, math.nan), (0.5, math.nan, math.nan), "nearer"),  # no intervals
        ((0.5, math.nan, math.nan), (0.5, math.nan, math.nan), "alike"),
        ((math.nan,) * 3, (0.5, 0.4, 0.6), ""),
    ],
)
def test_outcome(ours, rival, said):
    row = {"measure": "m", "held_out": 1.0, "ceiling": 1.0, "floor": 0.0}
    for name, values in (("us", ours), ("them", rival)):
        row |= dict(zip((name, f"{name} low", f"{name} high"), values, strict=True))
    assert league.outcome(row, "us", "them") == said


def test_standings_name_what_the_rival_wins(tmp_path):
    def card(*values):
        return evaluation.Table(
            {"measure": f"m{i}", "generated": v, "low": v - 0.01, "high": v + 0.01,
             "held_out": 1.0, "ceiling": 1.0, "floor": 0.0} for i, v in enumerate(values)
        )  # fmt: skip

    table = evaluation.league_table({"ours": card(1, 0.5, 0.7), "rival": card(0.9, 0.8, 0.7)})
    expected = [{"rival": "rival", "nearer": 1, "alike": 1, "farther": 1, "the rival wins": "m1"}]
    assert evaluation.standings(table, "ours", ["rival"]) == expected
    table.to_csv(tmp_path / "league.csv")
    assert evaluation.Table.from_csv(tmp_path / "league.csv") == table


def test_new_pieces_are_judged_beside_the_rivals_that_are_kept(folder, tmp_path):
    training, held_out = toy_songs(30, seed=1), toy_songs(12, seed=2)
    facts = {"training_hash": training.hash, "held_out_hash": held_out.hash, "seeds": "0 to 11"}
    kept = facts | {"rival_minutes": 2, "weights_hash": "cafe"}
    (tmp_path / "league.json").write_text(json.dumps(kept))
    (tmp_path / "league.csv").write_bytes((folder / "table.csv").read_bytes())
    before = evaluation.Table.from_csv(tmp_path / "league.csv")
    pieces = evaluation.clips(toy_songs(12, seed=3))
    report.judge_again(pieces, held_out, training, tmp_path, dict(facts))
    after = evaluation.Table.from_csv(tmp_path / "league.csv")
    for was, row in zip(before, after, strict=True):
        assert {name: row[name] for name in was} == pytest.approx(was, nan_ok=True)
        assert row["LSTM-GAN"] == pytest.approx(was["new tunes"], nan_ok=True)
    assert json.loads((tmp_path / "league.json").read_text())["rivals_heard_beside"] == "cafe"
    with pytest.raises(ValueError, match="another seeds"):
        report.judge_again(pieces, held_out, training, tmp_path, facts | {"seeds": "0 to 9"})


def test_minutes_are_those_of_the_run_or_of_the_weights(tmp_path):
    shipped = SimpleNamespace(run=None, weights="folk")
    assert report.training_minutes(shipped) > 1
    run = SimpleNamespace(run=tmp_path, weights="folk")
    assert math.isnan(report.training_minutes(run))
    (tmp_path / "minutes.json").write_text('{"before": 2, "after": 1.5}')
    assert report.training_minutes(run) == 3.5


def test_the_league_that_ships_is_of_the_weights_that_ship():
    """`python -m benchmarks.report --keep` writes it anew."""
    folder = sampling.WEIGHTS / "folk"
    facts = json.loads((folder / "league.json").read_text())
    assert facts["weights_hash"] == report.hash_file(folder / "generator.weights.h5")
    assert facts["minutes"] == json.loads((folder / "record.json").read_text())["minutes"]
    table = evaluation.Table.from_csv(folder / "league.csv")
    assert {"LSTM-GAN", "likelihood LSTM", "Markov chain", "shuffled measures", "noise"} < set(
        table[0]
    )
