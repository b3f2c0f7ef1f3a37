"""Motion in two dimensions: what is left out, and that nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import EMBEDDED_FLAT, DataSpec
from tests.trainables.tiny import make_clip
from trainables.motion.dataset import prepare
from trainables.motion.projection import frontal
from trainables.motion.recordings import load_clips
from trainables.motion.synthetic import embedded_clips


def test_depth_is_left_out_and_the_rest_is_as_it_was() -> None:
    clip = make_clip("a", 1)
    flat = frontal(clip)
    assert (flat.positions[..., 2] == 0).all() and flat.rotations is None
    assert np.array_equal(flat.positions[..., :2], clip.positions[..., :2])
    assert (flat.skeleton.offsets[:, 2] == 0).all()
    assert clip.positions[..., 2].any(), "the clip itself stays"
    assert np.array_equal(frontal(flat).positions, flat.positions)


def test_pixels_have_no_depth_to_leave_out() -> None:
    clip = replace(make_clip("a", 1), unit="px")
    with pytest.raises(BadInput, match="pixels"):
        frontal(clip)


def test_the_embedded_signer_can_be_asked_for_in_two_dimensions() -> None:
    spec = DataSpec(path=EMBEDDED_FLAT, embedded_size="debug", features="position")
    clips, _ = load_clips(spec)
    solid = embedded_clips("debug")
    assert np.array_equal(clips[3].positions[..., :2], solid[3].positions[..., :2])
    data = prepare(spec)
    assert data.facts.synthetic and data.facts.name == EMBEDDED_FLAT
    moving = sum(part.dimensions for part in data.facts.parts)
    assert 0 < moving <= 2 * data.facts.joints
    assert all((clip.original[..., 2] == 0).all() for clip in data.splits["val"])
