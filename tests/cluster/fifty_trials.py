"""Run by a test: fifty trials in one process, as in a reused actor; prints one line of JSON.

The first and the last are the same configuration; what lies between is of every codec.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

SMALL: dict[str, Any] = {
    "latent_dim": 8, "hidden_dim": 16, "max_steps": 12, "epochs": 1000, "batch_frames": 96,
}  # fmt: skip
CONFIGS: list[dict[str, Any]] = [
    {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 2, **SMALL},
    {"codec": "kmeans", "codebook_size": 8},
    {"codec": "temporal_rvq", "codebook_size": 4, "quantizer_depth": 2, "compression": 4,
     "window": 16, **SMALL},
]  # fmt: skip
TRIALS, WARM = 50, 3


def resident_mb() -> float:
    """Memory of this process that is its own: resident, without pages shared through files."""
    said = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":" in line
    )
    return float(said["RssAnon"].split()[0]) / 1024


def main(folder: Path) -> None:
    data = prepare(spec(), make_clips(6, 45))
    memory, rows, files = [], [], []
    for number in range(TRIALS):
        same = number in (0, TRIALS - 1)
        seed = 0 if same else number
        config = complete(CONFIGS[0] if same else CONFIGS[number % len(CONFIGS)])
        place = folder / str(number)
        rows.append(run_trial(TrialTask("x", config, seed, place, 1), data, PlainRuntime()))
        files.append({p.relative_to(place): p for p in sorted(place.rglob("*.safetensors"))})
        memory.append(resident_mb())
    timed = {"train_seconds", "evaluate_seconds"}
    first, last = (
        [{k: v for k, v in r.items() if k not in timed} for r in rows[i]] for i in (0, -1)
    )
    print(
        json.dumps(
            {
                "rows": repr(first) == repr(last),
                "weights": files[0].keys() == files[-1].keys()
                and all(p.read_bytes() == files[-1][n].read_bytes() for n, p in files[0].items()),
                "files": len(files[0]),
                "memory": memory,
                "grown": memory[-1] - memory[WARM - 1],
            }
        )
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else place))
