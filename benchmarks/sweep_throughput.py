"""Trials per hour of a whole sweep of RQ-VAEs: the packed placement beside the plain stack.

Both run one list of configurations with one seed on the same motion, epochs and batches, on all
cores of this machine, each from starting Ray to its last trial's end:

* ours: `ratefront sweep --placement packed` with `quantizer_backend` fused, which reports at rungs,
  keeps checkpoints and leaves artefacts;
* plain: Ray Tune with OptunaSearch and a TorchTrainer worker group for every trial, with
  vector-quantize-pytorch (`sweep_throughput_steps/plain_stack.py`), which reports once. It runs in
  the way that is fastest on its first few: a trial at a time with one thread or one a core, or a
  trial a core. Worker groups that start at once hold one another up, so that one at a time can be
  the faster.

Steps are to be so many that the plain stack trains a trial for as long as it takes to start it, or
for longer: what is gained is not the start alone. `start_share_plain` says whether they were. Some
trials are then trained alone with the fused backend, to say what standing in a pack changes.

Usage: python benchmarks/sweep_throughput.py [--quick] [--trials N] [--steps N]
The last line is one JSON object: `ratio`, our trials per hour over theirs; `plain_at_a_time`, and
the seconds of its first few that decided; `start_share_plain`, the share of a plain trial's time
before its training; `front_hv_ratio`, hypervolume of our front over
theirs, with the 95 % interval over trials; `packed_max_difference`, the largest difference in
validation RMSE (cm) between a packed trial and the same alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sweep_throughput_steps.configurations import listed
from sweep_throughput_steps.fronts import ERROR, paired_ratio
from sweep_throughput_steps.plain_stack import run_plain

from search_spaces.families import complete
from search_spaces.space import Config, trial_id
from search_spaces.spec import DataSpec

SEED = 0
PROBED = 6
"""Trials of the plain stack that decide how it runs."""


def run_packed_sweep(
    configs: Sequence[Config], data: DataSpec, folder: Path
) -> tuple[float, list[list[dict[str, Any]]]]:
    """Seconds of our sweep, from starting Ray to the last trial's end, and rows of each trial."""
    spec = {
        "title": "throughput",
        "objectives": ["rate_nominal_bps", "rmse_full_cm"],
        "data": {"embedded_size": data.embedded_size},
        "search": {"sampler": "cells", "seed": SEED},
        "space": {"cells": list(configs), "fixed": {"quantizer_backend": "fused"}},
    }
    (folder / "cells.yaml").write_text(yaml.safe_dump(spec))
    script = Path(sys.executable).with_name("ratefront")
    subprocess.run(
        [
            str(script), "sweep", "cells.yaml", "--data", data.path, "--out", "packed",
            "--placement", "packed", "--set", "retain=none",
        ],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    events = [json.loads(line) for line in (folder / "packed" / "log.jsonl").open()]
    began = next(e["time"] for e in events if e["event"] == "bounds")
    last = max(e["time"] for e in events if e["event"] in ("done", "failed"))
    rows: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["event"] == "point":
            rows.setdefault(event["trial"], []).append(event["row"])
    names = [trial_id(_fused(config), SEED) for config in configs]
    missing = [name for name in names if name not in rows]
    if missing:
        raise SystemExit(f"packed trials failed: {', '.join(missing)}; see {folder / 'packed'}")
    return last - began, [rows[name] for name in names]


def _fused(config: Config) -> Config:
    return complete({**config, "quantizer_backend": "fused"})


def largest_difference(
    configs: Sequence[Config], packed: Sequence[Sequence[dict[str, Any]]], data: Any
) -> float:
    """Of validation RMSE, centimetres, between packed trials and the same alone."""
    from trainables.runtime import PlainRuntime
    from trainables.trial import TrialTask, run_trial

    worst = 0.0
    for config, rows in zip(configs, packed, strict=True):
        task = TrialTask("alone", _fused(config), SEED, None, rungs=())
        alone = run_trial(task, data, PlainRuntime())
        worst = max(worst, *(abs(a[ERROR] - b[ERROR]) for a, b in zip(alone, rows, strict=True)))
    return worst


def main(argv: Sequence[str] | None = None) -> int:
    """Runs both sides and prints the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer trials and steps")
    parser.add_argument("--trials", type=int, default=0, help="trials on each side")
    parser.add_argument("--steps", type=int, default=0, help="training steps of each part")
    parser.add_argument("--alone", type=int, default=2, help="trials trained alone to compare")
    parser.add_argument("--size", default="reduced", help="of the embedded motion")
    options = parser.parse_args(argv)
    trials = options.trials or (12 if options.quick else 100)
    cores = os.cpu_count() or 1
    steps = options.steps or (1500 if options.quick else 2300)
    configs = listed(trials, steps)
    wanted = DataSpec(path="embedded", embedded_size=options.size)

    from cluster.session import ray_session
    from trainables.motion.dataset import prepare

    data = prepare(wanted)
    with tempfile.TemporaryDirectory(prefix="throughput-") as place:
        ours, packed = run_packed_sweep(configs, wanted, Path(place))
        print(f"packed: {trials} trials in {ours:.0f} s, {ours / trials:.2f} s a trial", flush=True)
    library = [complete(config) for config in configs]
    # Workers of the plain stack read its steps from beside this file.
    given = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), given)))
    began = time.time()
    with ray_session(threads=1, dashboard=True) as scratch:
        starting = time.time() - began
        few = library[: min(PROBED, trials)]
        probed = {
            way: run_plain(few, SEED, data, f"{scratch}/probe-{way[0]}-{way[1]}", *way)[0]
            for way in dict.fromkeys(((1, 1), (1, cores), (cores, 1)))
        }
        way = min(probed, key=probed.__getitem__)
        said = {f"{at} x {threads}": round(s, 1) for (at, threads), s in probed.items()}
        print(f"plain: its first {len(few)} trials, trials x threads: {said} s", flush=True)
        theirs, plain = run_plain(library, SEED, data, str(scratch), *way)
    theirs += starting
    share = float(np.sum([t.started for t in plain]) / np.sum([t.whole for t in plain]))
    print(
        f"plain: {trials} trials in {theirs:.0f} s, {theirs / trials:.2f} s a trial; "
        f"{share:.0%} of a trial's time before its training"
    )
    hv, interval = paired_ratio(packed, [t.rows for t in plain], np.random.default_rng(0))
    alone = min(options.alone, trials)
    difference = largest_difference(configs[:alone], packed[:alone], data)
    print(
        f"hypervolume {hv:.4f} of theirs, 95 % over trials {interval[0]:.4f} to {interval[1]:.4f}"
    )
    print(
        json.dumps(
            {
                "benchmark": "sweep_throughput",
                "ratio": round(theirs / ours, 2),
                "plain_at_a_time": way[0],
                "plain_threads": way[1],
                "plain_probed_seconds": said,
                "start_share_plain": round(share, 3),
                "front_hv_ratio": round(hv, 4),
                "front_hv_interval": [round(bound, 4) for bound in interval],
                "packed_max_difference": float(f"{difference:.2g}"),
                "trials": trials,
                "steps": steps,
                "packed_seconds": round(ours, 1),
                "plain_seconds": round(theirs, 1),
                "compared_alone": alone,
                "cores": cores,
                "machine": platform.platform(),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
