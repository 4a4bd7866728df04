"""The instruments on real music: the known cases in order, a copy caught, a thousand pieces timed.

The likelihood LSTM, which takes long to train, stands in the same order in bench_report.py.
"""

import time

import numpy as np
import pytest

from lstmgan_utils import corpus, evaluation
from lstmgan_utils.evaluation import descriptors, league
from lstmgan_utils.evaluation.baselines import Markov, MeasureShuffle, Noise
from lstmgan_utils.pianoroll import transpose

pytestmark = pytest.mark.benchmark
N_PIECES = 1000
LIMIT = 60  # seconds of one core; two of them need less


@pytest.fixture(scope="module")
def songs():
    """Training and held-out Songs."""
    built_in = corpus.builtin_tunes()
    return [built_in.select(part) for part in built_in.split(0)]


@pytest.fixture(scope="module")
def writers(songs):
    """Pieces of the rivals that learn in seconds, and other real music in their place."""
    rivals = {"Markov chain": Markov(), "shuffled measures": MeasureShuffle(), "noise": Noise()}
    written = {name: one.fit(songs[0]).sample_many(range(N_PIECES)) for name, one in rivals.items()}
    return {"real": evaluation.clips(songs[0])[:N_PIECES], **written}


def timed(action, *arguments, **settings):
    """Run an action: (what it returns, seconds of processor time, seconds on the clock)."""
    processor, clock = time.process_time(), time.perf_counter()
    found = action(*arguments, **settings)
    return found, time.process_time() - processor, time.perf_counter() - clock


def test_known_cases_come_in_order(songs, writers):
    training, held_out = songs
    cards, processor, clock = timed(evaluation.scorecards, writers, held_out, training)
    table = evaluation.league_table(cards)
    print(f"\n{league.shown(table, writers)}")
    print(f"{len(writers)} writers judged in {processor:.0f} s ({clock:.0f} s on the clock)")
    for name in league.HEADLINES:
        far = {writer: league.distance_from_real(table[name], writer) for writer in writers}
        print(name, {writer: round(value, 3) for writer, value in far.items()})
        rivals = far["Markov chain"], far["shuffled measures"]
        assert far["real"] < min(rivals) and max(rivals) < far["noise"], name
    for name in ("classifier: logistic regression", "classifier: random forest"):
        assert table[name]["real low"] <= 0.5 <= table[name]["real high"], name
    assert table["coverage"]["real"] > 0.9


def test_a_thousand_pieces_are_described_and_compared_in_a_minute(songs, writers):
    held_out, known = (evaluation.clips(one) for one in songs[::-1])
    _, processor, clock = timed(evaluation.compare, writers["Markov chain"], held_out, known)
    print(f"\n{N_PIECES} pieces, {len(known)} and {len(held_out)} real clips compared in "
          f"{processor:.0f} s ({clock:.0f} s on the clock)")  # fmt: skip
    assert processor < LIMIT


def test_a_planted_copy_is_caught_in_a_minute(songs, writers):
    """One piece of a thousand is a training clip in another key."""
    pieces, clip = list(writers["Markov chain"]), max(writers["real"], key=len)
    pieces[500] = transpose(clip, 3)
    found, processor, clock = timed(evaluation.novelty, pieces, songs[0])
    print(f"\nnovelty of {N_PIECES} pieces against {len(songs[0])} tunes in {processor:.1f} s "
          f"({clock:.1f} s on the clock); the copy shares {found['run'][500]} notes")  # fmt: skip
    assert int(np.argmax(found["run"])) == 500
    assert found["run"][500] == len(descriptors.melody(clip))
    assert processor < LIMIT
