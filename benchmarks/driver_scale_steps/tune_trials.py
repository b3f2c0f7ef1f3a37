"""Trials that do next to nothing on Ray: through the product's driver, and through a bare Tuner.

Both run the same body with reused actors under the same settings of Ray, as many at a time: it
waits for a stated time and reports the points of a trial. The product's body is only told apart by
being handed its sweep's job, as its own is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from driver_scale_steps.invented_points import Forms
from driver_scale_steps.light_sweep import opened, resident_mib


def light_body(rows: Sequence[Mapping[str, Any]], seconds: float) -> Callable[..., None]:
    """A Tune trainable that waits and reports some points, of a configuration of its own each."""
    scored = [k for k in rows[0] if k.startswith("val_") or k == "rate_nominal_bps"]
    drawn = [k for k in scored if isinstance(rows[0][k], float)]

    def body(config: dict[str, Any], shared: object = None) -> None:
        import random
        import time

        from ray import tune

        if seconds:
            time.sleep(seconds)
        trial = str(config["trial"])
        luck = random.Random(trial)
        own = {"trial": trial, "config_hash": trial}
        moved = [{k: row[k] * luck.lognormvariate(0, 0.3) for k in drawn} for row in rows]
        points = [{**row, **own, **new} for row, new in zip(rows, moved, strict=True)]
        tune.report({"points": points})

    return body


def through_ratefront(
    folder: Path, forms: Forms, trials: int, at_a_time: int, seconds: float, marks: Sequence[int]
) -> dict[str, Any]:
    """A whole sweep through store, books, searcher and Tune adapter; returns what it took."""
    with opened(folder, trials) as (spec, _, books):
        from cluster import tune_adapter
        from cluster.jobs import Job
        from cluster.session import ray_session

        # Stands for a trial that trains; everything on the driver's side is the product's.
        tune_adapter.run_job = light_body([forms.point["kmeans"]], seconds)
        with ray_session(threads=1, cpus=at_a_time) as scratch:
            job = Job(
                data=None, sweep=spec.name, folder=str(folder), size=spec.size, placement="local",
                workers=1, threads=1, gpus=0.0, plugins=(), scratch=str(scratch),
                rungs=spec.search.rungs,
            )  # fmt: skip
            watch = Watch(marks)
            books.on_change = lambda: watch.look(books.counts()["done"], at_a_time)
            tune_adapter.run_trials(books, job, at_a_time, {"CPU": at_a_time})
            found = watch.found(at_a_time, trials)
            ray_bytes = _bytes_under(scratch / "tune")
        done = books.counts()["done"]
    if done != trials:
        raise SystemExit(f"{done} of {trials} trials are done")
    log = (folder / "log.jsonl").stat().st_size
    return {**found, "log_bytes": log, "ray_bytes": ray_bytes}


def through_tuner(
    folder: Path, forms: Forms, trials: int, at_a_time: int, seconds: float, marks: Sequence[int]
) -> dict[str, Any]:
    """The same bodies through `ray.tune.Tuner` alone; its results are kept by nobody."""
    from cluster.session import ray_session

    with ray_session(threads=1, cpus=at_a_time) as scratch:
        from ray import tune

        watch = Watch(marks)

        class Ends(tune.Callback):  # type: ignore[misc]
            ended = 0

            def on_trial_complete(self, *_: Any, **__: Any) -> None:
                Ends.ended += 1
                watch.look(Ends.ended, at_a_time)

        results = tune.Tuner(
            tune.with_resources(light_body([forms.point["kmeans"]], seconds), {"cpu": 1}),
            param_space={"trial": tune.randint(0, 10**9)},
            tune_config=tune.TuneConfig(
                num_samples=trials, max_concurrent_trials=at_a_time, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="bare", storage_path=f"{scratch}/tune", callbacks=[Ends()], verbose=0
            ),
        ).fit()
        if len(results) != trials or results.errors:
            raise SystemExit(f"{len(results)} of {trials} trials, errors {results.errors[:1]}")
        found = watch.found(at_a_time, trials)
        return {**found, "log_bytes": 0, "ray_bytes": _bytes_under(scratch / "tune")}


class Watch:
    """Time and memory of this process at numbers of ended trials."""

    def __init__(self, marks: Sequence[int]) -> None:
        """Starts the clock."""
        self._marks = set(marks)
        self._began = time.perf_counter()
        self._processor = time.process_time()
        self._first: tuple[float, float] | None = None
        self._processes = (0, 0.0)
        self.curve: dict[int, tuple[float, float, float]] = {}

    def look(self, ended: int, at_a_time: int) -> None:
        """So many have ended."""
        now = (time.perf_counter() - self._began, time.process_time() - self._processor)
        if ended >= at_a_time and self._first is None:
            # The first round pays for starting processes.
            self._first = now
            self._processes = _own_processes()
        if ended in self._marks and ended not in self.curve:
            self.curve[ended] = (*now, resident_mib())

    def found(self, at_a_time: int, trials: int) -> dict[str, Any]:
        """Seconds in all, and of each trial after the first round."""
        now = (time.perf_counter() - self._began, time.process_time() - self._processor)
        first = self._first or now
        after = max(1, trials - at_a_time)
        count, mib = self._processes
        return {
            "trials": trials, "wall": now[0], "first_round": first[0],
            "trial_seconds": (now[0] - first[0]) / after,
            "driver_seconds": (now[1] - first[1]) / after, "curve": self.curve,
            "trial_processes": count, "trial_process_mib": mib / count if count else 0.0,
        }  # fmt: skip


def _own_processes() -> tuple[int, float]:
    """Processes of trials of this user that descend from this one, and their memory in MiB, what
    they share counted in parts."""
    count, kib = 0, 0
    family = {os.getpid()}
    found: list[tuple[int, int, str]] = []
    for folder in sorted(Path("/proc").iterdir()):
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, UnicodeDecodeError):
                continue  # it has ended
            found.append((int(folder.name), parent, line))
    while more := {pid for pid, parent, _ in found if parent in family} - family:
        family |= more
    for pid, _, line in found:
        if pid in family and line.startswith("ray::"):
            try:
                rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            count += 1
            kib += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
    return count, kib / 1024


def _bytes_under(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def free_mib() -> float:
    """Memory that the machine could still give."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable"):
            return int(line.split()[1]) / 1024
    sys.exit("/proc/meminfo does not say what memory is available")
