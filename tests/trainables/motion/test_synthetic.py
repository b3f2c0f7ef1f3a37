"""The embedded motion: deterministic, sign-like, and hard enough that codecs differ on it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.rotations import mean_rotation, relative_log
from trainables.motion.skeleton import forward_kinematics
from trainables.motion.synthetic import SIGNERS_FULL, embedded_clips
from trainables.motion.synthetic_handshapes import LIMITS

FPS = 30.0


@pytest.fixture(scope="module")
def debug() -> list[Clip]:
    return embedded_clips("debug")


@pytest.fixture(scope="module")
def reduced() -> list[Clip]:
    return embedded_clips("reduced")


@pytest.fixture(scope="module")
def full() -> list[Clip]:
    return embedded_clips("full")


def rotations(clip: Clip) -> np.ndarray:
    assert clip.rotations is not None
    return clip.rotations


def joints(clip: Clip, part: str) -> list[int]:
    """Joints of a part as the codecs code it: each hand below its wrist, the body the rest."""
    hands = {
        side: clip.skeleton.descendants(clip.skeleton.index(f"{side}_wrist"))
        for side in ("left", "right")
    }
    if part == "body":
        coded = hands["left"] + hands["right"]
        return [j for j in range(len(clip.skeleton)) if j not in coded]
    return hands[part.removesuffix("_hand")]


def angles(clips: Sequence[Clip], fitted_on: Sequence[Clip], part: str | None) -> list[np.ndarray]:
    """Exponential maps (frames, 3 * joints) about the mean rotation, pelvis included, radians."""
    chosen = list(range(len(clips[0].skeleton))) if part is None else joints(clips[0], part)
    every = np.concatenate([rotations(c)[:, chosen] for c in fitted_on])
    mean = np.stack([mean_rotation(every[:, j]) for j in range(len(chosen))])
    return [relative_log(rotations(c)[:, chosen], mean).reshape(c.frames, -1) for c in clips]


def components(features: np.ndarray, share: float = 0.99) -> int:
    """Principal components that hold a share of the variance."""
    centred = features - features.mean(axis=0)
    variance = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    return int(np.searchsorted(np.cumsum(variance) / variance.sum(), share)) + 1


def nearest(points: np.ndarray, codes: np.ndarray) -> np.ndarray:
    half = 0.5 * np.sum(codes**2, axis=1)
    blocks = np.array_split(points, max(1, len(points) // 4000))
    return np.concatenate([np.argmin(half - block @ codes.T, axis=1) for block in blocks])


def codebook(train: np.ndarray, size: int, rng: np.random.Generator, rounds: int) -> np.ndarray:
    """Lloyd's algorithm from training frames drawn at random."""
    codes = train[rng.choice(len(train), size, replace=False)].copy()
    for _ in range(rounds):
        labels = nearest(train, codes)
        order = np.argsort(labels, kind="stable")
        used, first = np.unique(labels[order], return_index=True)
        sums = np.add.reduceat(train[order], first, axis=0)
        codes[used] = sums / np.diff(np.append(first, len(train)))[:, None]
    return codes


def rmse_degrees(points: np.ndarray, codes: np.ndarray) -> float:
    """Root mean square angle per joint between frames and their codes."""
    errors = points - codes[nearest(points, codes)]
    return float(np.degrees(np.sqrt(3.0 * np.mean(errors**2))))


def split(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Recordings of every signer: the last 3 in 10 are held out."""
    train, held_out = [], []
    for signer in sorted({str(c.signer) for c in clips}):
        own = [c for c in clips if c.signer == signer]
        cut = round(0.7 * len(own))
        train += own[:cut]
        held_out += own[cut:]
    return train, held_out


def speeds(clips: Sequence[Clip], joint: str) -> np.ndarray:
    """m/s, world."""
    at = clips[0].skeleton.index(joint)
    ways = [np.linalg.norm(np.diff(c.positions[:, at], axis=0), axis=1) for c in clips]
    return np.concatenate(ways) * clips[0].fps


def in_chest(clip: Clip, joint: str) -> np.ndarray:
    """A joint (frames, 3) in the frame of the chest."""
    skeleton = clip.skeleton
    _, world = forward_kinematics(skeleton.parents, skeleton.offsets, rotations(clip))
    chest = skeleton.index("spine3")
    away = clip.positions[:, skeleton.index(joint)] - clip.positions[:, chest]
    return np.einsum("tji,tj->ti", world[:, chest], away)


# What is promised


@pytest.mark.parametrize(
    ("size", "signers", "recordings", "frames"),
    [("debug", 3, 12, 1_500), ("reduced", 4, 24, 12_000), ("full", SIGNERS_FULL, 60, 68_400)],
)
def test_sizes(
    size: str, signers: int, recordings: int, frames: int, request: pytest.FixtureRequest
) -> None:
    clips = request.getfixturevalue(size)
    assert len(clips) == recordings
    assert len({c.recording for c in clips}) == recordings
    assert sum(c.frames for c in clips) == frames
    assert {c.signer for c in clips} == {f"signer-{s + 1}" for s in range(signers)}
    for clip in clips:
        assert clip.recording.startswith(f"{clip.signer}/utterance-")
        assert clip.notes == ("synthetic",)
        assert (clip.unit, clip.fps) == ("m", FPS)


def test_full_leaves_forty_thousand_training_frames_after_a_split_by_recording(
    full: list[Clip],
) -> None:
    shortest_split = int(0.7 * len(full)) * min(c.frames for c in full)
    assert shortest_split >= 40_000


def test_signers_have_bones_of_their_own_and_share_joint_names(full: list[Clip]) -> None:
    first = {str(c.signer): c for c in full}
    assert len({c.skeleton.names for c in full}) == 1
    heights = [np.ptp(c.positions[:, :, 1].mean(axis=0)) for c in first.values()]
    assert np.ptp(heights) > 0.08
    offsets = np.stack([c.skeleton.offsets for c in first.values()])
    lengths = np.linalg.norm(offsets[:, 1:], axis=-1)
    assert (lengths.std(axis=0) > 0.005 * lengths.mean(axis=0)).all()
    for clip in full:
        np.testing.assert_array_equal(
            clip.skeleton.offsets, first[str(clip.signer)].skeleton.offsets
        )


def test_positions_follow_from_rotations_and_offsets(debug: list[Clip]) -> None:
    for clip in debug:
        skeleton = clip.skeleton
        built, _ = forward_kinematics(
            skeleton.parents, skeleton.offsets, rotations(clip), clip.positions[:, 0]
        )
        np.testing.assert_allclose(built, clip.positions, atol=1e-12)
        gram = np.swapaxes(rotations(clip), -1, -2) @ rotations(clip)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(rotations(clip)), 1.0, atol=1e-9)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(debug: list[Clip]) -> None:
    again, other = embedded_clips("debug"), embedded_clips("debug", seed=1)
    for a, b, c in zip(debug, again, other, strict=True):
        assert a.recording == b.recording == c.recording
        np.testing.assert_array_equal(a.positions, b.positions)
        np.testing.assert_array_equal(rotations(a), rotations(b))
        np.testing.assert_array_equal(a.skeleton.offsets, b.skeleton.offsets)
        assert np.abs(a.positions - c.positions).max() > 0.05


def test_a_recording_is_the_same_whatever_the_size(
    debug: list[Clip], reduced: list[Clip], full: list[Clip]
) -> None:
    for small, large in ((debug, reduced), (reduced, full)):
        for i, clip in enumerate(small):
            assert clip.recording == large[i].recording
            # Equal to rounding: matrix products of other lengths may sum in another order.
            np.testing.assert_allclose(
                clip.positions, large[i].positions[: clip.frames], atol=1e-9, rtol=0
            )


def test_recordings_differ(full: list[Clip]) -> None:
    hands = np.stack([c.positions[:, c.skeleton.index("right_wrist")] for c in full])
    for i in range(len(hands)):
        for j in range(i):
            assert np.abs(hands[i] - hands[j]).max() > 0.2


def test_the_frame_rate_samples_one_and_the_same_movement(debug: list[Clip]) -> None:
    twice = embedded_clips("debug", fps=60.0)
    for slow, fast in zip(debug, twice, strict=True):
        assert fast.frames == 2 * slow.frames
        np.testing.assert_allclose(fast.positions[::2], slow.positions, atol=1e-9)


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(BadInput, match=r"no size 'huge'.*debug, reduced, full"):
        embedded_clips("huge")
    for fps in (0.0, -30.0, float("nan")):
        with pytest.raises(BadInput, match="fps must be positive"):
            embedded_clips("debug", fps=fps)


def test_it_is_made_in_seconds() -> None:
    before = time.process_time()
    embedded_clips("reduced")
    # Half a second where nothing else runs; the bound leaves room for a slow machine.
    assert time.process_time() - before < 4.0


def test_it_needs_no_torch() -> None:
    code = "import sys, trainables.motion.synthetic; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Hard for a codec


def test_no_few_components_hold_the_angles(reduced: list[Clip]) -> None:
    # All joints about their mean rotations, pelvis included, heading not taken out.
    assert components(np.concatenate(angles(reduced, reduced, None))) >= 30
    for part, least in (("body", 12), ("left_hand", 12), ("right_hand", 12)):
        assert components(np.concatenate(angles(reduced, reduced, part))) >= least


@pytest.mark.parametrize("part", ["body", "left_hand", "right_hand"])
def test_every_larger_codebook_is_better_on_held_out_recordings(
    full: list[Clip], part: str
) -> None:
    train, held_out = split(full)
    assert sum(c.frames for c in train) >= 40_000
    seen = np.concatenate(angles(train, train, part)).astype(np.float32)
    unseen = np.concatenate(angles(held_out[::2], train, part)).astype(np.float32)
    rng = np.random.default_rng(0)
    moving = seen.std(axis=0) > 1e-4
    seen, unseen = np.ascontiguousarray(seen[:, moving]), np.ascontiguousarray(unseen[:, moving])
    scores = {
        k: rmse_degrees(unseen, codebook(seen, k, rng, rounds))
        for k, rounds in ((64, 8), (512, 4), (1024, 3), (4096, 1))
    }
    assert scores[512] < 0.90 * scores[64]
    assert scores[1024] < 0.98 * scores[512]
    assert scores[4096] < 0.97 * scores[1024]


def test_a_signer_left_out_scores_worse_than_one_seen(reduced: list[Clip]) -> None:
    train, held_out = split(reduced)
    rng = np.random.default_rng(0)
    for part in ("body", "right_hand"):
        seen = dict(zip((c.recording for c in train), angles(train, train, part), strict=True))
        unseen = angles(held_out, train, part)
        ratios = []
        for signer in sorted({str(c.signer) for c in train}):
            everyone = np.concatenate(list(seen.values()))
            others = np.concatenate([x for r, x in seen.items() if not r.startswith(f"{signer}/")])
            # As many frames either way: only who they are of differs.
            everyone = everyone[np.sort(rng.choice(len(everyone), len(others), replace=False))]
            own = np.concatenate(
                [x for c, x in zip(held_out, unseen, strict=True) if c.signer == signer]
            )
            known = rmse_degrees(own, codebook(everyone, 256, rng, 4))
            ratios.append(rmse_degrees(own, codebook(others, 256, rng, 4)) / known)
        assert min(ratios) > 1.0, (part, ratios)
        assert np.mean(ratios) > 1.05, (part, ratios)


# Like signing


def test_hands_move_and_hold(reduced: list[Clip]) -> None:
    for side in ("left", "right"):
        speed = speeds(reduced, f"{side}_wrist")
        assert 0.15 < np.mean(speed < 0.15) < 0.65
        assert 0.5 < np.percentile(speed, 95) < 2.5
    for clip in reduced:
        fastest = max(speeds([clip], "left_wrist").max(), speeds([clip], "right_wrist").max())
        assert 1.0 < fastest < 4.0


def test_nothing_jumps(full: list[Clip]) -> None:
    for clip in full:
        ways = np.linalg.norm(np.diff(clip.positions, axis=0), axis=-1)
        assert ways.max() * FPS < 6.0
        turned = np.swapaxes(rotations(clip)[:-1], -1, -2) @ rotations(clip)[1:]
        cosine = (np.trace(turned, axis1=-2, axis2=-1) - 1) / 2
        assert np.arccos(np.clip(cosine, -1.0, 1.0)).max() * FPS < 25.0
        assert np.abs(np.diff(clip.positions, 3, axis=0)).max() * FPS**3 < 15_000


def test_movement_is_continuous_between_frames() -> None:
    # A jump would keep its size in ever smaller steps of time.
    steps = [
        max(np.abs(np.diff(c.positions, axis=0)).max() for c in embedded_clips("debug", fps=fps))
        for fps in (120.0, 480.0)
    ]
    assert steps[1] < 0.35 * steps[0]


def test_exponential_maps_stay_on_one_branch(full: list[Clip]) -> None:
    some = full[::3]
    vectors = np.concatenate(angles(some, some, None)).reshape(-1, len(full[0].skeleton), 3)
    assert np.linalg.norm(vectors, axis=-1).max() < 2.8


def test_hands_are_symmetric_in_part_of_the_frames(reduced: list[Clip]) -> None:
    shares = []
    for clip in reduced:
        mirrored = in_chest(clip, "right_wrist") * [-1.0, 1.0, 1.0]
        apart = np.linalg.norm(in_chest(clip, "left_wrist") - mirrored, axis=1)
        shares.append(np.mean(apart < 0.06))
    assert 0.1 < np.mean(shares) < 0.5


def test_wrists_fill_a_signing_space(full: list[Clip]) -> None:
    for clip in full:
        wrists = np.concatenate([in_chest(clip, f"{s}_wrist") for s in ("left", "right")])
        assert 0.04 < ConvexHull(wrists).volume < 1.0
        assert wrists[:, 2].min() > 0.04, "a wrist inside the trunk"


def test_one_signer_is_left_handed(reduced: list[Clip]) -> None:
    leads = {}
    for signer in sorted({str(c.signer) for c in reduced}):
        own = [c for c in reduced if c.signer == signer]
        leads[signer] = speeds(own, "left_wrist").mean() > speeds(own, "right_wrist").mean()
    assert leads == {"signer-1": False, "signer-2": False, "signer-3": True, "signer-4": False}


def test_fingers_stay_within_anatomical_limits_and_take_many_shapes(reduced: list[Clip]) -> None:
    low, high = (np.degrees(limit) for limit in LIMITS)
    at = reduced[0].skeleton.index
    for side, mirrored in (("left", 1.0), ("right", -1.0)):
        for f, finger in enumerate(("index", "middle", "ring", "pinky")):
            for k in range(3):
                joint = at(f"{side}_{finger}{k + 1}")
                local = np.concatenate([rotations(c)[:, joint] for c in reduced])
                # A finger along +X bends towards -Y: the angle of its first axis below the X axis,
                # which a spread finger reads a few degrees larger.
                bend = np.degrees(np.arctan2(-mirrored * local[:, 1, 0], local[:, 0, 0]))
                assert bend.min() > low[5 + 4 * f + k] - 4
                assert bend.max() < high[5 + 4 * f + k] + 4
                if k < 2:
                    assert np.ptp(np.percentile(bend, [2, 98])) > 40


def test_elbows_are_hinges(reduced: list[Clip]) -> None:
    at = reduced[0].skeleton.index
    for side in ("left", "right"):
        for clip in reduced:
            p = clip.positions
            upper = p[:, at(f"{side}_elbow")] - p[:, at(f"{side}_shoulder")]
            fore = p[:, at(f"{side}_wrist")] - p[:, at(f"{side}_elbow")]
            cosine = np.sum(upper * fore, axis=1)
            cosine /= np.linalg.norm(upper, axis=1) * np.linalg.norm(fore, axis=1)
            bend = np.degrees(np.arccos(cosine))
            assert 5 < bend.min() < bend.max() < 150
            # The forearm never bends sideways out of the hinge's plane (local XZ).
            local = rotations(clip)[:, at(f"{side}_elbow"), :, 0]
            np.testing.assert_allclose(local[:, 1], 0.0, atol=1e-9)


def test_trunk_head_and_weight_move_while_the_feet_stand(reduced: list[Clip]) -> None:
    at = reduced[0].skeleton.index
    for clip in reduced:
        pelvis = clip.positions[:, 0]
        assert pelvis[:, [0, 2]].std(axis=0).max() > 0.003
        for side in ("left", "right"):
            foot = clip.positions[:, at(f"{side}_foot")]
            assert np.abs(foot - foot[0]).max() < 0.01
        assert clip.positions[:, :, 1].min() > 0.0
        for joint in ("head", "spine2"):
            vectors = relative_log(rotations(clip)[:, [at(joint)]], np.eye(3)[None])
            assert np.degrees(vectors.std(axis=0)).max() > 1.0
