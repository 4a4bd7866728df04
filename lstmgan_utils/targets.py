"""The targets that this project set itself, and how far a set of generated pieces gets."""

import dataclasses

import numpy as np

from .clipping import clips, noise_like
from .comparison import score_table, set_scores
from .novelty import novelty
from .overlaps import CHORD, PAIRS, SINGLES, PieceSet, interval, mean_interval
from .pianoroll import STEPS_PER_MEASURE, fit_to_roll
from .table import Table

NAN = float("nan")


@dataclasses.dataclass(frozen=True)
class Targets:
    """What generated music is held to.

    Introduced in lesson 08.
    """

    overlaps: dict  # event: least share of the ceiling
    near: dict  # statistic: how far its mean may lie from that of held-out music, as a share of it
    coverage: float
    classifiers: dict  # name: highest accuracy
    within: dict = dataclasses.field(default_factory=dict)  # as `near`, but a plain difference


FOLK = Targets(
    overlaps=dict.fromkeys(SINGLES, 0.97) | dict.fromkeys(PAIRS, 0.9),
    near={
        "scale_consistency": 0.05, "notes_per_beat": 0.05, "silence": 0.05,
        "used_pitch_classes": 0.05, "repetition_1": 0.25, "repetition_2": 0.25,
        "similarity_4": 0.25, "ending_longer": 0.25, "ending_home": 0.25,
    },
    coverage=0.7,
    classifiers={"logistic regression": 0.7, "random forest": 0.7},
)  # fmt: skip
PIANO = Targets(
    overlaps=dict.fromkeys((*SINGLES, CHORD), 0.95),
    near={
        "notes_per_beat": 0.1, "polyphony": 0.1, "polyphony_rate": 0.1, "used_pitch_classes": 0.1,
        "repetition_1": 0.25,
    },
    within={"empty_measure_rate": 0.02},
    coverage=0.6,
    classifiers={"random forest": 0.75},
)  # fmt: skip
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


def scorecards(writers, held_out, training, *, measures=8, align=4, n_bootstrap=200, seed=0,
               targets=FOLK):  # fmt: skip
    """Judge several writers, all between the same ceiling and floor.

    Args:
        writers: dict of name to list of note arrays.
        held_out: Songs that nothing was trained on, or a list of clips.
        training: Songs that the writers learned from, or a list of clips.
        measures: int, length of all clips.
        align: int, real clips start at multiples of so many measures.
        n_bootstrap: int, draws for the 95 % intervals.
        seed: int.
        targets: Targets, `FOLK` or `PIANO`.

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
        card = cards[name] = Table(overlap_row(score, targets) for score in scores)
        judged = [one, *anchors]
        card += [
            near_row(name, room, judged, reference, n_bootstrap, seed, plain=plain)
            for plain, rooms in ((False, targets.near), (True, targets.within))
            for name, room in rooms.items()
        ]
        card.append(qualified_row(judged, reference, n_bootstrap, seed))
        card += novelty_rows(judged, reference, tunes, n_bootstrap, seed)
        card += sanity_rows(judged, reference)
    return cards


def _row(measure, values, held_out, ceiling, floor, target, met):
    generated, low, high = values
    return {"measure": measure, "generated": generated, "low": low, "high": high,
            "held_out": held_out, "ceiling": ceiling, "floor": floor, "target": target,
            "met": met if met is None else bool(met)}  # fmt: skip


def overlap_row(score, targets=FOLK):
    """Give a row of `compare` its target."""
    name, value, ceiling = score["measure"], score["generated"], score["ceiling"]
    kind, _, what = name.partition(": ")
    target, met = "", None
    if kind == "overlap" and what in targets.overlaps:
        share = targets.overlaps[what]
        target, met = f"≥ {share} of ceiling", value >= share * ceiling
    elif name == "coverage":
        target, met = f"≥ {targets.coverage:.2f}", value >= targets.coverage
    elif kind == "classifier" and what in targets.classifiers:
        most = targets.classifiers[what]
        target, met = f"≤ {most:.2f}", value <= most
    values = value, score["low"], score["high"]
    return _row(name, values, NAN, ceiling, score["floor"], target, met)


def near_row(name, share, sets, reference, n_bootstrap=200, seed=0, *, plain=False):
    """Say whether a mean lies near that of real music: within a share of it, or within chance.

    With `plain`, `share` is the difference itself.

    Chance is twice the standard error of the difference: the held-out clips are few, and a target
    that other real music misses would be no target.
    """
    means = [float(np.nanmean(one.values(name))) for one in (reference, *sets[1:])]
    values = mean_interval(sets[0].values(name), n_bootstrap, seed)
    chance = 2 * float(np.hypot(standard_error(sets[0], name), standard_error(reference, name)))
    room = max(share if plain else share * abs(means[0]), chance)
    target = f"within {share if plain else f'{share:.0%}'} or {chance:.3f}"
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
