"""The page: one file, no request, the same bytes, and nothing a name can break."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from analysis.report import build_report
from search_spaces.record import RECORD_VERSION
from tests.analysis.make_sweep import FakeSweep


class Page(HTMLParser):
    """Collects what a browser would fetch, text, and embedded JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self.data = ""
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [str(v) for k, v in attrs if k in ("src", "href", "data", "srcset", "action")]
        void = ("meta", "link", "input", "br")
        if tag not in void:
            self.stack.append("data" if given.get("id") == "data" else tag)

    def handle_endtag(self, tag: str) -> None:
        if self.stack:
            self.stack.pop()

    def handle_data(self, data: str) -> None:
        inside = self.stack[-1] if self.stack else ""
        if inside == "data":
            self.data += data
        elif inside not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "sweep"
    sweep = FakeSweep(trials=9, split="time", parts=("body",), dropped=("right_hand", "left_hand"),
                      name="<script>alert('x')</script> & </script>")  # fmt: skip
    return build_report(sweep.write(folder, np.random.default_rng(2))).parent


def test_nothing_is_fetched(small: Path) -> None:
    html = (small / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert [link for link in page.links if not link.startswith(("#", "data:,"))] == []
    assert not re.search(r"@import|url\(\s*['\"]?https?:", html.split("<script", 1)[0])


def test_plotly_stands_in_it_once(small: Path) -> None:
    html = (small / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"plotly\.js v\d", html)) == 1


def test_names_cannot_break_out(small: Path) -> None:
    html = (small / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<script>alert('x')</script> & </script>" in Page(html).text


def test_the_page_says_what_a_reader_must_know(small: Path) -> None:
    text = Page((small / "report.html").read_text(encoding="utf-8")).text
    for words in ("Within-recording split.", "Synthetic motion.", "root removed", "30 fps",
                  "no right hand", "the skeleton has no finger joints",
                  "codebook_size 16384 is above", "of the front", "sha256:1234", "torch",
                  "preset: rate_distortion"):  # fmt: skip
        assert words in text, words


def test_embedded_numbers_are_the_points(small: Path) -> None:
    data = json.loads(Page((small / "report.html").read_text(encoding="utf-8")).data)
    count = len(data["points"]["codec"])
    assert count > 5
    assert all(len(v) == count for v in data["points"]["values"].values())
    assert {b["name"] for b in data["bounds"]} == {"mean pose", "nearest training frame"}
    assert set(data["fronts"]) == {"nominal", "model", "entropy"}
    assert "hull_pct" not in data["published"]
    values = data["points"]["values"]
    pairs = list(zip(values["rate_nominal_bps"], values["val_rmse_full_cm"], strict=True))
    for i in data["fronts"]["nominal"]["rmse_full_cm"]:
        x, y = pairs[i]
        assert not any(a <= x and b <= y and (a, b) != (x, y) for a, b in pairs)


def test_the_same_sweep_gives_the_same_bytes(small: Path) -> None:
    before = {p: p.read_bytes() for p in small.rglob("*") if p.is_file()}
    build_report(small)
    after = {p: p.read_bytes() for p in small.rglob("*") if p.is_file()}
    assert before.keys() == after.keys()
    assert [p.name for p in before if before[p] != after[p]] == []
    assert {"front_full.png", "front_full.pdf", "front_body.png", "hypervolume.pdf"} <= {
        p.name for p in before
    }


def test_a_sweep_without_points_still_has_a_page(tmp_path: Path) -> None:
    events = [
        {"event": "sweep", "name": "young", "versions": {"record": RECORD_VERSION}},
        {"event": "refused", "trial": "a", "codec": "kmeans", "reason": "too many codes"},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    text = Page(build_report(tmp_path).read_text(encoding="utf-8")).text
    assert "K-Means has no operating point: 1 refused." in text
    assert "too many codes" in text and "The front is empty." in text
