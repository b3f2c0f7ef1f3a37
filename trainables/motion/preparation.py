"""What turns one recording into features and back: fitted once on training motion, then fixed.

A sweep, an exported codec and a file to be encoded all go through here, so the same recording has
the same features, and the same features the same motion, wherever they are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import UNIT_WORDS, Unit
from trainables.motion.clip import Clip
from trainables.motion.detectors import as_mediapipe
from trainables.motion.features import FeatureMap, Pose
from trainables.motion.gaps import fill_gaps
from trainables.motion.reconcile import onto
from trainables.motion.resample import resample
from trainables.motion.root import (
    RootPath,
    RootQuantizer,
    put_back_root,
    root_path,
    take_out_root,
    without_root,
)
from trainables.motion.rotations import about_up
from trainables.motion.skeleton import Skeleton
from trainables.motion.units import flattened, in_shoulder_widths

BONE_STEP = 2.0**-14
"""Metres (0.06 mm): bones are held in whole steps of this, the form in which a file carries them,
so what a decoder rebuilds is what a trial was scored on."""

BLOCK = 1024
"""Frames that become features at a time: what that needs in between stays small, and in cache."""


@dataclass(frozen=True, eq=False)
class SplitClip:
    """One recording, ready for a codec.

    Attributes:
        recording: its name (a block's, where the split is in time).
        signer: who moves, or None.
        features: part -> (frames, dimensions) float32.
        original: (frames, joints, 3) float32 in the codec's unit, what a reconstruction is scored
            against; empty where it is scored against nothing (train).
        offsets: (joints, 3) metres, its own bones in whole steps of `BONE_STEP`.
        path: where the pelvis goes.
        root_tokens: (frames, 4) int32, the path as it is coded; None where root is removed.
        source_fps: frames per second of the file it came from.
        source_frames: frames of that file; 0 where it is a part of one.
        seen: (frames, joints) bool, None where all were seen: what was not is in `features` and
            `original` all the same, filled in, and is not to be scored.
        approx_skeleton: whether its bones are average ones.
    """

    recording: str
    signer: str | None
    features: Mapping[str, np.ndarray]
    original: np.ndarray
    offsets: np.ndarray
    path: RootPath
    root_tokens: np.ndarray | None = None
    source_fps: float = 0.0
    source_frames: int = 0
    seen: np.ndarray | None = None
    approx_skeleton: bool = False

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(next(iter(self.features.values())))


@dataclass(frozen=True, eq=False)
class Preparation:
    """Recordings <-> features.

    Attributes:
        fps: frames per second after resampling.
        frame_stride: every n-th of those is coded.
        skeleton: joints, pelvis first, with the bones that most training recordings have.
        feature_map: poses <-> features.
        scored: part -> joints scored for it; `full` -> those of all coded parts.
        wrists: indices of the wrists that were found, left before right.
        pelvis_up: (3,) direction in the pelvis's own axes that points up at rest: what headings
            hang on.
        hips: left and right hip, for headings of sources without rotations.
        root: quantiser of the root's path, fitted on train whether it is coded or not.
        root_coded: whether codecs of this preparation code the root.
        unit: of all lengths in it, and of the motion that is decoded: m, px or sw.
        flat: whether motion lies in the plane of a picture, without depth.
        centre: joints whose middle is the root of motion without rotations; the pelvis where there
            are none.
    """

    fps: float
    frame_stride: int
    skeleton: Skeleton
    feature_map: FeatureMap
    scored: Mapping[str, np.ndarray]
    wrists: tuple[int, ...]
    pelvis_up: np.ndarray
    hips: tuple[int, int] | None
    root: RootQuantizer
    root_coded: bool
    unit: Unit = "m"
    flat: bool = False
    centre: tuple[int, ...] = ()

    @property
    def dimensions(self) -> int:
        """Axes that motion has."""
        return 2 if self.flat else 3

    @property
    def coded_fps(self) -> float:
        """Frames per second that codecs see."""
        return self.fps / self.frame_stride

    @property
    def part_names(self) -> tuple[str, ...]:
        """Coded parts, in order."""
        return tuple(self.feature_map.parts)

    def bring(self, clip: Clip) -> Clip:
        """A recording at the coded rate, on the joints of the codec and in its unit, gaps filled.

        Raises:
            BadInput: it is in another unit, lacks joints, or lacks rotations that are needed.
        """
        return self.onto_joints(at_rate(clip, self.fps, self.frame_stride))

    def onto_joints(self, clip: Clip) -> Clip:
        """A recording, at whatever rate, on the joints of the codec and in its unit, gaps filled.

        Raises:
            BadInput: it is in another unit, lacks joints, or lacks rotations that are needed.
        """
        clip = self._in_unit(clip)
        if not {*self.skeleton.names} <= {*clip.skeleton.names}:
            clip = as_mediapipe(clip)
        clip = onto(clip, self.skeleton.names, self.skeleton.parents)
        if self.feature_map.kind != "position" and clip.rotations is None:
            raise BadInput(
                f"{clip.recording}: holds positions only, and this codec codes rotations; give a "
                "file with rotations, or train with --set features=position"
            )
        (filled,), _ = fill_gaps([clip])
        seen = clip.mask
        if seen is not None and self.centre and not seen[:, list(self.centre)].any(axis=0).all():
            names = ", ".join(self.skeleton.names[j] for j in self.centre)
            raise BadInput(
                f"{clip.recording}: never shows {names}, by which this codec knows where a body is"
                "; leave the recording out"
            )
        return filled

    def _in_unit(self, clip: Clip) -> Clip:
        if self.unit == "sw":
            clip = in_shoulder_widths(clip)
        elif clip.unit != self.unit:
            raise BadInput(
                f"{clip.recording}: is in {UNIT_WORDS[clip.unit]}, and this codec codes "
                f"{UNIT_WORDS[self.unit]}; convert it, or train a codec with --set unit=sw"
            )
        return flattened(clip) if self.flat else clip

    def split_clip(self, clip: Clip, *, scored: bool = True) -> SplitClip:
        """A recording that `bring` brought, as codecs see it.

        Args:
            clip: at the coded rate, on the codec's joints.
            scored: whether to keep the original to score against.
        """
        heading, path = root_path(clip, self.pelvis_up, self.hips, self.centre)
        never = None if clip.mask is None else np.asarray(~clip.mask.any(axis=0))
        features = {
            part: np.empty((clip.frames, len(geometry.active)), np.float32)
            for part, geometry in self.feature_map.geometry.items()
        }
        original = np.empty((clip.frames if scored else 0, len(clip.skeleton), 3), np.float32)
        for start in range(0, clip.frames, BLOCK):
            here = slice(start, start + BLOCK)
            rotations = None if clip.rotations is None else clip.rotations[here]
            pose = Pose(*without_root(clip.positions[here], rotations, heading[here], self.centre))
            if never is not None:
                pose = replace(pose, positions=self.feature_map.at_means(pose.positions, never))
            for part, rows in self.feature_map.encode(pose).items():
                features[part][here] = rows
            if scored:
                coded = self.root_coded
                at = put_back_root(pose.positions, path.cut(here)) if coded else pose.positions
                original[here] = at
        return SplitClip(
            recording=clip.recording,
            signer=clip.signer,
            features=features,
            original=original,
            offsets=snapped(clip.skeleton.offsets),
            path=path,
            root_tokens=self.root.encode(path) if self.root_coded else None,
            source_fps=clip.source_fps or clip.fps,
            source_frames=clip.source_frames,
            seen=clip.mask,
            approx_skeleton=clip.approx_skeleton,
        )

    def bone_steps(self, offsets: np.ndarray) -> np.ndarray | None:
        """How a recording's bones (joints, 3) differ from the usual ones, for its file.

        Returns:
            int32 (joints, 3) in steps of `BONE_STEP`, the pelvis's 0; None where none differs, and
            where positions are coded, which need no bones.
        """
        if self.feature_map.kind == "position":
            return None
        steps = np.round((offsets - snapped(self.skeleton.offsets)) / BONE_STEP).astype(np.int32)
        steps[0] = 0
        return steps if steps.any() else None

    def own_bones(self, steps: np.ndarray | None) -> np.ndarray:
        """The bones (joints, 3) in metres that `bone_steps` was given."""
        usual = snapped(self.skeleton.offsets)
        return usual if steps is None else usual + steps * BONE_STEP

    def positions(
        self,
        features: Mapping[str, np.ndarray],
        offsets: np.ndarray,
        root_tokens: np.ndarray | None = None,
    ) -> np.ndarray:
        """Decoded features -> positions (frames, joints, 3) m, to be set beside `original`.

        Args:
            features: part -> (frames, dimensions).
            offsets: (joints, 3) metres.
            root_tokens: (frames, 4), or None where the root is removed.
        """
        positions = self.feature_map.decode(features, offsets)
        if root_tokens is None:
            return positions
        return put_back_root(positions, self.root.decode(root_tokens))

    def rotations(
        self, features: Mapping[str, np.ndarray], path: RootPath | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Decoded features -> local rotations (frames, joints, 3, 3), pelvis (frames, 3) m.

        Args:
            features: part -> (frames, dimensions) of a preparation of rotations.
            path: where the pelvis goes; left out, it stays above the origin at its mean height.
        """
        rotations = self.feature_map.rotations(features)
        if path is None:
            return rotations, np.tile([0.0, self.root.height, 0.0], (len(rotations), 1))
        rotations[:, 0] = about_up(path.heading) @ rotations[:, 0]
        return rotations, path.position


def at_rate(clip: Clip, fps: float, frame_stride: int) -> Clip:
    """A recording at the rate that is coded, which keeps in mind the rate it came with.

    In one step: `at_source_rate` knows the source's rate and the coded one alone, and near a whole
    ratio of those two a step over `fps` would set frames elsewhere than it looks for them.
    """
    kept = replace(clip, source_fps=clip.source_fps or clip.fps, source_frames=clip.frames)
    return resample(kept, fps / frame_stride)


def pose_of(
    clip: Clip,
    pelvis_up: np.ndarray,
    hips: tuple[int, int] | None,
    centre: tuple[int, ...] = (),
) -> tuple[Pose, RootPath]:
    """Pose without root and heading, and where the pelvis (or the centre) goes."""
    positions, rotations, path = take_out_root(clip, pelvis_up, hips, centre)
    return Pose(positions, rotations, clip.mask), path


def snapped(offsets: np.ndarray) -> np.ndarray:
    """Bones (joints, 3) in metres, moved to whole steps of `BONE_STEP`."""
    return np.round(np.asarray(offsets, np.float64) / BONE_STEP) * BONE_STEP


def usual_offsets(clips: Sequence[Clip]) -> np.ndarray:
    """The bones (joints, 3) that most recordings have; the first recording's where none repeats."""
    found = [snapped(clip.skeleton.offsets) for clip in clips]
    keys = [offsets.tobytes() for offsets in found]
    most = Counter(keys).most_common(1)[0][0]
    return found[keys.index(most)]
