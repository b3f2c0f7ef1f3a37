"""Members per device against throughput: RQ-VAEs trained as one pack on a GPU.

One run measures, of the paper's RQ-VAE (Klezovich et al., section 3.3, here 256 wide, 1024 codes,
8 levels) on the embedded body:

* one process for one trial, with the library's quantizer and with ours;
* several such processes at once on the device, each with a fraction of it (`--processes`);
* packs of 1 to 256 members, as they are; with TF32; with networks in bfloat16; with the step
  recorded as a CUDA graph (codes then go without redrawing, on which a step's operations depend);
  with networks by torch.compile;
* peak memory, and the share of the device's arithmetic that the networks and look-ups are;
* whole trials, with rungs, scores of every prefix, checkpoints and files: one by one with the
  library's quantizer, and packed, scored in turn or by processes on the machine's other cores.

Each line is steps of a member per second, summed over members. The loss after the same steps stands
beside it, so that nobody takes a faster wrong answer.

Usage: python benchmarks/packed_gpu.py [--quick] [--device cuda] [--processes N] [--members N]
                                       [--parts steps,trials]
The last line is one JSON object: `ratio_processes`, steps of the best pack of at least 128 members
over one process with the library; `ratio_fractions`, over several processes at once; `best`;
`ratio_trials`, whole trials an hour of a pack of 128 over one by one. Without a GPU it says so in
one line and ends with 2; `--device cpu` runs the same on a core, to try it out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from packed_gpu_steps import whole_trials as whole

from search_spaces.families import complete
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from trainables.codecs.codec import Codec
from trainables.codecs.rqvae import RQVAECodec
from trainables.motion.dataset import prepare
from trainables.motion.part_data import PartData
from trainables.packed.engine import Engine
from trainables.packed.pack import Execution
from trainables.runtime import PlainRuntime

PAPER: Config = {
    "hidden_dim": 256, "latent_dim": 32, "codebook_size": 1024, "quantizer_depth": 8,
    "batch_frames": 256,
}  # fmt: skip
TINY: Config = {
    "hidden_dim": 16, "latent_dim": 8, "codebook_size": 16, "quantizer_depth": 2,
    "batch_frames": 32,
}  # fmt: skip
PEAK = {"H200": 66.9, "H100": 66.9, "A100": 19.5}
"""TFLOP/s of single precision without tensor cores, from the makers' data sheets."""
TOTAL = 1_000_000
WARM = 8
WAYS: dict[str, tuple[Execution, bool, bool]] = {
    "as it is": (Execution(), False, True),
    "TF32": (Execution(), True, True),
    "bfloat16 networks": (Execution(half=True), False, True),
    "compiled networks": (Execution(compiled=True), False, True),
    "no redrawing": (Execution(), False, False),
    "CUDA graph": (Execution(graphs=True), False, False),
    "CUDA graph, TF32": (Execution(graphs=True), True, False),
    "CUDA graph, bfloat16": (Execution(graphs=True, half=True), False, False),
}
"""Execution, whether TF32, whether codes are redrawn."""


def codecs(members: int, part: PartData, shape: Config, backend: str, redraw: bool) -> list[Codec]:
    """Untrained ones, of as many seeds and rates."""
    found: list[Codec] = []
    for i in range(members):
        config: Config = {
            "codec": "rqvae", "epochs": TOTAL, "max_steps": TOTAL, "decoder_share": 0.0, **shape,
            "quantizer_backend": backend, "learning_rate": 1e-3 * (1 + i % 5),
            "dead_codes": "redraw" if redraw else "none",
        }  # fmt: skip
        found.append(RQVAECodec(complete(config), part.name, part.dimensions, 30.0, i))
    return found


@contextlib.contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Products with ten bits of mantissa, on devices that have them."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if on else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def alone(part: PartData, shape: Config, backend: str, device: str, steps: int) -> float:
    """Steps per second of one trial by its own `fit`."""
    (codec,) = codecs(1, part, shape, backend, True)
    runtime = PlainRuntime(device)
    codec.fit(part, runtime, WARM / TOTAL)
    began = time.perf_counter()
    codec.fit(part, runtime, (WARM + steps) / TOTAL)  # ends in reading the loss, which waits
    return steps / (time.perf_counter() - began)


def packed(
    part: PartData, shape: Config, members: int, way: str, device: str, steps: int
) -> tuple[float, float]:
    """Members' steps per second together, and their mean loss at the end."""
    execution, fast, redraw = WAYS[way]
    engine, runtime = Engine(execution), PlainRuntime(device)
    with tf32(fast):
        until = (WARM + steps) / TOTAL
        stretches = [
            engine.begin(codec, part, runtime, until)
            for codec in codecs(members, part, shape, "fused", redraw)
        ]
        engine.advance(WARM)
        _wait(device)
        began = time.perf_counter()
        while not engine.idle:
            engine.advance(steps)
        _wait(device)
        seconds = time.perf_counter() - began
    failed = [stretch.error for stretch in stretches if stretch.error is not None]
    if failed:
        raise failed[0]
    losses = [stretch.losses["loss"] for stretch in stretches if stretch.losses]
    return members * steps / seconds, sum(losses) / len(losses)


def together(processes: int, device: str, steps: int, tiny: bool) -> float:
    """Steps per second of several processes that share the device."""
    command = [sys.executable, __file__, "--device", device, "--worker", str(steps)]
    command += ["--quick"] if tiny else []
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
               for _ in range(processes)]  # fmt: skip
    return sum(float(process.communicate()[0].split()[-1]) for process in started)


def operations(part: PartData, shape: Config) -> float:
    """Floating-point operations of a member's step: networks there and back, and look-ups."""
    hidden, latent = int(shape["hidden_dim"]), int(shape["latent_dim"])
    half = hidden // 2
    network = 2 * (part.dimensions * hidden + hidden * half + half * latent)
    codes = int(shape["quantizer_depth"]) * int(shape["codebook_size"]) * latent
    return int(shape["batch_frames"]) * (6.0 * network + 2.0 * codes)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table and the headline."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few members, steps and processes")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try it out")
    parser.add_argument("--processes", type=int, default=8, help="that share the device")
    parser.add_argument("--parts", default="steps,trials", help="of steps,trials")
    parser.add_argument("--members", type=int, default=0, help="whole trials that are packed")
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    device, quick = options.device, options.quick
    if device != "cpu" and not torch.cuda.is_available():
        print("packed_gpu: no GPU here; --device cpu tries it out on a core", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    size = "debug" if quick else "reduced"
    part = prepare(DataSpec(path="embedded", embedded_size=size)).parts["body"]
    shape = TINY if quick and device == "cpu" else PAPER
    steps = 20 if quick else 200
    if options.worker:
        print(alone(part, shape, "fused", device, options.worker))
        return 0
    name = "a CPU core" if device == "cpu" else torch.cuda.get_device_name()
    print(f"{name}; torch {torch.__version__}; {part.dimensions} features")
    found: dict[str, Any] = {"benchmark": "packed_gpu", "device": name}
    parts = options.parts.split(",")
    if "steps" in parts:
        processes = 2 if quick else options.processes
        found |= training_steps(part, shape, device, steps, processes, quick)
    if "trials" in parts:
        members = options.members or (4 if quick else 128)
        found |= whole_trials(shape, size, members, device, quick)
    print(json.dumps(found))
    return 0


def training_steps(
    part: PartData, shape: Config, device: str, steps: int, processes: int, quick: bool
) -> dict[str, Any]:
    """Steps of one process, of several at once, and of packs in every way."""
    single = {b: alone(part, shape, b, device, steps) for b in ("library", "fused")}
    for backend, rate in single.items():
        print(f"one process, {backend:8s} {rate:10.0f} steps/s")
    shared = together(processes, device, steps, quick)
    print(f"{processes} processes, fused {shared:10.0f} steps/s together", flush=True)
    name = "" if device == "cpu" else torch.cuda.get_device_name()
    rates: dict[str, dict[int, float]] = {}
    for way in WAYS:
        if device == "cpu" and ("graph" in way or "compiled" in way):
            continue  # nothing to record on a core, and compiling there takes minutes
        for members in (1, 4) if quick else (1, 8, 32, 64, 128, 256):
            if device != "cpu":
                torch.cuda.reset_peak_memory_stats()
            try:
                rate, loss = packed(part, shape, members, way, device, steps)
            except RuntimeError as error:  # of a device: too little memory, or what it cannot do
                print(f"{way:22s} {members:4d} members: {str(error).splitlines()[0]}")
                continue
            rates.setdefault(way, {})[members] = rate
            tera = rate * operations(part, shape) / 1e12
            print(
                f"{way:22s} {members:4d} members {rate:10.0f} steps/s, {tera:7.3f} TFLOP/s"
                f"{_beside_peak(tera, name)}, loss {loss:.4g}{_memory(device)}",
                flush=True,
            )
    return headline(rates, single["library"], shared, quick)


def whole_trials(
    shape: Config, size: str, members: int, device: str, quick: bool
) -> dict[str, float]:
    """Trials an hour, one by one and packed; the processes that score are all cores but one."""
    steps, cores = (60, 2) if quick else (2000, os.cpu_count() or 2)
    data = prepare(DataSpec(path="embedded", embedded_size=size))
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        one = whole.alone(data, shape, 1 if quick else 3, steps, device, place)
        print(f"whole trials of {steps} steps: one by one, library {3600 / one:10.1f} an hour")
        found = {}
        for scorers in (0, cores - 1):
            each = whole.packed(data, size, shape, members, steps, device, scorers, place)
            found[scorers] = one / each
            who = f"by {scorers} processes" if scorers else "in turn"
            print(
                f"{members:4d} packed, scored {who:15s} {3600 / each:10.1f} an hour, "
                f"{one / each:.2f} times as many",
                flush=True,
            )
    return {
        "ratio_trials": round(max(found.values()), 2),
        "ratio_trials_in_turn": round(found[0], 2),
    }


def headline(
    rates: dict[str, dict[int, float]], library: float, shared: float, quick: bool
) -> dict[str, Any]:
    """The best pack of many members beside processes."""
    many = max(m for of_way in rates.values() for m in of_way) if quick else 128
    best = max(
        ((rate, way, members) for way, of_way in rates.items() for members, rate in of_way.items()
         if members >= many),
    )  # fmt: skip
    return {
        "ratio_processes": round(best[0] / library, 2),
        "ratio_fractions": round(best[0] / shared, 2),
        "best": {"way": best[1], "members": best[2], "steps_per_second": round(best[0], 1)},
        "rates": {w: {str(m): round(r, 1) for m, r in found.items()} for w, found in rates.items()},
    }


def _beside_peak(tera: float, name: str) -> str:
    known = [peak for model, peak in PEAK.items() if model in name]
    return f" ({tera / known[0]:.1%} of single precision)" if known else ""


def _memory(device: str) -> str:
    return "" if device == "cpu" else f", {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB"


if __name__ == "__main__":
    sys.exit(main())
