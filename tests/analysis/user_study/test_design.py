"""Which clips and pairs a study holds, and that its page names no system."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from analysis.user_study.design import Plan, design
from analysis.user_study.page import render, write_study
from analysis.user_study.takes import Take
from search_spaces.errors import BadInput
from tests.analysis.user_study.raters import JOINTS, NAMES, PARENTS, small_study, take


def test_every_pair_of_systems_on_every_recording_once_and_balanced() -> None:
    study = small_study(Plan(seconds=2.0, pairs=0, checks=3))
    clips = study.key["clips"]

    def told(pair: list[str]) -> tuple[frozenset[str], str]:
        assert len({clips[c]["recording"] for c in pair}) == 1, "both move to one speech"
        return frozenset(clips[c]["system"] for c in pair), clips[pair[0]]["recording"]

    pairs = [told(p) for p in study.payload["pairs"]]
    assert len(pairs) == len(set(pairs)) == 3 * 5
    for k in range(0, 15, 3):  # any turn has each pair of systems
        assert len({systems for systems, _ in pairs[k : k + 3]}) == 3
    for pair in study.payload["checks"]:
        assert sorted(clips[c]["spoiled"] for c in pair) == [False, True]
    counts = Counter(c for p in study.payload["pairs"] for c in p)
    assert set(counts.values()) == {2}, "each system's clip meets the two others"
    assert {c["frames"] for c in study.payload["clips"].values()} == {30}


def test_the_page_names_nothing(tmp_path: Path) -> None:
    study = small_study(Plan(seconds=2.0))
    key = write_study(study, tmp_path / "pairs.html")
    page, kept = (tmp_path / "pairs.html").read_text(), key.read_text()
    for word in (*NAMES, *(f"talk{i}" for i in range(5)), "spoiled"):
        assert word not in page and word in kept
    assert key.name == "pairs.key.json" and "https://" not in page and "http://" not in page
    assert page.count("data:audio/wav;base64,") == 5
    with pytest.raises(BadInput, match=r"exists, and answers to it need its key"):
        write_study(study, tmp_path / "pairs.html")


def test_seed_decides_all(tmp_path: Path) -> None:
    one, two, other = (small_study(Plan(seconds=2.0, seed=s)) for s in (1, 1, 2))
    assert render(one) == render(two) and one.key == two.key
    assert one.key["study"] != other.key["study"]
    assert not {*one.payload["clips"]} & {*other.payload["clips"]}


def test_systems_of_other_joints_and_rates_are_shown_alike() -> None:
    rng = np.random.default_rng(1)
    mine = take(rng)
    more = np.concatenate([mine.positions, mine.positions[:, :1]], axis=1).repeat(2, axis=0)
    # "chest" lies between spine and head, and only the second system has it.
    parents = np.array([-1, 0, 10, 1, 3, 3, 3, 3, 3, 3, 1])
    theirs = Take(30.0, (*JOINTS, "chest"), parents, more)
    study = design({"a": {"x": mine}, "b": {"x": theirs}}, {}, Plan(seconds=3.0, checks=0))
    assert study.payload["fps"] == 15.0 and study.payload["joints"] == len(JOINTS)
    assert study.payload["parents"] == PARENTS.tolist(), "the head hangs on the spine again"
    assert {c["frames"] for c in study.payload["clips"].values()} == {45}
    assert study.payload["hands"] == [[3, 4, 5, 6, 7, 8, 9]]
    assert study.payload["sounds"] == [""]


def test_between_frames_motion_goes_in_straight_lines() -> None:
    ramp = np.arange(4, dtype=np.float32)[:, None, None].repeat(3, axis=2)
    ramp[2] = np.nan
    cut = Take(10.0, ("a",), np.array([-1]), ramp).cut(0.0, 0.4, 20.0)[:, 0, 0]
    assert cut[:3].tolist() == [0.0, 0.5, 1.0] and np.isnan(cut[3:6]).all() and cut[6] == 3.0


def test_what_cannot_be_compared_is_one_line() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(BadInput, match="two systems or more"):
        design({"a": {"x": take(rng)}}, {}, Plan())
    with pytest.raises(BadInput, match="no recording is there by two systems"):
        design({"a": {"x": take(rng)}, "b": {"y": take(rng)}}, {}, Plan())
    with pytest.raises(BadInput, match=r"x: 0.60 s are there"):
        design({"a": {"x": take(rng)}, "b": {"x": take(rng, 0.6)}}, {}, Plan())
    strange = Take(15.0, ("p", "q"), np.array([-1, 0]), np.zeros((60, 2, 3)))
    with pytest.raises(BadInput, match="fewer than two joints"):
        design({"a": {"x": take(rng)}, "b": {"x": strange}}, {}, Plan())


def test_windows_lie_within_what_all_have() -> None:
    rng = np.random.default_rng(1)
    long, short = take(rng, 10.0), take(rng, 6.0)
    starts = set()
    for seed in range(20):
        study = design({"a": {"x": long}, "b": {"x": short}}, {}, Plan(seconds=4.0, seed=seed))
        start = {c["start"] for c in study.key["clips"].values()}
        assert len(start) == 1 and 0 <= min(start) <= 2.0 + 1e-9
        starts |= start
    assert len(starts) == 20
