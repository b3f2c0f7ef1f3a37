"""Motion that heatmaps are drawn of: read, brought to one rate and split once, then drawn by any.

What all trials of a sweep share, however differently they draw it; no torch is imported. A trial's
configuration says what its pictures show (`drawing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.data_facts import HEATMAPS, DataFacts, PartFacts, SplitFacts
from search_spaces.errors import BadInput
from search_spaces.heatmap_families import PART
from search_spaces.heatmaps import HeatmapSpec, heatmap_spec
from search_spaces.objectives import SPLITS
from search_spaces.record import ALL_BLACK
from search_spaces.space import Value
from search_spaces.spec import PROCEDURAL, DataSpec
from trainables.heatmaps.layout import layout_of
from trainables.motion.cameras import Camera
from trainables.motion.clip import Clip
from trainables.motion.detectors import alike
from trainables.motion.panoptic import find_sessions, read_cameras
from trainables.motion.reconcile import reconcile
from trainables.motion.recordings import data_hash, grouped_notes, load_clips
from trainables.motion.resample import resample
from trainables.motion.split import kept_together, split_by_recording, split_hash, split_in_time
from trainables.motion.units import in_unit, is_flat

_PICTURE_KEYS = (
    "pair", "heatmap", "channels", "window", "stride", "jitter", "sigma", "intensity",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class HeatmapMotion:
    """Motion ready to be drawn.

    Attributes:
        facts: for planning; the one part is the picture.
        reading: how it was read and split.
        splits: split -> its recordings.
        cameras: session -> its cameras.
    """

    facts: DataFacts
    reading: HeatmapSpec
    splits: Mapping[str, tuple[Clip, ...]]
    cameras: Mapping[str, Sequence[Camera]]

    @property
    def fps(self) -> float:
        """Frames per second of all clips."""
        return self.facts.fps

    def bound_rows(self) -> list[dict[str, Any]]:
        """What a black picture scores whatever is drawn, at no bits: it shares no lit pixel."""
        row = {"codec": ALL_BLACK, "depth": 1, "levels": 1, "rate_nominal_bps": 0.0}
        return [{**row, "val_iou_index": 0.0, "test_iou_index": 0.0}]


def reading_of(data: DataSpec) -> HeatmapSpec:
    """How a sweep's data section reads and splits motion.

    Raises:
        BadInput: it asks for what heatmaps do not have.
    """
    if data.frame_stride != 1 or data.mirror:
        raise BadInput("data: heatmaps have no frame_stride and no mirror; set fps, leave mirror")
    return heatmap_spec(
        {
            "path": data.path,
            "embedded_size": data.embedded_size,
            "embedded_seed": data.embedded_seed,
            "rest_skeleton": data.rest_skeleton,
            "body_model": data.body_model,
            "fps": data.fps,
            "split": data.split,
            "shares": data.shares,
            "split_seed": data.split_seed,
            "gap_seconds": data.gap_seconds,
        }
    )


def drawing(reading: HeatmapSpec, config: Mapping[str, Value], seed: int = 0) -> HeatmapSpec:
    """What a configuration draws of motion that was read; `seed` is of random intensities."""
    asked = {name: config[name] for name in _PICTURE_KEYS}
    views = tuple(v for v in str(config["views"]).split("+") if v)
    more = {"size": config["picture"], "views": views, "intensity_seed": seed}
    return heatmap_spec({**reading.model_dump(), **asked, **more})


def read_motion(spec: HeatmapSpec, clips: Sequence[Clip] | None = None) -> HeatmapMotion:
    """Reads and splits motion.

    Raises:
        BadInput: nothing readable, or too little to split.
    """
    cameras: dict[str, Sequence[Camera]] = {}
    notes: list[str] = []
    if clips is None:
        clips, notes = load_clips(_motion(spec))
        cameras = _cameras(spec.path)
    notes += grouped_notes(clips)
    hashed = data_hash(clips)
    source_fps = tuple(sorted({round(c.fps, 3) for c in clips}))
    clips, renamed = alike(in_unit(clips, "auto"))
    clips, mapped = reconcile([resample(c, _rate(spec, clips)) for c in clips])
    what, _ = kept_together(clips)
    in_time = spec.split == "time" or (spec.split == "auto" and len(clips) == 1)
    splits = (
        split_in_time(clips, spec.shares, spec.gap_seconds)
        if in_time
        else split_by_recording(clips, spec.shares, spec.split_seed)
    )
    layout = layout_of(splits["train"][0].skeleton)
    joints, limbs = layout.drawn("keypoints"), layout.drawn("limbs")
    facts = DataFacts(
        name=spec.path if spec.path in PROCEDURAL else Path(spec.path).name,
        fps=splits["train"][0].fps,
        source_fps=source_fps,
        parts=(PartFacts(name=PART, joints=joints, dimensions=limbs, scored_joints=joints),),
        features=HEATMAPS,
        split="time" if in_time else what,
        train=_split_facts(splits["train"]),
        val=_split_facts(splits["val"]),
        test=_split_facts(splits["test"]),
        joints=len(splits["train"][0].skeleton),
        signers=tuple(sorted({c.signer for c in clips if c.signer})),
        synthetic=spec.path in PROCEDURAL,
        data_hash=hashed,
        split_hash=split_hash(splits),
        warnings=(*notes, *renamed, *mapped),
        dimensions=2 if any(is_flat(c) for c in clips) else 3,
    )
    return HeatmapMotion(facts, spec, {s: tuple(splits[s]) for s in SPLITS}, cameras)


def _split_facts(clips: Sequence[Clip]) -> SplitFacts:
    lengths = tuple(c.frames for c in clips)
    return SplitFacts(
        frames=sum(lengths),
        seconds=sum(c.frames / c.fps for c in clips),
        recordings=tuple(c.recording for c in clips),
        lengths=lengths,
    )


def _motion(spec: HeatmapSpec) -> DataSpec:
    return DataSpec(
        path=spec.path,
        fps=spec.fps or 30.0,  # the procedural signer is made at a rate; files keep theirs
        embedded_size=spec.embedded_size,
        embedded_seed=spec.embedded_seed,
        rest_skeleton=spec.rest_skeleton,
        body_model=spec.body_model,
    )


def _rate(spec: HeatmapSpec, clips: Sequence[Clip]) -> float:
    rates = sorted({round(c.fps, 3) for c in clips})
    if not spec.fps and len(rates) > 1:
        raise BadInput(
            f"recordings come at {', '.join(f'{r:g}' for r in rates)} fps; bring them to one with "
            f"fps={rates[0]:g}"
        )
    return spec.fps or clips[0].fps


def _cameras(path: str) -> dict[str, Sequence[Camera]]:
    place = Path(path).expanduser()
    sessions = find_sessions(place)
    return {s.resolve().name: tuple(read_cameras(s).values()) for s in sessions}
