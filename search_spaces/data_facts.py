"""What is known about the data before any trial runs: all that a rate or a constraint may need."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PartFacts(BaseModel):
    """One independently coded part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    joints: int
    """Joints whose rotations (or positions) are coded."""
    dimensions: int
    """Features per frame that are not constant on train."""
    scored_joints: int


class DroppedPart(BaseModel):
    """An optional part that the skeletons lack, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    reason: str


class SplitFacts(BaseModel):
    """Size of one split, counted at the data set's own rate, mirrored copies included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int
    seconds: float
    recordings: tuple[str, ...]
    lengths: tuple[int, ...]
    """Frames of each recording (or block)."""


class DataFacts(BaseModel):
    """Facts of a prepared data set.

    `fps` is the rate after resampling and striding: the one that rates are computed with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    fps: float
    source_fps: tuple[float, ...]
    parts: tuple[PartFacts, ...]
    dropped_parts: tuple[DroppedPart, ...] = ()
    root: str = "removed"
    root_alphabet: tuple[int, ...] = ()
    """Alphabet of each root token where root is coded, else empty."""
    features: str = "expmap"
    split: str = "recording"
    train: SplitFacts
    val: SplitFacts
    test: SplitFacts
    joints: int
    skeletons: int = 1
    signers: tuple[str, ...] = ()
    mirrored: bool = False
    synthetic: bool = False
    data_hash: str = ""
    split_hash: str = ""
    warnings: tuple[str, ...] = Field(default=())

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the coded parts, in order."""
        return tuple(p.name for p in self.parts)

    def part(self, name: str) -> PartFacts:
        """Facts of one part; KeyError where it is not coded."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)
