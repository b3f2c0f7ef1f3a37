"""The command line, in process: what each command says, and one line for every wrong use."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from cluster.cli import main
from search_spaces.presets import preset_names
from tests.analysis.make_sweep import FakeSweep
from tests.cluster.motion import NAMES, write_motion
from tests.trainables.motion.figure import Figure
from trainables.rungs import RUNGS, reported

DEBUG = ["rate_distortion", "--size", "debug"]
TINY = ["--set", "codec=rqvae", "--set", "codebook_size=8", "--set", "quantizer_depth=2",
        "--set", "max_steps=8", "--set", "latent_dim=16"]  # fmt: skip


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of the waving figure."""
    return write_motion(tmp_path_factory.mktemp("motion"), recordings=5, frames=40)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep directory in the record's form, invented."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    FakeSweep(trials=12, seeds=2).write(folder, np.random.default_rng(0))
    (folder / "sweep.yaml").write_text("name: x\n")
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a wrong use, and gives the line that it prints."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.strip().splitlines()
    assert line.startswith("ratefront: ") and len(line) > 20
    return line


# ---- help ----------------------------------------------------------------------------------

OPTIONS = {
    "sweep": "data out trials seeds seed set size concurrency placement workers address name "
    "rest-skeleton body-model plugin track no-clips",
    "resume": "",
    "report": "watch port no-clips",
    "track": "to no-clips workspace",
    "dashboard": "port out",
    "best": "at under knee within rate objective",
    "compare": "rate objective out",
    "table": "format rows at column rate objective split out",
    "figure": "out kind width rate objective",
    "trial": "data set size seed out rest-skeleton body-model plugin",
    "spaces": "data size",
    "inspect": "plugin",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_the_help_of_a_command_names_its_options(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main([command, "--help"]) == 0
    text = said(capsys)
    assert f"{command} " in text and "Usage" in text
    for option in OPTIONS[command].split():
        assert f"--{option} " in text
    assert "[default: None]" not in text


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = said(capsys)
    assert all(f" {command} " in text for command in OPTIONS)
    assert "rate–distortion front" in text


# ---- wrong use -----------------------------------------------------------------------------


def test_an_unknown_preset_is_answered_with_the_presets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["sweep", "klezovich", "--out", str(tmp_path / "x")], capsys)
    assert "did you mean" in line and "klezovich/study" in line and "'ratefront spaces'" in line
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["codebok_size=8"], ["codebok_size", "codebook_size"]),
        (["codec=vqagn"], ["vqagn", "kmeans", "rqvae"]),
        (["codec"], ["KEY=VALUE"]),
        (["codebook_size=0"], ["codebook_size", "0"]),
        (["learning_rate=fast"], ["learning_rate", "fast"]),
        (["objectives=rmse_full_cm"], ["two", "rmse_full_cm"]),
        (["objectives=rate_nominal_bps,beauty"], ["beauty", "rmse"]),
        (["fps=-1"], ["fps"]),
    ],
)
def test_a_wrong_setting_is_named(
    settings: list[str],
    words: list[str],
    motion: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "x"
    given = [word for setting in settings for word in ("--set", setting)]
    line = refused(["sweep", *DEBUG, "--data", str(motion), "--out", str(out), *given], capsys)
    assert all(word in line for word in words), line
    assert not out.exists()


@pytest.mark.parametrize("command", ["sweep", "trial"])
def test_data_that_is_not_there_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = TINY if command == "trial" else []
    rest = ["--out", str(tmp_path / "x"), *settings]
    line = refused([command, *DEBUG, "--data", str(tmp_path / "gone"), *rest], capsys)
    assert str(tmp_path / "gone") in line
    (tmp_path / "empty").mkdir()
    line = refused([command, *DEBUG, "--data", str(tmp_path / "empty"), *rest], capsys)
    assert "no recordings" in line and ".bvh" in line
    assert not (tmp_path / "x").exists()


def test_points_that_are_believed_in_are_given_by_hand(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "spec.yaml"
    given = ["--point", "codec=kmeans,codebook_size=16", "--point", "codec=rqvae,quantizer_depth=3"]
    assert main(["sweep", *DEBUG, *given, "--save-spec", str(place)]) == 0
    points = yaml.safe_load(place.read_text())["space"]["points"]
    assert points == [
        {"codec": "kmeans", "codebook_size": 16}, {"codec": "rqvae", "quantizer_depth": 3}
    ]  # fmt: skip
    out = ["--data", str(motion), "--out", str(tmp_path / "x")]
    line = refused(["sweep", *DEBUG, *out, "--point", "codec=kmeans,codebook_size=7777"], capsys)
    assert "codebook_size" in line and "7777" in line
    assert "=" in refused(["sweep", *DEBUG, *out, "--point", "kmeans"], capsys)
    assert not (tmp_path / "x").exists()


def test_a_sweep_needs_a_place(motion: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--out" in refused(["sweep", *DEBUG, "--data", str(motion)], capsys)


def test_a_folder_with_a_sweep_is_refused_and_resume_named(
    motion: Path, swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in swept.rglob("*")}
    line = refused(["sweep", *DEBUG, "--data", str(motion), "--out", str(swept)], capsys)
    assert f"ratefront resume {swept}" in line
    assert {p: p.stat().st_mtime_ns for p in swept.rglob("*")} == before


def test_a_folder_with_other_files_is_refused(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for command, more in (("sweep", []), ("trial", TINY)):
        given = [command, *DEBUG, "--data", str(motion), "--out", str(tmp_path), *more]
        assert "not empty" in refused(given, capsys)
        given[given.index("--out") + 1] = str(tmp_path / "notes.txt")
        assert "notes.txt" in refused(given, capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("command", [["resume"], ["report"], ["best", "--at", "300"]])
def test_what_is_no_sweep_is_said_to_be_none(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        line = refused([command[0], str(folder), *command[1:]], capsys)
        assert "no sweep directory" in line and "--out" in line
    assert list(tmp_path.iterdir()) == []


def test_wrong_options_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        ["best", "x"],
        ["swep"],
        ["sweep", *DEBUG, "--trials", "0"],
        ["sweep", *DEBUG, "--trials", "many"],
        ["sweep", *DEBUG, "--colour", "red"],
    ):
        assert main(wrong) == 2, wrong
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ratefront: ") and "--help'" in line


def test_a_wrong_placement_or_size_is_named(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data", str(motion), "--out", str(tmp_path / "x")]
    assert "placement" in refused(["sweep", *DEBUG, *place, "--placement", "moon"], capsys)
    assert "debug, reduced" in refused(
        ["sweep", "rate_distortion", *place, "--size", "huge"], capsys
    )
    assert not (tmp_path / "x").exists()


# ---- spaces and inspect --------------------------------------------------------------------


def test_spaces_lists_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spaces"]) == 0
    text = said(capsys)
    for name in preset_names():
        assert name[:12] in text
    assert "ratefront spaces NAME" in text


def test_spaces_shows_a_paired_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spaces", "klezovich/table1"]) == 0
    text = said(capsys)
    for cell in ("codebook_size=4096", "codebook_size=32 quantizer_depth=2"):
        assert cell in text
    # 6 and 12 bits per frame and part at 30 frames a second
    assert "180 to 360 bits/s at 30 fps" in text
    assert "configurations: 8" in text and "more codes than training frames" in text


def test_spaces_shows_conditions_and_what_data_refuse(
    motion: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["spaces", "rate_distortion", "--data", str(motion)]) == 0
    text = said(capsys)
    assert "codec is temporal_rvq" in text and "rate settings refused" in text
    assert "body, right_hand, left_hand" in text


@pytest.mark.parametrize("suffix", [".npz", ".bvh"])
def test_inspect_says_what_a_file_holds(
    suffix: str, motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = motion / "wave00.npz"
    if suffix == ".bvh":
        file = tmp_path / "figure.bvh"
        file.write_text(Figure(frames=40).text())
    assert main(["inspect", str(file)]) == 0
    text = said(capsys)
    for words in (str(file), f"{len(NAMES)}", "40 frames", "30.0", "body", "right_hand", "Y"):
        assert words in text
    assert "inches" not in text


def test_inspect_of_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(["inspect", str(tmp_path / "gone.bvh")], capsys)
    (tmp_path / "torn.bvh").write_text("HIERARCHY\nROOT")
    assert "torn.bvh" in refused(["inspect", str(tmp_path / "torn.bvh")], capsys)


# ---- one trial -----------------------------------------------------------------------------


def test_a_trial_prints_its_points_and_leaves_a_codec_that_decodes(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from trainables.codecs.codec import Tokens, load_codec

    out = tmp_path / "one"
    assert main(["trial", *DEBUG, "--data", str(motion), "--out", str(out), *TINY]) == 0
    text = said(capsys)
    # 8 codes: 3 bits per level, frame and part at 30 frames a second
    for words in ("depth 1", "depth 2", "rate_nominal_bps", "270", "540", "test_rmse_full_cm"):
        assert words in text
    tokens = np.load(out / "tokens.npz", allow_pickle=False)
    rebuilt = np.load(out / "reconstructions.npz", allow_pickle=False)
    assert {k.split("/")[0] for k in tokens} == {"val", "test"}
    for part in ("body", "right_hand", "left_hand"):
        codec = load_codec(out / "codec" / part)
        assert codec.alphabet == (8, 8)
        for key in (k for k in tokens if k.split("/")[1] == part):
            assert tokens[key].dtype == np.int32 and tokens[key].shape[1] == 2
            frames = len(tokens[key])
            decoded = codec.decode(Tokens(tokens[key], codec.alphabet, codec.fps, frames))
            assert decoded.shape == (frames, codec.dimensions) and np.isfinite(decoded).all()
    assert all(a.shape[1:] == (len(NAMES), 3) and a.dtype == np.float32 for a in rebuilt.values())
    curve = json.loads((out / "curve.json").read_text())
    shares = [point["share"] for point in curve]
    assert shares[-1] == 1.0 and {*shares} < {*reported(RUNGS), 1.0} and 1 / 3 in shares
    assert {"val_rmse_full_cm"} <= set(curve[0]) and not any("test" in k for k in curve[-1])


def test_a_trial_that_is_refused_costs_nothing(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--set", "codec=kmeans", "--set", "codebook_size=4096", "--out", str(tmp_path / "x")]
    line = refused(["trial", *DEBUG, "--data", str(motion), *given], capsys)
    assert "refused" in line and "4096 codes" in line
    assert not (tmp_path / "x").exists()


def test_a_trial_of_an_open_space_says_what_to_set(
    motion: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["trial", *DEBUG, "--data", str(motion)], capsys)
    assert "codec" in line and "rqvae" in line
    line = refused(["trial", *DEBUG, "--data", str(motion), "--set", "codec=rqvae"], capsys)
    assert "codebook_size" in line
    line = refused(["trial", "klezovich/table1", "--data", str(motion)], capsys)
    assert "8 cells" in line and "--set" in line


# ---- best ----------------------------------------------------------------------------------


def chosen(text: str) -> str:
    """The trial whose codec `best` names."""
    found = re.search(r"codec\s+\S*?([^/\s]+)/codec", text)
    assert found is not None, text
    return found.group(1)


def test_best_is_judged_on_validation_alone(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(swept), "--at", "500"]) == 0
    text = said(capsys)
    assert "2 seeds" in text and "codebook_size=" in text
    assert "test" not in text.replace(str(swept), "")
    other = tmp_path / "other"
    shutil.copytree(swept, other)
    events = [json.loads(line) for line in (swept / "log.jsonl").read_text().splitlines()]
    for event in events:
        for key in [k for k in event.get("row", {}) if k.startswith("test_")]:
            event["row"][key] = 1e6 if event["row"][key] is None else -event["row"][key]
    (other / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    assert main(["best", str(other), "--at", "500"]) == 0
    assert said(capsys).replace(str(other), str(swept)) == text


@pytest.mark.parametrize("which", ["nominal", "model"])
def test_best_keeps_to_the_rate(
    which: str, swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from analysis.points import points_frame, read_log
    from analysis.statistics import seed_means

    points = seed_means(points_frame(read_log(swept)))
    column = {"nominal": "rate_nominal_bps", "model": "val_rate_model_bps"}[which]
    for rate in sorted(points[column])[1:6]:
        assert main(["best", str(swept), "--at", str(rate), "--rate", which]) == 0
        cheap = points[points[column] <= rate]
        assert chosen(said(capsys)) == cheap.loc[cheap["val_rmse_full_cm"].idxmin(), "trial"]


def test_best_with_nothing_cheap_enough_is_no_answer(
    swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(swept), "--at", "0.5"]) == 1
    printed = capsys.readouterr()
    assert "no operating point at or under 0.5" in printed.out + printed.err
    assert "nominal" in refused(["best", str(swept), "--at", "9", "--rate", "zip"], capsys)
