"""What the scorecard does not see: pieces of 200 measures, and pieces on the way to others.

Usage: python -m benchmarks.long_pieces. It writes three tables to benchmarks/results, which the
README shows; `make weights` calls it.
"""

import pandas as pd

from benchmarks.report import RESULTS, write_csv
from lstmgan_utils import corpus, evaluation, sampling
from lstmgan_utils.evaluation.baselines import home_tunes
from lstmgan_utils.evaluation.copies import blend_continuity
from lstmgan_utils.evaluation.descriptors import shuffle_measures, similarity
from lstmgan_utils.pianoroll import MAX_STEPS, n_steps

LONG_SEEDS = range(50)
BLEND_SEEDS = range(21)  # 20 ways from one song to the next
MEASURES = 200
LAGS = (4, 8, 16)  # measures


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
        "long_drift.csv": evaluation.drift(pieces, MEASURES),
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
    shuffled = [(shuffle_measures(notes, length, seed), length) for notes, length in real]
    sets = {"generated": generated, "real": real, "shuffled": shuffled}
    found = {name: {lag: pd.Series([similarity(notes, lag, length) for notes, length in one])
                    for lag in LAGS} for name, one in sets.items()}  # fmt: skip
    table = pd.DataFrame(found).map(pd.Series.mean).rename_axis("lag")
    apart = table[["real", "shuffled"]].sub(table["generated"], axis=0).abs()
    return table.assign(closer_to_real=apart["real"] < apart["shuffled"])


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
