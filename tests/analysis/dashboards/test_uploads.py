"""What leaves with a tracker: pages without motion where that stays here, codecs of fronts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.dashboards import make_tracker, mirror
from analysis.dashboards.uploads import PAGE_WITHOUT_CLIPS, shared_page
from analysis.dashboards.watch import current_page
from analysis.log import read_log
from analysis.motion_shown import kept_here, notice
from analysis.report import build_report
from search_spaces.data_terms import TERMS_FILE
from search_spaces.record import LOG_FILE, REPORT_FILE
from tests.analysis.dashboards.fake_trackers import make_log

WITH_MOTION = "<!doctype html><title>a page with clips</title>"


def sweep_of(folder: Path, *, data: Path | None = None, **changed: object) -> Path:
    """An invented sweep; `clips` of its spec, or terms of its data, as given."""
    lines = make_log(folder, trials=2, parts=("body",))
    events = [json.loads(line) for line in lines]
    if "clips" in changed:
        events[0]["spec"]["run"] = {"clips": changed.pop("clips")}
    if data is not None:
        events[0]["spec"]["data"] = {"path": str(data)}
    events[1]["terms"] = changed
    (folder / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in events))
    (folder / REPORT_FILE).write_text(WITH_MOTION)
    return folder


def test_a_page_goes_up_as_it_is_where_nothing_speaks_against_it(tmp_path: Path) -> None:
    log = read_log(sweep_of(tmp_path))
    assert kept_here(log) == ""
    page = shared_page(log, clips=True)
    assert page is not None
    assert page.read_text() == WITH_MOTION
    (tmp_path / REPORT_FILE).unlink()
    assert shared_page(log, clips=True) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"clips": False}, "run with --no-clips"),
        ({"redistribute": False}, "redistribute: no."),
        ({"redistribute": False, "reason": "it is theirs."}, "(it is theirs)."),
    ],
)
def test_motion_is_kept_here_and_it_is_said_why(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    assert words in kept_here(read_log(sweep_of(tmp_path, **changed)))


@pytest.mark.parametrize("allowed", [True, False])
def test_a_page_goes_up_without_motion_where_something_speaks_against_it(
    tmp_path: Path, allowed: bool
) -> None:
    log = read_log(sweep_of(tmp_path, redistribute=allowed))
    page = shared_page(log, clips=not allowed)
    assert page is not None
    text = page.read_text()
    assert "a page with clips" not in text
    assert '"clips":false' in text
    assert "This page holds no motion" in text


def test_a_folder_that_says_no_after_the_sweep_is_heeded(tmp_path: Path) -> None:
    motion = tmp_path / "motion"
    motion.mkdir()
    log = read_log(sweep_of(tmp_path / "sweep", data=motion))
    assert kept_here(log) == ""
    (motion / TERMS_FILE).write_text("redistribute: no\n")
    assert TERMS_FILE in kept_here(log)
    (motion / TERMS_FILE).write_text("redistribute: perhaps\n")
    assert "cannot be read" in kept_here(log)


def test_the_page_says_what_became_of_its_motion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.write_figures", lambda *_: None)
    folder = sweep_of(tmp_path, redistribute=False, reason="two <signers> agreed")
    assert "two <signers> agreed" in notice(read_log(folder), clips=True)
    text = build_report(folder).read_text()
    assert "two &lt;signers&gt; agreed" in text
    assert "a page that shows them stays here" in text
    assert '"clips":true' in text
    text = build_report(folder, clips=False).read_text()
    assert "This page holds no motion" in text
    assert '"clips":false' in text


def test_a_sweep_without_clips_never_gets_a_page_with_them(tmp_path: Path) -> None:
    log = read_log(sweep_of(tmp_path, clips=False))
    assert '"clips":false' in current_page(log, clips=True)


def test_an_ordinary_page_says_nothing_of_motion(tmp_path: Path) -> None:
    assert notice(read_log(sweep_of(tmp_path)), clips=True) == ""


def test_mlflow_gets_the_page_without_motion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = sweep_of(tmp_path / "sweep", redistribute=False)
    mirror(folder, make_tracker("mlflow"))
    (page,) = (tmp_path / "store").rglob(REPORT_FILE)
    assert "a page with clips" not in page.read_text()
    assert page.read_text() == (folder / PAGE_WITHOUT_CLIPS).read_text()
