"""Fréchet distance of features: how far two clouds are, as if each were a Gaussian.

Heusel et al., 2017 (https://arxiv.org/abs/1706.08500), called FID, and FGD on gestures. The encoder
of the features is the whole definition, so a value has its encoder, n and d in its name
(`search_spaces.speech_metrics`), and none is comparable with a paper's. The trace of the square
root comes from eigenvalues of a symmetric matrix, so the distance is symmetric and nothing
imaginary is thrown away; it is clamped at 0. What n alone adds is stated beside it.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from search_spaces.speech_metrics import FeatureSpace, frechet_metric
from trainables.metrics.corpus_score import CorpusScore


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets of features.

    Args:
        first: (n, d), two or more.
        second: (m, d).

    Returns:
        0 or more, in squared units of the features; NaN where a feature is not finite.

    Raises:
        ValueError: fewer than two of either, or other dimensions.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"features must be (n, d) of one d, got {first.shape}, {second.shape}")
    if min(len(first), len(second)) < 2:
        raise ValueError(f"two features or more of each, got {len(first)} and {len(second)}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return math.nan
    # In one order, so that rounding does not tell which set came first.
    means, covariances = zip(*(_moments(x) for x in (first, second)), strict=True)
    root = _root(covariances[0])
    inner = root @ covariances[1] @ root
    crossed = np.sqrt(np.maximum(np.linalg.eigvalsh(0.5 * (inner + inner.T)), 0.0)).sum()
    apart = float(((means[0] - means[1]) ** 2).sum())
    spread = float(np.trace(covariances[0]) + np.trace(covariances[1]) - 2.0 * crossed)
    return max(0.0, apart + spread)


def frechet_bias(features: np.ndarray, n: int, m: int) -> float:
    """Expected distance of n and m samples of one Gaussian that has these features' covariance.

    To first order in 1/n: the means differ by tr(S) (1/n + 1/m), and of the covariances each entry
    S_ij in their eigenbasis has variance l_i l_j (1 + [i = j]) (1/n + 1/m), of which the distance
    takes 1 / 2(l_i + l_j). For the identity that is d (d + 1) / 2n + 2d / n at n = m. Too low where
    n is not well above d.

    Args:
        features: (any, d) that stand for the population.
        n: samples of one side.
        m: samples of the other.
    """
    values = np.maximum(np.linalg.eigvalsh(_moments(features)[1]), 0.0)
    pair = np.add.outer(values, values)
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = np.where(pair > 0, np.outer(values, values) / (2 * pair), 0.0)
    # The diagonal counts twice, and off it each pair stands twice already.
    spread = float(shared.sum() + np.trace(shared))
    return (float(values.sum()) + spread) * (1.0 / n + 1.0 / m)


def frechet_floor(features: np.ndarray, rng: np.random.Generator, times: int = 8) -> float:
    """What the truth scores against itself: one random half from the other, mean over `times`.

    Its sides have half as many vectors, so it stands above what an equal model would score at the
    whole n, by about twice the bias.

    Args:
        features: (n, d), four or more.
        rng: which half.
        times: halves that are drawn.
    """
    half = len(features) // 2
    values = []
    for _ in range(times):
        order = rng.permutation(len(features))
        values.append(frechet_distance(features[order[:half]], features[order[half : 2 * half]]))
    return float(np.mean(values))


def frechet_score(
    made: np.ndarray, real: np.ndarray, space: FeatureSpace, rng: np.random.Generator
) -> CorpusScore:
    """The distance of made from real features, with the truth's own and the bias at this n.

    Both sides count the same n, the first of each: values of two n are not comparable.

    Args:
        made: (n, d) features of made motion.
        real: (m, d) features of real motion.
        space: whose encoder made them.
        rng: halves of the truth.

    Raises:
        ValueError: features of another dimension than the space's.
    """
    for features in (made, real):
        if features.ndim != 2 or features.shape[1] != space.dimensions:
            raise ValueError(f"features must be (n, {space.dimensions}), got {features.shape}")
    n = min(len(made), len(real))
    metric = frechet_metric(space, n)
    if n < space.least:
        return CorpusScore(metric, math.nan, math.nan, n, space.least)
    made, real = made[:n], real[:n]
    return CorpusScore(
        metric=metric,
        value=frechet_distance(made, real),
        truth=frechet_floor(real, rng),
        n=n,
        least=space.least,
        bias=frechet_bias(real, n, n),
    )


def array_hash(*arrays: np.ndarray) -> str:
    """Sixteen hexadecimal digits of shapes and values, for the names of weights and normalisers."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = features.astype(np.float64)
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False, ddof=1))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
