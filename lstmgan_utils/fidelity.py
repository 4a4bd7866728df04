"""Fidelity: do two sets of pieces fill the same region of a space of features?

The space is `overlaps.FEATURES`, each feature in standard deviations of the real pieces.
"""

import numpy as np

from .overlaps import interval

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
