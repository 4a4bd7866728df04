"""Comparisons as tables: generated pieces beside real ones, with a ceiling, a floor and intervals.

Every table is a DataFrame with a metric a row.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from ..pianoroll import STEPS_PER_MEASURE, crop, fit_to_roll
from . import distances
from .baselines import noise_like
from .clipping import CHORD, FEATURES, PAIRS, SINGLES, PieceSet, clips
from .copies import novelty
from .descriptors import GLOSSARY

MAX_LOTS = 3
COLUMNS = ("metric", "generated", "low", "high", "held_out", "ceiling", "floor", "chance")
# music ("folk", "piano"), metric: rule (see `judge`), limit
TARGETS = pd.read_csv(Path(__file__).with_name("targets.csv"), index_col=[0, 1])
# One metric of each kind: what follows what, variety, the whole, the best classifier, form.
HEADLINES = ("overlap: interval, next interval", "coverage", "Fréchet distance",
             "classifier: random forest", "similarity_4")  # fmt: skip
OUTCOMES = ("nearer", "alike", "farther")


def compare(generated, reference, training=None, *, n_steps=8 * STEPS_PER_MEASURE, n_bootstrap=200,
            seed=0):  # fmt: skip
    """Return how near a set of pieces is to real ones, beside a ceiling and a floor.

    Args:
        generated: list of note arrays, each at most `n_steps` long.
        reference: list of note arrays, real clips that nothing was trained on.
        training: list of note arrays, other real clips, for the ceiling; None to take one half of
            the reference against the other.
        n_steps: int, length of all pieces in time steps.
        n_bootstrap: int, draws for the 95 % intervals.
        seed: int.

    Returns:
        DataFrame with generated, low, high, ceiling (real music) and floor (noise) for each metric.

    Introduced in lesson 08.
    """
    reference = list(reference)
    noise = noise_like(reference, len(generated), n_steps, seed)
    real = other = PieceSet(reference, n_steps)
    if training is None:
        order = np.random.default_rng(seed).permutation(len(reference))
        halves = np.split(order, [len(order) // 2])
        training, other = ([reference[i] for i in half] for half in halves)
        other = PieceSet(other, n_steps)
    sets = [PieceSet(one, n_steps) for one in (generated, training, noise)]
    n_equal = min(map(len, (*sets, real, other)))
    ours = set_scores(sets[0], real, n_equal, n_bootstrap, seed)
    ceiling = set_scores(sets[1], other, n_equal, 0, seed)["generated"]
    floor = set_scores(sets[2], real, n_equal, 0, seed)["generated"]
    return ours.assign(ceiling=ceiling, floor=floor)


def set_scores(generated, reference, n_equal, n_bootstrap=200, seed=0):
    """Return the scores of one set against another.

    Where there are several times as many generated pieces, each lot of them is compared in the
    space of features and the scores are averaged; the intervals are then a little too wide.

    Args:
        generated, reference: PieceSet.
        n_equal: int, pieces of each that are compared in the space of features.
        n_bootstrap, seed: int.

    Returns:
        DataFrame with generated, low and high (NaN where no interval is drawn): overlaps of
        `SINGLES`, `PAIRS` and `CHORD`, Yang & Lerch's overlapped area and divergence (means over
        the features), precision, recall, density, coverage, Fréchet distance, accuracy of
        classifiers.
    """
    scores = {
        f"overlap: {name}": distances.event_overlap(generated, reference, name, n_bootstrap, seed)
        for name in (*SINGLES, *PAIRS, CHORD)
    }
    spreads = [distances.spread_overlap(generated.values(name), reference.values(name))
               for name in FEATURES]  # fmt: skip
    area, divergence = np.nanmean(spreads, axis=0)
    scores["overlapped area of distances"] = area, math.nan, math.nan
    scores["divergence of distances"] = divergence, math.nan, math.nan
    rng, lots, draws = np.random.default_rng(seed), [], (n_bootstrap, seed)
    order = rng.permutation(len(generated))
    real = reference.features[rng.permutation(len(reference))[:n_equal]]
    for lot in range(min(len(generated) // n_equal, MAX_LOTS)):
        fake = generated.features[order[lot * n_equal : (lot + 1) * n_equal]]
        pair = distances.standardise(fake, real), distances.standardise(real, real)
        found = distances.manifold_scores(*pair, *draws)
        found["Fréchet distance"] = distances.frechet_interval(*pair, *draws)
        lots.append(found | distances.classifier_accuracy(*pair, *draws))
    scores |= {name: np.mean([lot[name] for lot in lots], axis=0) for name in lots[0]}
    table = pd.DataFrame.from_dict(scores, orient="index", columns=["generated", "low", "high"])
    return table.rename_axis("metric")


def scorecard(generated, held_out, training, **settings):
    """Return generated pieces measured by every target that this project set itself.

    Args:
        generated: list of note arrays of `measures` measures of 4/4, in the key signature without
            sharps or flats.
        held_out, training, settings: as for `scorecards`.

    Returns:
        DataFrame with generated, low, high (95 %), held_out (the same of held-out clips), ceiling
        (training clips as if generated), floor (noise), target and met (both "" without a target)
        for each metric.
    """
    return scorecards({"generated": generated}, held_out, training, **settings)["generated"]


def scorecards(generators, held_out, training, *, targets="folk", measures=8, align=4, per_song=1,
               n_bootstrap=200, seed=0):  # fmt: skip
    """Return the scorecards of several generators, between the same ceiling and floor.

    Args:
        generators: dict of name to list of note arrays.
        held_out: Songs that nothing was trained on, or a list of clips.
        training: Songs that the generators learned from, or a list of clips.
        targets: "folk", "piano", or a DataFrame with a rule (see `judge`) and a limit for each
            metric.
        measures: int, length of all clips.
        align, per_song: int, how `clips` cuts them: real clips start at multiples of so many
            measures, and a song gives at most so many.
        n_bootstrap: int, draws for the 95 % intervals.
        seed: int.

    Returns:
        dict of name to DataFrame as from `scorecard`.

    Raises:
        ValueError: unknown targets, or no song is long enough.

    Introduced in lesson 08.
    """
    targets = named_targets(targets)
    tunes = [fit_to_roll(tune) for tune in training]
    real, other = (
        clips(one, measures, seed, align=align, per_song=per_song)
        if hasattr(one, "table") else list(one)
        for one in (held_out, training)
    )  # fmt: skip
    n_steps, n_pieces = measures * STEPS_PER_MEASURE, max(map(len, generators.values()))
    noise = noise_like(real, n_pieces, n_steps, seed)
    reference, *anchors = (PieceSet(one, n_steps) for one in (real, other[:n_pieces], noise))
    sets = {name: PieceSet(pieces, n_steps) for name, pieces in generators.items()}
    n_equal = min(map(len, (*sets.values(), *anchors, reference)))
    ceiling, floor = (set_scores(one, reference, n_equal, 0, seed)["generated"] for one in anchors)
    cards = {}
    for name, one in sets.items():
        scores = set_scores(one, reference, n_equal, n_bootstrap, seed)
        rows = [(metric, *values, math.nan, ceiling[metric], floor[metric], math.nan)
                for metric, *values in scores.itertuples()]  # fmt: skip
        compared = one, reference, *anchors
        rows += mean_rows(compared, targets.index.intersection(GLOSSARY.index), n_bootstrap, seed)
        rows += novelty_rows(compared, tunes, n_bootstrap, seed) + sanity_rows(compared)
        rows += duration_rows(compared, [*tunes, *held_out, *real, *other], n_bootstrap, seed)
        cards[name] = with_targets(pd.DataFrame(rows, columns=COLUMNS), targets)
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
    card = card.set_index("metric").join(targets[["rule", "limit"]])
    judged = [judge(row, row.rule, row.limit) for row in card.itertuples()]
    card[["target", "met"]] = pd.DataFrame(judged, card.index)
    return card.drop(columns=["chance", "rule", "limit"])


def judge(row, rule, limit):
    """Return what a row of a scorecard should reach, and whether it does; "" for no target.

    Args:
        row: namedtuple with generated, held_out, ceiling and chance.
        rule: "at least", "at most", "share of ceiling", "share of held-out", "at most held-out",
            or how far from held-out music: "within" the limit, "within share" of its value. Two
            sets of real music differ by chance too, so that as much is always allowed.
        limit: float, unused by "at most held-out".
    """
    value, real = row.generated, row.held_out
    match rule:
        case "at least":
            return f"≥ {limit:.2f}", value >= limit
        case "at most":
            return f"≤ {limit:.2f}", value <= limit
        case "share of ceiling":
            return f"≥ {limit} of ceiling", value >= limit * row.ceiling
        case "share of held-out":
            return f"≥ {limit:.2f} of held-out", value >= limit * real
        case "at most held-out":
            return "≤ held-out", value <= real
        case "within":
            return f"within {limit} or {row.chance:.3f}", abs(value - real) <= max(
                limit, row.chance
            )
        case "within share":
            met = abs(value - real) <= max(limit * abs(real), row.chance)
            return f"within {limit:.0%} or {row.chance:.3f}", met
    return "", ""


def mean_rows(sets, names, n_bootstrap=200, seed=0):
    """Return the means of descriptors; chance is twice the standard error of the difference."""
    rows = []
    for name in names:
        ours, real, *anchors = (one.table[name] for one in sets)
        chance = 2 * math.hypot(ours.sem(ddof=0), real.sem(ddof=0))
        values = distances.mean_interval(ours, n_bootstrap, seed)
        rows.append((name, *values, real.mean(), *(one.mean() for one in anchors), chance))
    return rows


def novelty_rows(sets, tunes, n_bootstrap=200, seed=0):
    """Return the longest runs shared with training tunes, beside those that real clips share."""
    searched = [sets[i].pieces for i in (0, 1, 3)]  # not the ceiling: it is from these tunes
    runs = novelty([piece for pieces in searched for piece in pieces], tunes)["run"]
    ours, real, noise = np.split(runs, np.cumsum([*map(len, searched)])[:-1])
    again = np.random.default_rng(seed).integers(len(ours), size=(n_bootstrap, len(ours)))
    rows = []
    for name, share in (("median", 0.5), ("95th percentile", 0.95), ("longest", 1.0)):
        found = [float(np.quantile(run, share)) for run in (ours, real, noise)]
        # The longest of pieces drawn anew is never longer, so that one has no interval.
        drawn = np.quantile(ours[again], share, axis=1) if share < 1 else []
        values = distances.interval(found[0], drawn)
        others = found[1], math.nan, found[2], math.nan
        rows.append((f"shared run: {name} (notes)", *values, *others))
    return rows


def sanity_rows(sets):
    """Return which share of the pieces differ, sound, and neither hang nor stop."""
    found = {
        "distinct pieces": [len({piece.tobytes() for piece in one.pieces}) / len(one)
                            for one in sets],
        "sounds at all": [(one.table["n_notes"] > 0).mean() for one in sets],
        "holds no note over 4 measures": [
            1 - (one.table["longest_note"] > 4 * STEPS_PER_MEASURE).mean() for one in sets],
        "a note in every two measures": [
            (one.table["longest_rest"] < 2 * STEPS_PER_MEASURE).mean() for one in sets],
    }  # fmt: skip
    return [(name, ours, math.nan, math.nan, *others, math.nan)
            for name, (ours, *others) in found.items()]  # fmt: skip


def duration_rows(sets, reference, n_bootstrap=200, seed=0):
    """Return the share of the pieces with a duration of no real note; 0 in real music itself."""
    ours, floor = (distances.impossible_durations(sets[i].pieces, reference) for i in (0, 3))
    values = distances.mean_interval(ours, n_bootstrap, seed)
    return [("impossible_durations", *values, 0.0, 0.0, floor.mean(), math.nan)]


def comparison_table(cards):
    """Return the scores of several generators side by side.

    Args:
        cards: dict of the generator's name to its DataFrame from `scorecards`.

    Returns:
        DataFrame with held_out, ceiling, floor, and "name", "name low" and "name high" for each
        generator.

    Introduced in lesson 08.
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

    Introduced in lesson 08.
    """
    span = real_scores(table) - table["floor"]
    return (table[column] - table["floor"]) / span.where(span != 0)


def distance_from_real(table, name):
    """Return how far a generator is from real music on each metric of a comparison table: Series.

    0 is as good as real music, NaN what cannot be told. To share shorter runs with training tunes
    than real tunes do, or to be over the ceiling, is no fault.
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

    Args:
        table: DataFrame from `comparison_table`.
        ours, baselines: str and list of str, names of generators.

    Returns:
        DataFrame with nearer, alike and farther (ours, counted in metrics) and "the baseline wins"
        (names of metrics) for each baseline.

    Introduced in lesson 08.
    """
    found = {baseline: outcomes(table, ours, baseline) for baseline in baselines}
    wins = {name: [(one == word).sum() for word in OUTCOMES]
            + [", ".join(table.index[one == "farther"]) or "nowhere"]
            for name, one in found.items()}  # fmt: skip
    wins = pd.DataFrame.from_dict(wins, orient="index", columns=[*OUTCOMES, "the baseline wins"])
    return wins.rename_axis("baseline")


def drift(songs, measures=200, part=48):
    """Return how the last measures of long pieces differ from their first.

    Args:
        songs: list of note arrays, each `measures` long.
        measures: int, length of the pieces.
        part: int, measures at either end; a multiple of 8 where `measures` is one, so that both
            parts start with a phrase.

    Returns:
        DataFrame with first, last (means over the pieces), change (last / first − 1) and t (the
        mean difference in standard errors, NaN for a single piece) for each statistic. A |t| under
        2 is what chance gives.

    Introduced in lesson 05.
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
