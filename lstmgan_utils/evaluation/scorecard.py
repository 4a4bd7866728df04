"""Sets against sets: generated pieces beside real ones, with a ceiling and a floor."""

import math

import numpy as np

from ..pianoroll import STEPS_PER_MEASURE, fit_to_roll
from . import distances
from .clipping import clips, noise_like
from .copies import novelty
from .distances import PAIRS, SINGLES, PieceSet, interval, mean_interval, spread_overlap
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
        dict of name to (value, low, high): overlaps of `SINGLES` and `PAIRS`, Yang & Lerch's
        overlapped area and divergence (means over the features), precision, recall, density,
        coverage, Fréchet distance, and the accuracy of a classifier. Low and high are NaN where
        no interval is drawn.
    """
    scores = {
        f"overlap: {name}": distances.event_overlap(generated, reference, name, n_bootstrap, seed)
        for name in SINGLES + PAIRS
    }
    spreads = [spread_row(generated, reference, name) for name in distances.FEATURES]
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
        pair = distances.standardise(fake, real), distances.standardise(real, real)
        scores = distances.manifold_scores(*pair, n_bootstrap=n_bootstrap, seed=seed)
        scores["Fréchet distance"] = distances.frechet_interval(*pair, n_bootstrap, seed)
        accuracy = distances.classifier_accuracy(*pair, n_bootstrap=n_bootstrap, seed=seed)
        lots.append(scores | {f"classifier: {name}": found for name, found in accuracy.items()})
    return {name: tuple(np.mean([lot[name] for lot in lots], axis=0).tolist()) for name in lots[0]}


def spread_row(generated, reference, name):
    """Compare the spread of one statistic: a dict with statistic, overlapped area, divergence."""
    area, divergence = spread_overlap(generated.values(name), reference.values(name))
    return {"statistic": name, "overlapped area": area, "divergence": divergence}


NAN = float("nan")
OVERLAPS = {f"overlap: {name}": 0.97 for name in SINGLES}  # shares of the ceiling
OVERLAPS |= {f"overlap: {name}": 0.9 for name in PAIRS}
NEAR = {  # statistic: how far its mean may lie from that of held-out music, as a share of it
    "scale_consistency": 0.05, "notes_per_beat": 0.05, "silence": 0.05, "used_pitch_classes": 0.05,
    "repetition_1": 0.25, "repetition_2": 0.25, "similarity_4": 0.25,
    "ending_longer": 0.25, "ending_home": 0.25,
}  # fmt: skip
SANITY = {  # measure: (what a piece must be, least share of pieces that are)
    "sounds at all": (lambda found: found["n_notes"] > 0, 1.0),
    "holds no note over 4 measures": (
        lambda found: not found["longest_note"] > 4 * STEPS_PER_MEASURE, 1.0),
    "a note in every two measures": (
        lambda found: found["longest_rest"] < 2 * STEPS_PER_MEASURE, 0.99),
}  # fmt: skip


def scorecard(generated, held_out, training, **settings):
    """Judge generated pieces by every target that this project set itself.

    Args:
        generated: list of note arrays of `measures` measures of 4/4, in the key signature without
            sharps or flats.
        held_out, training, settings: as for `scorecards`.

    Returns:
        Table with measure, generated, low, high (95 %), held_out (the same statistic of held-out
        clips), ceiling (training clips judged as if generated), floor (noise), target, met (None
        where there is no target).

    Introduced in lesson 08.
    """
    return scorecards({"generated": generated}, held_out, training, **settings)["generated"]


def scorecards(writers, held_out, training, *, measures=8, align=4, n_bootstrap=200, seed=0):
    """Judge several writers, all between the same ceiling and floor.

    Args:
        writers: dict of name to list of note arrays.
        held_out: Songs that nothing was trained on, or a list of clips.
        training: Songs that the writers learned from, or a list of clips.
        measures: int, length of all clips.
        align: int, real clips start at multiples of so many measures.
        n_bootstrap: int, draws for the 95 % intervals.
        seed: int.

    Returns:
        dict of name to Table as from `scorecard`.

    Introduced in lesson 08.
    """
    tunes = [fit_to_roll(tune) for tune in training]
    real, other = (
        clips(one, measures, seed, align=align) if hasattr(one, "table") else list(one)
        for one in (held_out, training)
    )
    n_steps, n_pieces = measures * STEPS_PER_MEASURE, max(map(len, writers.values()))
    noise = noise_like(real, n_pieces, n_steps, seed)
    reference, *anchors = (PieceSet(one, n_steps) for one in (real, other[:n_pieces], noise))
    sets = {name: PieceSet(pieces, n_steps) for name, pieces in writers.items()}
    n_equal = min(map(len, (*sets.values(), *anchors, reference)))
    found = [set_scores(one, reference, n_equal, 0, seed) for one in anchors]
    cards = {}
    for name, one in sets.items():
        scores = score_table(set_scores(one, reference, n_equal, n_bootstrap, seed), *found)
        card = cards[name] = Table(overlap_row(score) for score in scores)
        judged = [one, *anchors]
        card += [near_row(*near, judged, reference, n_bootstrap, seed) for near in NEAR.items()]
        card.append(qualified_row(judged, reference, n_bootstrap, seed))
        card += novelty_rows(judged, reference, tunes, n_bootstrap, seed)
        card += sanity_rows(judged, reference)
    return cards


def _row(measure, values, held_out, ceiling, floor, target, met):
    generated, low, high = values
    return {"measure": measure, "generated": generated, "low": low, "high": high,
            "held_out": held_out, "ceiling": ceiling, "floor": floor, "target": target,
            "met": met if met is None else bool(met)}  # fmt: skip


def overlap_row(score):
    """Give a row of `compare` its target."""
    name, value, ceiling = score["measure"], score["generated"], score["ceiling"]
    target, met = "", None
    if name in OVERLAPS:
        target, met = f"≥ {OVERLAPS[name]} of ceiling", value >= OVERLAPS[name] * ceiling
    elif name == "coverage":
        target, met = "≥ 0.70", value >= 0.70
    elif name.startswith("classifier"):
        target, met = "≤ 0.70", value <= 0.70
    values = value, score["low"], score["high"]
    return _row(name, values, NAN, ceiling, score["floor"], target, met)


def near_row(name, share, sets, reference, n_bootstrap=200, seed=0):
    """Say whether a mean lies near that of real music: within a share of it, or within chance.

    Chance is twice the standard error of the difference: the held-out clips are few, and a target
    that other real music misses would be no target.
    """
    means = [float(np.nanmean(one.values(name))) for one in (reference, *sets[1:])]
    values = mean_interval(sets[0].values(name), n_bootstrap, seed)
    chance = 2 * float(np.hypot(standard_error(sets[0], name), standard_error(reference, name)))
    room = max(share * abs(means[0]), chance)
    target = f"within {share:.0%} or {chance:.3f}"
    return _row(name, values, *means, target, abs(values[0] - means[0]) <= room)


def standard_error(pieces, name):
    """Standard error of the mean of a statistic over the pieces that have a value."""
    values = pieces.values(name)
    return np.nanstd(values) / max((~np.isnan(values)).sum(), 1) ** 0.5


def qualified_row(sets, reference, n_bootstrap=200, seed=0):
    """Compare the rate of notes that are not splinters."""
    name = "qualified_note_rate"
    means = [float(np.nanmean(one.values(name))) for one in (reference, *sets[1:])]
    values = mean_interval(sets[0].values(name), n_bootstrap, seed)
    return _row(name, values, *means, "≥ 0.95 of held-out", values[0] >= 0.95 * means[0])


def novelty_rows(sets, reference, tunes, n_bootstrap=200, seed=0):
    """Compare the longest runs shared with training tunes, with those that held-out clips share."""
    searched = [one.pieces for one in (sets[0], reference, sets[2])]
    runs = novelty([piece for pieces in searched for piece in pieces], tunes)["run"]
    ours, real, noise = np.split(runs, np.cumsum([*map(len, searched)])[:-1])
    again = np.random.default_rng(seed).integers(len(ours), size=(n_bootstrap, len(ours)))
    rows = []
    for name, share in (("median", 0.5), ("95th percentile", 0.95), ("longest", 1.0)):
        found = [float(np.quantile(run, share)) for run in (ours, real, noise)]
        # The longest of pieces drawn anew is never longer, so that one has no interval.
        drawn = np.quantile(ours[again], share, axis=1) if share < 1 else []
        values = interval(found[0], drawn)
        target, met = ("≤ held-out", found[0] <= found[1]) if share > 0.5 else ("", None)
        rows.append(_row(f"shared run: {name} (notes)", values, found[1], NAN, found[2], target,
                         met))  # fmt: skip
    return rows


def sanity_rows(sets, reference):
    """Tell which share of the pieces differ, sound, and neither hang nor stop."""
    distinct = [len({p.tobytes() for p in one.pieces}) / len(one) for one in (*sets, reference)]
    checks = {"distinct pieces": (distinct, 0.99)}
    for name, (good, least) in SANITY.items():
        checks[name] = [np.mean([good(found) for found in one.descriptions]).item()
                        for one in (*sets, reference)], least  # fmt: skip
    return [
        _row(name, (values[0], NAN, NAN), values[3], values[1], values[2], f"≥ {least:.2f}",
             values[0] >= least)
        for name, (values, least) in checks.items()
    ]  # fmt: skip
