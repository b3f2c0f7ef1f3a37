"""Raters who answer by chance are left out, and those who look are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.user_study.answers import read_answers
from analysis.user_study.design import Plan
from analysis.user_study.scores import scores_of, tables
from analysis.user_study.screening import passes_by_chance, screen
from search_spaces.errors import BadInput
from tests.analysis.user_study.raters import NAMES, answers, attentive, coin, key_of, small_study

STUDY = small_study(Plan(seconds=3.0, pairs=0, checks=6, repeats=4))


def written(folder: Path, told: dict[str, object]) -> Path:
    path = folder / f"{told['rater']}.json"
    path.write_text(json.dumps(told))
    return path


def test_coins_are_left_out_as_often_as_is_said(tmp_path: Path) -> None:
    key, rng = key_of(STUDY, tmp_path), np.random.default_rng(1)
    files = [written(tmp_path, answers(STUDY, f"r{i}", coin(rng), rng)) for i in range(200)]
    kept = [screen(r, key).counts for r in read_answers(files, key)]
    expected = passes_by_chance(6, 4)
    assert 0.03 < expected < 0.08
    assert abs(np.mean(kept) - expected) < 3 * np.sqrt(expected * (1 - expected) / 200)


def test_who_looks_counts_and_their_liking_comes_out(tmp_path: Path) -> None:
    key, rng = key_of(STUDY, tmp_path), np.random.default_rng(2)
    files = [
        written(tmp_path, answers(STUDY, f"r{i}", attentive(STUDY, rng, 0.8), rng))
        for i in range(40)
    ]
    found = scores_of(read_answers(files, key), key)
    assert len(found.counted) == 40
    rate = found.rates["preference"][NAMES[0]]
    assert rate.low < 80 < rate.high and rate.high - rate.low < 10
    assert rate.comparisons == 40 * 10  # 5 recordings, 2 others; checks and repeats do not count
    each = found.pairs["preference"]
    assert each[NAMES[0], NAMES[1]].mean == pytest.approx(100 - each[NAMES[1], NAMES[0]].mean)
    assert each[NAMES[1], NAMES[2]].low < 50 < each[NAMES[1], NAMES[2]].high
    # Deviation over raters of shares of 10: binomial.
    assert rate.deviation == pytest.approx(100 * np.sqrt(0.8 * 0.2 / 10), rel=0.35)
    assert any("prints no numbers" in str(part) for part in tables(found))


def test_one_side_always_and_haste_are_left_out(tmp_path: Path) -> None:
    key, rng = key_of(STUDY, tmp_path), np.random.default_rng(3)
    left = answers(STUDY, "lefty", lambda *_: "left", rng)
    fast = answers(STUDY, "hasty", attentive(STUDY, rng, 0.5), rng, seconds=1.4)
    slow = answers(STUDY, "calm", attentive(STUDY, rng, 0.5), rng, seconds=1.6)
    blind = answers(STUDY, "blind", attentive(STUDY, rng, 0.5), rng)
    for told in blind["answers"]:  # takes what is shaken
        if any(STUDY.key["clips"][told[s]]["spoiled"] for s in ("left", "right")):
            for question in ("preference", "beats", "diversity"):
                told[question] = "right" if told[question] == "left" else "left"
    raters = read_answers([written(tmp_path, t) for t in (left, fast, slow, blind)], key)
    by = {s.rater.name: s for s in (screen(r, key) for r in raters)}
    assert by["lefty"].repeats == (0, 4) and not by["lefty"].counts
    assert "before half of the clip" in by["hasty"].why and by["calm"].counts
    assert by["blind"].checks == (0, 6) and by["blind"].why == "0 of 6 checks right"


def test_files_that_do_not_belong_are_one_line(tmp_path: Path) -> None:
    key, rng = key_of(STUDY, tmp_path), np.random.default_rng(4)
    good = answers(STUDY, "ann", coin(rng), rng)
    other = written(tmp_path, {**good, "rater": "bob", "study": "0123"})
    with pytest.raises(BadInput, match="answers study 0123"):
        read_answers([other], key)
    twice = [written(tmp_path, good), tmp_path / "again.json"]
    twice[1].write_text(json.dumps(good))
    with pytest.raises(BadInput, match="of rater 'ann' too"):
        read_answers(twice, key)
    good["answers"][0]["left"] = "nothing"
    with pytest.raises(BadInput, match="no clip nothing"):
        read_answers([written(tmp_path, {**good, "rater": "cid"})], key)
    (tmp_path / "text.json").write_text("no")
    with pytest.raises(BadInput, match="is no JSON"):
        read_answers([tmp_path / "text.json"], key)
