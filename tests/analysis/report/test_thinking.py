"""The page as a place to think, in a real browser: press, filter, brush, play, print."""

# ruff: noqa: E501  (scripts of the browser)

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from analysis.findings import Findings
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.report import render
from search_spaces.record import MISSING
from tests.analysis.make_motion import JOINTS, moving
from tests.analysis.make_sweep import FakeSweep
from tests.analysis.report.conftest import Browser, opened

TOUR = """
(async () => {
  const seen = {}, wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const frames = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)));
  const until = async (done) => { for (let k = 0; k < 200 && !done(); k++) await wait(25); };
  const words = (id) => document.getElementById(id).textContent;
  const pick = (id, value) => { const e = document.getElementById(id); e.value = value;
    e.dispatchEvent(new Event("change", { bubbles: true })); };
  const point = (target, kind, x, y, more = {}) => { const b = target.getBoundingClientRect();
    target.dispatchEvent(new PointerEvent(kind, { bubbles: true, cancelable: true, button: 0,
      clientX: b.left + x, clientY: b.top + y, ...more })); };
  await wait(300);
  const div = document.getElementById("plot-front"), glass = div.querySelector(".glass");
  // Pressing a point plays that very reconstruction.
  const chosen = [...mainFront()].sort((a, b) => scene.x[a] - scene.x[b])[1];
  let [px, py] = toPixels(div, scene.x[chosen], scene.y[chosen]);
  point(glass, "pointerdown", px, py); point(glass, "pointerup", px, py);
  await until(() => player.takes && player.takes.each.length === 1 && player.takes.each[0].point === chosen);
  seen.pressed = state.pins.length === 1 && state.pins[0] === chosen;
  const take = player.takes.each[0], packed = motion.points[rowOf(chosen)][player.takes.recording];
  seen.played = take.point === chosen && take.clip === await unpack(packed.motion, 40);
  seen.off = Math.abs(player.takes.original[3 * 11 + 4] - ORIGINAL) < 0.002;
  seen.captions = [...document.querySelectorAll(".take figcaption")].length === 2 &&
    document.querySelector("#stage").textContent.includes(points.label[chosen]);
  const inked = (canvas) => { const d = canvas.getContext("2d").getImageData(0, 0, canvas.width,
    canvas.height).data; let n = 0; for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n; };
  const bodies = () => [...document.querySelectorAll("#stage canvas")];
  seen.drawn = bodies().every((c) => inked(c) > 300);
  // Best and worst are different recordings; the worst has the larger error.
  pick("clip", "worst"); await until(() => player.takes.recording === "val-03"); const worst = player.takes.recording;
  pick("clip", "best"); await until(() => player.takes.recording === "val-00");
  seen.clips = worst === "val-03" && player.takes.recording === "val-00";
  // Playing moves frames; a turn moves pixels.
  document.getElementById("play").click(); await until(() => player.frame > 2); document.getElementById("play").click();
  seen.moved = player.frame > 0 && words("frame-said").includes(`frame ${player.frame + 1} of 40`);
  const before = bodies()[1].toDataURL();
  document.getElementById("stage").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  seen.turned = bodies()[1].toDataURL() !== before;
  document.querySelector('[name="mode"][value="over"]').click();
  seen.over = bodies().length === 1; document.querySelector('[name="mode"][value="side"]').click();
  // Equal bits: one of every codec at most at the budget.
  const budget = Math.max(...valuesOf(rateName(state.rate), "val"));
  document.getElementById("budget").value = budget; document.getElementById("equal").click();
  await until(() => player.takes.each.length === 3);
  seen.equal = new Set(state.pins.map((i) => points.codec[i])).size === state.pins.length &&
    state.pins.length === 3 && bodies().length === 4;
  // A box in the plot filters table and lines; words filter on; all is given back.
  const rows = () => Number(document.getElementById("grid").getAttribute("aria-rowcount")) - 1;
  const all = rows();
  const { w, h } = area(div);
  point(glass, "pointerdown", 0, 0); point(glass, "pointermove", w / 2, h); point(glass, "pointerup", w / 2, h);
  await frames();
  const half = div._fullLayout.xaxis.p2d(w / 2), x = valuesOf(xName(), "val"), y = valuesOf(state.metric, "val");
  const inside = [...Array(count).keys()].filter((i) => x[i] <= half && finite(y[i]));
  seen.boxed = rows() === inside.length && inside.length > 0 && inside.length < all;
  document.getElementById("words").value = "rq-vae";
  document.getElementById("words").dispatchEvent(new Event("input", { bubbles: true }));
  await frames();
  seen.words = rows() === inside.filter((i) => points.codec[i] === "rqvae").length;
  document.querySelector(".clear").click(); await frames();
  seen.cleared = rows() === all;
  // A range on an axis filters the plot.
  const axis = [...document.querySelectorAll(".axis")].find((a) => a.textContent.startsWith("depth"));
  const tall = axis.getBoundingClientRect().height;
  point(axis, "pointerdown", 15, tall * 0.9); point(axis, "pointermove", 15, tall + 4); point(axis, "pointerup", 15, tall + 4);
  await frames();
  seen.ranged = rows() === points.depth.filter((d) => d === 1).length && rows() < all;
  axis.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })); await frames();
  seen.unranged = rows() === all;
  // By keyboard: along the front, into the player; rows of the table.
  const key = (target, name, more = {}) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
  key(div, "ArrowRight"); key(div, "Enter");
  const first = [...mainFront()].sort((a, b) => scene.x[a] - scene.x[b])[0];
  seen.keys = state.pins.length === 1 && state.pins[0] === first && words("spoken").length > 5;
  const table = document.getElementById("grid");
  table.focus(); key(table, "End"); key(table, "Enter", { shiftKey: true });
  seen.rows = state.pins[0] === grid.order.at(-1) && state.pins.length === 2;
  seen.few = document.querySelectorAll("#grid .row").length < 60;
  // Axes: what JavaScript finds non-dominated is what Python found, over every rate and distortion.
  const alike = (a, b) => a.length === b.length && [...a].sort().join() === [...b].sort().join();
  seen.same = data.rates.every((r) => Object.entries(data.fronts[r.key]).every(([m, front]) =>
    alike(front, nondominated(valuesOf(r.name, "val"), valuesOf(m, "val")))));
  pick("x", "rate_nominal_right_hand_bps"); pick("metric", "rmse_right_hand_cm"); await frames();
  seen.part = div.querySelector(".xtitle").textContent.includes("right hand") &&
    frontOf(state.metric, state.x).length > 1 && words("caption").includes("right hand");
  pick("x", "rate_nominal_bps"); pick("metric", "rate_stream_bps"); await frames();
  seen.streams = div.querySelector(".ytitle").textContent.includes("Stream rate");
  pick("x", ""); pick("metric", "rmse_full_cm"); await frames();
  // Errors and codebooks follow what is looked at.
  seen.joints = document.querySelectorAll("#plot-joints .bars .point").length === 11 * state.pins.filter((i) => data.errors.points[rowOf(i)]).length;
  seen.heat = inked(document.getElementById("heatmap")) > 2000;
  seen.spectra = document.querySelectorAll("#plot-velocity .scatterlayer .trace").length >= 2;
  seen.bones = words("bones").includes("0.4 cm");
  seen.levels = document.querySelectorAll(".level").length === 3 * Object.values(data.codebooks[points.trial[state.pins[0]]])[0].length;
  seen.matrix = inked(document.getElementById("transitions")) > 2000;
  // Learning curves mark those that were stopped.
  seen.curves = data.curves.curves.length > 3 && document.querySelectorAll("#plot-curves .trace").length >= 2;
  seen.stopped = words("curves-panel").includes(`stopped early (${data.curves.curves.filter((c) => c.status === "stopped").length})`);
  return seen;
})()
"""


def drawn(folder: Path, *, clips: bool = True) -> str:
    return render(Findings(read_log(folder), write_tables(folder)), clips=clips)


def payload_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thinking") / "sweep"
    return FakeSweep(trials=15, motion=True).write(folder, np.random.default_rng(6))


@pytest.fixture(scope="module")
def page(swept: Path) -> str:
    return drawn(swept)


def test_a_person_can_think_with_it(browser: Browser, page: str, tmp_path: Path) -> None:
    tab = opened(browser, page, tmp_path)
    seen = tab.run(TOUR.replace("ORIGINAL", repr(float(moving(1)[1, 1, 1]))))
    assert tab.complaints == []
    tab.close()
    assert [k for k, v in seen.items() if v is not True] == []
    assert len(seen) > 25


def test_the_mouse_presses_points_and_draws_boxes(
    browser: Browser, page: str, tmp_path: Path
) -> None:
    tab = opened(browser, page, tmp_path)
    tab.run("document.getElementById('plot-front').scrollIntoView({behavior: 'instant'})")
    place = """(() => { const d = document.getElementById("plot-front"),
      b = d.querySelector(".glass").getBoundingClientRect(),
      i = [...mainFront()].sort((a, b) => scene.x[a] - scene.x[b])[2],
      [x, y] = toPixels(d, scene.x[i], scene.y[i]);
      return [i, b.left + x, b.top + y, b.left, b.top, b.width, b.height]; })()"""
    row, x, y, left, top, wide, high = tab.run(place)
    tab.press(x, y)
    assert tab.run("state.pins") == [row]
    tab.press(left + 2, top + 2, (left + 0.6 * wide, top + high - 2))
    shown = "new Promise((d) => setTimeout(() => d(grid.order.length), 100))"
    assert 0 < tab.run(shown) < tab.run("count")
    tab.close()


def test_it_fits_a_narrow_window(browser: Browser, page: str, tmp_path: Path) -> None:
    tab = opened(browser, page, tmp_path, wide=420)
    assert tab.run("document.documentElement.scrollWidth") <= 420
    tab.close()


@pytest.mark.long
def test_ten_thousand_points_answer_at_once(browser: Browser, tmp_path: Path) -> None:
    sweep = FakeSweep(trials=40, failures=False, clips=False, codecs=("rqvae", "temporal_rvq"))
    folder = sweep.write(tmp_path / "s", np.random.default_rng(3))
    html = drawn(folder)
    data = payload_of(html)
    points = data["points"]
    assert isinstance(points, dict)
    times = -(-10_000 // len(points["codec"]))
    # The same points over and over, each a little off.
    script = """const grown = JSON.parse(document.getElementById("data").textContent);
      const many = (list, spread) => Array.from({length: TIMES}, (_, k) => list.map((v) =>
        spread && typeof v === "number" ? v * (1 + k / TIMES) : v)).flat();
      for (const [name, list] of Object.entries(grown.points)) if (Array.isArray(list)) grown.points[name] = many(list);
      for (const [name, list] of Object.entries(grown.points.values)) grown.points.values[name] = many(list, true);
      for (const d of grown.dimensions) d.values = many(d.values);
      document.getElementById("data").textContent = JSON.stringify(grown);"""
    script = script.replace("TIMES", str(times))
    head = '<script type="application/json" id="data">'
    at = html.index("</script>", html.index(head)) + len("</script>")
    tab = opened(browser, html[:at] + f"<script>{script}</script>" + html[at:], tmp_path)
    assert tab.run("count") >= 10_000
    timed = """(async () => {
      const took = {}, done = () => new Promise((d) => requestAnimationFrame(() => setTimeout(d)));
      const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
      const loop = () => { const t = performance.now(); let s = 0; for (let k = 0; k < 2e7; k++) s += k % 7; return performance.now() - t + 0 * s; };
      const settled = async () => { await new Promise((d) => setTimeout(d, 200)); while (resting) await done(); };
      // In units of a loop that takes 15 ms where nothing else runs, beside each event: a busy machine slows both.
      const time = async (name, act, times = 3) => { const each = [], busy = []; for (let k = 0; k < times; k++) { await settled(); busy.push(loop());
        const t = performance.now(); await act(k); each.push(performance.now() - t); }
        took[name] = middle(each) / Math.max(1, middle(busy) / 15); };
      await time("press", async (k) => { pin(100 * k, true); await done(); });
      await time("words", async (k) => { state.words = "rq" + "-v".slice(0, k); filtered(); await done(); });
      clearFilters(); await done();
      await time("axis", async (k) => { state.ranges[data.dimensions[0].key] = [0, 0.3 + k / 5]; filtered(); await done(); });
      clearFilters(); await done();
      await time("scroll", async (k) => { document.getElementById("grid").scrollTop = 30000 * k; await done(); });
      await time("hide", async () => { document.querySelector("#legend button").click(); await done(); }, 1);
      document.querySelector("#legend button").click();
      await time("theme", async () => { document.getElementById("theme").click(); await done(); }, 1);
      document.getElementById("theme").click();
      await time("hover", async (k) => nearest(document.getElementById("plot-front"), 100 + k, 200));
      return took; })()"""
    took = tab.run(timed)
    # What is put off is drawn in the end, and a cloud that would look the same is not drawn again.
    later = """(async () => {
      const wait = (ms) => new Promise((d) => setTimeout(d, ms)), div = document.getElementById("plot-front");
      clearFilters(); state.words = "temporal"; filtered(); await wait(400); while (resting) await wait(20);
      const was = drawn; drawCloud(div); const again = drawn !== was, fewer = grid.order.length;
      state.words = ""; refilter(); drawCloud(div); const anew = drawn !== was;
      document.getElementById("theme").click(); await wait(50); while (resting) await wait(20);
      const inks = [...document.querySelectorAll(".js-plotly-plot")].map((p) => p._fullLayout.font.color);
      return [inks.length > 2 && inks.every((ink) => ink === theme().ink), fewer > 0 && fewer < count, again, anew,
        document.querySelectorAll("#smalls .main-svg").length >= data.small.length]; })()"""
    assert tab.run(later) == [True, True, False, True, True]
    tab.close()
    # 100 ms is the goal; what a slower processor or a stray task adds is given four times as long.
    assert {k: v for k, v in took.items() if v > 400} == {}


def test_motion_on_the_page_is_the_motion(page: str) -> None:
    motion = payload_of(page)["motion"]
    assert isinstance(motion, dict)
    assert tuple(motion["joints"]) == JOINTS
    clip = motion["clips"]["val-02"]
    planes = np.frombuffer(zlib.decompress(b64decode(clip["original"])), np.uint8).astype(int)
    moved = (planes[: len(planes) // 2] | planes[len(planes) // 2 :] << 8).reshape(-1, 40)
    steps = np.cumsum(moved, axis=1).astype(np.uint16).astype(np.int16)
    back = steps.T.reshape(40, -1, 3) * motion["step"]
    assert MISSING not in steps
    assert np.abs(back - moving(2)).max() < 1e-3


def test_without_clips_there_is_no_motion_and_it_says_so(swept: Path) -> None:
    html = drawn(swept, clips=False)
    data = payload_of(html)
    assert data["motion"] is None and data["clips"] is False
    assert "This page holds no motion of the recordings (--no-clips)." in html
    assert 'id="stage"' not in html
    assert data["errors"] is not None  # numbers, no motion


def test_an_older_sweep_says_what_it_lacks(browser: Browser, tmp_path: Path) -> None:
    folder = FakeSweep(trials=5, failures=False).write(tmp_path / "s", np.random.default_rng(1))
    html = drawn(folder)
    assert "No trial of this sweep left clips to look at" in html
    tab = opened(browser, html, tmp_path)
    hidden = [f"document.getElementById('{name}').hidden" for name in (
        "errors-body", "codebook-body", "errors-empty", "codebook-empty")]  # fmt: skip
    assert tab.run(f"[{', '.join(hidden)}]") == [True, True, False, False]
    assert tab.complaints == []
    tab.close()


def test_few_seeds_failures_and_the_like_are_counted(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page.split('id="evidence"', 1)[1]).split())
    assert re.search(r"Trials: \d+ done, 2 stopped, 1 refused, 1 failed", text)
    assert "under 3 seeds" in text and "beyond the reference" in text


def test_a_page_of_a_thousand_trials_stays_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    sweep = FakeSweep(trials=1000, clips=False, failures=False, codecs=("rqvae", "temporal_rvq"))
    folder = sweep.write(tmp_path / "large", rng)
    findings = Findings(read_log(folder), write_tables(folder))
    from analysis.report.motion import looked_at, motion_payload
    from tests.analysis.make_motion import write_motion

    for row in looked_at(findings):
        point = findings.means.iloc[row]
        levels = int(point["levels"])
        write_motion(
            folder, str(point["trial"]), ("body", "right_hand", "left_hand"), levels, 64, rng
        )
    html = render(findings)
    assert len(html.encode()) < 15e6
    data = payload_of(html)
    assert isinstance(data["points"], dict) and len(data["points"]["codec"]) == len(findings.means)
    small = motion_payload(findings, looked_at(findings), budget=60_000)
    assert small is not None and small["left_out"] > 0 and small["points"]
    assert len(json.dumps(small)) < 75_000
