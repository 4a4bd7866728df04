"""`make bench` writes the report and checks that its known cases come in the right order."""

import csv
import sys

import pytest

from benchmarks import report
from lstmgan_utils.runtime import project_root


@pytest.mark.benchmark
def test_report(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["report"])
    report.main()
    folder = project_root() / "outputs" / "report"
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "LSTM-GAN" in page and len(list((folder / "audio").iterdir())) >= 18
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["measure"]: row for row in csv.DictReader(file)}
    for name in ("overlap: interval, next interval", "coverage", "similarity_4"):
        row = rows[name]
        noise, best = float(row["noise"]), float(row["ceiling"])
        for rival in ("Markov chain", "shuffled measures", "likelihood LSTM"):
            assert noise <= float(row[rival]) <= best + 0.03, (name, rival)
