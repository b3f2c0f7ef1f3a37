"""The specification is on disk before Ray or torch is imported, and no folder before that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
from pathlib import Path
import cluster.sweep
from cluster.store import Store

create = Store.create.__func__

def watched(cls, folder, text):
    store = create(cls, folder, text)
    print("WRITTEN", (folder / "sweep.yaml").stat().st_size > 0)
    print("HEAVY", sorted(m for m in ("ray", "torch") if m in sys.modules))
    store.close()
    raise SystemExit(0)

Store.create = classmethod(watched)
from cluster.cli import main
main(["sweep", "rate_distortion", "--size", "debug", "--data", "embedded", "--out", sys.argv[1]])
"""


def test_sweep_yaml_comes_before_ray_and_torch(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    assert "WRITTEN True" in result.stdout, result.stderr
    assert "HEAVY []" in result.stdout, result.stdout
