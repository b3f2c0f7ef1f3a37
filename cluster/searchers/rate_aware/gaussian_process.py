"""A Gaussian process over configurations and the share of the budget, in float64.

Kernel: s1 M(x; w) + s2 M(x; w e^(2a)) M(t), M the Matern-5/2 of a squared distance with one weight
per input, plus noise. The second term is what a learning curve departs from its end by; it may vary
faster with the configuration than the end does. Hyperparameters are the mode of their posterior
under normal priors, found with the analytic gradient [Rasmussen and Williams, 5.9].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

_ROOT5 = np.sqrt(5.0)
JITTER = 1e-8
BLOCK = 256
"""Rows that are asked at a time: what they need stays in a core's cache, which halves the time."""
_TAIL = ((1.0, 1.0), (1.5, 1.0), (0.0, 1.0), (-1.0, 1.5), (-5.0, 1.5))
"""Prior means and deviations of a, ln inverse-square scale of t, ln s1, ln s2, ln noise."""
_WEIGHT = (0.6, 1.6)
"""Prior of each ln weight."""
_BOUNDS = ((-2.0, 4.0), (-4.0, 6.0), (-5.0, 4.0), (-8.0, 4.0), (-12.0, 1.0))


def matern(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matern-5/2 of a squared distance, and its slope by that square."""
    root = _ROOT5 * np.sqrt(square)
    decay = np.exp(-root)
    return (1 + root + root * root / 3) * decay, -(5 / 6) * (1 + root) * decay


def matern_value(root: np.ndarray) -> np.ndarray:
    """Matern-5/2 of a distance times the root of 5, without its slope."""
    out = root * root
    out /= 3
    out += root
    out += 1
    decay = np.negative(root)
    out *= np.exp(decay, out=decay)
    return out


@dataclass(frozen=True, eq=False)
class Inputs:
    """Where the process is asked or was seen.

    Attributes:
        x: (rows, dimensions) encoded configurations.
        t: (rows,) share of the budget on a log scale, 1 at its end.
    """

    x: np.ndarray
    t: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def joined(self, other: Inputs) -> Inputs:
        """These rows, then others."""
        return Inputs(np.vstack([self.x, other.x]), np.concatenate([self.t, other.t]))


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = (-2 * a) @ b.T
    out += (a * a).sum(1)[:, None] + (b * b).sum(1)[None]
    return np.maximum(out, 0.0, out=out)


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A fitted process: hyperparameters, and the data that it is conditioned on.

    Values are standardised inside, after a linear trend along some inputs was taken off; `predict`
    returns them in the caller's scale.
    """

    theta: np.ndarray
    groups: np.ndarray
    data: Inputs
    values: np.ndarray
    centre: float
    scale: float
    trend: np.ndarray
    factor: np.ndarray
    alpha: np.ndarray

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the noise, in the caller's scale."""
        return float(np.exp(0.5 * self.theta[-1]) * self.scale)

    def predict(self, at: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, both (rows,), of the noiseless value."""
        mean, sd = np.empty(len(at)), np.empty(len(at))
        for first in range(0, len(at), BLOCK):
            rows = slice(first, first + BLOCK)
            mean[rows], sd[rows] = self._predicted(Inputs(at.x[rows], at.t[rows]))
        return mean, sd

    def conditioned(self, at: Inputs, values: np.ndarray) -> GaussianProcess:
        """The same process having seen further rows, hyperparameters as they are."""
        half = self._half(self._cross(at)).T
        corner = _factor(_kernel(self.theta, at, self.groups) - half @ half.T)
        factor = np.block([[self.factor, np.zeros(half.T.shape)], [half, corner]])
        factor = np.asfortranarray(factor)  # as LAPACK wants it: no copy for every proposal's step
        values = np.concatenate([self.values, values])
        scales = self.centre, self.scale, self.trend
        return _with_factor(factor, self.theta, self.groups, self.data.joined(at), values, *scales)

    def slopes(self, at: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """`predict`, and the gradients of both by x: (rows, dimensions) each."""
        square, weights, in_time = self._apart(at)
        s1, s2, c = self._sizes
        first, first_slope = matern(square)
        second, second_slope = matern(c * square)
        cross = s1 * first + s2 * second * in_time
        solved = cho_solve((self.factor, True), cross.T, check_finite=False).T
        mean = cross @ self.alpha
        sd = np.sqrt(np.maximum(s1 + s2 - np.sum(cross * solved, axis=1), 1e-12))
        by_square = s1 * first_slope + s2 * c * second_slope * in_time
        pull = 2 * by_square * self.alpha[None]
        by_mean = weights * (pull.sum(1)[:, None] * at.x - pull @ self.data.x) * self.scale
        pull = -2 * by_square * solved / sd[:, None]
        by_sd = weights * (pull.sum(1)[:, None] * at.x - pull @ self.data.x) * self.scale
        mean = mean * self.scale + self.centre + at.x @ self.trend
        return mean, sd * self.scale, by_mean + self.trend, by_sd

    def _predicted(self, at: Inputs) -> tuple[np.ndarray, np.ndarray]:
        cross = self._cross(at)
        half = self._half(cross)
        s1, s2, _ = self._sizes
        mean = (cross @ self.alpha) * self.scale + self.centre + at.x @ self.trend
        sd = np.sqrt(np.maximum(s1 + s2 - np.einsum("ij,ij->j", half, half), 1e-12))
        return mean, sd * self.scale

    def _cross(self, at: Inputs) -> np.ndarray:
        """(rows, data) kernel."""
        square, _, in_time = self._apart(at)
        return _sum_of_terms(square, in_time, *self._sizes)

    def _half(self, cross: np.ndarray) -> np.ndarray:
        """(data, rows) whose products are what the data explain."""
        solved: np.ndarray = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        return solved

    @property
    def _sizes(self) -> tuple[float, float, float]:
        """Variances of both terms, and by how much the second one's squares are wider."""
        a, _, log_s1, log_s2, _ = self.theta[-5:]
        return float(np.exp(log_s1)), float(np.exp(log_s2)), float(np.exp(2 * a))

    @cached_property
    def _scaled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, their roots, and the data times these."""
        weights = np.exp(self.theta[:-5])[self.groups]
        root = np.sqrt(weights)
        return weights, root, self.data.x * root

    @cached_property
    def _at_end(self) -> np.ndarray:
        """(1, data) kernel of shares of what stands at its end, as proposals do."""
        return self._in_time(np.ones(1))

    def _in_time(self, moments: np.ndarray) -> np.ndarray:
        return matern(np.exp(self.theta[-4]) * (moments[:, None] - self.data.t[None]) ** 2)[0]

    def _apart(self, at: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted squared distances to the data, the weights, and the kernel of shares."""
        weights, root, scaled = self._scaled
        in_time = self._at_end if (at.t == 1).all() else self._in_time(at.t)
        return _squares(at.x * root, scaled), weights, in_time


def fit(
    data: Inputs,
    values: np.ndarray,
    groups: np.ndarray,
    start: np.ndarray | None = None,
    iterations: int = 25,
    along: int | None = None,
) -> GaussianProcess:
    """The process at the mode of its hyperparameters' posterior.

    Args:
        data: (rows) inputs.
        values: (rows,) finite.
        groups: (dimensions,) number of the weight that each input shares, from 0 without gaps.
        start: hyperparameters to begin from, of an earlier fit.
        iterations: of L-BFGS-B; 0 keeps `start`.
        along: number of an input along which values have a linear trend.
    """
    centre, scale, trend = _scales(data, values, along)
    count = int(groups.max()) + 1
    means = np.concatenate([np.full(count, _WEIGHT[0]), [m for m, _ in _TAIL]])
    deviations = np.concatenate([np.full(count, _WEIGHT[1]), [s for _, s in _TAIL]])
    theta = means.copy() if start is None else np.array(start)
    if iterations:
        standard = (values - data.x @ trend - centre) / scale
        bounds = [(-7.0, 7.0)] * count + list(_BOUNDS)
        found = minimize(
            _negative_log_posterior,
            theta,
            args=(data, standard, groups, means, deviations),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": iterations},
        )
        theta = np.asarray(found.x)
    return _conditioned(theta, groups, data, values, centre, scale, trend)


def _scales(data: Inputs, values: np.ndarray, along: int | None) -> tuple[float, float, np.ndarray]:
    """Centre, scale and trend of some values; the trend by least squares, drawn a little to 0."""
    trend = np.zeros(data.x.shape[1])
    if along is not None:
        place = data.x[:, along] - data.x[:, along].mean()
        trend[along] = float(place @ (values - values.mean()) / (place @ place + 0.1))
    rest = values - data.x @ trend
    return float(np.mean(rest)), float(np.std(rest)) or 1.0, trend


def _conditioned(
    theta: np.ndarray,
    groups: np.ndarray,
    data: Inputs,
    values: np.ndarray,
    centre: float,
    scale: float,
    trend: np.ndarray,
) -> GaussianProcess:
    factor = _factor(_kernel(theta, data, groups))
    return _with_factor(factor, theta, groups, data, values, centre, scale, trend)


def _with_factor(
    factor: np.ndarray,
    theta: np.ndarray,
    groups: np.ndarray,
    data: Inputs,
    values: np.ndarray,
    centre: float,
    scale: float,
    trend: np.ndarray,
) -> GaussianProcess:
    standard = (values - data.x @ trend - centre) / scale
    alpha = cho_solve((factor, True), standard, check_finite=False)
    return GaussianProcess(theta, groups, data, values, centre, scale, trend, factor, alpha)


def _factor(kernel: np.ndarray) -> np.ndarray:
    """Cholesky factor, with as much more jitter as it takes."""
    extra = 0.0
    while True:
        try:
            return cholesky(kernel + extra * np.eye(len(kernel)), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            extra = max(10 * extra, JITTER)


def _sum_of_terms(
    square: np.ndarray, in_time: np.ndarray, s1: float, s2: float, c: float
) -> np.ndarray:
    """The kernel without its noise; writes over the squared distances."""
    distance = np.sqrt(square, out=square)
    distance *= _ROOT5
    kernel = matern_value(distance)
    kernel *= s1
    distance *= np.sqrt(c)
    second = matern_value(distance)
    second *= s2 * in_time
    kernel += second
    return kernel


def _kernel(theta: np.ndarray, data: Inputs, groups: np.ndarray) -> np.ndarray:
    """(rows, rows), with noise."""
    a, log_tau, log_s1, log_s2, log_noise = theta[-5:]
    scaled = data.x * np.exp(0.5 * theta[:-5])[groups]
    moments, place = np.unique(data.t, return_inverse=True)
    in_time = matern(np.exp(log_tau) * (moments[:, None] - moments[None]) ** 2)[0]
    kernel = _sum_of_terms(
        _squares(scaled, scaled), in_time[np.ix_(place, place)],
        np.exp(log_s1), np.exp(log_s2), np.exp(2 * a),
    )  # fmt: skip
    kernel[np.diag_indices_from(kernel)] += np.exp(log_noise) + JITTER
    return kernel


def _kernel_and_parts(
    theta: np.ndarray, data: Inputs, groups: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    a, log_tau, log_s1, log_s2, log_noise = theta[-5:]
    root = np.exp(0.5 * theta[:-5])[groups]
    scaled = data.x * root
    square = _squares(scaled, scaled)
    in_time_square = np.exp(log_tau) * (data.t[:, None] - data.t[None]) ** 2
    first, first_slope = matern(square)
    second, second_slope = matern(np.exp(2 * a) * square)
    in_time, time_slope = matern(in_time_square)
    kernel = np.exp(log_s1) * first + np.exp(log_s2) * second * in_time
    kernel[np.diag_indices_from(kernel)] += np.exp(log_noise) + JITTER
    return kernel, (
        square, first, first_slope, second, second_slope, in_time, time_slope, in_time_square,
    )  # fmt: skip


def _negative_log_posterior(
    theta: np.ndarray,
    data: Inputs,
    values: np.ndarray,
    groups: np.ndarray,
    means: np.ndarray,
    deviations: np.ndarray,
) -> tuple[float, np.ndarray]:
    a, _, log_s1, log_s2, log_noise = theta[-5:]
    kernel, parts = _kernel_and_parts(theta, data, groups)
    square, first, first_slope, second, second_slope, in_time, time_slope, time_square = parts
    factor = _factor(kernel)
    inverse_factor = solve_triangular(factor, np.eye(len(factor)), lower=True, check_finite=False)
    inverse = inverse_factor.T @ inverse_factor
    alpha = inverse @ values
    s1, s2, c = np.exp(log_s1), np.exp(log_s2), np.exp(2 * a)
    pull = 0.5 * (inverse - np.outer(alpha, alpha))

    # Sum over pairs of H (x_i - x_k)^2 without the (rows, rows, dimensions) array.
    by_square = pull * (s1 * first_slope + s2 * c * second_slope * in_time)
    spread = 2 * ((data.x**2).T @ by_square.sum(1)) - 2 * np.einsum(
        "ij,ij->j", data.x, by_square @ data.x
    )
    weights = np.exp(theta[:-5])
    by_weight = weights * np.bincount(groups, spread, len(weights))
    curve = pull * s2
    tail = np.array(
        [
            np.sum(curve * second_slope * in_time * square) * 2 * c,
            np.sum(curve * second * time_slope * time_square),
            s1 * np.sum(pull * first),
            np.sum(curve * second * in_time),
            np.exp(log_noise) * np.trace(pull),
        ]
    )
    gap = (theta - means) / deviations
    value = (
        0.5 * float(values @ alpha) + float(np.log(np.diag(factor)).sum()) + 0.5 * float(gap @ gap)
    )
    return value, np.concatenate([by_weight, tail]) + gap / deviations


def refitted(
    process: GaussianProcess, data: Inputs, values: np.ndarray, along: int | None = None
) -> GaussianProcess:
    """Other data under hyperparameters that were fitted before."""
    scales = _scales(data, values, along)
    return _conditioned(process.theta, process.groups, data, values, *scales)
