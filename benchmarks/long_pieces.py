"""What the scorecard does not see: pieces of 200 measures, and pieces on the way to others.

Usage: python -m benchmarks.long_pieces. It writes three tables to benchmarks/results, which the
README shows; `make weights` calls it.
"""

from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.report import RESULTS, write_csv
from lstmgan_utils import corpus, sampling
from lstmgan_utils.evaluation import GLOSSARY, PieceSet
from lstmgan_utils.evaluation.baselines import home_tunes
from lstmgan_utils.evaluation.copies import shared_notes
from lstmgan_utils.evaluation.descriptors import cut_measures, join_measures, similarity
from lstmgan_utils.pianoroll import MAX_STEPS, STEPS_PER_MEASURE, crop, n_steps

LONG_SEEDS = range(50)
BLEND_SEEDS = range(21)  # 20 ways from one song to the next
MEASURES = 200
LAGS = (4, 8, 16)  # measures
STEPS = tuple(2.0**-k for k in range(8, -1, -1))  # parts of the way from one song to another


def measure(generator, held_out, long_seeds=LONG_SEEDS, blend_seeds=BLEND_SEEDS):
    """Return the metrics of long pieces and of blends.

    Args:
        generator: Generator.
        held_out: Songs that it has not learned from.
        long_seeds, blend_seeds: sequences of ints.

    Returns:
        dict of file name to DataFrame.
    """
    pieces = sampling.sample_many(generator, long_seeds, MEASURES)
    # Only where a measure has four beats can a return be looked for four measures later.
    real = [(notes, n_steps(notes)) for notes in home_tunes(held_out)]
    return {
        "long_drift.csv": drift(pieces),
        "long_form.csv": long_form([(piece, MAX_STEPS) for piece in pieces], real),
        "blends.csv": pd.concat(
            {
                mix.__name__: blend_continuity(generator, blend_seeds, mix=mix)["shared"]
                for mix in (sampling.morph, sampling.blend)
            },
            axis=1,
        ),
    }


def long_form(generated, real, *, seed=0):
    """Return how much comes back after 4, 8 and 16 measures: generated, real, and out of order.

    Args:
        generated: list of (note array, length in steps).
        real: list of (note array, length in steps), whole tunes in 4/4 from their first full
            measure, as `home_tunes` gives them.
        seed: int, for shuffling the measures of the real tunes.

    Returns:
        DataFrame with generated, real, shuffled (mean similarities of measures that far apart)
        and closer_to_real for each lag (measures).
    """
    shuffled = [(shuffle_measures(notes, seed), length) for notes, length in real]
    sets = {"generated": generated, "real": real, "shuffled": shuffled}
    found = {name: {lag: pd.Series([similarity(notes, lag, length) for notes, length in one])
                    for lag in LAGS} for name, one in sets.items()}  # fmt: skip
    table = pd.DataFrame(found).map(pd.Series.mean).rename_axis("lag")
    apart = table[["real", "shuffled"]].sub(table["generated"], axis=0).abs()
    return table.assign(closer_to_real=apart["real"] < apart["shuffled"])


def drift(songs, measures=MEASURES, part=48):
    """Return how the last measures of long pieces differ from their first.

    `songs` are note arrays of so many `measures`; `part` is the measures at either end, a multiple
    of 8 so that both start with a phrase.

    Returns:
        DataFrame with first, last (means over the pieces), change (last / first − 1) and t (the
        mean difference in standard errors; chance gives less than 2) for each descriptor.
    """
    length, end = part * STEPS_PER_MEASURE, measures * STEPS_PER_MEASURE
    first, last = (
        PieceSet([crop(song, *edge) for song in songs], length).table[GLOSSARY.index]
        for edge in ((0, length), (end - length, end))
    )
    difference = last - first  # NaN where either is
    first, last = (one.where(difference.notna()).mean() for one in (first, last))
    error = difference.sem()
    table = pd.DataFrame({
        "first": first, "last": last, "change": last / first.where(first != 0) - 1,
        "t": difference.mean() / error.where(error != 0),
    })  # fmt: skip
    return table.dropna(subset="first").rename_axis("statistic")


def blend_continuity(generator, seeds, measures=8, starts=(0.0, 0.25, 0.5), mix=sampling.morph):
    """Return how many notes two songs share that lie so far apart on the way between two seeds.

    Args:
        generator: Generator.
        seeds: ints; each song is blended with the next one's.
        measures: int, length of the songs.
        starts: floats, the places on the way from which steps are taken.
        mix: function of two latents and an amount, `sampling.morph` or `sampling.blend`.

    Returns:
        DataFrame with shared (mean share of common notes) for each step (part of the way, 1 is
        the whole of it).
    """
    latents = [sampling.draw_latent(seed, measures) for seed in seeds]
    ways = list(zip(latents, latents[1:], strict=False))

    @cache
    def play(amount):
        return sampling.sample_latents(generator, np.stack([mix(a, b, amount) for a, b in ways]))

    shared = {
        str(Fraction(step)): np.nanmean([
            shared_notes(*pair)
            for start in starts if start + step <= 1
            for pair in zip(play(start), play(start + step), strict=True)
        ])
        for step in STEPS
    }  # fmt: skip
    return pd.DataFrame({"shared": shared}).rename_axis("step")


def shuffle_measures(notes, seed=0):
    """Return the measures of a piece in random order: note array."""
    measures = cut_measures(notes)
    return join_measures(
        [measures[i] for i in np.random.default_rng(seed).permutation(len(measures))]
    )


def main(name="folk"):
    """Measure the shipped weights and write the tables."""
    songs = corpus.builtin_tunes()
    _, test_side = songs.split(0)
    tables = measure(sampling.load_pretrained(name), songs.select(test_side))
    for file, table in tables.items():
        print(f"\n{file}\n{table}")
        write_csv(RESULTS / file, table)


if __name__ == "__main__":
    main()
