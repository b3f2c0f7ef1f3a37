"""A symmetric stick figure that moves, written as BVH text in every dialect a test asks for.

Its truth (metres, Y up) is computed with scipy alone, joint by joint and frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

# name, parent, offset in metres (Y up, X to the left, Z ahead)
BONES: list[tuple[str, str, tuple[float, float, float]]] = [
    ("Hips", "", (0.0, 0.0, 0.0)),
    ("Spine", "Hips", (0.0, 0.25, 0.0)),
    ("Neck", "Spine", (0.0, 0.25, 0.0)),
    ("Head", "Neck", (0.0, 0.12, 0.02)),
    ("LeftArm", "Spine", (0.18, 0.2, 0.0)),
    ("LeftForeArm", "LeftArm", (0.28, 0.0, 0.0)),
    ("LeftHand", "LeftForeArm", (0.25, 0.0, 0.0)),
    ("LeftHandIndex1", "LeftHand", (0.09, 0.0, 0.02)),
    ("LeftHandThumb1", "LeftHand", (0.03, 0.0, 0.04)),
    ("RightArm", "Spine", (-0.18, 0.2, 0.0)),
    ("RightForeArm", "RightArm", (-0.28, 0.0, 0.0)),
    ("RightHand", "RightForeArm", (-0.25, 0.0, 0.0)),
    ("RightHandIndex1", "RightHand", (-0.09, 0.0, 0.02)),
    ("RightHandThumb1", "RightHand", (-0.03, 0.0, 0.04)),
    ("LeftUpLeg", "Hips", (0.1, -0.05, 0.0)),
    ("LeftLeg", "LeftUpLeg", (0.0, -0.42, 0.0)),
    ("LeftFoot", "LeftLeg", (0.0, -0.42, 0.0)),
    ("RightUpLeg", "Hips", (-0.1, -0.05, 0.0)),
    ("RightLeg", "RightUpLeg", (0.0, -0.42, 0.0)),
    ("RightFoot", "RightLeg", (0.0, -0.42, 0.0)),
]
HIP_HEIGHT = 0.95


@dataclass
class Figure:
    """Motion of the figure and how it is to be written."""

    frames: int = 40
    seed: int = 0
    bones: list[tuple[str, str, tuple[float, float, float]]] = field(
        default_factory=lambda: list(BONES)
    )
    orders: dict[str, str] = field(default_factory=dict)  # joint -> order; ZXY else
    unit: float = 0.01  # metres
    z_up: bool = False
    every_joint_moves: bool = False  # 6 channels on every joint
    positions_first: bool = True
    root_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # metres, in the file's axes
    add: bool = False  # positions are added to the OFFSET
    rest_first: bool = False
    frame_time: str = "0.0333333"
    eol: str = "\n"
    number: str = "{:.8f}"

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        time = np.arange(self.frames)[:, None, None] / 30
        shape = (1, len(self.bones), 3)
        phase, size = rng.uniform(0, 6, shape), rng.uniform(3, 25, shape)
        self.angles = size * np.sin(2 * time + phase)  # (frames, joints, 3) degrees
        self.root = np.concatenate(
            [0.3 * time[..., 0], HIP_HEIGHT + 0.01 * np.sin(time[..., 0]), 0.1 * time[..., 0]], -1
        )
        if self.rest_first:
            self.angles[0] = 0.0

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.bones]

    @property
    def parents(self) -> list[int]:
        return [self.names.index(parent) if parent else -1 for _, parent, _ in self.bones]

    def order(self, name: str) -> str:
        return self.orders.get(name, "ZXY")

    def local(self, frame: int, joint: int) -> np.ndarray:
        """Local rotation, as intended (Y up)."""
        order = self.order(self.names[joint])
        turn = Rotation.from_euler(order, self.angles[frame, joint], degrees=True).as_matrix()
        return np.asarray(turn)

    def truth(self) -> np.ndarray:
        """(frames, joints, 3) world positions in metres, Y up."""
        out = np.zeros((self.frames, len(self.bones), 3))
        for t in range(self.frames):
            world: list[np.ndarray] = []
            for j, (_, _, offset) in enumerate(self.bones):
                p = self.parents[j]
                here = self.local(t, j)
                world.append(here if p < 0 else world[p] @ here)
                out[t, j] = self.root[t] if p < 0 else out[t, p] + world[p] @ np.array(offset)
        return out

    def text(self) -> str:
        """The BVH file."""
        lines = ["HIERARCHY"]
        self._joint(0, lines, "")
        rows = [" ".join(self.number.format(x) for x in row) for row in self._rows()]
        lines += ["MOTION", f"Frames: {self.frames}", f"Frame Time: {self.frame_time}", *rows]
        return self.eol.join(lines) + self.eol

    def _joint(self, j: int, lines: list[str], indent: str) -> None:
        name, _, offset = self.bones[j]
        offset = self.root_offset if j == 0 else offset
        numbers = " ".join(f"{x / self.unit:.8f}" for x in offset)
        order = " ".join(f"{axis}rotation" for axis in self.order(name))
        places = "Xposition Yposition Zposition"
        moves = j == 0 or self.every_joint_moves
        both = f"{places} {order}" if self.positions_first else f"{order} {places}"
        lines += [
            f"{indent}{'ROOT' if j == 0 else 'JOINT'} {name}",
            f"{indent}{{",
            f"{indent}\tOFFSET {numbers}",
            f"{indent}\tCHANNELS {'6 ' + both if moves else '3 ' + order} ",
        ]
        below = [c for c, p in enumerate(self.parents) if p == j]
        for c in below:
            self._joint(c, lines, indent + "\t")
        if not below:
            lines += [f"{indent}\tEnd Site", f"{indent}\t{{"]
            lines += [f"{indent}\t\tOFFSET 0 {0.05 / self.unit} 0", f"{indent}\t}}"]
        lines.append(f"{indent}}}")

    def _rows(self) -> np.ndarray:
        """Numbers in the order in which joints are written: depth first, as `bones` stands."""
        turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # Y up to Z up
        rows = []
        for t in range(self.frames):
            row: list[float] = []
            for j, (name, _, offset) in enumerate(self.bones):
                place = self.root[t] if j == 0 else np.array(offset)
                angles = self.angles[t, j]
                if j == 0 and self.z_up:
                    place = turn @ place
                    angles = Rotation.from_matrix(turn @ self.local(t, j)).as_euler(
                        self.order(name), degrees=True
                    )
                if self.add:
                    place = place - np.array(self.root_offset if j == 0 else offset)
                place = place / self.unit
                moves = j == 0 or self.every_joint_moves
                if moves and self.positions_first:
                    row += [*place, *angles]
                elif moves:
                    row += [*angles, *place]
                else:
                    row += [*angles]
            rows.append(row)
        return np.array(rows)
