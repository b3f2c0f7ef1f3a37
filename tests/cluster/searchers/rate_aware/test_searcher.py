"""The searcher on an invented codec: what it proposes, finishes, learns and forgets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from cluster.searchers.rate_aware.staircase import staircase
from cluster.searchers.rate_aware.start import startup_of
from search_spaces.space import Config, Parameter, Space, canonical

SPACE = Space(
    parameters=(
        Parameter(name="codec", choices=("plain", "residual")),
        Parameter(name="size", choices=(8, 16, 32, 64, 128)),
        Parameter(name="depth", low=1, high=4, integer=True, when={"codec": ("residual",)}),
        Parameter(name="lr", low=1e-4, high=1e-1, log=True, when={"codec": ("residual",)}),
        Parameter(name="loss", low=0.0, high=1.0),
    )
)
REFERENCE = (math.log(900.0), math.log(30.0))


class Rate:
    """log of 30 log2(size) for each level."""

    names = frozenset({"codec", "size", "depth"})

    def __call__(self, config: Config) -> np.ndarray:
        depths = np.arange(1, int(config.get("depth", 1)) + 1)
        return np.log(30 * math.log2(float(config["size"])) * depths)


def measured(config: Config, share: float = 1.0) -> np.ndarray:
    """log distortion of each level; the best learning rate and loss weight lie inside."""
    rates = np.exp(Rate()(config))
    miss = (float(config["loss"]) - 0.3) ** 2
    if config["codec"] == "residual":
        miss += 0.15 * (math.log10(float(config["lr"])) + 2.4) ** 2 - 0.25
    return np.log(20 / (1 + rates / 150)) + miss + 0.4 * (1 - share)


def searcher(seed: int = 0, **off: object) -> RateAwareSearcher:
    chosen = Settings(startup=6, **off)  # type: ignore[arg-type]
    return RateAwareSearcher(SPACE, Rate(), REFERENCE, seed=seed, most_levels=4, settings=chosen)


def volume(points: list[np.ndarray]) -> float:
    return staircase(np.concatenate(points), REFERENCE).volume


def searched(asks: int, seed: int) -> tuple[float, list[Config]]:
    one, points, configs = searcher(seed), [], []
    for number in range(asks):
        config = one.ask()
        assert config is not None
        configs.append(config)
        one.tell(number, measured(config).tolist())
        points.append(np.column_stack([Rate()(config), measured(config)]))
    return volume(points), configs


def test_it_beats_as_many_draws_at_random_and_five_times_as_many() -> None:
    encoding = Encoding(SPACE)
    ours, theirs = [], []
    for seed in range(3):
        ours.append(searched(20, seed)[0])
        rng = np.random.default_rng(seed)
        draws = [encoding.at(rng.random(encoding.labels)) for _ in range(100)]
        theirs.append(volume([np.column_stack([Rate()(c), measured(c)]) for c in draws]))
    assert np.mean(ours) > np.mean(theirs)


def test_nothing_is_proposed_twice_and_everything_lies_in_the_space() -> None:
    _, configs = searched(25, 1)
    assert len({canonical(c) for c in configs}) == len(configs)
    for config in configs:
        active = {p.name: p for p in SPACE.active(config)}
        assert set(config) == set(active)
        assert all(active[n].contains(v) for n, v in config.items())


def test_the_start_names_every_codec_and_prefers_low_rates() -> None:
    def mean_rate(low: bool) -> float:
        rates = []
        for seed in range(8):
            one = searcher(seed, low_rate_start=low)
            start = [one.ask() for _ in range(6)]
            assert {c["codec"] for c in start if c} == {"plain", "residual"}
            rates += [Rate()(c)[-1] for c in start if c]
        return float(np.mean(rates))

    assert mean_rate(True) < mean_rate(False) - 0.1


def test_a_family_that_began_badly_is_not_given_up() -> None:
    """Of `residual` the first trial is as bad as can be, and what follows would be the best."""
    one, configs = searcher(), []
    for number in range(20):
        config = one.ask()
        assert config is not None
        configs.append(str(config["codec"]))
        bad = config["codec"] == "residual" and configs.count("residual") <= 3
        values = np.full(len(Rate()(config)), math.log(29.0)) if bad else measured(config)
        one.tell(number, values.tolist())
    for number in range(8, 20):
        assert configs[: number + 1].count("residual") >= number // 4, configs


def told(seed: int = 0, asks: int = 10) -> RateAwareSearcher:
    one = searcher(seed)
    for number in range(asks):
        config = one.ask()
        assert config is not None
        one.tell(number, measured(config).tolist())
    return one


@given(st.integers(0, 3), st.floats(0.02, 0.9), st.floats(0.01, 3.0))
@settings(max_examples=15, deadline=None)
def test_a_trial_that_adds_to_the_front_is_never_stopped(
    seed: int, share: float, better: float
) -> None:
    one = told(seed)
    config = one.ask()
    assert config is not None
    rates = Rate()(config)
    front = one.front()
    one.report(10, share, (front.at(rates) - better).tolist())
    assert one.worth_finishing(10)


def test_what_cannot_beat_the_front_is_stopped() -> None:
    one = searcher(short_start=False)
    for number in range(14):
        config = one.ask()
        assert config is not None
        one.report(number, 0.4, measured(config, 0.4).tolist())
        one.tell(number, measured(config).tolist())
    config = one.ask()
    assert config is not None
    one.report(14, 0.4, np.full(len(Rate()(config)), math.log(29.0)).tolist())
    assert not one.worth_finishing(14)


def finishing(easier: float, *, told: bool = True) -> RateAwareSearcher:
    """Ten trials, reports scored on motion that is easier by a logarithm; then one above the front.

    Of the ten, ends on that motion are `told` or not.
    """
    one = searcher(short_start=False, finished_front=True)
    for number in range(10):
        config = one.ask()
        assert config is not None
        for share in (0.2, 0.4):
            one.report(number, share, measured(config, share) - easier)
        if told:
            one.report(number, 1.0, measured(config) - easier)
        one.tell(number, measured(config).tolist())
    config = one.ask()
    assert config is not None
    one.report(10, 0.9, one.front().at(Rate()(config)) + 0.4 - easier)
    return one


def test_reports_on_easier_motion_are_compared_with_ends_on_the_same() -> None:
    fair, plain = finishing(0.6), finishing(0.0)
    expected = []
    for one in (fair, plain):
        posterior, last = one._posterior(), one._seen[10]
        assert posterior is not None
        expected.append(posterior.predict(last.x, last.known[last.picked])[0])
        assert not one.worth_finishing(10)
    assert np.allclose(*expected, atol=1e-6), "an end is expected as if all motion had been seen"
    assert finishing(0.6, told=False).worth_finishing(10), "it looks better than it is"


def test_trials_of_the_start_end_at_their_first_report() -> None:
    one = searcher()
    config = one.ask()
    assert config is not None
    one.report(0, 0.06, measured(config, 0.06).tolist())
    assert not one.worth_finishing(0)
    assert searcher(short_start=False).ask() is not None


def test_shares_inform_the_model_without_being_believed_final() -> None:
    """Curves that end low: the expected end lies below the last report."""
    one = searcher(short_start=False)
    for number in range(12):
        config = one.ask()
        assert config is not None
        for share in (0.1, 0.3):
            one.report(number, share, measured(config, share).tolist())
        one.tell(number, measured(config).tolist())
    config = one.ask()
    assert config is not None
    one.report(12, 0.1, measured(config, 0.1).tolist())
    posterior = one._posterior()
    assert posterior is not None
    seen = one._seen[12]
    mean = posterior.predict(seen.x, seen.known[seen.picked])[0][:, 0]
    assert mean[-1] < measured(config, 0.1)[-1] - 0.2
    assert mean[-1] == pytest.approx(measured(config)[-1], abs=0.2)


@pytest.mark.parametrize("scale", [1e-3, 50.0])
def test_units_change_nothing(scale: float) -> None:
    def proposals(shift: float) -> list[Config]:
        one = RateAwareSearcher(
            SPACE, Rate(), (REFERENCE[0], REFERENCE[1] + shift), seed=3, most_levels=4,
            settings=Settings(startup=6),
        )  # fmt: skip
        found = []
        for number in range(9):
            config = one.ask()
            assert config is not None
            found.append(config)
            one.tell(number, (measured(config) + shift).tolist())
        return found

    plain, scaled = proposals(0.0), proposals(math.log(scale))
    for a, b in zip(plain, scaled, strict=True):
        assert {k: v for k, v in a.items() if k in ("codec", "size", "depth")} == {
            k: v for k, v in b.items() if k in ("codec", "size", "depth")
        }
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-3)


def test_what_diverged_or_was_not_measured_does_no_harm() -> None:
    one = searcher()
    for number in range(10):
        config = one.ask()
        assert config is not None
        values = measured(config)
        if number % 3 == 0:
            values[0] = math.inf if len(values) > 1 else values[0]
        if number % 3 == 1:
            values = values[-1:]
        if number == 4:
            one.tell(number, None)
        else:
            one.tell(number, values.tolist())
    assert one.ask() is not None
    assert np.isfinite(one.front().levels).all()


def test_running_trials_are_not_proposed_beside_themselves() -> None:
    """Four at a time differ in more than the last digit."""
    one = told(0, 8)
    running = [one.ask() for _ in range(4)]
    x = np.vstack([Encoding(SPACE).encode(c) for c in running if c])
    gaps = [np.abs(a - b).max() for i, a in enumerate(x) for b in x[:i]]
    assert min(gaps) > 0.02


def test_a_window_turns_it_into_a_search_for_one_rate() -> None:
    """At 300 bits/s nothing dearer is proposed once the start is over."""
    one = RateAwareSearcher(
        SPACE, Rate(), REFERENCE, seed=0, most_levels=4,
        window=(math.log(300.0), math.log(300.0)), settings=Settings(startup=6),
    )  # fmt: skip
    for number in range(14):
        config = one.ask()
        assert config is not None
        if number >= 6:
            assert np.exp(Rate()(config)[0]) <= 300.0 + 1e-6
        one.tell(number, measured(config).tolist())
    best = one.front().levels[-1]
    assert best < math.log(20 / (1 + 300 / 150)) + 0.05


def test_a_start_has_four_whole_trials_or_eight_short_ones_or_one_more_than_codecs() -> None:
    plain = Space.model_validate({"parameters": [{"name": "a", "low": 0.0, "high": 1.0}]})
    assert (startup_of(plain, short=False), startup_of(plain, short=True)) == (4, 8)
    for count, whole, short in ((2, 4, 8), (3, 4, 8), (5, 6, 8), (9, 10, 10)):
        codecs = [f"c{i}" for i in range(count)]
        depth = {"name": "b", "when": {"codec": codecs[:1]}, "low": 0.0, "high": 1.0}
        among = {"parameters": [{"name": "codec", "choices": codecs}, depth]}
        space = Space.model_validate(among)
        assert (startup_of(space, short=False), startup_of(space, short=True)) == (whole, short)


def test_a_proposal_takes_one_core_and_gives_the_others_back() -> None:
    """Two threads were four times slower over its matrices, and the cores are the trials'."""
    threads = []

    class Looking(Rate):
        def __call__(self, config: Config) -> np.ndarray:
            threads.append(blas_threads())
            return super().__call__(config)

    with threadpool_limits(2, user_api="blas"):
        one = RateAwareSearcher(SPACE, Looking(), REFERENCE, seed=0, most_levels=4)
        assert set(threads[-1]) == {2}
        config = one.ask()
        assert config is not None and set(threads[-1]) == {1}
        one.report(0, 0.3, measured(config, 0.3))
        one.worth_finishing(0)
        assert set(blas_threads()) == {2}


def blas_threads() -> list[int]:
    return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]
