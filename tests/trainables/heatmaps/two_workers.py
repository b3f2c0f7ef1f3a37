"""Run by a test, once per worker: a codec of heatmaps trained by several processes over gloo.

`two_workers.py RANK WORLD_SIZE FOLDER`; each writes `losses-WORLD_SIZE-RANK.json` and its weights,
`weights-WORLD_SIZE-RANK.npz`.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed

from search_spaces.space import Value
from tests.trainables.heatmaps.coding import codec, config, data
from trainables.runtime import PlainRuntime

CODECS: dict[str, dict[str, Value]] = {
    "vqgan": {"intensity": "random", "disc_start": 2},
    "spectral": {"disc_norm": "spectral", "disc_start": 2},
    "ema": {"codebook": "ema", "disc_start": 2},
    "dvae": {"codec": "dvae", "codebook_size": 16},
}


class Group(PlainRuntime):
    """A worker of a group that averages over gloo."""

    def __init__(self, rank: int, world_size: int) -> None:
        super().__init__()
        self.rank, self.world_size = rank, world_size

    def average(self, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            torch.distributed.all_reduce(tensor)
            tensor /= self.world_size


def main(rank: int, world_size: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", f"file://{folder}/meet-{world_size}", timeout=datetime.timedelta(seconds=200),
        rank=rank, world_size=world_size,
    )  # fmt: skip
    losses, weights = {}, {}
    for name, given in CODECS.items():
        of = config(**{"batch_windows": 2, "max_steps": 4, **given})  # type: ignore[arg-type]
        on = data(of)
        trained = codec(of, on)
        losses[name] = trained.fit(on, Group(rank, world_size))
        weights |= {f"{name}/{key}": value for key, value in trained.arrays().items()}
    (folder / f"losses-{world_size}-{rank}.json").write_text(json.dumps(losses))
    np.savez(folder / f"weights-{world_size}-{rank}.npz", **weights)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
