"""The metrics on real music: known cases in order, a copy caught, a thousand pieces timed."""

import sys
import time

import numpy as np
import pandas as pd
import pytest

from benchmarks import report
from lstmgan_utils import corpus, evaluation
from lstmgan_utils.evaluation.comparison import HEADLINES, rescale
from lstmgan_utils.evaluation.descriptors import melody
from lstmgan_utils.pianoroll import transpose
from lstmgan_utils.runtime import project_root

pytestmark = pytest.mark.benchmark
N_PIECES = 1000
LIMIT = 60  # seconds of one core; two of them need less


@pytest.fixture(scope="module")
def songs():
    """Training and held-out Songs."""
    built_in = corpus.builtin_tunes()
    return [built_in.select(part) for part in built_in.split(0)]


@pytest.fixture(scope="module")
def pieces(songs):
    """Pieces of the baselines that learn in seconds, and other real music in their place."""
    clips = evaluation.clips(songs[0])
    return {
        "real": clips[:N_PIECES],
        **report.sample_baselines(songs[0], range(N_PIECES)),
    }


def timed(action, *arguments, **settings):
    """Run an action: (what it returns, seconds of processor time)."""
    start, clock = time.process_time(), time.perf_counter()
    found, seconds = action(*arguments, **settings), time.process_time() - start
    print(f"\n{action.__name__}: {seconds:.1f} s ({time.perf_counter() - clock:.1f} on the clock)")
    return found, seconds


def in_order(table, baselines):
    """Check that real music beats the baselines, and these beat noise, on every headline."""
    far = {name: 1 - rescale(table, name) for name in ("real", *baselines, "noise")}
    print(far := pd.DataFrame(far).loc[list(HEADLINES)].abs())
    baselines = far[list(baselines)]
    assert (far["real"] < baselines.min(axis=1)).all()
    assert (baselines.max(axis=1) < far["noise"]).all()


def test_known_cases_come_in_order(songs, pieces):
    training, held_out = songs
    cards = {
        name: timed(evaluation.scorecard, one, held_out, training)[0]
        for name, one in pieces.items()
    }
    table = report.comparison_table(cards)
    print(report.with_intervals(table, pieces))
    in_order(table, ("Markov chain", "shuffled measures"))
    for name in ("classifier: logistic regression", "classifier: random forest"):
        assert table.loc[name, "real low"] <= 0.5 <= table.loc[name, "real high"], name
    assert table.loc["coverage", "real"] > 0.9


def test_a_thousand_pieces_are_described_and_compared_in_a_minute(songs, pieces):
    held_out, known = (evaluation.clips(one) for one in songs[::-1])
    assert timed(evaluation.compare, pieces["Markov chain"], held_out, known)[1] < LIMIT


def test_a_planted_copy_is_caught_in_a_minute(songs, pieces):
    """One piece of a thousand is a training clip in another key."""
    planted, clip = list(pieces["Markov chain"]), max(pieces["real"], key=len)
    planted[500] = transpose(clip, 3)
    found, seconds = timed(evaluation.novelty, planted, songs[0])
    assert int(np.argmax(found["run"])) == 500
    assert found["run"][500] == len(melody(clip))
    assert seconds < LIMIT


def test_report(monkeypatch):
    """`make bench` writes the report."""
    monkeypatch.setattr(sys, "argv", ["report"])
    report.main()
    folder = project_root() / "outputs" / "report"
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "LSTM-GAN" in page and len(list((folder / "audio").iterdir())) >= 18
    table = pd.read_csv(folder / "table.csv", index_col="metric")
    in_order(table.assign(real=table["ceiling"]), ("Markov chain", "shuffled measures"))
