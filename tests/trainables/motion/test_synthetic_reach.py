"""Inverse kinematics of the synthetic signer."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from trainables.motion.rotations import exp_map
from trainables.motion.skeleton import forward_kinematics
from trainables.motion.synthetic_reach import (
    WRIST_LIMITS,
    Arm,
    elbow_and_wrist,
    plant,
    reach_for,
    within_wrist,
    wrist_angles,
)
from trainables.motion.synthetic_skeleton import reference_skeleton


def targets(count: int) -> np.ndarray:
    low, high = [-0.1, -0.2, 0.15], [0.3, 0.3, 0.35]
    return np.random.default_rng(0).uniform(low, high, (count, 3))


def test_the_wrist_arrives_where_it_was_sent() -> None:
    skeleton = reference_skeleton()
    at = skeleton.index
    wrist = targets(200)
    reach = reach_for(Arm.of(skeleton), wrist, np.linspace(-0.4, 0.4, 200))
    elbow, swing = elbow_and_wrist(reach.flexion, np.zeros((200, 3)))
    local = np.tile(np.eye(3), (200, len(skeleton), 1, 1))
    for joint, value in (
        ("collar", exp_map(reach.collar)),
        ("shoulder", reach.shoulder),
        ("elbow", elbow),
        ("wrist", swing),
    ):
        local[:, at(f"left_{joint}")] = value
    positions, _ = forward_kinematics(skeleton.parents, skeleton.offsets, local)
    reached = positions[:, at("left_wrist")] - positions[:, at("spine3")]
    distance = np.linalg.norm(
        reached - positions[:, at("left_shoulder")] + positions[:, at("spine3")], axis=1
    )
    inside = (distance > 0.21) & (distance < 0.47)
    assert inside.sum() > 100
    np.testing.assert_allclose(reached[inside], wrist[inside], atol=2e-3)


def test_beyond_its_length_the_arm_points_at_the_target() -> None:
    arm = Arm.of(reference_skeleton())
    far = reach_for(arm, np.array([[0.2, 0.1, 2.0]]), np.zeros(1))
    assert 0.05 < far.flexion[0] < 0.8
    assert far.forearm[0, 2, 0] > 0.8


def test_a_hand_within_its_limits_takes_the_wanted_orientation() -> None:
    rng = np.random.default_rng(1)
    forearm = Rotation.random(100, random_state=2).as_matrix()
    wanted = rng.uniform(-0.5, 0.5, (100, 3)) * WRIST_LIMITS
    elbow, wrist = elbow_and_wrist(np.zeros(100), wanted)
    found = wrist_angles(forearm, forearm @ elbow @ wrist)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_no_wish_leaves_the_limits_of_the_wrist() -> None:
    wishes = np.random.default_rng(3).normal(0.0, 3.0, (500, 3))
    held = within_wrist(wishes)
    assert (np.abs(held) <= WRIST_LIMITS + 1e-12).all()
    small = 0.3 * WRIST_LIMITS
    np.testing.assert_allclose(within_wrist(small), small)


def test_a_planted_foot_stays_while_the_pelvis_moves() -> None:
    skeleton = reference_skeleton()
    at = skeleton.index
    rng = np.random.default_rng(4)
    root = np.array([0.0, 0.93, 0.0]) + rng.uniform(-0.02, 0.02, (50, 3)) * [1.0, 0.3, 1.0]
    pelvis = exp_map(rng.uniform(-0.05, 0.05, (50, 3)))
    local = np.tile(np.eye(3), (50, len(skeleton), 1, 1))
    local[:, 0] = pelvis
    ankle = np.array([-0.09, 0.06, 0.0])
    leg = plant(skeleton, "right", root, pelvis, ankle)
    local[:, at("right_hip")], local[:, at("right_knee")] = leg.hip, leg.knee
    local[:, at("right_ankle")] = leg.ankle
    positions, world = forward_kinematics(skeleton.parents, skeleton.offsets, local, root)
    reached = positions[:, at("right_ankle")]
    np.testing.assert_allclose(reached, np.broadcast_to(ankle, reached.shape), atol=2e-3)
    flat = world[:, at("right_ankle")]
    np.testing.assert_allclose(flat, np.broadcast_to(np.eye(3), flat.shape), atol=1e-9)
    knees = positions[:, at("right_knee")]
    assert (knees[:, 2] > reached[:, 2]).all(), "knees bend forwards"
