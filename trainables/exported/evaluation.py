"""Finished codecs on motion that their sweep did not have, through their own preparation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.data_facts import DataFacts, PartFacts, SplitFacts
from search_spaces.errors import BadInput
from search_spaces.rate import NominalRate, nominal_rate
from search_spaces.spec import PROCEDURAL, DataSpec
from search_spaces.units import Yardstick
from trainables.bitstream.recording import ROOT
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import Preparation, SplitClip
from trainables.motion.recordings import data_hash, grouped_notes, load_clips
from trainables.token_rates import EncodedSplit, encode_split, split_sizes


@dataclass(frozen=True, eq=False)
class OtherMotion:
    """Motion brought to a codec.

    Attributes:
        name: of the folder or file.
        data_hash: identity of the motion as it was read.
        preparation: of the codec.
        clips: every recording.
        notes: what was odd about reading it.
        approx_skeleton: whether any recording stands on bones of average proportions.
    """

    name: str
    data_hash: str
    preparation: Preparation
    clips: tuple[SplitClip, ...]
    notes: tuple[str, ...]
    approx_skeleton: bool = False

    @property
    def yardstick(self) -> Yardstick:
        """What names of its metrics say."""
        return Yardstick(self.preparation.unit, self.approx_skeleton)

    @property
    def fps(self) -> float:
        """Frames per second that the codec sees."""
        return self.preparation.coded_fps

    @property
    def recordings(self) -> tuple[str, ...]:
        """Names."""
        return tuple(c.recording for c in self.clips)

    @property
    def frames(self) -> int:
        """All of them."""
        return sum(c.frames for c in self.clips)


def other_motion(preparation: Preparation, path: Path, bones: Bones = AVERAGE_BONES) -> OtherMotion:
    """Reads motion for a codec.

    Args:
        preparation: of the codec.
        path: a file, a folder, or `embedded`.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: nothing there that can be read, or a recording that does not fit the codec.
    """
    clips, notes = load_clips(
        DataSpec(
            path=str(path),
            fps=preparation.fps,
            rest_skeleton=bones.rest_skeleton,
            body_model=bones.body_model,
        )
    )
    ready = []
    for clip in clips:
        try:
            ready.append(preparation.split_clip(preparation.bring(clip)))
        except BadInput as error:
            line = str(error)
            raise BadInput(
                line if line.startswith(clip.recording) else f"{clip.recording}: {line}"
            ) from None
    return OtherMotion(
        name=str(path) if str(path) in PROCEDURAL else path.name,
        data_hash=data_hash(clips),
        preparation=preparation,
        clips=tuple(ready),
        notes=(*notes, *grouped_notes(clips), *_unseen(preparation, ready)),
        approx_skeleton=any(c.approx_skeleton for c in clips),
    )


def _unseen(preparation: Preparation, clips: Sequence[SplitClip]) -> list[str]:
    """How much of the coded joints was not seen, where anything was not."""
    joints = preparation.scored["full"]
    hidden = sum(0 if c.seen is None else int((~c.seen[:, joints]).sum()) for c in clips)
    if not hidden:
        return []
    share = hidden / (len(joints) * sum(c.frames for c in clips))
    return [f"{100 * share:.1f} % of the places of coded joints were not seen and are not scored."]


def score(
    motion: OtherMotion,
    codecs: Mapping[str, Codec],
    models: Mapping[str, TokenModel],
    depths: Sequence[int],
) -> Iterator[tuple[dict[str, Any], list[dict[str, object]]]]:
    """Row and clips of each depth, measured as `test` is in a trial.

    Args:
        motion: what to score on.
        codecs: part -> trained codec.
        models: part -> token model of at least the deepest depth.
        depths: levels to decode; parts with fewer use theirs.
    """
    facts = _facts(motion)
    data = MotionData(facts, motion.preparation, {}, {"test": motion.clips})
    encoded = _first_levels(encode_split(codecs, data, "test"), max(depths))
    sizes = split_sizes(codecs, data, encoded, models)
    for depth in depths:
        scores = score_split(codecs, data, encoded, depth, models, sizes)
        nominal = coded_nominal_rate(codecs, facts, depth)
        row: dict[str, Any] = {
            "depth": depth,
            "root": facts.root,
            "features": facts.features,
            "fps": facts.fps,
            "rate_nominal_bps": nominal.total,
            **{f"rate_nominal_{p}_bps": bps for p, bps in nominal.per_part.items()},
            **scores.row,
        }
        yield row, scores.clips


def coded_nominal_rate(codecs: Mapping[str, Codec], facts: DataFacts, depth: int) -> NominalRate:
    """Nominal rate of parts that each may have a configuration of its own.

    Args:
        codecs: part -> codec.
        facts: of the data.
        depth: levels decoded; parts with fewer use theirs.
    """
    each = {
        part: nominal_rate(codec.config, facts, min(depth, codec.levels)).per_part
        for part, codec in codecs.items()
    }
    rates = {part: per_part[part] for part, per_part in each.items()}
    if facts.root == "coded":
        rates[ROOT] = next(iter(each.values()))[ROOT]
    return NominalRate(rates)


def _first_levels(encoded: EncodedSplit, depth: int) -> EncodedSplit:
    """Models of an exported codec end at its depth, and so must its tokens."""
    tokens = {
        part: [replace(t, indices=t.indices[:, :depth], alphabet=t.alphabet[:depth]) for t in each]
        for part, each in encoded.tokens.items()
    }
    return replace(encoded, tokens=tokens)


def _facts(motion: OtherMotion) -> DataFacts:
    """What a nominal rate asks of the data: rates, parts, and lengths of recordings."""
    preparation = motion.preparation
    fitted = preparation.feature_map
    empty = SplitFacts(frames=0, seconds=0.0, recordings=(), lengths=())
    lengths = tuple(c.frames for c in motion.clips)
    return DataFacts(
        name=motion.name,
        fps=motion.fps,
        source_fps=tuple(sorted({round(c.source_fps, 3) for c in motion.clips})),
        parts=tuple(
            PartFacts(
                name=name,
                joints=len(part.coded),
                dimensions=len(fitted.geometry[name].active),
                scored_joints=len(part.scored),
            )
            for name, part in fitted.parts.items()
        ),
        root="coded" if preparation.root_coded else "removed",
        root_alphabet=preparation.root.alphabets if preparation.root_coded else (),
        features=fitted.kind,
        train=empty,
        val=empty,
        test=SplitFacts(
            frames=sum(lengths),
            seconds=sum(lengths) / motion.fps,
            recordings=motion.recordings,
            lengths=lengths,
        ),
        joints=len(preparation.skeleton),
        data_hash=motion.data_hash,
        unit=preparation.unit,
        dimensions=preparation.dimensions,
        approx_skeleton=motion.approx_skeleton,
    )
