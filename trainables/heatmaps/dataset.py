"""From motion files to windows of heatmaps: the data that codecs of heatmaps are trained on.

`prepare_heatmaps` reads and splits motion once; heatmaps themselves are drawn when they are asked
for, window by window, on the device that trains (a window is a few kilobytes of points and
megabytes of pixels). Windows of validation and test stand still, and each is always drawn with the
same intensities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from search_spaces.errors import BadInput
from search_spaces.heatmaps import PAIRS, HeatmapSpec, Picture
from search_spaces.objectives import SPLITS
from trainables.heatmaps.corruption import Corruption
from trainables.heatmaps.intensity import expected_strength, generator, strengths
from trainables.heatmaps.layout import Layout, layout_of
from trainables.heatmaps.motion import HeatmapMotion, read_motion
from trainables.heatmaps.pictures import draw, seen_joints
from trainables.heatmaps.windows import Window, windows_of
from trainables.motion.cameras import Camera, View, YawView, parse_view
from trainables.motion.clip import Clip
from trainables.motion.units import is_flat

_SECOND_DRAW = 1_000_003
"""A drawing that no pass over the data comes to."""


@dataclass(frozen=True, eq=False)
class HeatmapPair:
    """What a codec is given and what it is scored against, both (channels, frames, size, size)
    float32, 0 to 1, on one device."""

    input: torch.Tensor
    target: torch.Tensor


@dataclass(frozen=True, eq=False)
class SpoiltPair(HeatmapPair):
    """A pair whose input was spoilt and whose target was not; `seen` is the spoilt input drawn as
    the target is, to be held against it."""

    seen: torch.Tensor


@dataclass(frozen=True)
class Provenance:
    """Where heatmaps come from, for the record.

    Attributes:
        data_hash: identity of the motion as read.
        split: what was kept together: "session", "person", "recording", or "time".
        split_hash: identity of the split.
        recordings: split -> names of its recordings.
        notes: oddities and everything left out, one sentence each.
    """

    data_hash: str
    split: str
    split_hash: str
    recordings: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HeatmapData:
    """Motion ready to be drawn.

    Attributes:
        spec: what it was prepared by.
        fps: frames per second of all clips.
        layout: what is drawn.
        clips: recording -> clip.
        windows: split -> its windows, in order, standing still.
        provenance: where it comes from.
    """

    spec: HeatmapSpec
    fps: float
    layout: Layout
    clips: Mapping[str, Clip]
    windows: Mapping[str, tuple[Window, ...]]
    provenance: Provenance
    cameras: Mapping[str, Sequence[Camera]]

    @property
    def input_channels(self) -> int:
        """Of what a codec is given."""
        return self.spec.input_channels(self.layout.drawn(self.spec.heatmap))

    @property
    def target_channels(self) -> int:
        """Of what it is scored against."""
        return self.spec.target_channels(self.layout.drawn(self.spec.heatmap))

    @property
    def names_keypoints(self) -> bool:
        """Whether each channel of the target shows one keypoint, so that it can be located."""
        each = self.spec.channels_of(PAIRS[self.spec.pair][1]) == "each"
        return self.spec.heatmap == "keypoints" and each

    def training_windows(self, rng: np.random.Generator, draw: int) -> list[Window]:
        """Windows of a pass over training, in random order, their starts moved by the jitter.

        Args:
            rng: for order and jitter.
            draw: number of the pass: random intensities differ between passes.
        """
        spec = self.spec
        clips = [self.clips[r] for r in self.provenance.recordings["train"]]
        moved = windows_of(clips, spec.window, spec.stride, spec.jitter, rng, draw)
        usable = [w for w in moved if self.shows(w)]
        return [usable[int(i)] for i in rng.permutation(len(usable))]

    def pair(self, window: Window, device: torch.device | str = "cpu") -> HeatmapPair:
        """A window drawn as input and target, both with the same intensities."""
        clip = self.clip(window)
        bright = self._strengths(clip, window)
        first, second = PAIRS[self.spec.pair]
        target = self._drawn(clip, bright, second, device)
        same = first == second
        return HeatmapPair(target if same else self._drawn(clip, bright, first, device), target)

    def corrupted(
        self, window: Window, corruption: Corruption, device: torch.device | str = "cpu"
    ) -> SpoiltPair:
        """A window with a spoilt input and its clean target, intensities as in `pair`."""
        clip = self.clip(window)
        bright = self._strengths(clip, window)
        first, second = PAIRS[self.spec.pair]

        def spoilt(picture: Picture) -> torch.Tensor:
            numbers = (window.start, window.draw, corruption.number)
            rng = generator(self.spec.intensity_seed, window.recording, *numbers)
            return self._drawn(clip, bright, picture, device, (corruption, rng))

        seen = spoilt(second)
        return SpoiltPair(
            input=seen if first == second else spoilt(first),
            target=self._drawn(clip, bright, second, device),
            seen=seen,
        )

    def ceiling(self, window: Window, device: torch.device | str = "cpu") -> torch.Tensor | None:
        """The target's true pose at mean intensity: what a codec that cannot foresee random
        intensities may reach at best. None where intensities are not random."""
        if self.spec.intensity != "random":
            return None
        return self._at_mean(window, PAIRS[self.spec.pair][1], device)

    def expected_input(self, window: Window, device: torch.device | str = "cpu") -> torch.Tensor:
        """A window drawn as input without chance: random intensities at their mean."""
        if self.spec.intensity == "random":
            return self._at_mean(window, PAIRS[self.spec.pair][0], device)
        return self.pair(window, device).input

    def second_draw(self, window: Window, device: torch.device | str = "cpu") -> torch.Tensor:
        """The target with other random intensities (the same picture where they are not)."""
        other = replace(window, draw=_SECOND_DRAW)
        clip = self.clip(window)
        return self._drawn(clip, self._strengths(clip, other), PAIRS[self.spec.pair][1], device)

    def clip(self, window: Window) -> Clip:
        """The motion of a window."""
        return self.clips[window.recording].cut(window.start, window.stop)

    def views(self, recording: str) -> tuple[View, ...]:
        """The views of a recording, which are its session's own cameras where these are named."""
        cameras = self.cameras.get(self.clips[recording].session, ())
        return tuple(parse_view(text, cameras) for text in self.spec.views)

    def shows(self, window: Window) -> bool:
        """Whether a window shows enough: something at all, and of what was seen at least the share
        `least_visible` in each view that it is drawn from."""
        clip = self.clip(window)
        seen = seen_joints(clip, self.layout)
        if not seen.any():
            return False
        asked = {picture.seen for picture in PAIRS[self.spec.pair]} - {"planes"}
        views = self.views(window.recording)
        for view in views if "views" in asked else views[:1] if asked else ():
            if isinstance(view, YawView):
                continue
            _, visible = view.see(clip.positions[:, self.layout.joints], seen)
            if not visible.any() or visible.sum() < self.spec.least_visible * seen.sum():
                return False
        return True

    def _at_mean(
        self, window: Window, picture: Picture, device: torch.device | str
    ) -> torch.Tensor:
        clip = self.clip(window)
        bright = strengths(clip, self.layout.joints, "constant")
        bright = bright * expected_strength(self.spec.heatmap)
        return self._drawn(clip, bright, picture, device)

    def _strengths(self, clip: Clip, window: Window) -> np.ndarray:
        numbers = (window.start, window.draw)
        rng = generator(self.spec.intensity_seed, window.recording, *numbers)
        return strengths(clip, self.layout.joints, self.spec.intensity, rng)

    def _drawn(
        self,
        clip: Clip,
        bright: np.ndarray,
        picture: Picture,
        device: torch.device | str,
        spoilt: tuple[Corruption, np.random.Generator] | None = None,
    ) -> torch.Tensor:
        views = self.views(clip.recording)
        return draw(clip, self.layout, bright, picture, self.spec, views, device, spoilt)


def prepare_heatmaps(spec: HeatmapSpec, clips: Sequence[Clip] | None = None) -> HeatmapData:
    """Reads and splits motion, and finds the windows of each split.

    Raises:
        BadInput: nothing readable, too little to split, a view that the data do not have, or no
            window in training or validation.
    """
    return drawn(read_motion(spec, clips), spec)


def drawn(motion: HeatmapMotion, spec: HeatmapSpec) -> HeatmapData:
    """Motion that was read, as a specification draws it.

    Raises:
        BadInput: a view that the data do not have, or no window in training or validation.
    """
    every = [c for s in SPLITS for c in motion.splits[s]]
    if any(is_flat(c) for c in every):
        _refuse_depth(spec, every)
    facts = motion.facts
    data = HeatmapData(
        spec=spec,
        fps=motion.fps,
        layout=layout_of(every[0].skeleton),
        clips={c.recording: c for c in every},
        windows={},
        provenance=Provenance(
            data_hash=facts.data_hash,
            split=facts.split,
            split_hash=facts.split_hash,
            recordings={s: tuple(c.recording for c in motion.splits[s]) for s in SPLITS},
            notes=(),
        ),
        cameras=motion.cameras,
    )
    windows, said = _windows(data, motion.splits)
    provenance = replace(data.provenance, notes=(*facts.warnings, *said))
    return replace(data, windows=windows, provenance=provenance)


def _windows(
    data: HeatmapData, splits: Mapping[str, Sequence[Clip]]
) -> tuple[dict[str, tuple[Window, ...]], list[str]]:
    """Windows that show enough, per split, and sentences on what was left out."""
    spec, said = data.spec, []
    found = {s: windows_of(splits[s], spec.window, spec.stride) for s in SPLITS}
    usable = {s: tuple(w for w in found[s] if data.shows(w)) for s in SPLITS}
    short = [c.recording for s in SPLITS for c in splits[s] if c.frames < spec.window]
    if short:
        said.append(
            f"{len(short)} of {len(data.clips)} recordings are shorter than a window of "
            f"{spec.window} frames and left out: {', '.join(short[:3])}"
            f"{' and more' if len(short) > 3 else ''}."
        )
    lost = sum(len(found[s]) - len(usable[s]) for s in SPLITS)
    if lost:
        said.append(f"{lost} windows are left out: too little of them is seen or in view.")
    for split in ("train", "val"):
        if usable[split]:
            continue
        if found[split]:
            raise BadInput(
                f"{split}: too little of every window is in view from {', '.join(spec.views)}; "
                "choose other views, or lower least_visible"
            )
        longest = max(c.frames for c in splits[split])
        raise BadInput(
            f"{split}: no recording has a window of {spec.window} frames (the longest has "
            f"{longest}); choose a shorter window"
        )
    return usable, said


def _refuse_depth(spec: HeatmapSpec, clips: Sequence[Clip]) -> None:
    flat = next(c.recording for c in clips if is_flat(c))
    if any(picture.seen == "planes" for picture in PAIRS[spec.pair]):
        raise BadInput(f"{flat}: has no depth, which pair {spec.pair} needs; use pair=2d_2d")
    if spec.views[:1] != ("yaw=0",) or any(p.seen == "views" for p in PAIRS[spec.pair]):
        raise BadInput(f"{flat}: has no depth, so it has no view but yaw=0")
