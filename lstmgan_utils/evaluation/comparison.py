"""Comparisons as tables: generated pieces beside real ones, with a ceiling, a floor and intervals.

Every table is a DataFrame with a metric a row.
"""

import math

import numpy as np
import pandas as pd

from ..pianoroll import STEPS_PER_MEASURE, fit_to_roll
from . import distances
from .baselines import clips, noise_like
from .copies import novelty
from .descriptors import FOLDER, GLOSSARY, N_STEPS, PieceSet

MAX_LOTS = 3
COLUMNS = ["generated", "low", "high", "held_out", "ceiling", "floor", "chance"]
# by music and metric: sense (≥, ≤, ± for near held-out music), limit, column that the limit is of
TARGETS = pd.read_csv(FOLDER / "targets.csv", index_col=[0, 1], keep_default_na=False)
# One metric of each kind: what follows what, variety, the whole, the best classifier, form.
HEADLINES = ("overlap: interval, next interval", "coverage", "Fréchet distance",
             "classifier: random forest", "similarity_4")  # fmt: skip


def compare(generated, reference, training=None, *, n_steps=N_STEPS, n_bootstrap=200):
    """Return how near a set of pieces is to real ones, beside a ceiling and a floor.

    Args:
        generated: list of note arrays, each at most `n_steps` long.
        reference: list of note arrays, real clips that nothing was trained on.
        training: list of note arrays, other real clips, for the ceiling; None to take one half of
            the reference for it, and compare with the other.
        n_steps, n_bootstrap: ints, length in time steps, draws for the 95 % intervals.

    Returns:
        DataFrame with generated, low, high, ceiling (real music) and floor (noise) for each metric.

    Introduced in lesson 10.
    """
    noise = noise_like(reference, len(generated), n_steps)
    if training is None:
        order = np.random.default_rng(0).permutation(len(reference))
        training, reference = ([reference[i] for i in half] for half in np.array_split(order, 2))
    sets = (PieceSet(one, n_steps) for one in (generated, reference, training, noise))
    return _compare_sets(*sets, n_bootstrap)


def _compare_sets(generated, reference, ceiling, floor, n_bootstrap):
    """Return what `compare` does, of PieceSets; as many pieces of each make points in space."""
    n_equal = min(map(len, (generated, reference, ceiling, floor)))
    ceiling, floor = (_set_scores(one, reference, n_equal, 0) for one in (ceiling, floor))
    scores = _set_scores(generated, reference, n_equal, n_bootstrap)
    return scores.assign(ceiling=ceiling["generated"], floor=floor["generated"])


def _set_scores(generated, reference, n_equal, n_bootstrap):
    """Return the scores of one PieceSet against another: overlaps of events, distances of features.

    Where there are several times `n_equal` generated pieces, the scores of each lot are averaged;
    their intervals are then a little too wide.
    """
    scores = {}
    for name, ours in generated.events.items():
        found = distances.event_overlap(ours, reference.events[name], n_bootstrap)
        scores[f"overlap: {name}"] = found
    rng = np.random.default_rng(0)
    order, real_order = rng.permutation(len(generated)), rng.permutation(len(reference))
    real, lots = reference.features[real_order[:n_equal]], []
    for lot in range(min(len(generated) // n_equal, MAX_LOTS)):
        fake = generated.features[order[lot * n_equal : (lot + 1) * n_equal]]
        pair = distances.standardise(fake, real), distances.standardise(real, real)
        found = distances.manifold_scores(*pair, n_bootstrap)
        found["Fréchet distance"] = distances.frechet_distance(*pair), math.nan, math.nan
        lots.append(found | distances.classifier_accuracy(*pair, n_bootstrap))
    scores |= {name: np.mean([lot[name] for lot in lots], axis=0) for name in lots[0]}
    table = pd.DataFrame.from_dict(scores, orient="index", columns=COLUMNS[:3])
    return table.rename_axis("metric")


def scorecard(generated, held_out, training, *, targets="folk", n_bootstrap=200, **places):
    """Return the scores of a generator, what they should reach, and whether they do.

    Args:
        generated: list of note arrays of 8 measures of 4/4, in the key without sharps or flats.
        held_out, training: Songs that nothing was trained on, Songs that the generator learned.
        targets: "folk" or "piano".
        n_bootstrap: int, draws for the 95 % intervals.
        places: align and per_song, of the clips of real music, as for `clips`.

    Returns:
        DataFrame with generated, low, high (95 %), held_out (the same of held-out clips), ceiling
        (training clips as if generated), floor (noise), target and met (both "" without a target)
        for each metric.

    Raises:
        ValueError: unknown targets, or no song is long enough.

    Introduced in lesson 10.
    """
    if targets not in (known := TARGETS.index.levels[0]):
        raise ValueError(f"no targets {targets!r}; there are {', '.join(known)}")
    targets = TARGETS.loc[targets]
    real, other = (clips(one, **places) for one in (held_out, training))
    noise = noise_like(real, len(generated))
    sets = [PieceSet(one) for one in (generated, real, other[: len(generated)], noise)]
    tunes = [fit_to_roll(tune) for tune in training]
    durations = {int(d) for notes in (*tunes, *held_out, *real, *other) for d in notes["duration"]}
    names = targets.index.intersection(GLOSSARY.index)
    rows = _mean_rows([one.table[names] for one in sets], n_bootstrap)
    rows |= _novelty_rows(sets, tunes, n_bootstrap)
    rows |= _mean_rows([_sanity(one, durations) for one in sets], 0)
    rows = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    card = pd.concat([_compare_sets(*sets, n_bootstrap).reindex(columns=COLUMNS), rows])
    card["target"], card["met"] = zip(*map(target, card.join(targets).itertuples()), strict=True)
    return card.drop(columns="chance").rename_axis("metric")


def target(row):
    """Return a row's target and whether it is met, "" for both without one; ± allows for chance."""
    if math.isnan(row.limit):
        return "", ""
    bound = row.limit * (abs(getattr(row, row.times)) if row.times else 1)
    told = f"{row.sense} {row.limit:g}" + (f" × {row.times}" if row.times else "")
    if row.sense == "±":
        near = abs(row.generated - row.held_out) <= max(bound, row.chance)
        return f"{told} or {row.chance:.3f}", near
    return told, row.generated >= bound if row.sense == "≥" else row.generated <= bound


def _mean_rows(tables, n_bootstrap):
    """Return means over generated, held-out, training and noise pieces as rows of a scorecard.

    Chance is twice the standard error of the difference between the first two.
    """
    rows = {}
    for name in tables[0]:
        ours, real, *anchors = (one[name] for one in tables)
        chance = 2 * math.hypot(ours.sem(ddof=0), real.sem(ddof=0))
        values = distances.mean_interval(ours.dropna(), n_bootstrap)
        rows[name] = *values, real.mean(), *(one.mean() for one in anchors), chance
    return rows


def _novelty_rows(sets, tunes, n_bootstrap):
    """Return the longest runs shared with training tunes, beside those that real clips share."""
    ours, real, _, noise = sets  # not the ceiling: it is from these tunes
    ours, real, noise = (novelty(one.pieces, tunes)["run"] for one in (ours, real, noise))
    again = np.random.default_rng(0).choice(ours, (n_bootstrap, len(ours)))
    rows = {}
    for name, share in (("median", 0.5), ("95th percentile", 0.95), ("longest", 1.0)):
        found = [float(np.quantile(run, share)) for run in (ours, real, noise)]
        # The longest of pieces drawn anew is never longer, so that one has no interval.
        drawn = np.quantile(again, share, axis=1) if share < 1 else []
        values = distances.interval(found[0], drawn)
        rows[f"shared run: {name} (notes)"] = *values, found[1], math.nan, found[2], math.nan
    return rows


def _sanity(one, durations):
    """Return whether each piece differs, sounds, neither hangs nor stops, has real durations."""
    content, table = pd.Series([piece.tobytes() for piece in one.pieces]), one.table
    return pd.DataFrame({
        "distinct pieces": ~content.duplicated(),
        "sounds at all": table["n_notes"] > 0,
        "holds no note over 4 measures": ~(table["longest_note"] > 4 * STEPS_PER_MEASURE),
        "a note in every two measures": table["longest_rest"] < 2 * STEPS_PER_MEASURE,
        "impossible_durations": [not durations.issuperset(p["duration"]) for p in one.pieces],
    }, dtype=float)  # fmt: skip


def real_scores(table):
    """Return what real music scores on each metric of a scorecard: Series."""
    return table["held_out"].fillna(table["ceiling"])


def rescale(table, column="generated"):
    """Return a column of a scorecard with noise at 0 and real music at 1: Series.

    Introduced in lesson 10.
    """
    span = real_scores(table) - table["floor"]
    return (table[column] - table["floor"]) / span.where(span != 0)
