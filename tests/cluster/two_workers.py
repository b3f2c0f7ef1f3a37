"""Run by a test, once per worker: a trial over several processes, as Train's worker group runs it.

`two_workers.py RANK WORLD_SIZE FOLDER SEEDS STEPS`; the first worker writes `rows-WORLD_SIZE.json`.
Each worker writes the sizes and a digest of its weights, so that they can be compared.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch.distributed

from cluster.jobs import GroupRuntime
from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import prepare
from trainables.trial import TrialTask, make_codecs, run_trial

_SMALL = {"latent_dim": 8, "hidden_dim": 32, "epochs": 10_000, "batch_frames": 128}
CONFIGS: dict[str, dict[str, Any]] = {
    "kmeans": {"codec": "kmeans", "codebook_size": 16},
    "rqvae": {"codec": "rqvae", "codebook_size": 16, "quantizer_depth": 2, **_SMALL},
    "temporal_rvq": {
        "codec": "temporal_rvq", "codebook_size": 16, "quantizer_depth": 2, "compression": 2,
        "window": 16, **_SMALL,
    },
}  # fmt: skip


class Group(GroupRuntime):
    """A worker that reports to nobody; averaging is the real one."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank, self.world_size, self.device = rank, world_size, "cpu"
        self._checkpoints = None  # type: ignore[assignment]

    def report(self, metrics: Mapping[str, Any]) -> None:
        """Nobody listens."""


def main(rank: int, world_size: int, folder: Path, seeds: int, steps: int) -> None:
    torch.distributed.init_process_group(
        "gloo", f"file://{folder}/meet-{world_size}", timeout=datetime.timedelta(seconds=120),
        rank=rank, world_size=world_size,
    )  # fmt: skip
    data = prepare(spec(), make_clips(8, 90))
    rows, digests = {}, {}
    for name, config in CONFIGS.items():
        if config["codec"] != "kmeans":
            config = {**config, "max_steps": steps}
        for seed in range(seeds):
            task = TrialTask("x", complete(config), seed, None, 1)
            rows[f"{name}-{seed}"] = run_trial(task, data, Group(rank, world_size))
        codecs = make_codecs(task, data)
        digest = hashlib.sha256()
        for part, codec in codecs.items():
            codec.fit(data.parts[part], Group(rank, world_size))
            for _, array in sorted(codec.arrays().items()):
                digest.update(array.tobytes())
        digests[name] = digest.hexdigest()
    (folder / f"weights-{world_size}-{rank}.json").write_text(json.dumps(digests))
    if rank == 0:
        (folder / f"rows-{world_size}.json").write_text(json.dumps(rows, default=float))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
