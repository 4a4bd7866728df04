"""What else was tried: each variant is a game that can be played, and the table knows it."""

import csv
import json

import numpy as np
import pytest
from fixtures_learning import BRIEF, moved, tiny_tunes, tiny_vocabulary

from benchmarks import variants
from lstmgan_utils.windows import training_batches


def table():
    """Read experiments.csv: dict of run name to row."""
    with variants.EXPERIMENTS.open(newline="", encoding="utf-8") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_both_players_of_a_variant_learn(name):
    _, build, _ = variants.VARIANTS[name]
    model = build(BRIEF, tiny_vocabulary())
    model.compile()
    model.enter(variants.gan.ADVERSARIAL)
    players = model.generator, model.discriminator
    before = [network.get_weights() for network in players]
    batch = next(iter(training_batches(tiny_tunes(), tiny_vocabulary(), model.config)))
    losses = model.train_step(batch)
    assert np.isfinite([float(loss) for loss in losses.values()]).all()
    for network, weights in zip(players, before, strict=True):
        assert moved(network, weights), network.name


def test_every_variant_was_run_as_it_is_described():
    rows, known = table(), {**variants.VARIANTS, **variants.WARM_UPS}
    told = {name: rows[name]["what"].removeprefix("from return-warm-up: ") for name in known}
    assert told == {name: variant[0] for name, variant in known.items()}


def test_gathering_adds_new_runs_and_replaces_old_ones(tmp_path, monkeypatch):
    results = tmp_path / "experiments.csv"
    results.write_bytes(variants.EXPERIMENTS.read_bytes())
    monkeypatch.setattr(variants, "EXPERIMENTS", results)
    before = table()
    for name, silence in (("baseline", 0.25), ("brand-new", 0.125)):
        facts = {"run": name, "what": "a test", "minutes": 3.0, "scores": {"silence": silence}}
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    variants.gather(tmp_path)
    after = table()
    assert [after[name]["silence"] for name in ("baseline", "brand-new")] == ["0.25", "0.125"]
    assert (after["brand-new"]["minutes"], after["brand-new"]["coverage"]) == ("3.0", "")
    assert {n: r for n, r in after.items() if n in before and n != "baseline"} == {
        n: r for n, r in before.items() if n != "baseline"
    }
