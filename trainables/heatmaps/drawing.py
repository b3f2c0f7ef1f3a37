"""How motion is drawn for a trained codec, kept beside it: `drawing.json`.

With it a codec of heatmaps stands alone: any motion that has its joints can be brought to them,
drawn as the codec saw its training data, and cut into windows. Random intensities are drawn at
their mean, since nothing could foresee them and a code should not hang on a throw.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.heatmaps import HeatmapSpec, heatmap_spec
from search_spaces.record import DRAWING_FILE
from trainables.heatmaps.dataset import HeatmapData, Provenance
from trainables.heatmaps.layout import layout_of
from trainables.heatmaps.windows import Window
from trainables.motion.clip import Clip
from trainables.motion.detectors import alike
from trainables.motion.reconcile import onto
from trainables.motion.recordings import data_hash
from trainables.motion.resample import resample
from trainables.motion.skeleton import Skeleton
from trainables.motion.units import in_unit, is_flat

ALL = "all"
"""The split of motion that was read for a finished codec."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """How motion becomes the pictures of a codec.

    Attributes:
        spec: what is drawn; nothing of where its training data lay.
        fps: frames per second that the codec sees.
        skeleton: names, parents and offsets of the joints that it knows.
    """

    spec: HeatmapSpec
    fps: float
    skeleton: Skeleton

    def bring(self, clip: Clip) -> Clip:
        """A recording on the codec's joints, at its frame rate.

        Raises:
            BadInput: it lacks joints, or depth that the pair needs.
        """
        same, _ = alike(in_unit([clip], "auto"))
        clip = onto(resample(same[0], self.fps), self.skeleton.names, self.skeleton.parents)
        if is_flat(clip) and self.spec.pair not in ("2d_2d", "c2d_2d"):
            raise BadInput(f"{clip.recording}: has no depth, which pair {self.spec.pair} needs")
        return clip

    def data(self, clips: Sequence[Clip]) -> HeatmapData:
        """Recordings that were brought, to be drawn; their windows follow one another.

        Raises:
            BadInput: one is shorter than a window, or a view is not theirs.
        """
        windows = []
        for clip in clips:
            starts = covering(clip.frames, self.spec.window)
            if not starts:
                raise BadInput(
                    f"{clip.recording}: has {clip.frames} frames at {self.fps:g} fps, and this "
                    f"codec needs windows of {self.spec.window}; give a longer recording"
                )
            windows += [Window(clip.recording, start, self.spec.window) for start in starts]
        names = tuple(clip.recording for clip in clips)
        return HeatmapData(
            spec=self.spec,
            fps=self.fps,
            layout=layout_of(self.skeleton),
            clips={clip.recording: clip for clip in clips},
            windows={ALL: tuple(windows)},
            provenance=Provenance(data_hash(clips), "", "", {ALL: names}, ()),
            cameras={},
        )

    def described(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "spec": self.spec.model_dump(mode="json"),
            "fps": self.fps,
            "joints": list(self.skeleton.names),
            "parents": [int(p) for p in self.skeleton.parents],
            "offsets": [[float(x) for x in bone] for bone in self.skeleton.offsets],
        }

    def save(self, folder: Path) -> None:
        """Writes `drawing.json` into a codec's folder."""
        text = json.dumps(self.described(), indent=1, sort_keys=True)
        (folder / DRAWING_FILE).write_text(text + "\n", encoding="utf-8")


def drawing_of(data: HeatmapData) -> Drawing:
    """The drawing of a trial's data; paths, splits and seeds of the sweep are left out."""
    kept = {"pair", "heatmap", "channels", "size", "window", "sigma", "fill", "intensity", "views",
            "least_visible"}  # fmt: skip
    spec = HeatmapSpec(**{k: v for k, v in data.spec.model_dump().items() if k in kept})
    return Drawing(spec, data.fps, next(iter(data.clips.values())).skeleton)


def described_drawing(said: Mapping[str, Any]) -> Drawing:
    """What `Drawing.described` said.

    Raises:
        BadInput, KeyError, TypeError or ValueError: it is none.
    """
    skeleton = Skeleton(
        tuple(map(str, said["joints"])),
        np.array(said["parents"], np.int64),
        np.array(said["offsets"], np.float64),
    )
    layout_of(skeleton)
    fps = float(said["fps"])
    if not 0 < fps <= 1000:
        raise ValueError(f"fps {fps} is out of range")
    return Drawing(heatmap_spec(dict(said["spec"])), fps, skeleton)


def load_drawing(folder: Path) -> Drawing:
    """Reads `drawing.json` of a codec's folder.

    Raises:
        BadInput: it is not there, or damaged.
    """
    place = folder / DRAWING_FILE
    if not place.is_file():
        raise BadInput(
            f"{place}: is missing, the trial was run by an older release; run the sweep again"
        )
    try:
        return described_drawing(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{place}: is damaged ({error}); run the trial again") from None


def covering(frames: int, window: int) -> list[int]:
    """Starts of windows that follow one another; the last is moved back to end with the recording.

    >>> covering(20, 8), covering(16, 8), covering(7, 8)
    ([0, 8, 12], [0, 8], [])
    """
    starts = list(range(0, frames - window + 1, window))
    if starts and starts[-1] + window < frames:
        starts.append(frames - window)
    return starts
