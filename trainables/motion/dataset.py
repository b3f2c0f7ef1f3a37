"""From motion files to what trials share: features, bones, originals and the facts of the data.

Everything fitted here (feature map, means, scales, the root's quantiser) sees training recordings
alone. The result holds plain arrays, so that it can be put once into shared memory and be mapped by
every trial of a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search_spaces.data_facts import DataFacts, DroppedPart, PartFacts, SplitFacts
from search_spaces.errors import BadInput
from search_spaces.objectives import SPLITS
from search_spaces.spec import PROCEDURAL, DataSpec
from trainables.motion.clip import Clip
from trainables.motion.detectors import alike
from trainables.motion.features import FeatureMap, Pose
from trainables.motion.gaps import fill_gaps
from trainables.motion.joint_names import mirror_order, side
from trainables.motion.part_data import PartData
from trainables.motion.part_statistics import part_data
from trainables.motion.parts import PartMap, find_parts, require
from trainables.motion.preparation import (
    Preparation,
    SplitClip,
    at_rate,
    pose_of,
    usual_offsets,
)
from trainables.motion.reconcile import reconcile
from trainables.motion.recordings import data_hash, grouped_notes, load_clips
from trainables.motion.resample import mirror
from trainables.motion.root import RootPath, RootQuantizer
from trainables.motion.rotations import own_up
from trainables.motion.skeleton import Skeleton
from trainables.motion.split import split_by_recording, split_hash, split_in_time
from trainables.motion.units import FLAT, body_centre, flattened, in_unit, is_flat
from trainables.motion.unseen import never_seen, unscored, unseen_share, without_unseen


@dataclass(frozen=True, eq=False)
class MotionData:
    """A prepared data set: facts for planning, training data per part, clips per split."""

    facts: DataFacts
    preparation: Preparation
    parts: Mapping[str, PartData]
    splits: Mapping[str, tuple[SplitClip, ...]]

    @property
    def fps(self) -> float:
        """Frames per second of all clips."""
        return self.facts.fps

    @property
    def names(self) -> tuple[str, ...]:
        """Joint names."""
        return self.preparation.skeleton.names

    @property
    def feature_map(self) -> FeatureMap:
        """Poses <-> features."""
        return self.preparation.feature_map

    @property
    def scored(self) -> Mapping[str, np.ndarray]:
        """Part -> joints scored for it; `full` -> those of all coded parts."""
        return self.preparation.scored

    @property
    def wrists(self) -> tuple[int, ...]:
        """Indices of the wrists that were found, left before right."""
        return self.preparation.wrists

    @property
    def root_quantizer(self) -> RootQuantizer | None:
        """The root's quantiser; None where the root is removed."""
        return self.preparation.root if self.preparation.root_coded else None

    def reconstruct(
        self, clip: SplitClip, features: Mapping[str, np.ndarray], root_tokens: np.ndarray | None
    ) -> np.ndarray:
        """Decoded features -> positions (frames, joints, 3) m, to be set beside `clip.original`."""
        root = root_tokens if self.preparation.root_coded else None
        return self.preparation.positions(features, clip.offsets, root)


def prepare(spec: DataSpec, clips: Sequence[Clip] | None = None) -> MotionData:
    """Reads, reconciles, splits and featurises motion.

    Raises:
        BadInput: nothing readable, units mixed, no required part, too little to split.
    """
    warnings: list[str] = []
    if clips is None:
        clips, warnings = load_clips(spec)
    source_fps = tuple(sorted({round(c.fps, 3) for c in clips}))
    warnings.extend(grouped_notes(clips))
    skeletons = len({c.skeleton.names for c in clips})
    hashed_data = data_hash(clips)
    approx_skeleton = any(c.approx_skeleton for c in clips)
    clips, renamed = alike(in_unit(clips, spec.unit))
    warnings.extend(renamed)
    flat = any(is_flat(c) for c in clips)
    if flat and not all(is_flat(c) for c in clips):
        clips = [flattened(c) for c in clips]
        warnings.append(FLAT)
    resampled = [at_rate(c, spec.fps, spec.frame_stride) for c in clips]
    together, mapping = reconcile(resampled)
    warnings.extend(mapping)
    parts, dropped = _parts_of(spec, together)
    kind = _kind_of(spec, together)
    in_time = spec.split == "time" or (spec.split == "auto" and len(together) == 1)
    splits = (
        split_in_time(together, spec.shares, spec.gap_seconds)
        if in_time
        else split_by_recording(together, spec.shares, spec.split_seed)
    )
    hashed = split_hash(splits)
    up = _up_of(splits["train"])
    if spec.mirror:
        splits["train"] = [c for clip in splits["train"] for c in (clip, _mirrored(clip))]
    parts, gone, said = without_unseen(parts, unseen := never_seen(splits["train"]))
    warnings.extend(said)
    dropped = [*dropped, *gone]
    _refuse_without(spec, parts, gone)
    splits, filled = _filled(splits)
    warnings.extend(filled)
    centre = _centre_of(together)
    hips = None if flat else hips_of(together[0].skeleton)
    if hips is None and not flat and any(c.rotations is None for c in together):
        warnings.append("no joints pair up as left and right, so headings stay in the poses")
    poses = [pose_of(c, up, hips, centre) for c in splits["train"]]
    feature_map, dropped = _fit_features(
        spec, kind, parts, splits["train"], poses, dropped, unseen=unseen, centred=bool(centre)
    )
    warnings.extend(unscored(splits, feature_map.parts))
    warnings.extend(f"part {d.name} is dropped: {d.reason}" for d in dropped)
    scored = {name: np.array(part.scored) for name, part in feature_map.parts.items()}
    scored["full"] = np.unique(np.concatenate(list(scored.values())))
    preparation = Preparation(
        fps=spec.fps,
        frame_stride=spec.frame_stride,
        skeleton=together[0].skeleton.with_offsets(usual_offsets(splits["train"])),
        feature_map=feature_map,
        scored=scored,
        wrists=tuple(w for w in parts.wrists if w is not None),
        pelvis_up=up,
        hips=hips,
        root=RootQuantizer.fit(
            [path for _, path in poses],
            spec.root_codes,
            flat=flat,
            relative=_relative(centre, clips),
        ),
        root_coded=spec.root == "coded",
        unit=clips[0].unit,
        flat=flat,
        centre=centre,
    )
    ready = {
        s: tuple(preparation.split_clip(c, scored=s != "train") for c in splits[s]) for s in SPLITS
    }
    data = {
        name: part_data(name, feature_map, ready["train"], poses, spec.fps / spec.frame_stride)
        for name in feature_map.parts
    }
    every = [c for clips in splits.values() for c in clips]
    coded = np.concatenate([part.coded for part in feature_map.parts.values()])
    facts = DataFacts(
        name=spec.path if spec.path in PROCEDURAL else Path(spec.path).name,
        fps=splits["train"][0].fps,
        source_fps=source_fps,
        parts=tuple(
            PartFacts(
                name=name,
                joints=len(part.coded),
                dimensions=data[name].dimensions,
                scored_joints=len(part.scored),
                unseen=unseen_share(every, part.coded),
            )
            for name, part in feature_map.parts.items()
        ),
        dropped_parts=tuple(dropped),
        root=spec.root,
        root_alphabet=preparation.root.alphabets if preparation.root_coded else (),
        features=kind,
        split="time" if in_time else "recording",
        train=_split_facts(ready["train"], spec),
        val=_split_facts(ready["val"], spec),
        test=_split_facts(ready["test"], spec),
        joints=len(together[0].skeleton),
        skeletons=skeletons,
        signers=tuple(sorted({c.signer for c in clips if c.signer})),
        mirrored=spec.mirror,
        synthetic=spec.path in PROCEDURAL,
        data_hash=hashed_data,
        split_hash=hashed,
        warnings=tuple(warnings),
        unit=preparation.unit,
        dimensions=preparation.dimensions,
        approx_skeleton=approx_skeleton,
        unseen=unseen_share(every, coded),
    )
    return MotionData(facts=facts, preparation=preparation, parts=data, splits=ready)


def _parts_of(spec: DataSpec, clips: Sequence[Clip]) -> tuple[PartMap, list[DroppedPart]]:
    skeleton = clips[0].skeleton
    found = find_parts(skeleton.names, skeleton.parents, spec.part_joints)
    try:
        require(found, [p for p, need in spec.parts.items() if need == "required"])
    except BadInput as error:
        raise BadInput(f"{clips[0].recording}: {error}") from None
    wanted = {**spec.parts, **dict.fromkeys(spec.part_joints, "optional")}
    dropped = [
        DroppedPart(name=p, reason=found.missing.get(p, "not found"))
        for p in wanted
        if p not in found.parts
    ]
    kept = {p: found.parts[p] for p in found.parts if p in wanted}
    if not kept:
        reasons = "; ".join(f"{d.name}: {d.reason}" for d in dropped)
        raise BadInput(f"no part is left to code ({reasons}); name joints with part_joints")
    return PartMap(found.names, kept, found.wrists, found.missing), dropped


def _refuse_without(spec: DataSpec, parts: PartMap, gone: Sequence[DroppedPart]) -> None:
    for part in gone:
        if spec.parts.get(part.name) == "required":
            raise BadInput(f"part {part.name!r} is required, and {part.reason}")
    if not parts.parts:
        raise BadInput("training never shows any joint of any part, so there is nothing to code")


def _filled(
    splits: Mapping[str, Sequence[Clip]],
) -> tuple[dict[str, list[Clip]], list[str]]:
    """Splits without gaps, filled in each by itself, and a sentence on what was filled."""
    filled, said = fill_gaps([c for split in SPLITS for c in splits[split]])
    rest = iter(filled)
    return {split: [next(rest) for _ in splits[split]] for split in SPLITS}, said


def _centre_of(clips: Sequence[Clip]) -> tuple[int, ...]:
    """Joints whose middle is the root; none where that is the pelvis."""
    if all(c.rotations is not None for c in clips):
        return ()
    if clips[0].unit == "m" and all(c.mask is None or c.mask[:, 0].any() for c in clips):
        return ()
    centre = body_centre(clips)
    if centre is None:
        raise BadInput(
            "no recording-wide centre: shoulders, hips and "
            f"{clips[0].skeleton.names[0]} are each never seen in some recording; leave out "
            "recordings that show no body"
        )
    return centre


def _relative(centre: tuple[int, ...], clips: Sequence[Clip]) -> bool:
    """Whether heights of roots count from the first frame, as `root_path` has them."""
    return bool(centre) and clips[0].unit != "m"


def _kind_of(spec: DataSpec, clips: Sequence[Clip]) -> str:
    without = [c.recording for c in clips if c.rotations is None]
    if spec.features in ("expmap", "rot6d") and without:
        raise BadInput(
            f"{without[0]}: holds positions only, so features: {spec.features} cannot be had; "
            "use --set features=position"
        )
    if spec.features != "auto":
        return spec.features
    return "position" if without else "expmap"


def hips_of(skeleton: Skeleton) -> tuple[int, int] | None:
    """Left and right hip: the mirrored pair of joints that hangs nearest to the pelvis."""
    order = mirror_order(skeleton.names)
    for level in skeleton.levels():
        for j in level:
            if order[j] != j and side(skeleton.names[j]) == "left":
                return int(j), int(order[j])
    return None


def _up_of(train: Sequence[Clip]) -> np.ndarray:
    turned = [c.rotations[:, 0] for c in train if c.rotations is not None]
    return own_up(np.concatenate(turned)) if turned else np.array([0.0, 1.0, 0.0])


def _mirrored(clip: Clip) -> Clip:
    return replace(mirror(clip), recording=f"{clip.recording}@mirrored")


def _fit_features(
    spec: DataSpec,
    kind: str,
    parts: PartMap,
    clips: Sequence[Clip],
    poses: Sequence[tuple[Pose, RootPath]],
    dropped: list[DroppedPart],
    *,
    unseen: frozenset[int],
    centred: bool,
) -> tuple[FeatureMap, list[DroppedPart]]:
    """The feature map over parts that move; parts that never move on train are dropped."""
    train = [pose for pose, _ in poses]
    bones = [c.skeleton.offsets for c in clips]
    parents = clips[0].skeleton.parents
    fitted = FeatureMap.fit(
        kind, parents, parts.parts, train, bones, unseen=unseen, centred=centred
    )
    still = [name for name, g in fitted.geometry.items() if not len(g.active)]
    if not still:
        return fitted, dropped
    for name in still:
        if spec.parts.get(name) == "required":
            raise BadInput(
                f"part {name!r} is required, and its joints never move in the training data"
            )
    moving = tuple(name for name in parts.parts if name not in still)
    if not moving:
        raise BadInput("no part moves in the training data, so there is nothing to code")
    dropped = [*dropped, *(DroppedPart(name=n, reason="its joints never move") for n in still)]
    return fitted.only(moving), dropped


def _split_facts(clips: Sequence[SplitClip], spec: DataSpec) -> SplitFacts:
    lengths = tuple(c.frames for c in clips)
    return SplitFacts(
        frames=sum(lengths),
        seconds=sum(lengths) * spec.frame_stride / spec.fps,
        recordings=tuple(c.recording for c in clips),
        lengths=lengths,
    )
