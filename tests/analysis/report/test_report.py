"""The page: one file, no request, the same bytes, and nothing a name can break."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from analysis.evaluations import Evaluation, read_evaluations
from analysis.findings import Findings, leading_front
from analysis.log import read_log
from analysis.points import write_tables
from analysis.rates import few_tokens
from analysis.report import build_report
from analysis.report.rates import rate_bars, rate_table
from analysis.report.report import render
from analysis.report.tables import evaluation_table
from search_spaces.record import RECORD_VERSION, TRIVIAL_CODECS
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
    assert set(data["fronts"]) == {"nominal", "entropy", "model", "stream"}
    assert not [m["name"] for m in data["metrics"] if m["name"].startswith("rate")]
    assert len(data["baselines"]) == 3
    assert all("val_rate_stream_bps" in b["values"] for b in data["baselines"])
    assert [c["name"] for c in data["trivial"]] == [*TRIVIAL_CODECS]
    for point in (p for c in data["trivial"] for p in c["points"]):
        assert point["name"].startswith("setting")
        assert {"val_rate_stream_bps", "val_rmse_full_cm"} < set(point["values"])
        assert "rate_nominal_bps" not in point["values"]
    assert [r["key"] for r in data["rates"] if r["trivial"]] == ["model", "stream"]
    assert "hull_pct" not in data["published"]
    values = data["points"]["values"]
    for rate, column in (("nominal", "rate_nominal_bps"), ("stream", "val_rate_stream_bps")):
        pairs = list(zip(values[column], values["val_rmse_full_cm"], strict=True))
        for i in data["fronts"][rate]["rmse_full_cm"]:
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


def test_a_sweep_that_ended_by_itself_says_why(small: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "sweep"))
    assert "ended by itself" not in Page(drawn(folder)).text
    ended = {"event": "enough", "reason": "under 1 % gained in 20 trials", "time": 1.8e9}
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(ended) + "\n")
    assert "The sweep ended by itself: under 1 % gained in 20 trials." in Page(drawn(folder)).text


def test_a_sweep_without_points_still_has_a_page(tmp_path: Path) -> None:
    events = [
        {"event": "sweep", "name": "young", "versions": {"record": RECORD_VERSION}},
        {"event": "refused", "trial": "a", "codec": "kmeans", "reason": "too many codes"},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    text = Page(build_report(tmp_path).read_text(encoding="utf-8")).text
    assert "K-Means has no operating point: 1 refused." in text
    assert "too many codes" in text and "The front is empty." in text


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "sweep"
    return FakeSweep(trials=12, evaluations=1).write(folder, np.random.default_rng(3))


def drawn(folder: Path) -> str:
    return render(Findings(read_log(folder), write_tables(folder)))


def test_every_point_of_the_front_shows_nominal_beside_stream_rate(evaluated: Path) -> None:
    html = drawn(evaluated)
    front = leading_front(Findings(read_log(evaluated), write_tables(evaluated)))
    for table, split in (("front-table", "val"), ("bytes-table", "test")):
        body = html.split(f'id="{table}"', 1)[1].split("</tbody>", 1)[0]
        rows = body.split("<tbody>", 1)[1].split("<tr>")[1:]
        assert len(rows) == len(front)
        for row, point in zip(rows, front.to_dict("records"), strict=True):
            shown = [float(v) for v in re.findall(r'<td data-sort="([^"]+)"', row)]
            for value in (point["rate_nominal_bps"], point[f"{split}_rate_stream_bps"]):
                assert any(v == pytest.approx(value, rel=1e-5) for v in shown)


def test_rates_in_bytes_stand_with_baselines_and_few_tokens_marked(evaluated: Path) -> None:
    findings = Findings(read_log(evaluated), write_tables(evaluated))
    table = rate_table(findings)
    assert table is not None
    names = [name for name, _ in table["head"]]
    assert names[1:8] == ["Nominal", "Entropy", "Model", "Stream", "Header", "Zlib", "LZMA"]
    few = few_tokens(leading_front(findings), findings.log.facts, "test")
    assert few.any() and not few.all()
    marked = ["†" in row["cells"][2][0] for row in table["rows"]]
    assert marked == few.tolist()
    assert [row[0] for row in table["baselines"]] == [
        f"Quantised floats, {bits} bits + lzma" for bits in (8, 6, 4)
    ]
    assert all(len(row) == len(names) for row in table["baselines"])
    text = Page(drawn(evaluated)).text
    assert "times its nominal rate" in text
    assert "10 test tokens per code" in text


def test_bars_are_in_percent_of_nominal_and_end_at_the_stream_rate(evaluated: Path) -> None:
    findings = Findings(read_log(evaluated), write_tables(evaluated))
    bars = rate_bars(findings)
    assert bars is not None
    front = leading_front(findings).to_dict("records")
    for bar, point in zip(bars["rows"], front, strict=True):
        nominal, stream = point["rate_nominal_bps"], point["test_rate_stream_bps"]
        assert bar["share"]["stream"] == pytest.approx(stream / nominal)
        payload = stream - point["test_rate_header_bps"]
        assert bar["share"]["payload"] == pytest.approx(payload / nominal)
        end = float(bars["end"]) / 100
        inside = min(stream / nominal, end) / end
        assert float(bar["at"]["stream"]) == pytest.approx(100 * inside, abs=0.6)
        assert ("stream" in bar["beyond"]) == (stream / nominal > 2)


def test_a_sweep_before_files_were_measured_has_its_page(tmp_path: Path) -> None:
    folder = FakeSweep(trials=6, streams=False).write(tmp_path / "old", np.random.default_rng(0))
    page = Page(drawn(folder))
    assert "recorded before files were measured" in page.text
    assert "ratefront export" not in page.text  # there is no stream rate to choose by
    data = json.loads(page.data)
    assert set(data["fronts"]) == {"nominal", "entropy", "model"}
    assert data["baselines"] == []
    assert "On other motion" not in page.text


def test_evaluations_stand_beside_the_sweeps_own_test(evaluated: Path) -> None:
    findings = Findings(read_log(evaluated), write_tables(evaluated))
    (evaluation,) = read_evaluations(evaluated).read
    table = evaluation_table(findings, evaluation)
    names = [f"{name} ({note})" for name, note in table["head"]]
    here = names.index("Full pose RMSE, cm (here)")
    assert names[here + 1] == "Full pose RMSE, cm (sweep's own test)"
    assert names[3:5] == ["Stream rate, bits/s (here)", "Stream rate, bits/s (sweep's own test)"]
    assert not [n for n in names if "MPJPE" in n]
    own = findings.tables.points.set_index("point")["test_rmse_full_cm"]
    scored = evaluation.points.sort_values("test_rate_stream_bps")
    assert len(table["rows"]) == len(scored)
    for row, point in zip(table["rows"], scored.to_dict("records"), strict=True):
        assert row["cells"][here][1] == pytest.approx(point["test_rmse_full_cm"], rel=1e-5)
        assert row["cells"][here + 1][1] == pytest.approx(own[point["point"]], rel=1e-5)
    front = set(leading_front(findings)["point"])
    assert len(table["front"]) == len(front & set(scored["point"])) > 0


def test_points_of_elsewhere_and_new_metrics_have_no_score_beside_them(evaluated: Path) -> None:
    findings = Findings(read_log(evaluated), write_tables(evaluated))
    (evaluation,) = read_evaluations(evaluated).read
    points = evaluation.points.assign(point="elsewhere-" + evaluation.points["point"],
                                      test_mine_percent=3.0)  # fmt: skip
    facts = evaluation.facts.model_copy(update={"metrics": ("mine_percent",)})
    table = evaluation_table(findings, Evaluation(facts, points))
    assert table["foreign"] == len(points) and table["front"] == []
    assert [name for name, _ in table["head"][5:]] == ["mine_percent", "mine_percent"]
    assert table["rows"][0]["cells"][-2:] == [("3.00", 3), ("–", None)]


def test_an_evaluation_of_all_metrics_names_none_and_shows_every_distortion_with_a_front(
    evaluated: Path,
) -> None:
    findings = Findings(read_log(evaluated), write_tables(evaluated))
    (evaluation,) = read_evaluations(evaluated).read
    facts = evaluation.facts.model_copy(update={"metrics": ()})
    names = [
        name for name, _ in evaluation_table(findings, Evaluation(facts, evaluation.points))["head"]
    ]
    assert {"Full pose RMSE, cm", "Body RMSE, cm", "Wrist hull error, %"} <= set(names)
    assert not [n for n in names if "MPJPE" in n or "Tokens" in n]
    more = evaluation.points.assign(test_mine_percent=3.0, test_tokens=900)
    names = [name for name, _ in evaluation_table(findings, Evaluation(facts, more))["head"]]
    assert names[-1] == "mine_percent" and "tokens" not in names


def test_an_evaluation_on_recordings_that_trained_the_codecs_says_so(
    evaluated: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(evaluated, tmp_path / "sweep"))
    (place,) = (folder / "evaluations").iterdir()
    said = json.loads((place / "evaluation.json").read_text())
    before = Page(drawn(folder)).text
    assert "were trained on" not in before and "ratefront export DIR --at" in before
    facts = read_log(folder).facts
    assert facts is not None
    said["recordings"] = ["elsewhere", facts.train.recordings[0], facts.val.recordings[0]]
    (place / "evaluation.json").write_text(json.dumps(said))
    told = "1 of the recordings is called like one that the codecs were trained on"
    assert told in Page(drawn(folder)).text


def test_damaged_evaluations_are_told_on_the_page(evaluated: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(evaluated, tmp_path / "sweep"))
    (folder / "evaluations" / "torn").mkdir()
    text = Page(drawn(folder)).text
    assert "evaluations/torn is left out: it has no evaluation.json" in text
    assert "motion/other" in text


def test_a_codec_of_one_code_and_a_hole_in_the_record_break_nothing(tmp_path: Path) -> None:
    folder = FakeSweep(trials=8, failures=False).write(tmp_path / "s", np.random.default_rng(0))
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    rows = [e["row"] for e in events if e["event"] == "point"]
    rows[0] |= {"rate_nominal_bps": 0.0, "val_rate_model_bps": 0.6, "val_rate_stream_bps": 39.0}
    for row in rows[1:]:
        row |= {"test_rate_stream_bps": None, "test_tokens": None}
    (folder / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    findings = Findings(read_log(folder), write_tables(folder))
    table, bars = rate_table(findings), rate_bars(findings)
    assert table is not None and bars is not None and len(table["rows"]) > 2
    assert len(bars["rows"]) == len(table["rows"]) - 1
    assert all("model" in bar["at"] and bar["ratio"] == "" for bar in bars["rows"])
    assert table["verdict"] == ""
    html = render(findings)
    assert type(html) is str  # not Markup, which would escape what is added to it
    text = Page(html).text
    assert "nan" not in text.lower().split() and " inf " not in text
