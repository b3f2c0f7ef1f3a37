"""A Gaussian process over configurations and the share of the budget, in float64.

Kernel: s1 M(x; w) + s2 M(x; w e^(2a)) M(t), M the Matern-5/2 of a squared distance with one weight
per input, plus noise. The second term is what a learning curve departs from its end by; it may vary
faster with the configuration than the end does. Hyperparameters are the mode of their posterior
under normal priors, found with the analytic gradient [Rasmussen and Williams, 5.9].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

_ROOT5 = np.sqrt(5.0)
JITTER = 1e-8
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
    out *= np.exp(-root)
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
    norm = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
    return np.maximum(norm, 0.0)


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
        mean, sd, *_ = self._posterior(at, slopes=False)
        return mean, sd

    def slopes(self, at: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """`predict`, and the gradients of both by x: (rows, dimensions) each."""
        mean, sd, by_mean, by_sd = self._posterior(at, slopes=True)
        assert by_mean is not None and by_sd is not None
        return mean, sd, by_mean, by_sd

    def conditioned(self, at: Inputs, values: np.ndarray) -> GaussianProcess:
        """The same process having seen further rows, hyperparameters as they are."""
        data = self.data.joined(at)
        values = np.concatenate([self.values, values])
        scales = self.centre, self.scale, self.trend
        return _conditioned(self.theta, self.groups, data, values, *scales)

    def _posterior(
        self, at: Inputs, *, slopes: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        weights = np.exp(self.theta[:-5])[self.groups]
        a, log_tau, log_s1, log_s2, _ = self.theta[-5:]
        root = np.sqrt(weights)
        square = _squares(at.x * root, self.data.x * root)
        # One row where all stand at the same share of their budget, as proposals do.
        moments = at.t[:1] if len(at) and np.ptp(at.t) == 0 else at.t
        in_time, _ = matern(np.exp(log_tau) * (moments[:, None] - self.data.t[None]) ** 2)
        s1, s2, c = np.exp(log_s1), np.exp(log_s2), np.exp(2 * a)
        by_mean = by_sd = None
        if not slopes:
            distance = np.sqrt(square, out=square)
            distance *= _ROOT5
            cross = matern_value(distance)
            cross *= s1
            distance *= np.exp(a)
            cross += matern_value(distance) * (s2 * in_time)
            half = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
            explained = np.einsum("ij,ij->j", half, half)
        else:
            first, first_slope = matern(square)
            second, second_slope = matern(c * square)
            cross = s1 * first + s2 * second * in_time
            solved = cho_solve((self.factor, True), cross.T, check_finite=False).T
            explained = np.sum(cross * solved, axis=1)
        mean = cross @ self.alpha
        sd = np.sqrt(np.maximum(s1 + s2 - explained, 1e-12))
        if slopes:
            by_square = s1 * first_slope + s2 * c * second_slope * in_time
            pull = 2 * by_square * self.alpha[None]
            by_mean = weights * (pull.sum(1)[:, None] * at.x - pull @ self.data.x) * self.scale
            pull = -2 * by_square * solved / sd[:, None]
            by_sd = weights * (pull.sum(1)[:, None] * at.x - pull @ self.data.x) * self.scale
            by_mean += self.trend
        mean = mean * self.scale + self.centre + at.x @ self.trend
        return mean, sd * self.scale, by_mean, by_sd


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
    kernel = _kernel(theta, data, groups)[0]
    factor = _factor(kernel)
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


def _kernel(
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
    kernel, parts = _kernel(theta, data, groups)
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
