"""Sweeps of a second whose codecs the tests export: every codec, the root removed and coded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pandas as pd

from cluster.cli import main
from search_spaces.presets import load_spec
from search_spaces.record import POINTS_TABLE
from tests.cluster.in_process import sweep_in_process
from tests.trainables.exported.training import write_recordings
from trainables.motion.dataset import MotionData, prepare

FAMILIES = {
    "kmeans": ("iterations=5",),
    "rqvae": ("quantizer_depth=2", "latent_dim=8", "hidden_dim=16", "batch_frames=96",
              "max_steps=6", "learning_rate=0.002", "commitment=0.25", "loss.position=0"),
}  # fmt: skip
FAMILIES["temporal_rvq"] = (*FAMILIES["rqvae"], "window=16", "compression=4")


@dataclass(frozen=True, eq=False)
class Swept:
    """A finished sweep.

    Attributes:
        folder: of the sweep.
        source: its motion.
        data: that motion, prepared.
    """

    folder: Path
    source: Path
    data: MotionData

    @cached_property
    def points(self) -> pd.DataFrame:
        """Its operating points."""
        return pd.read_parquet(self.folder / POINTS_TABLE)

    def trial(self, codec: str) -> str:
        """The first trial of a codec."""
        return str(self.points[self.points["codec"] == codec]["trial"].iloc[0])

    def test_recordings(self, folder: Path) -> Path:
        """The files of its test split, copied into a folder of their own."""
        for clip in self.data.splits["test"]:
            to = folder / f"{clip.recording}.bvh"
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes((self.source / f"{clip.recording}.bvh").read_bytes())
        return folder


def sweep(folder: Path, source: Path, *codecs: str, root: str = "removed") -> Swept:
    """Sweeps one configuration of each of some codecs."""
    fixed = dict.fromkeys(s for codec in codecs for s in FAMILIES[codec])
    spec = load_spec(
        "rate_distortion",
        size="debug",
        settings=(f"codec={','.join(codecs)}", "codebook_size=8", "feature_scaling=none",
                  "sampler=grid", f"root={root}", *fixed),
        overrides={"data": {"path": str(source)}},
    )  # fmt: skip
    data = prepare(spec.data)
    sweep_in_process(spec, data, folder)
    return Swept(folder, source, data)


@cache
def shared_sweeps(place: Path) -> dict[str, Swept]:
    """Every codec with the root removed, and K-Means with it coded: made once a session.

    Args:
        place: a folder of the session. Who uses the sweeps only ever adds evaluations to them.
    """
    source = write_recordings(place / "codec-sweeps" / "motion")
    return {
        "removed": sweep(source.parent / "removed", source, "kmeans", "rqvae", "temporal_rvq"),
        "coded": sweep(source.parent / "coded", source, "kmeans", root="coded"),
    }


def run_main(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}
