"""Sets against sets: generated pieces beside real ones, with a ceiling and a floor."""

import math

import numpy as np

from . import fidelity, overlaps
from .clipping import noise_like
from .overlaps import CHORD, PAIRS, SINGLES, PieceSet
from .pianoroll import STEPS_PER_MEASURE
from .spread import spread_overlap
from .table import Table

MAX_LOTS = 3


def compare(generated, reference, training=None, *, n_steps=8 * STEPS_PER_MEASURE, n_bootstrap=200,
            seed=0):  # fmt: skip
    """Compare a set of pieces with real ones, beside a ceiling and a floor.

    Args:
        generated: list of note arrays, each at most `n_steps` long.
        reference: list of note arrays, real clips that nothing was trained on.
        training: list of note arrays, other real clips, for the ceiling; None to take one half of
            the reference against the other.
        n_steps: int, length of all pieces in time steps.
        n_bootstrap: int, draws for the 95 % intervals.
        seed: int.

    Returns:
        Table with measure, generated, low, high, ceiling (real music), floor (noise).

    Introduced in lesson 08.
    """
    reference = list(reference)
    noise = noise_like(reference, len(generated), n_steps, seed)
    if training is None:
        order = np.random.default_rng(seed).permutation(len(reference))
        half = [reference[i] for i in order[: len(order) // 2]]
        training, ceiling_reference = half, [reference[i] for i in order[len(order) // 2 :]]
    else:
        ceiling_reference = reference
    sets = [PieceSet(one, n_steps) for one in (generated, training, noise)]
    real = PieceSet(reference, n_steps)
    other = real if ceiling_reference is reference else PieceSet(ceiling_reference, n_steps)
    return score_sets(sets, (real, other, real), n_bootstrap, seed)


def score_sets(sets, references, n_bootstrap=200, seed=0):
    """Score generated pieces, other real ones and noise: a Table as `compare` returns it.

    Args:
        sets: PieceSets generated, real and noise.
        references: PieceSets, what each is compared with.
        n_bootstrap, seed: int.
    """
    n_equal = min(map(len, (*sets, *references)))
    found = [
        set_scores(one, real, n_equal, n_bootstrap if one is sets[0] else 0, seed)
        for one, real in zip(sets, references, strict=True)
    ]
    return score_table(*found)


def score_table(generated, ceiling, floor):
    """Put what `set_scores` found side by side: a Table as `compare` returns it."""
    return Table(
        {"measure": name, "generated": value, "low": low, "high": high,
         "ceiling": ceiling[name][0], "floor": floor[name][0]}
        for name, (value, low, high) in generated.items()
    )  # fmt: skip


def set_scores(generated, reference, n_equal, n_bootstrap=200, seed=0):
    """Score one set against another.

    Args:
        generated, reference: PieceSet.
        n_equal: int, pieces of each that are compared in the space of features.
        n_bootstrap, seed: int.

    Returns:
        dict of name to (value, low, high): overlaps of `SINGLES`, `PAIRS` and `CHORD`, Yang
        & Lerch's overlapped area and divergence (means over the features), precision, recall,
        density, coverage, Fréchet distance, and the accuracy of a classifier. Low and high are NaN
        where no interval is drawn.
    """
    scores = {
        f"overlap: {name}": overlaps.event_overlap(generated, reference, name, n_bootstrap, seed)
        for name in (*SINGLES, *PAIRS, CHORD)
    }
    spreads = [spread_row(generated, reference, name) for name in overlaps.FEATURES]
    for column in ("overlapped area", "divergence"):
        value = float(np.nanmean([row[column] for row in spreads]))
        scores[f"{column} of distances"] = value, math.nan, math.nan
    return scores | feature_scores(generated, reference, n_equal, n_bootstrap, seed)


def feature_scores(generated, reference, n_equal, n_bootstrap=200, seed=0):
    """Score two sets in the space of features, with as many pieces of each.

    Where there are several times as many generated pieces, each lot of them is compared in turn
    and the scores are averaged; the intervals, averaged too, are then a little too wide.

    Returns:
        dict of name to (value, low, high).
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(generated))
    real = reference.features[rng.permutation(len(reference))[:n_equal]]
    lots = []
    for lot in range(min(len(generated) // n_equal, MAX_LOTS)):
        fake = generated.features[order[lot * n_equal : (lot + 1) * n_equal]]
        pair = fidelity.standardise(fake, real), fidelity.standardise(real, real)
        scores = fidelity.manifold_scores(*pair, n_bootstrap=n_bootstrap, seed=seed)
        scores["Fréchet distance"] = fidelity.frechet_interval(*pair, n_bootstrap, seed)
        accuracy = fidelity.classifier_accuracy(*pair, n_bootstrap=n_bootstrap, seed=seed)
        lots.append(scores | {f"classifier: {name}": found for name, found in accuracy.items()})
    return {name: tuple(np.mean([lot[name] for lot in lots], axis=0).tolist()) for name in lots[0]}


def spread_row(generated, reference, name):
    """Compare the spread of one statistic: a dict with statistic, overlapped area, divergence."""
    area, divergence = spread_overlap(generated.values(name), reference.values(name))
    return {"statistic": name, "overlapped area": area, "divergence": divergence}
