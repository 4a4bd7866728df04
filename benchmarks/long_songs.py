"""What the scorecard does not see: songs of 200 measures, and songs on the way to others.

Usage: python -m benchmarks.long_songs. It writes three tables beside the shipped weights, which
the README shows; `make weights` calls it.
"""

from lstmgan_utils import corpus, sampling
from lstmgan_utils.evaluation.clipping import home_tunes
from lstmgan_utils.evaluation.long_pieces import blend_continuity, drift, long_form
from lstmgan_utils.pianoroll import MAX_STEPS, n_steps

LONG_SEEDS = range(50)
BLEND_SEEDS = range(21)  # 20 ways from one song to the next
MEASURES = 200


def measure(generator, held_out):
    """Measure long songs and blends.

    Args:
        generator: Generator.
        held_out: Songs that it has not learned from.

    Returns:
        dict of file name to Table.
    """
    songs = sampling.sample_many(generator, LONG_SEEDS, MEASURES)
    # Only where a measure has four beats can a return be looked for four measures later.
    real = [(notes, n_steps(notes)) for notes in home_tunes(held_out)]
    return {
        "long_drift.csv": drift(songs, MEASURES),
        "long_form.csv": long_form([(song, MAX_STEPS) for song in songs], real),
        "blends.csv": blend_continuity(generator, BLEND_SEEDS),
    }


def main(name="folk"):
    """Measure the shipped weights and write the tables beside them."""
    songs = corpus.builtin_tunes()
    _, test_side = songs.split(0)
    tables = measure(sampling.load_pretrained(name), songs.select(test_side))
    for file, table in tables.items():
        print(f"\n{file}\n{table}")
        table.to_csv(sampling.WEIGHTS / name / file)


if __name__ == "__main__":
    main()
