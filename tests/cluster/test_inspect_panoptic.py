"""`ratefront inspect` on Panoptic sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli import main
from tests.trainables.motion.panoptic_session import write_session


def test_everyone_in_a_session_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write_session(tmp_path / "s", {f: (0, 4) for f in range(3)})
    assert main(["inspect", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "s/person0" in said and "s/person4" in said and "Panoptic coco19" in said
    (place / "hdPose3d_stage1_coco19" / "body3DScene_00000001.json").write_text("{")
    assert main(["inspect", str(tmp_path)]) == 2
    assert "is no JSON" in capsys.readouterr().err
