"""Bad input, case by case and for every command it concerns: motion, settings, specs, options.

Each line begins with the program's name, names the file or value that is wrong, and says what to
do. Everything runs in process, since nothing here may reach Ray.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.cli import main
from tests.cluster.motion import NAMES, waving_clip, write_motion
from tests.cluster.refusing import CONFIGURATION, DEBUG, Refused
from tests.trainables.motion.figure import Figure

# ---- motion that is not there, or is none --------------------------------------------------


def test_missing_path(refused: Refused, tmp_path: Path) -> None:
    for gone in (tmp_path / "gone", tmp_path / "gone.bvh"):
        refused.reading(gone, gone, "no such file", ".bvh")


def test_empty_folder(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused.reading(tmp_path / "empty", tmp_path / "empty", "no recordings", ".bvh, .npz")


def test_folder_and_file_without_known_suffixes(refused: Refused, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.c3d").write_bytes(b"x")
    (other / "x.bvh").mkdir()  # a folder, whatever it is called, is no recording
    refused.reading(other, other, "no recordings", ".bvh, .npz")
    refused.reading(other / "a.c3d", "a.c3d", ".bvh, .npz", "convert")
    refused.reading(other / "x.bvh", "x.bvh", "no recordings")


# ---- files that are damaged ----------------------------------------------------------------

GOOD = Figure(frames=6).text()
ROW = GOOD.splitlines()[-1]
MOTION = GOOD.index("MOTION")
BVH: dict[str, tuple[bytes, str]] = {
    # name: content, what the line says
    "truncated": (GOOD[:-200].encode(), "frame 5"),
    "truncated in the hierarchy": (GOOD[: MOTION // 2].encode(), "line 63"),
    "wrong channel count": (GOOD.replace("CHANNELS 3", "CHANNELS 4", 1).encode(), "CHANNELS"),
    "rows of other width": (GOOD.replace(ROW, ROW + " 1").encode(), "frame 5 has"),
    "non-numeric": (GOOD.replace(ROW, ROW.rsplit(" ", 1)[0] + " abc").encode(), "'abc'"),
    "no MOTION": (GOOD[:MOTION].encode(), "MOTION"),
    "zero frame time": (GOOD.replace("Frame Time: 0.0333333", "Frame Time: 0").encode(), "Frame"),
    "NaN": (GOOD.replace(ROW, ROW.rsplit(" ", 1)[0] + " nan").encode(), "nan"),
    "binary": (np.random.default_rng(0).bytes(3000), "binary"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize("fault", BVH)
def test_malformed_bvh(fault: str, refused: Refused, tmp_path: Path) -> None:
    content, says = BVH[fault]
    file = tmp_path / "motion" / "torn.bvh"
    file.parent.mkdir()
    file.write_bytes(content)
    refused.reading(file, file, says)
    refused.reading(file.parent, file, says)


NPZ: dict[str, tuple[Any, str]] = {
    # name: content or changes of a good file, what the line says
    "empty": (b"", "no .npz"),
    "binary": (b"PK" + np.random.default_rng(0).bytes(3000), "no .npz"),
    "lacks fps": ({"fps": None}, "lacks fps"),
    "NaN positions": ({"positions": np.full((9, len(NAMES), 3), np.nan)}, "frame 0"),
    "NaN fps": ({"fps": np.nan}, "fps"),
    "Python objects": ({"names": np.array([None] * len(NAMES))}, "Python objects"),
    "flat positions": ({"positions": np.zeros((9, 60))}, "(frames, joints, 3)"),
    "pose parameters": ({"positions": None, "poses": np.zeros((9, 100))}, "SMPL-X has 165"),
}


@pytest.mark.parametrize("fault", NPZ)
def test_malformed_npz(fault: str, refused: Refused, tmp_path: Path) -> None:
    content, says = NPZ[fault]
    file = tmp_path / "motion" / "torn.npz"
    file.parent.mkdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        clip = waving_clip(9, np.random.default_rng(0))
        arrays = {"positions": clip.positions, "parents": clip.skeleton.parents,
                  "names": np.array(NAMES), "fps": 30.0, **content}  # fmt: skip
        np.savez(file, **{k: v for k, v in arrays.items() if v is not None})
    refused.reading(file.parent, file, says)


def test_a_bad_file_is_skipped_where_the_spec_says_so(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And only there: it is named, and its note belongs to what the report warns of."""
    from search_spaces.spec import DataSpec
    from trainables.motion.dataset import prepare

    place = tmp_path / "motion"
    shutil.copytree(motion, place)
    (place / "torn.bvh").write_text(GOOD[:-200])
    skipping = ["--set", "on_bad_file=skip"]
    assert main(["trial", *DEBUG, "--data", str(place), *CONFIGURATION]) == 2
    assert "torn.bvh" in capsys.readouterr().err
    assert main(["trial", *DEBUG, "--data", str(place), *CONFIGURATION, *skipping]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "skipped torn.bvh" in said and "frame 5" in said
    facts = prepare(DataSpec(path=str(place), on_bad_file="skip")).facts
    assert any("skipped torn.bvh" in warning for warning in facts.warnings)


def test_only_bad_files_cannot_be_skipped(refused: Refused, tmp_path: Path) -> None:
    place = tmp_path / "motion"
    place.mkdir()
    (place / "torn.bvh").write_text(GOOD[:-200])
    for command, more in (("sweep", ()), ("trial", CONFIGURATION)):
        refused(command, *DEBUG, "--data", place, *more, "--set", "on_bad_file=skip",
                words=("torn.bvh", "none of 1"))  # fmt: skip


# ---- too little to split, parts that are missing -------------------------------------------


def test_two_recordings(refused: Refused, tmp_path: Path) -> None:
    place = write_motion(tmp_path / "two", recordings=2)
    words = ("wave00", "wave01", "--set split=time")
    refused.reading(place, *words, commands=("sweep", "trial", "spaces"))


def test_one_recording_is_split_in_time_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write_motion(tmp_path / "one", recordings=1, frames=200)
    assert main(["trial", *DEBUG, "--data", str(place), *CONFIGURATION]) == 0
    assert "rate_nominal_bps" in capsys.readouterr().out


def test_recordings_too_short_for_time(refused: Refused, tmp_path: Path) -> None:
    one = write_motion(tmp_path / "one", recordings=1, frames=40)
    refused.reading(one, "wave00", "40 frames", "longer", commands=("sweep", "trial", "spaces"))
    two = write_motion(tmp_path / "two", recordings=2, frames=40)
    for command, more in (("sweep", ()), ("trial", CONFIGURATION)):
        refused(command, *DEBUG, "--data", two, *more, "--set", "split=time",
                words=("wave00", "40 frames"))  # fmt: skip


def test_files_without_a_required_part(refused: Refused, tmp_path: Path) -> None:
    bones = [bone for bone in Figure(frames=40).bones if "RightHand" not in bone[0]]
    place = tmp_path / "motion"
    place.mkdir()
    for number in range(3):
        (place / f"{number}.bvh").write_text(Figure(frames=40, seed=number, bones=bones).text())
    needed = ("--set", "parts.right_hand=required")
    for command, more in (("sweep", ()), ("trial", CONFIGURATION)):
        refused(
            command, *DEBUG, "--data", place, *more, *needed, words=("right_hand", "part_joints")
        )


# ---- presets, parameters, metrics, values --------------------------------------------------

SETTINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # name: options, what the line says
    "unknown parameter": (("--set", "codebok_size=8"), ("codebok_size", "codebook_size")),
    "unknown codec": (("--set", "codec=vqagn"), ("vqagn", "rqvae")),
    "unknown metric": (("--set", "objectives=rate_nominal_bps,beauty"), ("beauty", "rmse")),
    "one objective": (("--set", "objectives=rmse_full_cm"), ("rmse_full_cm", "two")),
    "unknown sampler": (("--set", "sampler=luck"), ("sampler", "luck", "tpe")),
    "unknown placement": (("--set", "placement=moon"), ("placement", "moon", "local")),
    "unknown size": (("--size", "huge"), ("huge", "debug, reduced")),
    "word for a number": (("--set", "codebook_size=abc"), ("codebook_size", "abc")),
    "zero codes": (("--set", "codebook_size=0"), ("codebook_size", "0")),
    "half a step": (("--set", "max_steps=1.5"), ("max_steps", "1.5")),
    "unknown epochs": (("--set", "epochs=1.5"), ("epochs",)),
    "no trials": (("--set", "trials=0"), ("trials", "0")),
    "negative fps": (("--set", "fps=-1"), ("fps", "-1")),
    "NaN fps": (("--set", "fps=nan"), ("fps", "nan")),
    "NaN learning rate": (("--set", "learning_rate=nan"), ("learning_rate", "nan")),
    "infinite learning rate": (("--set", "learning_rate=1e999"), ("learning_rate",)),
    "no equals sign": (("--set", "codec"), ("KEY=VALUE", "codec")),
    "no value": (("--set", "codec="), ("KEY=VALUE", "codec=")),
    "given twice": (("--set", "codec=rqvae", "--set", "codec=kmeans"), ("codec", "twice")),
    "wrong switch": (("--set", "mirror=7"), ("mirror", "7")),
    "wrong split": (("--set", "split=colour"), ("split", "colour")),
    "wrong shares": (("--set", "shares=0.9,0.9,0.1"), ("shares",)),
}


@pytest.mark.parametrize("fault", SETTINGS)
def test_settings(fault: str, refused: Refused, motion: Path) -> None:
    options, words = SETTINGS[fault]
    for command in ("sweep", "trial"):
        refused(command, *DEBUG, "--data", motion, *options, words=words)


@pytest.mark.parametrize("preset", ["klezovich", "rate_distorsion", "x", "gone.yaml"])
def test_unknown_preset(preset: str, refused: Refused) -> None:
    for command in ("sweep", "trial", "spaces"):
        words = ("rate_distortion",) if preset == "x" else ("ratefront spaces",)
        refused(command, preset, words=(preset, *words))


SPECS: dict[str, tuple[str, tuple[str, ...]]] = {
    "no YAML": ("space: [1, 2\nname: x\n", ("line 2", "YAML")),
    "no mapping": ("- 1\n- 2\n", ("mapping",)),
    "key twice": ("name: a\nname: b\n", ("line 2", "twice")),
    "unknown key": ("name: a\nspace: {}\ncolour: red\n", ("colour", "there are")),
    "binary": ("\x00\x01", ("YAML",)),
    "empty": ("", ("mapping",)),
    "newer spec": ("spec_version: 99\nname: a\nspace: {}\n", ("99", "release")),
    "wrong type": ("name: a\nspace: {fixed: {codec: rqvae}}\nsearch: {trials: many}\n",
                   ("search.trials", "many")),
    "wrong section": ("name: a\nspace: 7\n", ("space", "7")),
    "NaN": ("name: a\nspace: {fixed: {codec: rqvae}}\ndata: {fps: .nan}\n", ("data.fps", "nan")),
}  # fmt: skip


@pytest.mark.parametrize("fault", SPECS)
def test_spec_files(fault: str, refused: Refused, tmp_path: Path) -> None:
    text, words = SPECS[fault]
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    for command in ("sweep", "trial", "spaces"):
        refused(command, file, words=("mine.yaml", *words))


def test_impossible_configurations(refused: Refused, motion: Path, tmp_path: Path) -> None:
    given = ("--set", "codec=kmeans", "--set", "codebook_size=4096")
    refused("trial", *DEBUG, "--data", motion, *given, words=("refused", "4096 codes"))
    refused("trial", *DEBUG, "--data", motion, words=("--set codec",))
    refused("sweep", "klezovich/table1", "--size", "debug", "--data", motion,
            "--set", "codebook_size=4096", words=("every cell", "4096", "--set"))  # fmt: skip


# ---- options -------------------------------------------------------------------------------

USAGE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unknown command": (("swep",), ("swep", "'ratefront --help'")),
    "unknown option": (("sweep", "x", "--colour", "red"), ("--colour", "'ratefront sweep --help'")),
    "missing argument": (("sweep",), ("PRESET_OR_FILE", "'ratefront sweep --help'")),
    "missing option": (("best", "x"), ("--at", "'ratefront best --help'")),
    "too many arguments": (("report", "x", "y"), ("y", "'ratefront report --help'")),
    "negative rate": (("best", "x", "--at", "-1"), ("--at", "'-1'", "'ratefront best --help'")),
    "NaN rate": (("best", "x", "--at", "nan"), ("--at", "'nan'", "'ratefront best --help'")),
    "no number": (("best", "x", "--at", "much"), ("--at", "much")),
    "no trials": (("sweep", "x", "--trials", "0"), ("--trials", "'ratefront sweep --help'")),
    "half a trial": (("sweep", "x", "--trials", "1.5"), ("--trials", "1.5")),
    "negative timeout": (("sweep", "x", "--trial-timeout", "-1"), ("--trial-timeout",)),
    "negative seed": (("trial", "x", "--seed", "-1"), ("--seed",)),
}


@pytest.mark.parametrize("fault", USAGE)
def test_usage(fault: str, refused: Refused) -> None:
    arguments, words = USAGE[fault]
    refused(*arguments, words=words)


def test_values_of_options(refused: Refused, motion: Path, swept: Path) -> None:
    data = ("--data", motion)
    refused("sweep", *DEBUG, *data, "--placement", "moon", words=("placement", "moon", "local"))
    refused("sweep", *DEBUG, *data, "--trial-timeout", "nan", words=("--trial-timeout", "'nan'"))
    refused("best", swept, "--at", "9", "--rate", "zip", words=("zip", "nominal"))


PLUGINS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "missing": (None, ("no such file",)),
    "failing": ("1/0\n", ("fails on import", "ZeroDivisionError")),
    "no Python": ("def (:\n", ("fails on import", "SyntaxError")),
    "leaving": ("raise SystemExit(3)\n", ("fails on import",)),
}


@pytest.mark.parametrize("fault", PLUGINS)
def test_plugins(fault: str, refused: Refused, motion: Path, tmp_path: Path) -> None:
    text, words = PLUGINS[fault]
    file = tmp_path / "plug.py"
    if text is not None:
        file.write_text(text)
    for command, given in (("sweep", DEBUG), ("trial", DEBUG), ("inspect", (str(motion),))):
        refused(command, *given, "--plugin", file, words=(file, *words))
