"""Spread: are the pieces of a set as far from each other as real ones are from real ones?

The overlapped area and the divergence of Yang & Lerch (2020).
"""

import numpy as np

from .overlaps import overlap


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
