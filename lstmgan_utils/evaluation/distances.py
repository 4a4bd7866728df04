"""Distances between sets of pieces; the reference is real music.

Features are float ndarrays of shape (pieces, features). An interval is (value, low, high), the
value with the middle 95 % of `n_bootstrap` draws of pieces; without draws low and high are NaN.
"""

import math

import numpy as np
from scipy.spatial.distance import cdist


def overlap(shares, other):
    """Return the overlap of histograms that each sum to 1: Σ min(p, q), from 0 (disjoint) to 1.

    Introduced in lesson 10.
    """
    return np.minimum(shares, other).sum(axis=-1)


def event_overlap(generated, reference, n_bootstrap=200):
    """Return the interval of the overlap of events, all pieces of a set counted together.

    `generated` and `reference` hold an int ndarray of one kind of `events` for each piece.
    """
    bins, rng = np.unique(np.concatenate([*generated, *reference])), np.random.default_rng(0)
    counts = []
    for pieces in (generated, reference):
        rows = [np.bincount(np.searchsorted(bins, one), minlength=len(bins)) for one in pieces]
        counts.append(np.array(rows, np.float32))
    value = overlap(*(_shares(count.sum(axis=0)) for count in counts))
    drawn = overlap(*(_shares(_draws(rng, len(count), n_bootstrap) @ count) for count in counts))
    value, low, high = interval(float(value), drawn)
    return value, max(low, 0.0), min(high, 1.0)


def _shares(counts):
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)


def _draws(rng, n, n_bootstrap):
    """Return how often each of n pieces is drawn, with replacement: shape (n_bootstrap, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).astype(np.float32)


def interval(value, drawn):
    """Return the interval of a value and its draws."""
    if not len(drawn):
        return value, math.nan, math.nan
    # Sets drawn anew look less alike than they are, so the mean of the draws is left out.
    low, high = np.quantile(drawn - np.mean(drawn), (0.025, 0.975))
    return value, float(value + low), float(value + high)


def mean_interval(values, n_bootstrap=200):
    """Return the interval of the mean of values, shape (pieces,), none of them NaN."""
    if not len(values):
        return math.nan, math.nan, math.nan
    draws = _draws(np.random.default_rng(0), len(values), n_bootstrap)
    return interval(float(values.mean()), draws @ values / len(values))


def _share_interval(values, n_bootstrap, rng):
    """Return the interval of the mean of values, shape (pieces,), none of them NaN."""
    drawn = rng.choice(values, (n_bootstrap, len(values))).mean(axis=1)
    return interval(float(values.mean()), drawn)


def standardise(features, reference):
    """Return features in standard deviations of the reference, from its mean, at most 5.

    The limit keeps one odd piece from outweighing all others.

    Introduced in lesson 10.
    """
    spread = reference.std(axis=0)
    scaled = (features - reference.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)
    return np.clip(scaled, -5, 5)


def manifold_scores(generated, reference, n_bootstrap=200, *, k=5):
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
    found = {
        "precision": in_real_ball.any(axis=1),
        "recall": in_generated_ball.any(axis=0),
        "density": in_real_ball.sum(axis=1) / k,
        "coverage": in_real_ball.any(axis=0),
    }
    rng = np.random.default_rng(0)
    return {name: _share_interval(values, n_bootstrap, rng) for name, values in found.items()}


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


def classifier_accuracy(generated, reference, n_bootstrap=200):
    """Return how well classifiers tell real pieces from generated ones they have not seen.

    A classifier two-sample test (Lopez-Paz & Oquab 2017) in five folds. Logistic regression draws
    one straight border, a random forest any border. The value is a dict of name to interval of the
    accuracy, 0.5 by chance if there are as many pieces of each.
    """
    from sklearn import ensemble, linear_model, model_selection, pipeline, preprocessing

    features = np.concatenate([generated, reference])
    is_real = np.arange(len(features)) >= len(generated)
    folds = model_selection.StratifiedKFold(5, shuffle=True, random_state=0)
    logistic = linear_model.LogisticRegression(C=0.1, max_iter=500)
    logistic = pipeline.make_pipeline(preprocessing.StandardScaler(), logistic)
    forest = ensemble.RandomForestClassifier(50, min_samples_leaf=3, random_state=0)
    rng, accuracy = np.random.default_rng(0), {}
    for name, classifier in {"logistic regression": logistic, "random forest": forest}.items():
        guesses = model_selection.cross_val_predict(classifier, features, is_real, cv=folds)
        accuracy[f"classifier: {name}"] = _share_interval(guesses == is_real, n_bootstrap, rng)
    return accuracy
