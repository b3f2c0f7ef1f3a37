"""How long the rate-aware searcher thinks: processor seconds of each proposal up to 300 trials.

    python -m benchmarks.ask_latency [--quick] [--trials N] [--lcbench FOLDER]

Each case is one search with four trials at a time, every trial reporting at three rungs and at its
end: the real `rate_distortion` space with an invented distortion (what is measured is the model's
and the acquisition's time, which hang on the space and on the number of rows), the same with jerk
as a third objective, and, where its folder is given, LCBench's surrogate. Proposals of the start
are left out: they cost nothing. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from cluster.searchers.nominal_rate import NominalRateSearcher
from cluster.searchers.rate_aware.searcher import RateAwareSearcher
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.space import Config

SHARES = (1 / 27, 1 / 9, 1 / 3, 1.0)
AT_A_TIME = 4
STARTUP = 8
Curve = list[tuple[float, np.ndarray]]


class Asked(Protocol):
    """As much of a searcher as is timed."""

    def ask(self) -> Config | None:
        """The next proposal."""


def timed_asks(
    searcher: Asked, learn: Callable[[int, float, Config], None], trials: int
) -> list[float]:
    """Processor seconds of each proposal."""
    running: deque[tuple[int, Config]] = deque()
    took = []
    for number in range(trials):
        began = time.process_time()
        config = searcher.ask()
        took.append(time.process_time() - began)
        if config is None:
            break
        running.append((number, config))
        learn(number, SHARES[0], config)
        if len(running) == AT_A_TIME:
            ended, its = running.popleft()
            for share in SHARES[1:]:
                learn(ended, share, its)
    return took


def summary(took: list[float]) -> dict[str, Any]:
    """Of all proposals after the start, and of the last ones up to 10, 30, 100 and 300 trials."""
    asks = np.array(took[STARTUP:])
    out: dict[str, Any] = {
        "trials": len(took), "mean": float(asks.mean()), "p95": float(np.quantile(asks, 0.95)),
        "max": float(asks.max()),
    }  # fmt: skip
    for count in (10, 30, 100, 300):
        if len(took) >= count:
            out[f"mean_at_{count}"] = float(np.mean(took[max(STARTUP, count - 10) : count]))
    return out


def codecs(names: tuple[str, ...], trials: int) -> dict[str, Any]:
    """The real space of codecs."""
    from trainables.motion.dataset import prepare

    given = [f"objectives={','.join(names)}", "sampler=rate_aware"]
    spec = load_spec("rate_distortion", size="debug", settings=given)
    spec = spec.model_copy(
        update={"search": spec.search.model_copy(update={"startup": STARTUP, "seed": 0})}
    )
    facts = prepare(spec.data).facts
    corner = {"rate_nominal_bps": 10000.0, "rmse_full_cm": 30.0, "jerk_error_mps3": 100.0}
    searcher = NominalRateSearcher(spec, objectives(names), facts, corner)

    def learn(ask: int, share: float, config: Config) -> None:
        rates = np.exp(searcher.inner.known_of(ask)[:, 0])
        miss = abs(math.log10(float(config.get("learning_rate", 1e-3))) + 3)
        found = {
            "rate_nominal_bps": rates,
            "rmse_full_cm": (1.5 - 0.5 * share + miss) * 20 / (1 + rates / 300),
            "jerk_error_mps3": 5 + rates**0.5 * float(config.get("commitment", 0.3)),
        }
        points = np.column_stack([found[n] for n in names]).tolist()
        if share < 1:
            searcher.inner.report(ask, share, searcher.coordinates(points))
        else:
            searcher.tell(ask, points[-1], points=points)

    return summary(timed_asks(searcher, learn, trials))


def lcbench(folder: Path, trials: int) -> dict[str, Any]:
    """A development instance of LCBench."""
    from benchmarks.search.lcbench import LCBench
    from benchmarks.search.problem import scale_of

    task = LCBench(folder, "3945")
    reference = scale_of(task, 500).reference
    searcher = RateAwareSearcher(task.space, task.known, reference, seed=0)

    def learn(ask: int, share: float, config: Config) -> None:
        reports = task.run(config, 0)
        report = min(reports, key=lambda r: abs(math.log(r.share / share)))
        if share < 1:
            searcher.report(ask, report.share, report.points[:, 1])
        else:
            searcher.tell(ask, report.points[:, 1])

    return summary(timed_asks(searcher, learn, trials))


def main() -> None:
    """Reads the command line, runs every case, prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="60 trials instead of 300")
    parser.add_argument("--trials", type=int, help="trials of each case")
    parser.add_argument("--lcbench", type=Path, help="folder with LCBench's model.onnx")
    args = parser.parse_args()
    trials = args.trials or (60 if args.quick else 300)
    two = ("rate_nominal_bps", "rmse_full_cm")
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "rate_distortion": lambda: codecs(two, trials),
        "rate_distortion and jerk": lambda: codecs((*two, "jerk_error_mps3"), trials),
    }
    if args.lcbench is not None:
        cases["lcbench 3945"] = lambda: lcbench(args.lcbench, trials)
    found = {}
    print(f"{'case':28s} {'mean':>8s} {'p95':>8s} {'max':>8s}   processor ms of a proposal")
    for name, case in cases.items():
        one = found[name] = case()
        print(f"{name:28s} " + " ".join(f"{1e3 * one[k]:8.0f}" for k in ("mean", "p95", "max")))
    worst = max(c["max"] for c in found.values())
    mean = max(c["mean"] for c in found.values())
    print(json.dumps({"benchmark": "ask_latency", "mean": mean, "max": worst, "cases": found}))


if __name__ == "__main__":
    main()
