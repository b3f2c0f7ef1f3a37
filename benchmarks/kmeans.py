"""K-means: time and inertia of ours beside scikit-learn's, at equal tolerance and limit of passes.

Each row is the mean over initialisations, which take turns: scikit-learn (`KMeans`: greedy
k-means++ over all points, then Lloyd), its `MiniBatchKMeans`, both as they come, and ours, all with
max_iter 300 and tol 1e-4. Seconds are those of the processor (all threads together) and of the
wall; where other work shares the machine, the former are the fairer ones at one thread. Motion is
the body of the embedded signer at full size, each recording followed by its mirror image, with as
many seeds as the count needs; noise is Gaussian, without any clusters to find.

Usage: python benchmarks/kmeans.py [--quick | --paper] [--data signer noise] [--clusters K ...]
       [--frames N] [--initialisations N] [--threads N ...] [--without NAME ...]
`--paper` is 626,664 frames of the signer, 4,096 clusters, one initialisation; `--estimate` times
16 parts in 4,096 of scikit-learn's k-means++ and two of Lloyd's iterations there instead of all,
and prints seconds only. The last line is one JSON object with every row.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from search_spaces.spec import DataSpec
from trainables.clustering import kmeans
from trainables.motion.dataset import prepare
from trainables.motion.resample import mirror
from trainables.motion.synthetic import embedded_clips

MAX_ITER, TOL = 300, 1e-4
PAPER_FRAMES, PAPER_CLUSTERS = 626_664, 4096
NOISE_FEATURES = 60

Method = Callable[[np.ndarray, int, int, int], tuple[float, int]]


def ours(points: np.ndarray, k: int, seed: int, threads: int) -> tuple[float, int]:
    """Inertia and iterations of `trainables.clustering`."""
    rng = np.random.default_rng(seed)
    found = kmeans(points, k, rng, max_iter=MAX_ITER, tol=TOL, threads=threads)
    return found.inertia, found.iterations


def reference(points: np.ndarray, k: int, seed: int, threads: int) -> tuple[float, int]:
    """Those of scikit-learn's Lloyd."""
    with threadpool_limits(threads):
        model = KMeans(k, n_init=1, max_iter=MAX_ITER, tol=TOL, random_state=seed).fit(points)
    return float(model.inertia_), int(model.n_iter_)


def mini_batches(points: np.ndarray, k: int, seed: int, threads: int) -> tuple[float, int]:
    """Those of scikit-learn's mini-batches."""
    with threadpool_limits(threads):
        model = MiniBatchKMeans(
            k, n_init=1, max_iter=MAX_ITER, batch_size=max(4096, 2 * k), random_state=seed
        ).fit(points)
    return float(model.inertia_), int(model.n_iter_)


METHODS: dict[str, Method] = {"ours": ours, "sklearn": reference, "minibatch": mini_batches}


def signer(frames: int, size: str = "full") -> np.ndarray:
    """Body features (frames, dimensions) of the embedded signer, recordings and mirror images."""
    first = prepare(DataSpec(path="embedded", embedded_size=size))  # type: ignore[arg-type]
    found: list[np.ndarray] = []
    have, seed = 0, 0
    while have < frames:
        for clip in embedded_clips(size, seed):
            for one in (clip, mirror(clip)):
                ready = first.preparation.split_clip(first.preparation.bring(one), scored=False)
                found.append(ready.features["body"])
                have += ready.frames
        seed += 1
    return np.concatenate(found)[:frames]


def noise(frames: int) -> np.ndarray:
    """Gaussian noise (frames, 60)."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(frames, NOISE_FEATURES)).astype(np.float32)


def compare(
    label: str,
    points: np.ndarray,
    k: int,
    threads: int,
    seeds: int,
    names: Sequence[str],
) -> dict[str, object]:
    """Mean seconds and inertia of each method over seeds, taken in turns."""
    times = {name: np.zeros((seeds, 2)) for name in names}
    inertia = {name: np.zeros(seeds) for name in names}
    iterations = {name: np.zeros(seeds) for name in names}
    for seed in range(seeds):
        for name in names:
            wall, processor = time.perf_counter(), time.process_time()
            inertia[name][seed], iterations[name][seed] = METHODS[name](points, k, seed, threads)
            spent = time.process_time() - processor, time.perf_counter() - wall
            times[name][seed] = spent
    row: dict[str, object] = {
        "data": label, "frames": len(points), "features": points.shape[1],
        "clusters": k, "threads": threads, "initialisations": seeds,
    }  # fmt: skip
    for name in names:
        processor, wall = times[name].mean(0)
        mean = float(inertia[name].mean())
        row[name] = {
            "processor_s": round(float(processor), 3), "wall_s": round(float(wall), 3),
            "inertia_per_frame": mean / len(points), "iterations": float(iterations[name].mean()),
        }  # fmt: skip
        line = (
            f"{label:7s} k={k:5d} threads={threads} inits={seeds} {name:10s} "
            f"processor {processor:8.2f} s  wall {wall:8.2f} s  "
            f"inertia {mean / len(points):10.5f}  iterations {iterations[name].mean():5.1f}"
        )
        if name != "sklearn" and "sklearn" in names:
            of_time = times[name].mean(0) / times["sklearn"].mean(0)
            more = mean / float(inertia["sklearn"].mean()) - 1
            row[f"{name}_over_sklearn"] = {
                "processor": round(float(of_time[0]), 4), "wall": round(float(of_time[1]), 4),
                "more_inertia": round(more, 5),
            }  # fmt: skip
            line += f"  time x{of_time[0]:.3f} (wall x{of_time[1]:.3f}), inertia {more:+.2%}"
        print(line, flush=True)
    return row


def estimate(points: np.ndarray, k: int, threads: int) -> dict[str, object]:
    """Seconds that scikit-learn would need at least: part of its start, two of its iterations."""
    trials = 2 + int(np.log(k))  # as many as kmeans_plusplus takes for k
    part = max(8, k // 256)
    with threadpool_limits(threads):
        begun = time.process_time()
        kmeans_plusplus(points, part, n_local_trials=trials, random_state=0)
        start = (time.process_time() - begun) * k / part
        init = points[np.random.default_rng(0).choice(len(points), k, replace=False)]
        seconds = []
        for iterations in (1, 3):
            begun = time.process_time()
            KMeans(k, init=init, n_init=1, max_iter=iterations, tol=0).fit(points)
            seconds.append(time.process_time() - begun)
    each = (seconds[1] - seconds[0]) / 2
    print(f"sklearn, estimated: k-means++ {start:.0f} s, {each:.2f} s an iteration (processor)")
    return {"kmeans_plusplus_s": round(start, 1), "iteration_s": round(each, 3)}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs and prints all rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--paper", action="store_true", help="626,664 frames, 4,096 clusters")
    parser.add_argument("--estimate", action="store_true", help="with --paper: see above")
    parser.add_argument("--data", nargs="+", choices=("signer", "noise"), default=[])
    parser.add_argument("--clusters", nargs="+", type=int, default=[])
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--initialisations", type=int, default=0)
    parser.add_argument("--threads", nargs="+", type=int, default=[])
    parser.add_argument("--without", nargs="+", choices=METHODS, default=[])
    parser.add_argument("--cache", default="", help="file (.npy) that keeps the signer's features")
    options = parser.parse_args(argv)
    if options.quick:
        usual = (10_000, [16, 128], 1, [1], ["signer", "noise"])
    elif options.paper:
        usual = (PAPER_FRAMES, [PAPER_CLUSTERS], 1, [2], ["signer"])
    else:
        usual = (100_000, [64, 512, 1024, 4096], 5, [1, 2], ["signer", "noise"])
    frames = options.frames or usual[0]
    names = [name for name in METHODS if name not in options.without]
    if options.estimate:
        names = [name for name in names if name != "sklearn"]
    rows = []
    for label in options.data or usual[4]:
        points = _motion(frames, options) if label == "signer" else noise(frames)
        print(f"{label}: {points.shape[0]} x {points.shape[1]}", flush=True)
        for k in options.clusters or usual[1]:
            for threads in options.threads or usual[3]:
                seeds = options.initialisations or usual[2]
                rows.append(compare(label, points, k, threads, seeds, names))
                if options.estimate:
                    rows[-1]["sklearn_estimated"] = estimate(points, k, threads)
    print(
        json.dumps(
            {
                "benchmark": "kmeans",
                "rows": rows,
                "max_iter": MAX_ITER,
                "tol": TOL,
                "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "cores": os.cpu_count(),
                "load": os.getloadavg()[0],
                "machine": platform.platform(),
            }
        )
    )
    return 0


def _motion(frames: int, options: argparse.Namespace) -> np.ndarray:
    if options.cache and os.path.exists(options.cache):
        kept = np.load(options.cache, mmap_mode="r")
        if len(kept) >= frames:
            return np.array(kept[:frames])
    points = signer(frames, "debug" if options.quick else "full")
    if options.cache:
        np.save(options.cache, points)
    return points


if __name__ == "__main__":
    sys.exit(main())
