"""Clips start at phrases, baselines follow their rules, metrics put them in the right order."""

import numpy as np
import pytest
from toy_tunes import toy_songs

from lstmgan_utils import evaluation
from lstmgan_utils.corpus import from_arrays, song_row
from lstmgan_utils.evaluation import PieceSet, baselines, clips
from lstmgan_utils.evaluation.baselines import MarkovChain, MeasureShuffle
from lstmgan_utils.evaluation.descriptors import cut_measures
from lstmgan_utils.pianoroll import n_steps, note_array

SONGS = toy_songs(60, seed=1)


def quarters(pitches):
    """A song of quarter notes."""
    return note_array([(24 * i, 24, pitch) for i, pitch in enumerate(pitches)])


def songs_of(notes, **row):
    """One song with values of its own in the table."""
    return from_arrays([notes], [song_row(notes) | row])


def test_clips_start_after_the_pickup_and_in_the_home_key():
    found = clips(songs_of(quarters([66] + [67] * 64), pickup=24, key=1), align=8)  # in G
    assert {len(clip) for clip in found} == {32}
    assert found[0]["onset"][0] == 0 and set(found[0]["pitch"]) == {67 + 5}
    for fifths, tonic in {0: 60, 1: 67, 2: 62, -1: 65, 3: 69, -3: 63}.items():
        moved = baselines.home_tunes(songs_of(quarters([tonic]), key=fifths))[0]
        assert moved["pitch"][0] % 12 == 0


def test_clips_are_aligned_to_phrases_and_in_whole_or_half_measures_of_four():
    with pytest.raises(ValueError, match="no song"):
        clips(songs_of(quarters([60] * 32), metre="6/8"))
    found = clips(songs_of(quarters(range(40, 120))), align=4, per_song=9)  # 20 measures
    assert sorted(clip["pitch"][0] for clip in found) == [40, 56, 72, 88]


def test_clips_may_lack_the_beat_of_the_pickup_but_no_more():
    assert len(clips(songs_of(quarters([60] * 31)))) == 1
    with pytest.raises(ValueError, match="8 measures"):
        clips(songs_of(quarters([60] * 30)))


@pytest.mark.parametrize("baseline", [MeasureShuffle, MarkovChain])
@pytest.mark.parametrize("measures", [1, 8, 20])
def test_samples_last_as_long_as_asked_and_depend_on_the_seed_alone(baseline, measures):
    fitted = baseline().fit(SONGS)
    first, _, again = (fitted.sample(seed, measures) for seed in (5, 6, 5))
    assert 96 * (measures - 1) < n_steps(first) <= 96 * measures and np.array_equal(first, again)


def test_noise_has_the_density_of_the_real_clips():
    real = clips(toy_songs(20))
    noise, again = (baselines.noise_like(real, 300, seed=1) for _ in range(2))
    mean = [np.mean([len(piece) for piece in one]) for one in (real, noise)]
    assert mean[0] == pytest.approx(mean[1], rel=0.05)
    assert PieceSet(noise).table["overlap_rate"].max() == 0
    assert all((a == b).all() for a, b in zip(noise, again, strict=True))


def test_shuffle_plays_whole_measures_of_the_tunes():
    fitted = MeasureShuffle().fit(SONGS)
    known = {measure.tobytes() for measure in fitted.measures}
    assert {part.tobytes() for part in cut_measures(fitted.sample(3, 4))} <= known


def test_markov_chain_follows_the_only_way_there_is_and_forgets_when_it_must_choose():
    one = SONGS.select([0])
    piece = MarkovChain(order=40, n_choices=1).fit(one).sample(0, 8)
    assert evaluation.novelty([piece], [one[0]])["run"][0] == len(piece)
    few, many = (MarkovChain(order=8, n_choices=n).fit(SONGS) for n in (1, 20))
    few, many = ([chain.sample(seed) for seed in range(20)] for chain in (few, many))
    few, many = (evaluation.novelty(pieces, SONGS)["run"].mean() for pieces in (few, many))
    assert few > 1.5 * many


def test_known_cases_come_in_order():
    """New tunes beat the Markov chain and the shuffled measures, and these beat noise."""
    held_out, training = clips(toy_songs(60, seed=2)), clips(SONGS)
    sets = {"real": clips(toy_songs(60, seed=3)),
            "noise": evaluation.noise_like(training, 60, seed=1)}  # fmt: skip
    for one in (MarkovChain().fit(SONGS), MeasureShuffle().fit(SONGS)):
        sets[type(one).__name__] = [one.sample(seed) for seed in range(60)]
    tables = {name: evaluation.compare(one, held_out, training, n_bootstrap=5)["generated"]
              for name, one in sets.items()}  # fmt: skip
    sign = {"Fréchet distance": -1, "classifier: random forest": -1, "coverage": 1,
            "overlap: interval, next interval": 1}  # fmt: skip
    for metric, better in sign.items():
        real, noise, *others = (better * table[metric] for table in tables.values())
        assert real > max(others) - 0.02 and min(others) > noise, metric
    real, _, *others = (table["Fréchet distance"] for table in tables.values())
    assert real < 0.7 * min(others)
