"""Training data of one part, with the means and spreads that codecs scale by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainables.motion.features import FeatureMap, Pose, points_of
from trainables.motion.local_frames import mean_seen
from trainables.motion.part_data import PartData
from trainables.motion.parts import Part
from trainables.motion.preparation import SplitClip
from trainables.motion.root import RootPath


def part_data(
    name: str,
    feature_map: FeatureMap,
    train: Sequence[SplitClip],
    poses: Sequence[tuple[Pose, RootPath]],
    fps: float,
) -> PartData:
    """Training features of a part, and what a codec scales them by: over what was seen alone.

    Args:
        name: of the part.
        feature_map: fitted on train.
        train: training recordings, ready for codecs.
        poses: what they were made of, in the same order.
        fps: frames per second.
    """
    part = feature_map.parts[name]
    features = np.concatenate([c.features[name] for c in train])
    points = np.concatenate([pose.positions[:, part.scored] for pose, _ in poses])
    relative = points - points[:, :1]
    seen = _points_seen(feature_map, part, train)
    if seen is None:
        squared = ((relative - relative.mean(axis=0)) ** 2).sum(-1).mean()
        mean, std = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    else:
        there = np.concatenate([_seen(c)[:, part.scored] for c in train])
        there &= there[:, :1]
        apart = relative - mean_seen(relative, there, np.zeros(relative.shape[1:]))
        squared = (apart**2).sum(-1)[there].sum() / max(1, int(there.sum()))
        own = seen[:, feature_map.geometry[name].coded[feature_map.geometry[name].joint_of]]
        mean, std = _moments(features, own)
    scale = float(np.sqrt(squared))
    return PartData(
        name=name,
        features=features,
        lengths=tuple(c.frames for c in train),
        fps=fps,
        mean=mean.astype(np.float32),
        std=np.maximum(std, 1e-6).astype(np.float32),
        position_scale=max(scale, 1e-3),
        geometry=feature_map.geometry[name],
        seen=seen,
    )


def _points_seen(
    feature_map: FeatureMap, part: Part, train: Sequence[SplitClip]
) -> np.ndarray | None:
    """(frames, points) over all of train; None where all was seen."""
    if all(c.seen is None for c in train):
        return None
    points = points_of(feature_map.parents, part)
    seen = np.concatenate([_seen(c) for c in train])
    shown = seen[:, points]
    coded = {int(j): i for i, j in enumerate(part.coded)}
    own = feature_map.shown(seen, part)
    for place, joint in enumerate(points):
        if joint in coded:
            shown[:, place] = own[:, coded[joint]]
    return np.asarray(shown)


def _seen(clip: SplitClip) -> np.ndarray:
    if clip.seen is not None:
        return clip.seen
    return np.ones((clip.frames, len(clip.offsets)), bool)


def _moments(features: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (dimensions,) over what was seen: (frames, dimensions) twice."""
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, features, 0.0).sum(axis=0, dtype=np.float64) / count
    apart = np.where(seen, features - mean, 0.0)
    return mean, np.sqrt((apart**2).sum(axis=0) / count)
