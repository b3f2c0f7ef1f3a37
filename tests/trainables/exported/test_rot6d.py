"""EG-VQVAE on 6-D rotations, exported: files hold the trial's tokens and give its motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from search_spaces.spec import DataSpec
from tests.trainables.exported.there_and_back import through_a_file
from tests.trainables.exported.training import file_of, train
from trainables.exported.transcode import decoded_positions, motion_suffix
from trainables.motion.readers import read_clip


def test_files_hold_what_the_trial_stored(tmp_path: Path, recordings: Path) -> None:
    spec = DataSpec(path=str(recordings), features="rot6d")
    given = train(tmp_path, recordings, "eg_vqvae", spec)
    codec = given.codec
    assert codec.preparation.feature_map.kind == "rot6d" and motion_suffix(codec) == ".bvh"
    for clip in given.data.splits["test"]:
        source = read_clip(file_of(given.source, clip.recording), clip.recording)
        encoded, decoded = through_a_file(codec, source)
        for part, tokens in encoded.tokens.items():
            stored = given.tokens[f"test/{part}/{clip.recording}"]
            assert np.array_equal(tokens, stored) and np.array_equal(decoded.tokens[part], stored)
        stored = given.reconstructions[f"{clip.recording}/depth{given.levels}"]
        assert np.array_equal(decoded_positions(codec, decoded).astype(np.float32), stored)
