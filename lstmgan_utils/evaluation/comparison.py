"""Comparisons as tables: generated pieces beside real ones, with a ceiling, a floor and intervals.

Every table is a DataFrame with a metric a row.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from ..pianoroll import STEPS_PER_MEASURE, crop, fit_to_roll
from . import distances
from .baselines import clips, noise_like
from .copies import novelty
from .descriptors import FEATURES, GLOSSARY, PieceSet

MAX_LOTS = 3
COLUMNS = ["generated", "low", "high", "held_out", "ceiling", "floor", "chance"]
# by music and metric: sense (≥, ≤, ± for near held-out music), limit, column that the limit is of
TARGETS = pd.read_csv(
    Path(__file__).with_name("targets.csv"), index_col=[0, 1], keep_default_na=False
)
# One metric of each kind: what follows what, variety, the whole, the best classifier, form.
HEADLINES = ("overlap: interval, next interval", "coverage", "Fréchet distance",
             "classifier: random forest", "similarity_4")  # fmt: skip


def compare(generated, reference, training=None, *, n_steps=8 * STEPS_PER_MEASURE, n_bootstrap=200,
            seed=0):  # fmt: skip
    """Return how near a set of pieces is to real ones, beside a ceiling and a floor.

    Args:
        generated: list of note arrays, each at most `n_steps` long.
        reference: list of note arrays, real clips that nothing was trained on.
        training: list of note arrays, other real clips, for the ceiling; None to take one half of
            the reference against the other.
        n_steps, n_bootstrap, seed: ints, length in time steps, draws for the 95 % intervals.

    Returns:
        DataFrame with generated, low, high, ceiling (real music) and floor (noise) for each metric.

    Introduced in lesson 10.
    """
    reference = list(reference)
    noise = noise_like(reference, len(generated), n_steps, seed)
    ours, real, floor = (PieceSet(one, n_steps) for one in (generated, reference, noise))
    if training is None:
        order = np.random.default_rng(seed).permutation(len(reference))
        halves = np.split(order, [len(order) // 2])
        ceiling = [PieceSet([reference[i] for i in half], n_steps) for half in halves]
    else:
        ceiling = PieceSet(training, n_steps), real
    anchors = {"ceiling": ceiling, "floor": (floor, real)}
    return anchored_scores({"ours": ours}, real, anchors, n_bootstrap, seed)["ours"]


def anchored_scores(sets, reference, anchors, n_bootstrap=200, seed=0):
    """Return `set_scores` of each PieceSet against the reference, with a column for each anchor.

    `anchors` is a dict of the column's name to the two PieceSets that it compares. All scores are
    of as many pieces as the smallest set has.
    """
    compared = [*sets.values(), reference, *(one for pair in anchors.values() for one in pair)]
    n_equal = min(map(len, compared))
    columns = {name: set_scores(*pair, n_equal, 0, seed)["generated"]
               for name, pair in anchors.items()}  # fmt: skip
    return {name: set_scores(one, reference, n_equal, n_bootstrap, seed).assign(**columns)
            for name, one in sets.items()}  # fmt: skip


def set_scores(generated, reference, n_equal, n_bootstrap=200, seed=0):
    """Return the scores of one PieceSet against another: overlaps of events, distances of features.

    `n_equal` pieces of each are compared in the space of features. Where there are several times
    as many generated ones, the scores of each lot are averaged; their intervals are then a little
    too wide. Low and high are NaN where no interval is drawn.
    """
    draws = n_bootstrap, seed
    scores = {f"overlap: {name}": distances.event_overlap(generated, reference, name, *draws)
              for name in reference.events}  # fmt: skip
    spreads = [distances.spread_overlap(generated.values(name), reference.values(name))
               for name in FEATURES]  # fmt: skip
    area, divergence = np.nanmean(spreads, axis=0)
    scores["overlapped area of distances"] = area, math.nan, math.nan
    scores["divergence of distances"] = divergence, math.nan, math.nan
    rng, lots = np.random.default_rng(seed), []
    order = rng.permutation(len(generated))
    real = reference.features[rng.permutation(len(reference))[:n_equal]]
    for lot in range(min(len(generated) // n_equal, MAX_LOTS)):
        fake = generated.features[order[lot * n_equal : (lot + 1) * n_equal]]
        pair = distances.standardise(fake, real), distances.standardise(real, real)
        found = distances.manifold_scores(*pair, *draws)
        found["Fréchet distance"] = distances.frechet_interval(*pair, *draws)
        lots.append(found | distances.classifier_accuracy(*pair, *draws))
    scores |= {name: np.mean([lot[name] for lot in lots], axis=0) for name in lots[0]}
    table = pd.DataFrame.from_dict(scores, orient="index", columns=COLUMNS[:3])
    return table.rename_axis("metric")


def scorecard(generated, held_out, training, **settings):
    """Return one of the `scorecards`, for a list of generated note arrays."""
    return scorecards({"generated": generated}, held_out, training, **settings)["generated"]


def scorecards(generators, held_out, training, *, targets="folk", measures=8, align=4, per_song=1,
               n_bootstrap=200, seed=0):  # fmt: skip
    """Return the scorecards of several generators, between the same ceiling and floor.

    Args:
        generators: dict of name to list of note arrays of `measures` measures of 4/4, in the key
            signature without sharps or flats.
        held_out: Songs that nothing was trained on, or a list of clips.
        training: Songs that the generators learned from, or a list of clips.
        targets: "folk", "piano", or a DataFrame like a part of `TARGETS`.
        measures, align, per_song: ints, length and places of the clips, as for `clips`.
        n_bootstrap, seed: ints, draws for the 95 % intervals.

    Returns:
        dict of name to DataFrame with generated, low, high (95 %), held_out (the same of held-out
        clips), ceiling (training clips as if generated), floor (noise), target and met (both ""
        without a target) for each metric.

    Raises:
        ValueError: unknown targets, or no song is long enough.

    Introduced in lesson 10.
    """
    targets = named_targets(targets)
    real, other = (
        clips(one, measures, seed, align=align, per_song=per_song)
        if hasattr(one, "table") else list(one)
        for one in (held_out, training)
    )  # fmt: skip
    n_steps, n_pieces = measures * STEPS_PER_MEASURE, max(map(len, generators.values()))
    noise = noise_like(real, n_pieces, n_steps, seed)
    reference, ceiling, floor = (PieceSet(one, n_steps) for one in (real, other[:n_pieces], noise))
    sets = {name: PieceSet(pieces, n_steps) for name, pieces in generators.items()}
    anchors = {"ceiling": (ceiling, reference), "floor": (floor, reference)}
    tunes, cards = [fit_to_roll(tune) for tune in training], {}
    known = [*tunes, *held_out, *real, *other]
    for name, scores in anchored_scores(sets, reference, anchors, n_bootstrap, seed).items():
        compared = sets[name], reference, ceiling, floor
        described = [one.table[targets.index.intersection(GLOSSARY.index)] for one in compared]
        rows = mean_rows(described, n_bootstrap, seed)
        rows |= novelty_rows(compared, tunes, n_bootstrap, seed)
        rows |= mean_rows([sanity(one, known) for one in compared], 0)
        rows = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
        card = pd.concat([scores.reindex(columns=COLUMNS), rows])
        cards[name] = with_targets(card, targets)
    return cards


def named_targets(targets):
    """Return the table of targets of this name, or the table itself."""
    if not isinstance(targets, str):
        return targets
    if targets not in (known := TARGETS.index.levels[0]):
        raise ValueError(f"no targets {targets!r}; there are {', '.join(known)}, or give a table")
    return TARGETS.loc[targets]


def with_targets(card, targets):
    """Return a scorecard with what each metric should reach, and whether it does."""
    found = [target(row) if row.sense in ("≥", "≤", "±") else ("", "")
              for row in card.join(targets).itertuples()]  # fmt: skip
    card = card.drop(columns="chance").rename_axis("metric")
    card["target"], card["met"] = zip(*found, strict=True)
    return card


def target(row):
    """Return the target of a row of a scorecard, and whether it is met; ± allows for chance."""
    bound = row.limit * (abs(getattr(row, row.times)) if row.times else 1)
    told = f"{row.sense} {row.limit:g}" + (f" × {row.times}" if row.times else "")
    if row.sense == "±":
        near = abs(row.generated - row.held_out) <= max(bound, row.chance)
        return f"{told} or {row.chance:.3f}", near
    return told, row.generated >= bound if row.sense == "≥" else row.generated <= bound


def mean_rows(tables, n_bootstrap=200, seed=0):
    """Return means over generated, held-out, training and noise pieces as rows of a scorecard.

    Chance is twice the standard error of the difference between the first two.
    """
    rows = {}
    for name in tables[0]:
        ours, real, *anchors = (one[name] for one in tables)
        chance = 2 * math.hypot(ours.sem(ddof=0), real.sem(ddof=0))
        values = distances.mean_interval(ours, n_bootstrap, seed)
        rows[name] = *values, real.mean(), *(one.mean() for one in anchors), chance
    return rows


def novelty_rows(sets, tunes, n_bootstrap=200, seed=0):
    """Return the longest runs shared with training tunes, beside those that real clips share."""
    searched = [sets[i].pieces for i in (0, 1, 3)]  # not the ceiling: it is from these tunes
    runs = novelty([piece for pieces in searched for piece in pieces], tunes)["run"]
    ours, real, noise = np.split(runs, np.cumsum([*map(len, searched)])[:-1])
    again = np.random.default_rng(seed).choice(ours, (n_bootstrap, len(ours)))
    rows = {}
    for name, share in (("median", 0.5), ("95th percentile", 0.95), ("longest", 1.0)):
        found = [float(np.quantile(run, share)) for run in (ours, real, noise)]
        # The longest of pieces drawn anew is never longer, so that one has no interval.
        drawn = np.quantile(again, share, axis=1) if share < 1 else []
        values = distances.interval(found[0], drawn)
        rows[f"shared run: {name} (notes)"] = *values, found[1], math.nan, found[2], math.nan
    return rows


def sanity(one, known):
    """Return whether each piece differs, sounds, and neither hangs nor stops: DataFrame.

    `known` are the pieces that hold every possible duration.
    """
    content = pd.Series([piece.tobytes() for piece in one.pieces])
    return pd.DataFrame({
        "distinct pieces": ~content.duplicated(),
        "sounds at all": one.table["n_notes"] > 0,
        "holds no note over 4 measures": ~(one.table["longest_note"] > 4 * STEPS_PER_MEASURE),
        "a note in every two measures": one.table["longest_rest"] < 2 * STEPS_PER_MEASURE,
        "impossible_durations": distances.impossible_durations(one.pieces, known),
    }, dtype=float)  # fmt: skip


def comparison_table(cards):
    """Return the scores of several generators side by side.

    `cards` are from `scorecards`; the DataFrame has held_out, ceiling, floor, and "name",
    "name low" and "name high" for each generator.

    Introduced in lesson 10.
    """
    table = next(iter(cards.values()))[["held_out", "ceiling", "floor"]].copy()
    for name, card in cards.items():
        table[[name, f"{name} low", f"{name} high"]] = card[["generated", "low", "high"]]
    return table


def real_scores(table):
    """Return what real music scores on each metric of a comparison table: Series."""
    return table["held_out"].fillna(table["ceiling"])


def rescale(table, column):
    """Return a column of a comparison table with noise at 0 and real music at 1: Series.

    Introduced in lesson 10.
    """
    span = real_scores(table) - table["floor"]
    return (table[column] - table["floor"]) / span.where(span != 0)


def distance_from_real(table, name):
    """Return how far a generator is from real music on each metric of a comparison table: Series.

    Neither runs that are shorter than those of real music nor what passes the ceiling is a fault.
    """
    gap, metric = table[name] - real_scores(table), table.index.str
    rules = (metric.startswith("shared run"), table["held_out"].notna(),
             metric.startswith("classifier"), metric.contains("Fréchet|divergence"))  # fmt: skip
    over, chance = gap.clip(lower=0), (table[name] - 0.5).abs()
    distance = np.select(rules, (over, gap.abs(), chance, over), (-gap).clip(lower=0))
    return pd.Series(distance, table.index)


def outcomes(table, ours, baseline):
    """Return who is nearer to real music on each metric of a comparison table: str ndarray.

    "nearer" is ours, "farther" the baseline, "alike" where they are as far or their 95 % intervals
    meet, "" where it cannot be told.
    """
    a, b = (distance_from_real(table, name) for name in (ours, baseline))
    low = np.maximum(table[f"{ours} low"], table[f"{baseline} low"])
    high = np.minimum(table[f"{ours} high"], table[f"{baseline} high"])
    cases = a.isna() | b.isna(), (a == b) | (low <= high), a < b  # NaN, no interval, meets nothing
    return np.select(cases, ("", "alike", "nearer"), "farther")


def count_wins(table, ours, baselines):
    """Return on how many metrics each baseline is beaten, and on which it beats us.

    `table` is from `comparison_table`. The DataFrame has nearer, alike and farther (ours, counted
    in metrics) and "the baseline wins" (names of metrics) for each baseline.

    Introduced in lesson 10.
    """
    rows, columns = {}, ["nearer", "alike", "farther"]
    for baseline in baselines:
        found = outcomes(table, ours, baseline)
        lost = ", ".join(table.index[found == "farther"]) or "nowhere"
        rows[baseline] = [*((found == column).sum() for column in columns), lost]
    wins = pd.DataFrame.from_dict(rows, orient="index", columns=[*columns, "the baseline wins"])
    return wins.rename_axis("baseline")


def drift(songs, measures=200, part=48):
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
