"""The process: gradients, scikit-learn's posterior, conditioning, scales."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from cluster.searchers.rate_aware import gaussian_process as module
from cluster.searchers.rate_aware.gaussian_process import Inputs, fit, matern, refitted

GROUPS = np.array([0, 1, 2, 2, 3])


def some_data(seed: int = 0, rows: int = 40) -> tuple[Inputs, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((rows, 5))
    t = rng.choice([0.3, 0.6, 1.0], rows)
    return Inputs(x, t), np.sin(3 * x[:, 0]) + x[:, 1] * t + 0.1 * rng.normal(size=rows)


def test_the_gradient_of_the_posterior() -> None:
    data, values = some_data()
    rng = np.random.default_rng(1)
    theta = rng.normal(size=9) * 0.5
    theta[-1] -= 2
    rest = (data, values, GROUPS, np.zeros(9), np.ones(9))
    want = approx_fprime(theta, lambda v: module._negative_log_posterior(v, *rest)[0], 1e-6)
    assert module._negative_log_posterior(theta, *rest)[1] == pytest.approx(want, abs=1e-4)


def test_slopes_of_mean_and_deviation() -> None:
    data, values = some_data()
    process = fit(data, values, GROUPS)
    at = Inputs(np.random.default_rng(2).random((3, 5)), np.ones(3))
    mean, sd, by_mean, by_sd = process.slopes(at)
    assert np.allclose(process.predict(at), (mean, sd))
    for i in range(5):
        step = 1e-5 * np.eye(5)[i]
        up, down = (process.predict(Inputs(at.x + s, at.t)) for s in (step, -step))
        assert by_mean[:, i] == pytest.approx((up[0] - down[0]) / 2e-5, abs=1e-6)
        assert by_sd[:, i] == pytest.approx((up[1] - down[1]) / 2e-5, abs=1e-6)


def test_the_posterior_is_scikit_learns() -> None:
    """With the term of time switched off, at one length scale for each input."""
    data, values = some_data(rows=25)
    theta = np.array([0.4, 1.0, -0.5, 0.2, 0.0, 0.0, 0.3, -30.0, -4.0])
    process = module._conditioned(
        theta, GROUPS, data, values, float(values.mean()), float(values.std()), np.zeros(5)
    )
    lengths = np.exp(-0.5 * theta[:4])[GROUPS]
    kernel = ConstantKernel(np.exp(0.3)) * Matern(lengths, nu=2.5) + WhiteKernel(
        np.exp(-4.0) + module.JITTER
    )
    oracle = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0)
    oracle.fit(data.x, (values - values.mean()) / values.std())
    at = Inputs(np.random.default_rng(3).random((6, 5)), np.ones(6))
    mean, sd = oracle.predict(at.x, return_std=True)
    noise = np.exp(-4.0) + module.JITTER
    assert process.predict(at)[0] == pytest.approx(mean * values.std() + values.mean(), abs=1e-6)
    assert process.predict(at)[1] == pytest.approx(np.sqrt(sd**2 - noise) * values.std(), abs=1e-6)


def test_the_scale_of_values_changes_nothing_but_the_scale() -> None:
    data, values = some_data()
    at = Inputs(np.random.default_rng(4).random((4, 5)), np.ones(4))
    mean, sd = fit(data, values, GROUPS).predict(at)
    other_mean, other_sd = fit(data, 1000 * values + 7, GROUPS).predict(at)
    assert other_mean == pytest.approx(1000 * mean + 7, rel=1e-3)
    assert other_sd == pytest.approx(1000 * sd, rel=1e-3)


def test_a_trend_goes_on_beyond_the_data() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((30, 5))
    x[:, 4] *= 0.5
    values = -3 * x[:, 4] + 0.05 * np.sin(9 * x[:, 0])
    at = Inputs(np.array([[0.5, 0.5, 0.5, 0.5, 1.0]]), np.ones(1))
    plain = fit(Inputs(x, np.ones(30)), values, GROUPS).predict(at)
    trended = fit(Inputs(x, np.ones(30)), values, GROUPS, along=4)
    assert trended.predict(at)[0] == pytest.approx(-3.0, abs=0.15)
    assert trended.predict(at)[1] < plain[1]
    slope = trended.slopes(at)[2][0, 4]
    step = Inputs(at.x + np.array([0, 0, 0, 0, 1e-5]), at.t)
    rise = (trended.predict(step)[0] - trended.predict(at)[0]) / 1e-5
    assert slope == pytest.approx(float(rise[0]), abs=1e-4)


def test_a_row_seen_at_its_mean_leaves_the_mean_and_narrows() -> None:
    data, values = some_data()
    process = fit(data, values, GROUPS)
    at = Inputs(np.full((1, 5), 0.9), np.ones(1))
    mean, sd = process.predict(at)
    after, narrower = process.conditioned(at, mean).predict(at)
    assert after == pytest.approx(mean, abs=1e-6)
    assert narrower[0] < sd[0]


def test_rows_seen_one_after_the_other_are_rows_seen_together() -> None:
    data, values = some_data(rows=50)
    process = fit(data, values, GROUPS)
    further, fresh = some_data(seed=4, rows=7)
    scales = process.centre, process.scale, process.trend
    together = module._conditioned(
        process.theta, GROUPS, data.joined(further), np.concatenate([values, fresh]), *scales
    )
    one = process.conditioned(further, fresh)
    at, _ = some_data(seed=5, rows=9)
    assert np.tril(one.factor) == pytest.approx(np.tril(together.factor), abs=1e-9)
    for found, want in zip(one.slopes(at), together.slopes(at), strict=True):
        assert found == pytest.approx(want, abs=1e-9)


def test_many_rows_are_asked_as_each_by_itself() -> None:
    process = fit(*some_data(), GROUPS)
    at, _ = some_data(seed=6, rows=2 * module.BLOCK + 3)
    mean, sd = process.predict(at)
    for i in (0, module.BLOCK - 1, module.BLOCK, 2 * module.BLOCK + 2):
        alone = process.predict(Inputs(at.x[[i]], at.t[[i]]))
        assert (mean[[i]], sd[[i]]) == (pytest.approx(alone[0]), pytest.approx(alone[1]))


def test_equal_rows_do_not_break_it() -> None:
    x, t = np.full((30, 5), 0.5), np.ones(30)
    process = fit(Inputs(x, t), np.ones(30), GROUPS)
    mean, sd = process.predict(Inputs(x[:1], t[:1]))
    assert mean[0] == pytest.approx(1.0) and np.isfinite(sd[0])
    assert np.isfinite(refitted(process, Inputs(x, t), np.ones(30)).alpha).all()


def test_matern_and_its_slope() -> None:
    square = np.array([0.0, 1e-9, 0.3, 4.0])
    value, slope = matern(square)
    assert value[0] == 1.0
    step = 1e-6
    up, _ = matern(square + step)
    assert slope == pytest.approx((up - value) / step, abs=1e-3)
