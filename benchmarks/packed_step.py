"""Milliseconds of a member's training step in packs of 1 to 64, on one core.

Members are the configurations that `sweep_throughput.py` draws, on the body of the embedded motion,
each with a seed of its own. A round times every number of members once, in turn, so that whatever
else the machine does falls on all of them; the median of the rounds is printed. One member alone in
its pack is compared with the same trained by its own `fit`, with the library's quantizer and ours.

Usage: python benchmarks/packed_step.py [--quick] [--members 1,8,16,32,64] [--rounds N]
The last line is one JSON object: `milliseconds` by number of members, and of `fit`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence

import torch
from sweep_throughput_steps.configurations import listed

from search_spaces.families import complete
from search_spaces.spec import DataSpec
from trainables.codecs.codec import Codec
from trainables.codecs.rqvae import RQVAECodec
from trainables.motion.dataset import prepare
from trainables.motion.part_data import PartData
from trainables.packed.engine import Engine
from trainables.runtime import PlainRuntime

TOTAL = 1_000_000
WARM = 8


def codecs(part: PartData, members: int, backend: str) -> list[Codec]:
    """Untrained ones, a configuration and a seed each."""
    return [
        RQVAECodec(
            complete({**config, "quantizer_backend": backend}),
            part.name, part.dimensions, 30.0, seed,
        )
        for seed, config in enumerate(listed(members, TOTAL))
    ]  # fmt: skip


def packed(part: PartData, members: int, steps: int) -> tuple[float, list[int]]:
    """Seconds of a member's step, and how many stand in each pack."""
    engine, runtime = Engine(), PlainRuntime()
    for codec in codecs(part, members, "fused"):
        engine.begin(codec, part, runtime, 1.0)
    engine.advance(WARM)
    began = time.perf_counter()
    engine.advance(steps)
    return (time.perf_counter() - began) / (members * steps), engine.sizes


def alone(part: PartData, members: int, backend: str, steps: int) -> float:
    """Seconds of a step by `fit`, mean over the same configurations one after the other."""
    spent, runtime = 0.0, PlainRuntime()
    for codec in codecs(part, members, backend):
        codec.fit(part, runtime, WARM / TOTAL)
        began = time.perf_counter()
        codec.fit(part, runtime, (WARM + steps) / TOTAL)
        spent += time.perf_counter() - began
    return spent / (members * steps)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few members, rounds and steps")
    parser.add_argument("--members", default="", help="numbers of members")
    parser.add_argument("--rounds", type=int, default=0)
    options = parser.parse_args(argv)
    members = [
        int(n) for n in (options.members or ("1,4" if options.quick else "1,8,16,32,64")).split(",")
    ]
    rounds = options.rounds or (1 if options.quick else 5)
    steps, compared = (10, 2) if options.quick else (100, 8)
    torch.set_num_threads(1)
    size = "debug" if options.quick else "reduced"
    part = prepare(DataSpec(path="embedded", embedded_size=size)).parts["body"]
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for backend in ("library", "fused"):
            taken.setdefault(f"fit, {backend}", []).append(alone(part, compared, backend, steps))
        for number in members:
            each, sizes = packed(part, number, steps)
            taken.setdefault(f"{number} in packs of {', '.join(map(str, sizes))}", []).append(each)
    found = {name: 1000 * statistics.median(each) for name, each in taken.items()}
    print(f"a member's step on one core, milliseconds; {part.dimensions} features, {rounds} rounds")
    for name, each in found.items():
        spread = 1000 * (max(taken[name]) - min(taken[name]))
        print(f"  {name:32s} {each:7.3f}   (largest less smallest {spread:.3f})")
    said = {name: round(each, 4) for name, each in found.items()}
    machine = {"cores": os.cpu_count(), "machine": platform.platform()}
    print(json.dumps({"benchmark": "packed_step", "milliseconds": said, **machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
