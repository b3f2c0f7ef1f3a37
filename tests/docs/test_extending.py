"""The page on extending runs as it stands: its files, their tests, and its commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cluster.cli import main
from tests.trainables.exported import training
from tests.trainables.tiny import make_clips
from trainables import plugins
from trainables.motion.npz import write_npz
from trainables.motion.readers import read_clip

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FILES = {
    named[1]: named[2]
    for language, text in BLOCK.findall(PAGE)
    if language in ("python", "yaml") and (named := re.match(r"# (\S+)\n(.*)", text, re.DOTALL))
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files; registries are as they were afterwards."""
    from search_spaces import families, objectives
    from trainables.codecs import registry
    from trainables.metrics import clip_pair
    from trainables.motion import readers

    for owner, name in (
        (families, "_FAMILIES"), (objectives, "_REGISTRY"), (registry, "_CLASSES"),
        (clip_pair, "_REGISTRY"), (readers, "_READERS"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, dict(getattr(owner, name)))
    monkeypatch.setattr(plugins, "_LOADED", set())
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def write_tables(folder: Path) -> None:
    """Small recordings in the page's own format."""
    folder.mkdir()
    for clip in make_clips(4):
        bones = clip.skeleton
        above = [bones.names[p] if p >= 0 else "" for p in bones.parents]
        rows = [",".join(f"{x:.6f}" for x in frame.ravel()) for frame in clip.positions]
        lines = ["30", ",".join(bones.names), ",".join(above), *rows]
        (folder / f"{clip.recording}.csv").write_text("\n".join(lines))


def write_arrays(folder: Path) -> None:
    """The same recordings as .npz."""
    folder.mkdir()
    for clip in make_clips(4):
        write_npz(clip, folder / f"{clip.recording}.npz")


def metrics_of(trial: Path) -> set[str]:
    return set(pd.read_parquet(trial / "clips.parquet")["metric"])


def printed(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_every_file_stands_beside_its_test() -> None:
    modules = {name for name in FILES if name.endswith(".py") and not name.startswith("test_")}
    assert modules == {"hold_frame.py", "peak_error.py", "csv_reader.py"}
    assert {f"test_{name}" for name in modules} <= set(FILES)
    code = [line for name in modules for line in FILES[name].splitlines() if line.strip()]
    assert len(code) < 120 and max(map(len, code)) <= 100


def test_the_files_pass_their_own_tests(place: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    # The shipped suites came along: 18 checks of a codec, 12 of a metric, 2 of the reader's own.
    assert passed and int(passed[1]) >= 32, run.stdout[-500:]


def test_a_trial_runs_the_codec_and_scores_the_metric(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_arrays(place / "motion")
    said = printed(capsys, [
        "trial", "held.yaml", "--size", "debug", "--data", "motion", "--out", "kept",
        "--plugin", "hold_frame.py", "--plugin", "peak_error.py",
        "--set", "codec=hold_frame", "--set", "codebook_size=16", "--set", "hold=2",
    ])  # fmt: skip
    assert "hold_frame-" in said
    # 4 bits a token of two frames at 30 fps, three parts; uneven tails cost a little more.
    rate = float(re.search(r"rate_nominal_bps\D+([\d.]+)", said)[1])  # type: ignore[index]
    assert 180 <= rate < 183
    scopes = ("full", "body", "right_hand", "left_hand", "hands")
    assert {f"peak_error_{scope}_cm" for scope in scopes} <= metrics_of(place / "kept")
    last = json.loads((place / "kept" / "curve.json").read_text())[-1]
    assert last["val_peak_error_full_cm"] > last["val_rmse_full_cm"] > 0
    tokens = np.load(place / "kept" / "tokens.npz")
    assert all(t.shape[1] == 1 and t.max() < 16 for t in (tokens[name] for name in tokens.files))


def test_its_tokens_reach_the_coder(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"codec": "hold_frame", "codebook_size": 16, "hold": 4}
    monkeypatch.setitem(training.CONFIGURATIONS, "hold_frame", config)
    plugins.load_plugins(["hold_frame.py"])
    trained = training.train(
        place / "kept", training.write_recordings(place / "motion"), "hold_frame"
    )
    plugin = ("--plugin", "hold_frame.py")
    printed(capsys, ["encode", str(trained.folder), "motion", "-o", "coded", *plugin])
    assert {p.name for p in (place / "coded").rglob("*.rft")} >= {"take-0.rft", "take-1.rft"}
    said = printed(capsys, ["inspect", "coded", "--codec", str(trained.folder), *plugin])
    assert "every 4 frames" in said and "model" in said
    printed(capsys, ["decode", str(trained.folder), "coded", "-o", "again", *plugin])
    one, other = (read_clip(place / name / "take-0.bvh") for name in ("motion", "again"))
    assert (one.frames, one.fps) == (other.frames, other.fps)


def test_a_trial_reads_the_readers_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tables(place / "tables")
    said = printed(capsys, [
        "trial", "rate_distortion", "--size", "debug", "--data", "tables", "--out", "kept",
        "--plugin", "csv_reader.py", "--set", "codec=kmeans", "--set", "codebook_size=8",
    ])  # fmt: skip
    assert "val_rmse_full_cm" in said
    rebuilt = np.load(place / "kept" / "reconstructions.npz")
    (only,) = (rebuilt[name] for name in rebuilt.files)
    assert only.shape[1:] == (15, 3) and np.isfinite(only).all()


def test_an_installed_plugin_is_found_by_its_entry_point(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search_spaces.families import complete

    (table,) = (text for language, text in BLOCK.findall(PAGE) if language == "toml")
    group = re.search(r'entry-points\."([\w.]+)"', table)
    entry = re.search(r'(\w+) = "([\w.]+)"', table)
    assert group and group[1] == plugins.GROUP and entry
    package, _, module = entry[2].partition(".")
    (place / package).mkdir()
    (place / package / "__init__.py").touch()
    (place / f"{module}.py").rename(place / package / f"{module}.py")
    facts = place / f"{package}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{group[1]}]\n{entry[1]} = {entry[2]}\n")
    monkeypatch.syspath_prepend(str(place))
    plugins.load_plugins()
    assert complete({"codec": "hold_frame", "codebook_size": 8})["hold"] == 4
    for name in (package, entry[2]):
        sys.modules.pop(name)


def test_its_presets_and_commands_are_understood(place: Path) -> None:
    from search_spaces.presets import load_spec

    lines = [
        line.split()
        for language, text in BLOCK.findall(PAGE)
        if language == "sh"
        for line in text.splitlines()
    ]
    assert len(lines) >= 4
    for words in lines:
        assert words[0] == "ratefront" and words[1] in ("trial", "sweep")
        given = {
            flag: [b for a, b in pairwise(words) if a == flag]
            for flag in ("--plugin", "--set", "--size")
        }
        plugins.load_plugins(given["--plugin"])
        spec = load_spec(words[2], size=given["--size"][0], settings=given["--set"])
        assert spec.space.size() > 0
    held = yaml.safe_load(FILES["held.yaml"])
    codecs = next(p for p in held["space"]["parameters"] if p["name"] == "codec")
    assert "hold_frame" in codecs["choices"]
