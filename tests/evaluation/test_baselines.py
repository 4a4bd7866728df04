"""The rivals play by the rules, and the instruments put them in the right order."""

import numpy as np
import pytest
from toy_tunes import toy_songs

from lstmgan_utils import evaluation
from lstmgan_utils.evaluation import baselines
from lstmgan_utils.evaluation.baselines import (
    LikelihoodLSTM,
    Markov,
    MeasureShuffle,
    Noise,
    draw_classes,
    tune_steps,
)
from lstmgan_utils.evaluation.clipping import clips
from lstmgan_utils.pianoroll import n_steps, note_array

SONGS = toy_songs(60, seed=1)
QUICK = [Noise, MeasureShuffle, Markov]


@pytest.mark.parametrize("rival", QUICK)
@pytest.mark.parametrize("measures", [1, 8, 20])
def test_samples_last_as_long_as_asked_and_depend_on_the_seed_alone(rival, measures):
    fitted = rival().fit(SONGS)
    first, again, other = (fitted.sample(seed, measures) for seed in (5, 5, 6))
    assert 0 < n_steps(first) <= 96 * measures
    assert n_steps(first) > 96 * (measures - 1)
    assert np.array_equal(first, again)
    assert measures == 1 or not np.array_equal(first, other)  # single measures may be equal
    assert np.array_equal(fitted.sample_many([6, 5], measures)[1], first)


def test_shuffle_plays_whole_measures_of_the_tunes():
    fitted = MeasureShuffle().fit(SONGS)
    known = {measure.tobytes() for measure in fitted.measures}
    piece = fitted.sample(3, 4)
    for start in range(0, 4 * 96, 96):
        part = piece[(piece["onset"] >= start) & (piece["onset"] < start + 96)].copy()
        part["onset"] -= start
        assert part.tobytes() in known


def test_markov_follows_the_only_way_there_is():
    """Trained on one tune and made to choose from one place, the chain plays that tune."""
    one = SONGS.select([0])
    piece = Markov(order=40, n_choices=1).fit(one).sample(0, 8)
    assert evaluation.novelty([piece], [one[0]])["run"][0] == len(piece)


def test_markov_forgets_when_it_must_choose():
    runs = [
        evaluation.novelty(Markov(order=8, n_choices=n).fit(SONGS).sample_many(range(20)), SONGS)[
            "run"
        ]
        for n in (1, 20)
    ]
    assert runs[0].mean() > 1.5 * runs[1].mean()


def test_steps_of_a_tune():
    tune = note_array([(0, 24, 60), (24, 12, 62), (48, 24, 64), (48, 24, 67)])
    assert tune_steps(tune).tolist() == [
        [60, 24, 24, 0], [62, 12, 24, 24], [64, 24, 0, 48], [67, 24, 24, 48]
    ]  # fmt: skip


def test_draw_classes():
    shares = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    assert draw_classes(shares, np.array([0.6, 0.1])).tolist() == [1, 2]
    assert draw_classes(shares, np.array([0.0, 1.0])).tolist() == [0, 2]


class Clock:
    """A clock that goes on by a second whenever somebody looks at it."""

    def __init__(self):
        self.seconds = 0

    def monotonic(self):
        self.seconds += 1
        return self.seconds


@pytest.fixture(scope="module")
def lstm():
    """Train a tiny LSTM for 60 batches, as long as a minute of the clock has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "time", Clock())
        return LikelihoodLSTM(units=32, minutes=1, check_every=20).fit(SONGS)


def test_lstm_learns_and_samples(lstm):
    """A few batches of a tiny network are enough to be better than its first guess."""
    assert 50 < len(lstm.losses) < 70
    assert np.mean(lstm.losses[-3:]) < 0.7 * lstm.losses[0]
    first, second = lstm.sample_many([1, 2], 2)
    assert 0 < n_steps(first) <= 192 and not np.array_equal(first, second)
    assert np.array_equal(lstm.sample(1, 2), first)


def test_lstm_keeps_the_weights_that_guess_unseen_tunes_best(lstm):
    """Looks at unseen tunes are one every 20 batches and one at the end; the best is restored."""
    assert len(lstm.unseen_losses) == len(lstm.losses) // 20 + 1
    _, unseen = SONGS.split(lstm.seed, 0.05)
    found = lstm.loss(lstm.trainer.test_on_batch, lstm.windows(SONGS.select(unseen)))
    assert found == pytest.approx(min(lstm.unseen_losses), rel=1e-4)


def test_lstm_stops_when_it_learns_nothing_more(monkeypatch):
    """Ever worse guesses at unseen tunes: it looks PATIENCE times more, then stops."""
    rival, looks = LikelihoodLSTM(units=4, minutes=60, check_every=1), []

    def worse(action, batch):
        if action == rival.trainer.test_on_batch:
            looks.append(1)
        return float(len(looks))

    monkeypatch.setattr(rival, "loss", worse)
    rival.fit(SONGS)
    assert len(rival.losses) == rival.PATIENCE + 1
    assert int(np.argmin(rival.unseen_losses)) == 0


def test_known_cases_come_in_order():
    """New tunes beat the Markov chain and the shuffled measures, and these beat noise."""
    held_out, training = clips(toy_songs(60, seed=2)), clips(SONGS)
    sets = {"real": clips(toy_songs(60, seed=3))}
    sets |= {rival.__name__: rival().fit(SONGS).sample_many(range(60)) for rival in QUICK}
    tables = {
        name: evaluation.compare(one, held_out, training, n_bootstrap=5)
        for name, one in sets.items()
    }
    sign = {"Fréchet distance": -1, "classifier: random forest": -1, "coverage": 1,
            "overlap: interval, next interval": 1}  # fmt: skip
    for measure, better in sign.items():
        score = {name: better * table[measure]["generated"] for name, table in tables.items()}
        assert score["real"] > max(score["Markov"], score["MeasureShuffle"]) - 0.02, measure
        assert min(score["Markov"], score["MeasureShuffle"]) > score["Noise"], measure
    frechet = {name: table["Fréchet distance"]["generated"] for name, table in tables.items()}
    assert frechet["real"] < 0.7 * min(frechet["Markov"], frechet["MeasureShuffle"])
