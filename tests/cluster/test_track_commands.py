"""Commands that show a sweep elsewhere, in process: what they say and leave, and wrong uses."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from cluster.cli import main
from cluster.storage.log_file import LOCK_NAME
from search_spaces.data_terms import TERMS_FILE
from search_spaces.record import LOG_FILE
from tests.analysis.dashboards.fake_trackers import cut, make_log
from tests.cluster.motion import write_motion


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_log(tmp_path / "sweep", trials=4, parts=("body",))
    return tmp_path / "sweep"


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("ratefront: ")
    return line


def test_a_sweep_is_replayed_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0
    place = folder / "tensorboard"
    assert capsys.readouterr().out == (
        f"tensorboard: 4 trial(s) written, 0 there already: {place}\n"
    )
    before = {p: p.stat().st_mtime_ns for p in place.rglob("*")}
    assert len([p for p in before if p.is_dir()]) == 5
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0
    assert "0 trial(s) written, 4 there already" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in place.rglob("*")} == before


def test_an_interrupted_sweep_is_replayed_as_far_as_it_came(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (folder / LOG_FILE).read_text().splitlines(keepends=True)
    (folder / LOG_FILE).write_text("".join(lines[: cut(lines, 2)]))
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0
    (folder / LOG_FILE).write_text("".join(lines))
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0
    out = capsys.readouterr().out
    assert "2 trial(s) written, 0 there" in out
    assert "2 trial(s) written, 2 there" in out


def test_wrong_uses_of_tracking_are_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["track", str(folder), "--to", "tensorbord"], capsys)
    assert "did you mean tensorboard?" in line
    assert "no sweep directory" in refused(["track", str(tmp_path), "--to", "mlflow"], capsys)
    line = refused(["track", str(folder), "--to", "tensorboard", "--workspace"], capsys)
    assert "--workspace is of wandb" in line
    assert "--to" in refused(["track", str(folder)], capsys)
    assert sorted(p.name for p in folder.iterdir()) == [LOG_FILE]


def test_a_tracker_that_breaks_is_one_line_and_what_it_had_stays(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from analysis.dashboards.tensorboard import TensorBoard

    whole = TensorBoard.trial

    def breaking(self: TensorBoard, trial: object) -> None:
        if trial.name == "t002":  # type: ignore[attr-defined]
            raise OSError("no\nspace")
        whole(self, trial)  # type: ignore[arg-type]

    monkeypatch.setattr(TensorBoard, "trial", breaking)
    line = refused(["track", str(folder), "--to", "tensorboard"], capsys)
    assert "tensorboard failed: no space" in line
    monkeypatch.undo()
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0
    assert "2 trial(s) written, 2 there already" in capsys.readouterr().out


def test_a_sweep_that_mirrors_itself_is_left_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = (folder / LOG_FILE).read_text().splitlines(keepends=True)
    head = json.loads(first)
    head["spec"]["run"] = {"track": "tensorboard"}
    (folder / LOG_FILE).write_text("".join([json.dumps(head) + "\n", *rest]))
    with (folder / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = refused(["track", str(folder), "--to", "tensorboard"], capsys)
        assert "is running and mirrors itself in tensorboard" in line
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0


def test_no_clips_reaches_the_tracker(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import cluster.tracking

    asked: list[bool] = []
    made = cluster.tracking.make_tracker

    def making(name: str, *, clips: bool) -> object:
        asked.append(clips)
        return made(name, clips=clips)

    monkeypatch.setattr(cluster.tracking, "make_tracker", making)
    assert main(["track", str(folder), "--to", "tensorboard", "--no-clips"]) == 0
    assert main(["track", str(folder), "--to", "tensorboard"]) == 0
    assert asked == [False, True]


def test_a_report_without_clips_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.figures.write_figures", lambda *_: None)
    assert main(["report", str(folder), "--no-clips"]) == 0
    text = (folder / "report.html").read_text()
    assert "This page holds no motion of the recordings (--no-clips)." in text
    assert '"clips":false' in text


def test_a_sweep_without_clips_keeps_that_in_its_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cluster.sweep

    given: list[bool] = []

    class Enough(Exception):
        pass

    def starting(spec: object, *_: object) -> None:
        given.append(spec.run.clips)  # type: ignore[attr-defined]
        raise Enough

    monkeypatch.setattr(cluster.sweep, "start", starting)
    for more in (["--no-clips"], []):
        with pytest.raises(Enough):
            main(["sweep", "rate_distortion", "--out", str(tmp_path / "x"), *more])
    assert given == [False, True]


@pytest.mark.parametrize("command", [["report", "--watch"], ["dashboard"]])
def test_what_is_no_sweep_is_not_served(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path, tmp_path / "gone"):
        line = refused([command[0], str(place), *command[1:]], capsys)
        assert "no sweep directory" in line


def test_wrong_uses_of_serving_are_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "add --watch" in refused(["report", str(folder), "--port", "8000"], capsys)
    out = str(tmp_path / "study.log")
    line = refused(["dashboard", str(folder), "--out", out, "--port", "8000"], capsys)
    assert "give one of them" in line
    assert "--help" in refused(["report", str(folder), "--watch", "--port", "99999"], capsys)


def test_studies_are_written_for_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study.log"
    assert main(["dashboard", str(folder), "--out", str(out)]) == 0
    assert "an invented sweep (" in capsys.readouterr().out
    assert "is there already" in refused(["dashboard", str(folder), "--out", str(out)], capsys)


def test_terms_that_cannot_be_read_stop_a_sweep_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = write_motion(tmp_path / "motion", recordings=1, frames=5)
    (motion / TERMS_FILE).write_text("redistribute: ask me\n")
    given = ["sweep", "rate_distortion", "--size", "debug", "--data", str(motion)]
    line = refused([*given, "--out", str(tmp_path / "out")], capsys)
    assert f"{motion / TERMS_FILE}: redistribute must be yes or no, got 'ask me'" in line
    assert not (tmp_path / "out").exists()


def test_terms_are_written_down_when_a_sweep_begins(tmp_path: Path) -> None:
    from cluster.opening import begin
    from cluster.store import Store
    from search_spaces.presets import load_spec
    from trainables.motion.dataset import prepare

    motion = write_motion(tmp_path / "motion", recordings=5, frames=40)
    (motion / TERMS_FILE).write_text("redistribute: no\nreason: theirs\n")
    spec = load_spec("rate_distortion", overrides={"data": {"path": str(motion)}})
    bounds = [{"codec": "mean pose", "val_rmse_full_cm": 9.0}]
    with Store.create(tmp_path / "sweep", spec.dump()) as store:
        begin(spec, prepare(spec.data), bounds, [], store)
    events = [json.loads(line) for line in (tmp_path / "sweep" / LOG_FILE).read_text().splitlines()]
    (data,) = [e for e in events if e["event"] == "data"]
    assert data["terms"] == {"redistribute": False, "reason": "theirs"}
