"""`make bench` writes the report and checks that its known cases come in the right order."""

import sys

import pytest

from benchmarks import report
from lstmgan_utils import evaluation
from lstmgan_utils.evaluation import league
from lstmgan_utils.runtime import project_root

RIVALS = ("Markov chain", "shuffled measures", "likelihood LSTM")


@pytest.mark.benchmark
def test_report(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["report"])
    report.main()
    folder = project_root() / "outputs" / "report"
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "LSTM-GAN" in page and len(list((folder / "audio").iterdir())) >= 18
    table = evaluation.Table.from_csv(folder / "table.csv")
    print(evaluation.standings(table, "LSTM-GAN", RIVALS))
    for name in league.HEADLINES:
        row = table[name] | {"real": table[name]["ceiling"]}
        real, noise, *rivals = (
            league.distance_from_real(row, one) for one in ("real", "noise", *RIVALS)
        )
        assert real < min(rivals) and max(rivals) < noise, name
