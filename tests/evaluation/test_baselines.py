"""The baselines play by the rules, and the metrics put them in the right order."""

import numpy as np
import pytest
from toy_tunes import toy_songs

from lstmgan_utils import evaluation
from lstmgan_utils.evaluation import PieceSet, baselines, clips
from lstmgan_utils.evaluation.baselines import LikelihoodLSTM, MarkovChain, MeasureShuffle
from lstmgan_utils.pianoroll import n_steps, note_array

SONGS = toy_songs(60, seed=1)


@pytest.mark.parametrize("baseline", [MeasureShuffle, MarkovChain])
@pytest.mark.parametrize("measures", [1, 8, 20])
def test_samples_last_as_long_as_asked_and_depend_on_the_seed_alone(baseline, measures):
    fitted = baseline().fit(SONGS)
    first, again, other = (fitted.sample(seed, measures) for seed in (5, 5, 6))
    assert 96 * (measures - 1) < n_steps(first) <= 96 * measures
    assert np.array_equal(first, again)
    assert measures == 1 or not np.array_equal(first, other)  # single measures may be equal
    assert np.array_equal(fitted.sample_many([6, 5], measures)[1], first)


def test_noise_has_the_density_of_the_real_clips():
    real = clips(toy_songs(20))
    noise, again = (baselines.noise_like(real, 300, seed=1) for _ in range(2))
    mean = [np.mean([len(piece) for piece in one]) for one in (real, noise)]
    assert mean[0] == pytest.approx(mean[1], rel=0.05)
    assert max(PieceSet(noise).values("overlap_rate")) == 0
    assert all((a == b).all() for a, b in zip(noise, again, strict=True))


def test_shuffle_plays_whole_measures_of_the_tunes():
    fitted = MeasureShuffle().fit(SONGS)
    known = {measure.tobytes() for measure in fitted.measures}
    piece = fitted.sample(3, 4)
    for start in range(0, 4 * 96, 96):
        part = piece[(piece["onset"] >= start) & (piece["onset"] < start + 96)].copy()
        part["onset"] -= start
        assert part.tobytes() in known


def test_markov_chain_follows_the_only_way_there_is_and_forgets_when_it_must_choose():
    one = SONGS.select([0])
    piece = MarkovChain(order=40, n_choices=1).fit(one).sample(0, 8)
    assert evaluation.novelty([piece], [one[0]])["run"][0] == len(piece)
    few, many = (MarkovChain(order=8, n_choices=n).fit(SONGS).sample_many(range(20))
                 for n in (1, 20))  # fmt: skip
    few, many = (evaluation.novelty(pieces, SONGS)["run"].mean() for pieces in (few, many))
    assert few > 1.5 * many


def test_steps_of_a_tune_and_draws_by_hand():
    tune = note_array([(0, 24, 60), (24, 12, 62), (48, 24, 64), (48, 24, 67)])
    assert baselines.tune_steps(tune).tolist() == [
        [60, 24, 24, 0], [62, 12, 24, 24], [64, 24, 0, 48], [67, 24, 24, 48]
    ]  # fmt: skip
    shares = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    assert baselines.draw_classes(shares, np.array([0.6, 0.1])).tolist() == [1, 2]
    assert baselines.draw_classes(shares, np.array([0.0, 1.0])).tolist() == [0, 2]


class Clock:
    """A clock that goes on by a second whenever somebody looks at it."""

    seconds = 0

    def monotonic(self):
        self.seconds += 1
        return self.seconds


@pytest.fixture(scope="module")
def lstm():
    """Train a tiny LSTM for 30 batches, as long as half a minute of the clock has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "time", Clock())
        return LikelihoodLSTM(units=32, minutes=0.5).fit(SONGS)


def test_lstm_stops_in_time_with_the_weights_that_predict_unseen_tunes_best(lstm):
    losses, unseen_losses = lstm.history["loss"], lstm.history["val_loss"]
    data, unseen = (lstm.windows(SONGS.select(part)) for part in SONGS.split(0, 0.05))
    n_batches = -(-len(data[0]) // 64)
    assert 30 <= n_batches * len(losses) < 32 + n_batches
    assert losses[-1] < 0.9 * losses[0]
    found = lstm.model.evaluate(*unseen, verbose=0)[0]
    assert found == pytest.approx(min(unseen_losses), rel=1e-4)


def test_lstm_samples_depend_on_the_seed_alone(lstm):
    first, second = lstm.sample_many([1, 2], 2)
    assert 0 < n_steps(first) <= 192 and not np.array_equal(first, second)
    assert np.array_equal(lstm.sample_many([3, 1], 2)[1], first)


def test_lstm_stops_when_it_only_overfits(monkeypatch):
    """Of random notes there is nothing to learn: on unseen ones it soon gets worse."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(LikelihoodLSTM, "PATIENCE", 2)
    monkeypatch.setattr(LikelihoodLSTM, "windows", lambda *_: (
        rng.integers(0, 96, (64, 8, 4)), tuple(rng.integers(0, 96, (3, 64, 8)))))  # fmt: skip
    losses = LikelihoodLSTM(units=64, minutes=2).fit(SONGS).history["val_loss"]
    assert len(losses) == np.argmin(losses) + 1 + 2


def test_known_cases_come_in_order():
    """New tunes beat the Markov chain and the shuffled measures, and these beat noise."""
    held_out, training = clips(toy_songs(60, seed=2)), clips(SONGS)
    sets = {"real": clips(toy_songs(60, seed=3)),
            "noise": evaluation.noise_like(training, 60, seed=1)}  # fmt: skip
    sets |= {
        one.__name__: one().fit(SONGS).sample_many(range(60))
        for one in (MarkovChain, MeasureShuffle)
    }
    tables = {
        name: evaluation.compare(one, held_out, training, n_bootstrap=5)["generated"]
        for name, one in sets.items()
    }
    sign = {"Fréchet distance": -1, "classifier: random forest": -1, "coverage": 1,
            "overlap: interval, next interval": 1}  # fmt: skip
    for metric, better in sign.items():
        real, noise, *others = (better * table[metric] for table in tables.values())
        assert real > max(others) - 0.02 and min(others) > noise, metric
    real, _, *others = (table["Fréchet distance"] for table in tables.values())
    assert real < 0.7 * min(others)
