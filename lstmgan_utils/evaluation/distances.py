"""Overlaps: how far what happens in one set of pieces happens as often in another.

Sets of pieces of equal length are compared, never single pieces. The reference set is real music.
"""

import functools

import numpy as np

from ..pianoroll import RESOLUTION, STEPS_PER_MEASURE
from . import descriptors
from .descriptors import GLOSSARY

SINGLES = ("note length", "onset in the beat", "melodic interval")
PAIRS = ("length, next length", "interval, next interval", "pitch class, place in measure")
# What `describe` tells of a piece of 8 measures, without synonyms: the space of `fidelity`.
FEATURES = tuple(
    name for name in GLOSSARY
    if name not in ("n_notes", "tone_span", "repetition_8", "similarity_8")
)  # fmt: skip


class PieceSet:
    """Pieces of equal length, described once.

    Args:
        pieces: list of note arrays.
        n_steps: int, the length of every piece in time steps, final silence included.

    Raises:
        ValueError: no piece, or one that is longer.

    Introduced in lesson 08.
    """

    def __init__(self, pieces, n_steps=8 * STEPS_PER_MEASURE):
        self.pieces, self.n_steps = list(pieces), n_steps
        if not self.pieces:
            raise ValueError("a set without pieces cannot be compared; give some note arrays")

    def __len__(self):
        return len(self.pieces)

    @functools.cached_property
    def descriptions(self):
        """list of dicts, one a piece, from `statistics.describe`."""
        return [descriptors.describe(piece, self.n_steps) for piece in self.pieces]

    @functools.cached_property
    def events(self):
        """list of dicts, one a piece, from `events`."""
        return [events(piece) for piece in self.pieces]

    def values(self, name):
        """float ndarray, shape (pieces,), or (pieces, bins) for a histogram; NaN where silent."""
        return np.array([found[name] for found in self.descriptions])

    @functools.cached_property
    def features(self):
        """float ndarray, shape (pieces, features); what is NaN is −1, outside every range."""
        table = [[found[name] for name in FEATURES] for found in self.descriptions]
        return np.nan_to_num(np.array(table), nan=-1.0)


def events(notes):
    """Number what happens in a piece, so that equal numbers mean the same happening.

    Args:
        notes: note array.

    Returns:
        dict of int ndarrays: one number a note (or interval) for `SINGLES`, one a pair for `PAIRS`.

    Introduced in lesson 08.
    """
    line = descriptors.melody(notes)
    length = np.minimum(line["duration"], STEPS_PER_MEASURE).astype(int)
    limit = descriptors.MAX_INTERVAL
    step = np.clip(descriptors.intervals(notes), -limit, limit) + limit
    pitch_class = notes["pitch"].astype(int) % 12
    return {
        "note length": np.minimum(notes["duration"], STEPS_PER_MEASURE).astype(int),
        "onset in the beat": notes["onset"] % RESOLUTION,
        "melodic interval": step,
        "length, next length": length[:-1] * 100 + length[1:],
        "interval, next interval": step[:-1] * 100 + step[1:],
        "pitch class, place in measure": pitch_class * 100 + notes["onset"] % STEPS_PER_MEASURE,
    }


def overlap(shares, other):
    """Overlap of histograms that each sum to 1: Σ min(p, q), 1 for equal ones, 0 for disjoint ones.

    Args:
        shares, other: float ndarrays, shape (…, bins).

    Returns:
        float or ndarray, shape (…).

    Introduced in lesson 08.
    """
    return np.minimum(shares, other).sum(axis=-1)


def count_events(piece_events, bins):
    """Count each event in each piece: float32 ndarray, shape (pieces, bins).

    Args:
        piece_events: list of int ndarrays.
        bins: sorted int ndarray of the events to count.
    """
    counts = np.zeros((len(piece_events), len(bins)), np.float32)
    for row, found in zip(counts, piece_events, strict=True):
        row += np.bincount(np.searchsorted(bins, found), minlength=len(bins))
    return counts


def event_overlap(generated, reference, name, n_bootstrap=200, seed=0):
    """Overlap of what happens in two sets, all pieces of a set counted together.

    Args:
        generated, reference: PieceSet.
        name: str, one of `SINGLES` or `PAIRS`.
        n_bootstrap: int, how often both sets are drawn anew (whole pieces) for the interval.
        seed: int.

    Returns:
        (value, low, high), a 95 % interval.

    Introduced in lesson 08.
    """
    sets = [[found[name] for found in one.events] for one in (generated, reference)]
    bins = np.unique(np.concatenate([*sets[0], *sets[1]]))
    counts = [count_events(one, bins) for one in sets]
    rng = np.random.default_rng(seed)
    value = overlap(*(_shares(count.sum(0)) for count in counts))
    drawn = overlap(*(_shares(_draws(rng, len(count), n_bootstrap) @ count) for count in counts))
    value, low, high = interval(float(value), drawn)
    return value, max(low, 0.0), min(high, 1.0)


def _shares(counts):
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)


def _draws(rng, n, n_bootstrap):
    """How often each of n pieces is drawn, n times with replacement: shape (n_bootstrap, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).astype(np.float32)


def interval(value, drawn):
    """Put the middle 95 % of bootstrap draws around the value itself.

    Drawing pieces anew makes two sets look less alike than they are, so the draws are moved until
    their mean lies on the value.

    Returns:
        (value, low, high).
    """
    drawn = np.asarray(drawn)
    if not len(drawn):
        return value, float("nan"), float("nan")
    low, high = np.quantile(drawn - drawn.mean(), (0.025, 0.975))
    return value, float(value + low), float(value + high)


def mean_interval(values, n_bootstrap=200, seed=0):
    """Mean over pieces with its 95 % bootstrap interval; pieces without a value are left out.

    Args:
        values: float ndarray, shape (pieces,).
        n_bootstrap, seed: int.

    Returns:
        (mean, low, high), NaN where no piece has a value.

    Introduced in lesson 08.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if not len(values):
        return (float("nan"),) * 3
    draws = _draws(np.random.default_rng(seed), len(values), n_bootstrap)
    return interval(float(values.mean()), draws @ values / len(values))


def distances(points, others=None):
    """Euclidean distances from each point to each other one, the zero to itself left out.

    Args:
        points: float ndarray, shape (n,) or (n, dimensions).
        others: the same for a second set; None for the distances inside `points`.

    Returns:
        float ndarray, shape (n (n − 1) / 2,) or (n m,).

    Introduced in lesson 08.
    """
    first = points.reshape(len(points), -1)
    second = first if others is None else others.reshape(len(others), -1)
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    table = np.sqrt(np.maximum(squares, 0))
    return table[np.triu_indices(len(first), 1)] if others is None else table.ravel()


def smooth_density(values, grid):
    """Gaussian kernel density with Scott's width, on a grid of equal steps.

    Args:
        values: float ndarray, shape (n,).
        grid: float ndarray, shape (points,).

    Returns:
        float ndarray, shape (points,), that sums to 1. Equal values give a peak of one grid step.
    """
    step = grid[1] - grid[0]
    counts = np.histogram(values, np.append(grid, grid[-1] + step) - step / 2)[0]
    width = max(values.std() * len(values) ** -0.2, step / 10)
    offsets = step * np.arange(1 - len(grid), len(grid))  # from any point of the grid to any other
    smooth = np.convolve(np.exp(-0.5 * (offsets / width) ** 2), counts, mode="valid")
    return smooth / smooth.sum()


def spread_overlap(generated, reference, n_points=1001):
    """Compare how two sets are spread: overlapped area and divergence of Yang & Lerch (2020).

    The distances inside the reference set (intra) are compared with those between the sets
    (inter). Both densities are read on the same grid; the published code gives each its own.

    Args:
        generated, reference: float ndarrays, shape (pieces,) or (pieces, bins).
        n_points: int, odd, points of the grid.

    Returns:
        (overlapped area 0 to 1, Kullback-Leibler divergence of intra from inter in nats); NaN
        where fewer than two pieces of the reference, or none of the others, have a value.

    Introduced in lesson 08.
    """
    generated, reference = (
        one[~np.isnan(one.reshape(len(one), -1)).any(1)] for one in (generated, reference)
    )
    if len(reference) < 2 or not len(generated):
        return float("nan"), float("nan")
    intra, inter = distances(reference), distances(reference, generated)
    margin = 0.1 * max(intra.max(), inter.max(), 1e-9)
    grid = np.linspace(-margin, max(intra.max(), inter.max()) + margin, n_points)
    p, q = (smooth_density(one, grid) for one in (intra, inter))
    divergence = (p * np.log(np.maximum(p, 1e-12) / np.maximum(q, 1e-12))).sum()
    return float(overlap(p, q)), float(divergence)


N_NEIGHBOURS = 5
LIMIT = 5  # standard deviations


def standardise(features, reference):
    """Measure features in standard deviations of the reference, from its mean, at most 5.

    The limit keeps one odd piece, in a feature that hardly varies, from outweighing all others.

    Args:
        features, reference: float ndarrays, shape (pieces, features).

    Returns:
        float ndarray, the shape of `features`; a feature that never varies keeps its unit.

    Introduced in lesson 08.
    """
    spread = reference.std(axis=0)
    scaled = (features - reference.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)
    return np.clip(scaled, -LIMIT, LIMIT)


def distance_table(first, second):
    """Euclidean distances, shape (pieces of first, pieces of second)."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.sqrt(np.maximum(squares, 0))


def ball_radii(points, k=N_NEIGHBOURS):
    """Distance from each point to its k-th nearest other one, shape (points,)."""
    return np.partition(distance_table(points, points), k, axis=1)[:, k]


def manifold_scores(generated, reference, k=N_NEIGHBOURS, n_bootstrap=200, seed=0):
    """Precision, recall (Kynkäänniemi 2019), density and coverage (Naeem 2020).

    A ball around each point reaches to its k-th nearest neighbour in its own set.
    precision: generated pieces inside a ball of a real one / generated pieces;
    recall: real pieces inside a ball of a generated one / real pieces;
    density: balls of real pieces that hold a generated one / (k · generated pieces);
    coverage: real pieces whose ball holds a generated one / real pieces.

    Args:
        generated, reference: float ndarrays, shape (pieces, features), of like scale; the scores
            depend on the numbers of pieces, so give as many of one as of the other.
        k, n_bootstrap, seed: int.

    Returns:
        dict of name to (value, low, high).

    Raises:
        ValueError: fewer than k + 1 pieces in a set.

    Introduced in lesson 08.
    """
    if min(len(generated), len(reference)) <= k:
        raise ValueError(f"{k} neighbours need sets of {k + 1} pieces; generate more")
    between = distance_table(generated, reference)
    in_real_ball = between < ball_radii(reference, k)
    in_generated_ball = between < ball_radii(generated, k)[:, None]
    found = {
        "precision": in_real_ball.any(axis=1),
        "recall": in_generated_ball.any(axis=0),
        "density": in_real_ball.sum(axis=1) / k,
        "coverage": in_real_ball.any(axis=0),
    }
    rng = np.random.default_rng(seed)
    scores = {}
    for name, values in found.items():
        drawn = values[rng.integers(len(values), size=(n_bootstrap, len(values)))].mean(axis=1)
        scores[name] = interval(float(values.mean()), drawn)
    return scores


def frechet_distance(generated, reference):
    """Fréchet distance between Gaussians fitted to two sets of features (Heusel 2017).

    |μ₁ − μ₂|² + tr(S₁ + S₂ − 2 (S₁ S₂)^½): 0 for equal means and covariances.

    Args:
        generated, reference: float ndarrays, shape (pieces, features), of like scale.

    Returns:
        float, in squared units of the features.

    Introduced in lesson 08.
    """
    means = [one.mean(axis=0) for one in (generated, reference)]
    first, second = (np.atleast_2d(np.cov(one, rowvar=False)) for one in (generated, reference))
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    # tr (S₁ S₂)^½ is the sum of the roots of the eigenvalues of the symmetric S₁^½ S₂ S₁^½.
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(first + second) - 2 * cross)


def frechet_interval(generated, reference, n_bootstrap=200, seed=0):
    """Fréchet distance with its 95 % interval, both sets drawn anew: (value, low, high).

    Args:
        generated, reference: float ndarrays, shape (pieces, features), of like scale.
        n_bootstrap, seed: int.
    """
    rng, sets = np.random.default_rng(seed), (generated, reference)
    drawn = [
        frechet_distance(*(one[rng.integers(len(one), size=len(one))] for one in sets))
        for _ in range(n_bootstrap)
    ]
    value, low, high = interval(frechet_distance(*sets), drawn)
    return value, max(low, 0.0), high


def classifier_accuracy(generated, reference, n_folds=5, n_bootstrap=200, seed=0):
    """Let classifiers guess which pieces are real, each piece by one that has not seen it.

    Logistic regression draws one straight border, a random forest any border. 0.5 is chance: the
    pieces cannot be told apart by their statistics.

    Args:
        generated, reference: float ndarrays, shape (pieces, features); as many of each.
        n_folds, n_bootstrap, seed: int.

    Returns:
        dict of the classifier's name to (accuracy, low, high).

    Introduced in lesson 08.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.concatenate([generated, reference])
    is_real = np.arange(len(features)) >= len(generated)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    logistic = LogisticRegression(C=0.1, max_iter=500)
    classifiers = {
        "logistic regression": make_pipeline(StandardScaler(), logistic),
        "random forest": RandomForestClassifier(50, min_samples_leaf=3, random_state=seed),
    }
    rng, accuracy = np.random.default_rng(seed), {}
    for name, classifier in classifiers.items():
        right = cross_val_predict(classifier, features, is_real, cv=folds) == is_real
        drawn = right[rng.integers(len(right), size=(n_bootstrap, len(right)))].mean(axis=1)
        accuracy[name] = interval(float(right.mean()), drawn)
    return accuracy
