"""Distances between sets of pieces; the reference is real music.

Features are float ndarrays of shape (pieces, features). An interval is (value, low, high), the
value with the middle 95 % of `n_bootstrap` draws of pieces.
"""

import math

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist, pdist
from scipy.special import rel_entr

N_NEIGHBOURS = 5
LIMIT = 5  # standard deviations


def overlap(shares, other):
    """Return the overlap of histograms that each sum to 1: Σ min(p, q), from 0 (disjoint) to 1.

    Introduced in lesson 10.
    """
    return np.minimum(shares, other).sum(axis=-1)


def event_overlap(generated, reference, name, n_bootstrap=200, seed=0):
    """Return the interval of the overlap of one kind of `events`, all pieces counted together."""
    sets = [one.events[name] for one in (generated, reference)]
    bins = np.unique(np.concatenate([*sets[0], *sets[1]]))
    counts = [np.array([np.bincount(np.searchsorted(bins, found), minlength=len(bins))
                        for found in one], np.float32) for one in sets]  # fmt: skip
    rng = np.random.default_rng(seed)
    value = overlap(*(_shares(count.sum(0)) for count in counts))
    drawn = overlap(*(_shares(_draws(rng, len(count), n_bootstrap) @ count) for count in counts))
    value, low, high = interval(float(value), drawn)
    return value, max(low, 0.0), min(high, 1.0)


def _shares(counts):
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)


def _draws(rng, n, n_bootstrap):
    """Return how often each of n pieces is drawn, with replacement: shape (n_bootstrap, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).astype(np.float32)


def interval(value, drawn):
    """Return the interval of a value and its draws; without draws, low and high are NaN."""
    drawn = np.asarray(drawn)
    if not len(drawn):
        return value, math.nan, math.nan
    # Sets drawn anew look less alike than they are, so the mean of the draws is left out.
    low, high = np.quantile(drawn - drawn.mean(), (0.025, 0.975))
    return value, float(value + low), float(value + high)


def mean_interval(values, n_bootstrap=200, seed=0):
    """Return the interval of the mean of values, shape (pieces,), NaNs left out."""
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if not len(values):
        return (math.nan,) * 3
    draws = _draws(np.random.default_rng(seed), len(values), n_bootstrap)
    return interval(float(values.mean()), draws @ values / len(values))


def share_interval(values, n_bootstrap, rng):
    """Return the interval of the mean of values, shape (pieces,), none of them NaN."""
    drawn = rng.choice(values, (n_bootstrap, len(values))).mean(axis=1)
    return interval(float(values.mean()), drawn)


def impossible_durations(pieces, reference):
    """Return which pieces hold a note of a duration that no real note has: bool ndarray.

    `pieces` and `reference` are lists of note arrays, or Songs.
    """
    known = np.unique(np.concatenate([notes["duration"] for notes in reference]))
    return np.array([not np.isin(piece["duration"], known).all() for piece in pieces])


def smooth_density(values, grid):
    """Return the Gaussian kernel density with Scott's width on an even grid, sum 1.

    Values are binned first: scipy's gaussian_kde takes minutes for what takes a second here.
    """
    step = grid[1] - grid[0]
    counts = np.histogram(values, np.append(grid, grid[-1] + step) - step / 2)[0].astype(float)
    width = max(values.std() * len(values) ** -0.2, step / 10)
    smooth = gaussian_filter1d(counts, width / step, mode="constant", radius=len(grid) - 1)
    return smooth / smooth.sum()


def spread_overlap(generated, reference, n_points=1001):
    """Return the overlapped area and the divergence of Yang & Lerch (2020) for one descriptor.

    They compare distances inside the reference (intra) with those between the sets (inter), on
    one grid: overlapped area, 0 to 1, and Kullback-Leibler divergence of intra from inter in nats.
    Both are NaN where fewer than two real pieces, or none of the others, have a value.
    """
    generated, reference = (one[~np.isnan(one)][:, None] for one in (generated, reference))
    if len(reference) < 2 or not len(generated):
        return math.nan, math.nan
    intra, inter = pdist(reference), cdist(reference, generated).ravel()
    top = max(intra.max(), inter.max())
    margin = 0.1 * max(top, 1e-9)
    grid = np.linspace(-margin, top + margin, n_points)
    p, q = (smooth_density(one, grid) for one in (intra, inter))
    return float(overlap(p, q)), float(rel_entr(p, np.maximum(q, 1e-12)).sum())


def standardise(features, reference):
    """Return features in standard deviations of the reference, from its mean, at most 5.

    The limit keeps one odd piece from outweighing all others.

    Introduced in lesson 10.
    """
    spread = reference.std(axis=0)
    scaled = (features - reference.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)
    return np.clip(scaled, -LIMIT, LIMIT)


def manifold_scores(generated, reference, n_bootstrap=200, seed=0, *, k=N_NEIGHBOURS):
    """Return precision, recall (Kynkäänniemi 2019), density and coverage (Naeem 2020): intervals.

    A ball around each point reaches to its k-th nearest neighbour in its own set.
    precision: generated pieces inside a ball of a real one / generated pieces;
    recall: real pieces inside a ball of a generated one / real pieces;
    density: balls of real pieces that hold a generated one / (k · generated pieces);
    coverage: real pieces whose ball holds a generated one / real pieces.
    """
    if min(len(generated), len(reference)) <= k:
        raise ValueError(f"{k} neighbours need sets of {k + 1} pieces; generate more")
    radii = [np.partition(cdist(one, one), k, axis=1)[:, k] for one in (generated, reference)]
    between = cdist(generated, reference)
    in_generated_ball, in_real_ball = between < radii[0][:, None], between < radii[1]
    found = {"precision": in_real_ball.any(axis=1), "recall": in_generated_ball.any(axis=0),
             "density": in_real_ball.sum(axis=1) / k, "coverage": in_real_ball.any(axis=0),
             }  # fmt: skip
    rng = np.random.default_rng(seed)
    return {name: share_interval(values, n_bootstrap, rng) for name, values in found.items()}


def frechet_distance(generated, reference):
    """Return the Fréchet distance between Gaussians fitted to two sets of features (Heusel 2017).

    |μ₁ − μ₂|² + tr(S₁ + S₂ − 2 (S₁ S₂)^½), in squared units of the features.
    """
    gap = generated.mean(axis=0) - reference.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(one, rowvar=False)) for one in (generated, reference))
    values, vectors = np.linalg.eigh(first)  # scipy's sqrtm fails without full rank
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    # tr (S₁ S₂)^½ is the sum of the roots of the eigenvalues of the symmetric S₁^½ S₂ S₁^½.
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float((gap**2).sum() + np.trace(first + second) - 2 * cross)


def frechet_interval(generated, reference, n_bootstrap=200, seed=0):
    """Return the interval of the Fréchet distance, both sets drawn anew."""
    rng, sets = np.random.default_rng(seed), (generated, reference)
    drawn = [frechet_distance(*(one[rng.integers(len(one), size=len(one))] for one in sets))
             for _ in range(n_bootstrap)]  # fmt: skip
    value, low, high = interval(frechet_distance(*sets), drawn)
    return value, max(low, 0.0), high


def classifier_accuracy(generated, reference, n_bootstrap=200, seed=0, *, n_folds=5):
    """Return how well classifiers tell real pieces from generated ones they have not seen.

    Logistic regression draws one straight border, a random forest any border. The value is a dict
    of name to interval of the accuracy, 0.5 by chance if there are as many pieces of each.
    """
    from sklearn import ensemble, linear_model, model_selection, pipeline, preprocessing

    features = np.concatenate([generated, reference])
    is_real = np.arange(len(features)) >= len(generated)
    folds = model_selection.StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    logistic = linear_model.LogisticRegression(C=0.1, max_iter=500)
    forest = ensemble.RandomForestClassifier(50, min_samples_leaf=3, random_state=seed)
    logistic = pipeline.make_pipeline(preprocessing.StandardScaler(), logistic)
    rng, accuracy = np.random.default_rng(seed), {}
    for name, classifier in {"logistic regression": logistic, "random forest": forest}.items():
        guesses = model_selection.cross_val_predict(classifier, features, is_real, cv=folds)
        accuracy[f"classifier: {name}"] = share_interval(guesses == is_real, n_bootstrap, rng)
    return accuracy
