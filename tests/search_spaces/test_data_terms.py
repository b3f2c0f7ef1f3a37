"""What a folder of motion says of itself in `ratefront.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.data_terms import TERMS_FILE, DataTerms, read_terms
from search_spaces.errors import BadInput
from search_spaces.spec import EMBEDDED


def said(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TERMS_FILE).write_text(text)
    return folder


def test_a_folder_that_says_nothing_may_be_given_on(tmp_path: Path) -> None:
    assert read_terms(tmp_path) == DataTerms(redistribute=True, reason="")
    assert read_terms(EMBEDDED).redistribute
    assert read_terms(tmp_path / "gone").redistribute


@pytest.mark.parametrize(("word", "allowed"), [("no", False), ("false", False), ("yes", True)])
def test_it_says_yes_or_no(tmp_path: Path, word: str, allowed: bool) -> None:
    said(tmp_path, f"redistribute: {word}\nreason: >\n  they asked\n  us\n")
    assert read_terms(tmp_path) == DataTerms(redistribute=allowed, reason="they asked us")


def test_a_file_is_under_the_terms_of_its_folder(tmp_path: Path) -> None:
    said(tmp_path, "redistribute: no\n")
    (tmp_path / "wave.bvh").write_text("")
    assert not read_terms(tmp_path / "wave.bvh").redistribute


def test_one_subfolder_that_says_no_holds_for_all(tmp_path: Path) -> None:
    said(tmp_path, "redistribute: yes\n")
    said(tmp_path / "b" / "c", "redistribute: no\nreason: not theirs\n")
    assert read_terms(tmp_path) == DataTerms(redistribute=False, reason="not theirs")
    assert read_terms(tmp_path / "a").redistribute


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold a mapping"),
        ("redistribute: perhaps", "must be yes or no, got 'perhaps'"),
        ("reason: none", "must be yes or no, got nothing"),
        ("redistribute: no\nreason: 3", "reason must be a text, got 3"),
        ("redistribut: no", "no key 'redistribut'; did you mean redistribute?"),
        ("redistribute: [", "line"),
        ("redistribute: no\nredistribute: yes", "stands twice"),
    ],
)
def test_anything_else_is_one_line_with_the_file(tmp_path: Path, text: str, words: str) -> None:
    said(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_terms(tmp_path)
    assert str(tmp_path / TERMS_FILE) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
