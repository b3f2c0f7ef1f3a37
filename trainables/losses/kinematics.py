"""Forward kinematics of one part with its gradient written out.

Positions move with a joint's rotation as a rigid body does: the gradient to a rotation is the
torque about its joint of the gradients on all points beyond it (Featherstone, Rigid Body Dynamics
Algorithms, section 2.2), so that going back is one sum of two vectors up the tree. Autograd took
several times as long over the matrices. Frames are the last axis here, along which all is vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

_LEAST = 1e-6  # length of a column of a rotation below which it has no direction
_SMALL = 0.25  # squared angle under which (angle - sine) / angle^3 is taken from its series


@dataclass(frozen=True)
class Tree:
    """A part's points in order of their depth, each level a slice.

    Attributes:
        bounds: where levels begin, and the end of the last.
        parents: of each level but the first (points,), places in the whole order.
        rotation: (points,) coded joint of each point; one past the last where it has none.
        place: (points,) where a point of the part stands in this order.
    """

    bounds: tuple[int, ...]
    parents: tuple[np.ndarray, ...]
    rotation: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, parents: Sequence[int] | np.ndarray, coded: np.ndarray) -> Tree:
        """Of the parents of all points; ValueError where they are not one tree, root first."""
        parents = np.asarray(parents)
        if parents[0] != -1 or (parents[1:] < 0).any():
            raise ValueError(f"a part is one tree with its root first, got parents {parents}")
        depth = np.zeros(len(parents), np.int64)
        for point in range(1, len(parents)):
            depth[point] = depth[parents[point]] + 1
        order = np.argsort(depth, kind="stable")
        place = np.argsort(order, kind="stable")
        bounds = np.searchsorted(depth[order], np.arange(int(depth.max()) + 2))
        levels = [order[a:b] for a, b in pairwise(bounds[1:])]
        joint = {int(point): number for number, point in enumerate(coded)}
        rotation = np.array([joint.get(int(point), len(coded)) for point in order])
        above = tuple(place[parents[level]] for level in levels)
        return cls(tuple(int(b) for b in bounds), above, rotation, place)


@dataclass(frozen=True)
class Bones:
    """A tree with its bones, as tensors.

    Attributes:
        bounds: as `Tree` has them.
        parents: as there.
        rotation: as there.
        offsets: (points, 3, 1) metres, in the tree's order.
    """

    bounds: tuple[int, ...]
    parents: Sequence[Tensor]
    rotation: Tensor
    offsets: Tensor


class Kinematics(torch.autograd.Function):
    """Features of rotations to positions of points, in the tree's order."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, means: Tensor, bones: Bones) -> Tensor:
        """Positions in metres, relative to the root.

        Args:
            ctx: of autograd.
            whole: (joints, width, frames): rotation vectors, or two columns of a rotation.
            means: (joints, 3, 3) that rotations are relative to.
            bones: of the part.

        Returns:
            (points, 3, frames).
        """
        joints, width, frames = whole.shape
        turned = _rotations(whole) if width == 3 else _orthonormal(whole)[0]
        local = whole.new_zeros(joints + 1, 3, 3, frames)
        _multiply(means[..., None], turned, local[:joints])
        local[joints].diagonal().fill_(1.0)  # of points that no joint turns
        local = local.index_select(0, bones.rotation)
        world, places = local.clone(), whole.new_zeros(len(bones.rotation), 3, frames)
        for level, parents in enumerate(bones.parents, 1):
            own = slice(bones.bounds[level], bones.bounds[level + 1])
            above, offset = world.index_select(0, parents), bones.offsets[own]
            here = places.index_select(0, parents)
            torch.addcmul(here, above[:, :, 0], offset[:, 0:1], out=places[own])
            places[own].addcmul_(above[:, :, 1], offset[:, 1:2])
            places[own].addcmul_(above[:, :, 2], offset[:, 2:3])
            if level < len(bones.parents):
                _multiply(above, local[own], world[own])
        ctx.save_for_backward(whole, world, places)
        ctx.bones = bones
        return places

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """From the gradients of positions (points, 3, frames)."""
        whole, world, places = ctx.saved_tensors
        bones: Bones = ctx.bones
        (force,) = gradients
        # Forces, and their torques about the root.
        both = torch.cat([force, _cross(places, force)], 1)
        for level in range(len(bones.parents), 0, -1):
            own = slice(bones.bounds[level], bones.bounds[level + 1])
            both.index_add_(0, bones.parents[level - 1], both[own].clone())
        torque = both[:, 3:] - _cross(places, both[:, :3])
        body = _turned_back(world, torque)
        of_joints = torque.new_zeros(len(whole) + 1, *torque.shape[1:])
        of_joints.index_copy_(0, bones.rotation, body)  # the last row gathers what turns nothing
        back = _through_vectors if whole.shape[1] == 3 else _through_columns
        return back(whole, of_joints[:-1]), None, None


def _multiply(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Products of matrices (points, 3, 3, frames)."""
    torch.mul(left[:, :, 0, None], right[:, 0, None], out=out)
    out.addcmul_(left[:, :, 1, None], right[:, 1, None])
    out.addcmul_(left[:, :, 2, None], right[:, 2, None])


def _turned_back(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Vectors (points, 3, frames) by the transposes of matrices (points, 3, 3, frames)."""
    found = matrices[:, 0] * vectors[:, 0:1]
    found.addcmul_(matrices[:, 1], vectors[:, 1:2])
    return found.addcmul_(matrices[:, 2], vectors[:, 2:3])


def _cross(left: Tensor, right: Tensor) -> Tensor:
    """Cross products (joints, 3, frames); torch's own takes three times as long on this axis."""
    first, second = torch.cat([left, left], 1), torch.cat([right, right], 1)
    found = first[:, 1:4] * second[:, 2:5]
    return found.addcmul_(first[:, 2:5], second[:, 1:4], value=-1)


def _length(vectors: Tensor) -> Tensor:
    """(joints, 3, frames) -> (joints, 1, frames); torch's norm takes fifty times as long here."""
    return vectors.square().sum(1, keepdim=True).sqrt()


def _rotations(vectors: Tensor) -> Tensor:
    """Rodrigues: rotation vectors (joints, 3, frames) -> (joints, 3, 3, frames)."""
    sine, versine, square = _of_angle(vectors)
    found = (versine * vectors)[:, :, None] * vectors[:, None]
    found.diagonal(dim1=1, dim2=2).add_((1 - versine * square).transpose(1, 2))
    x, y, z = (sine * vectors).unbind(1)
    for (row, column), value in (((2, 1), x), ((0, 2), y), ((1, 0), z)):
        found[:, row, column] += value
        found[:, column, row] -= value
    return found


def _of_angle(vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sin(a) / a, (1 - cos(a)) / a^2 and a^2 of rotation vectors' angles, (joints, 1, frames)."""
    square = vectors.square().sum(1, keepdim=True)
    angle = square.sqrt()
    sine = torch.sinc(angle / torch.pi)
    # By half the angle, which loses no digits near 0.
    versine = torch.sinc(angle / (2 * torch.pi)).square_().mul_(0.5)
    return sine, versine, square


def _through_vectors(vectors: Tensor, torque: Tensor) -> Tensor:
    """Gradients of rotation vectors from torques in the joints' own axes.

    By the transpose of the right Jacobian of SO(3) (Chirikjian, Stochastic Models, Information
    Theory, and Lie Groups 2, equation 10.86).
    """
    sine, versine, square = _of_angle(vectors)
    series = 1 / 6 - square / 120 + square**2 / 5040 - square**3 / 362880
    exact = (1 - sine) / square.clamp(min=_SMALL)
    third = torch.where(square < _SMALL, series, exact)
    once = _cross(vectors, torque)
    found = torch.addcmul(torque, versine, once)
    return found.addcmul_(third, _cross(vectors, once))


def _orthonormal(columns: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gram-Schmidt of two columns (joints, 6, frames).

    Returns:
        Rotations (joints, 3, 3, frames); (joints, 1, frames) each: the length of the first column,
        how far the second goes along it, and how far beside it.
    """
    first, second = columns[:, :3], columns[:, 3:]
    length = _length(first).clamp(min=_LEAST)
    x = first / length
    along = (x * second).sum(1, keepdim=True)
    beside = second - along * x
    width = _length(beside).clamp(min=_LEAST)
    y = beside / width
    return torch.stack([x, y, _cross(x, y)], 2), length, along, width


def _through_columns(columns: Tensor, torque: Tensor) -> Tensor:
    """Gradients of two columns (joints, 6, frames) from torques in the joints' own axes."""
    turned, length, along, width = _orthonormal(columns)
    _, y, z = turned.unbind(2)
    about_x, about_y, about_z = (torque[:, i : i + 1] for i in range(3))
    of_second = about_x / width
    of_first = (about_z * y - (about_y + along * of_second) * z) / length
    return torch.cat([of_first, of_second * z], 1)
