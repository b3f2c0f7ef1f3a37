"""The report's page at ten thousand points in a headless browser: first paint and interactions.

Every interaction goes through the page's own listeners, those of the mouse and keyboard as real
input. Its time runs from the event's time stamp to the first frame after everything that was due
with it was drawn. What follows later (small plots come 150 ms after a filter) is watched too: the
longest task that would make the next event wait. A browser without a graphics card draws by
processor, which is the slow case.

Usage: python benchmarks/report_page.py [--quick] [--page report.html]
The last line is one JSON object: `points`, `page_mib`, `first_paint_ms`, `ready_ms` (loaded,
the front drawn), and for each interaction its median, its worst and the longest task after it, in
ms. Needs Chromium, as the tests of the page do; without one it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fronts_steps.invented_sweep import write_sweep

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the browser of the tests

TRIALS, PREFIXES, REPEATS = 1_250, 8, 7
WATCH = """
window.taken = []; window.tasks = [];
new PerformanceObserver((list) => list.getEntries().forEach((e) => window.tasks.push(e.duration)))
  .observe({ type: "longtask" });
window.arm = (kind) => {
  window.taken.length = window.tasks.length = 0;
  addEventListener(kind, (e) => {
    const painted = new MessageChannel();  // its message comes after the frame
    painted.port1.onmessage = () => window.taken.push(performance.now() - e.timeStamp);
    requestAnimationFrame(() => painted.port2.postMessage(0));
  }, { capture: true, once: true });
};
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
window.settled = async () => { await wait(250); while (resting) await wait(20); };
window.took = async () => {
  for (let k = 0; k < 1000 && !window.taken.length; k++) await wait(10);
  const first = window.taken[0], own = window.tasks.length;
  await wait(300);  // what comes later has begun
  while (resting) await wait(20);
  await new Promise((done) => requestIdleCallback(done, { timeout: 5000 }));
  return [first, Math.max(0, ...window.tasks.slice(own))];
};
0
"""
CENTRE = """(() => {{ const e = {element};
  e.scrollIntoView({{ block: "center", behavior: "instant" }});
  const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; }})()"""
GLASS = 'document.querySelector("#plot-front .glass")'
FRONT = """(() => { const d = document.getElementById("plot-front"), own = [...mainFront()]
  .sort((a, b) => scene.x[a] - scene.x[b]).filter((i) => scene.shown.includes(i));
  return own.map((i) => toPixels(d, scene.x[i], scene.y[i])); })()"""


class Hand:
    """Acts on the page and takes the time of it.

    Args:
        tab: the page, opened.
        repeats: of each interaction.
    """

    def __init__(self, tab: Any, repeats: int) -> None:
        self._tab, self._repeats = tab, repeats
        self.times: dict[str, list[float]] = {}
        self.after: dict[str, float] = {}
        tab.run(WATCH)

    def place(self, element: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element that was scrolled to, in the window."""
        left, top, wide, high = self._tab.run(CENTRE.format(element=element))
        return left, top, wide, high

    def mouse(self, kind: str, x: float, y: float, held: bool = False) -> None:
        """One event of the mouse; `kind` as in the DevTools protocol."""
        button = {"button": "left", "buttons": 1, "clickCount": 1} if held else {}
        self._tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def press(self, x: float, y: float) -> None:
        """A press of the left button."""
        self.mouse("mousePressed", x, y, True)
        self.mouse("mouseReleased", x, y, True)

    def time(self, name: str, kind: str, act: Callable[[int], object],
             back: Callable[[], object] = lambda: None) -> None:  # fmt: skip
        """Median and worst of an interaction; `back` undoes it, untimed."""
        times, after = [], 0.0
        for k in range(self._repeats + 1):
            self._tab.run(f"window.arm({kind!r})")
            act(k)
            first, later = self._tab.run("window.took()")
            back()
            self._tab.run("window.settled()")
            if k:  # the first one compiles
                times.append(float(first))
                after = max(after, float(later))
        self.times[name], self.after[name] = times, after
        print(f"{name:16} median {statistics.median(times):6.1f} ms, worst {max(times):6.1f} ms, "
              f"longest task after {after:6.1f} ms")  # fmt: skip

    def script(self, text: str) -> Callable[[int], object]:
        """An interaction by script; `K` in it is the number of the repeat."""
        return lambda k: self._tab.run(text.replace("K", str(k)))


def walk(hand: Hand, tab: Any) -> None:
    """Every interaction of the page."""
    left, top, wide, high = hand.place(GLASS)
    near = tab.run(FRONT)
    spots = [(left + x, top + y) for x, y in near[:: max(1, len(near) // (REPEATS + 2))]]

    def moved(k: int) -> None:
        hand.mouse("mouseMoved", *spots[k % len(spots)])

    def boxed(k: int) -> None:
        hand.mouse("mousePressed", left + 4, top + 4, True)
        hand.mouse("mouseMoved", left + wide * (0.3 + 0.05 * k), top + 0.8 * high, True)
        hand.mouse("mouseReleased", left + wide * (0.3 + 0.05 * k), top + 0.8 * high, True)

    def cleared() -> None:
        tab.run("clearFilters()")

    change = 'e.dispatchEvent(new Event("change", { bubbles: true }))'
    hand.time("hover", "pointermove", moved)
    hand.time("press a point", "pointerup", lambda k: hand.press(*spots[k % len(spots)]))
    hand.time("box", "pointerup", boxed, cleared)
    for name, id_ in (("switch distortion", "metric"), ("switch rate axis", "x")):
        hand.time(name, "change", hand.script(
            f'{{ const e = document.getElementById("{id_}"); '
            f"e.selectedIndex = K % e.options.length; {change}; }} 0"))  # fmt: skip
    tab.run('{ const e = document.getElementById("x"); e.selectedIndex = 0; ' + change + "; } 0")
    for name, field in (("switch rate", "rate"), ("log and linear", "axis"), ("split", "split")):
        hand.time(name, "change", hand.script(
            f"""{{ const all = document.querySelectorAll('[name="{field}"]'), """
            f"e = all[(K + 1) % all.length]; e.checked = true; {change}; }} 0"))  # fmt: skip
    tab.run("""{ const e = document.querySelector('[name="split"]'); e.checked = true; """
            + change + "; } 0")  # fmt: skip

    x, y, _, tall = hand.place('document.querySelectorAll("#plot-parallel .axis")[1]')

    def ranged(k: int) -> None:
        hand.mouse("mousePressed", x + 15, y + 0.95 * tall, True)
        hand.mouse("mouseMoved", x + 15, y + (0.2 + 0.05 * k) * tall, True)

    def let_go() -> None:
        hand.mouse("mouseReleased", x + 15, y + 0.5 * tall, True)
        cleared()

    # Its first move is at the spot where it was pressed or beyond; every move filters.
    hand.time("drag on an axis", "pointermove", ranged, let_go)
    hand.place('document.getElementById("words")')
    tab.run('document.getElementById("words").focus()')
    hand.time("words", "input", lambda k: tab.call("Input.insertText", text="rvq= 12"[k % 7]),
              cleared)  # fmt: skip
    hand.place('document.getElementById("grid")')

    def sorted_by(k: int) -> None:
        head = f'document.querySelectorAll("#grid-head button")[{k % 4}]'
        a, b, c, d = hand.place(head)
        hand.press(a + c / 2, b + d / 2)

    hand.time("sort", "click", sorted_by)
    hand.time("scroll", "scroll", hand.script(
        'document.getElementById("grid").scrollTop = 40000 * (K + 1); 0'))  # fmt: skip

    def row(k: int) -> None:
        spot = """(() => { const b = document.getElementById("grid").getBoundingClientRect();
          return [b.left + 60, b.top + 100]; })()"""
        a, b = tab.run(spot)
        hand.press(a, b + 30 * (k % 5))

    hand.time("press a row", "click", row)
    hand.place('document.getElementById("legend")')
    hand.time("hide a codec", "click", hand.script(
        'document.querySelectorAll("#legend button")[0].click(); 0'))  # fmt: skip
    hand.time("dark and light", "click", hand.script('document.getElementById("theme").click(); 0'))


def measured(page: Path, repeats: int) -> dict[str, Any]:
    """Opens the page and walks through it; empty where there is no Chromium."""
    from tests.analysis.report.conftest import NAMES, Browser, Tab

    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        return {}
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(found, Path(profile))
        try:
            paints, ready = [], []
            for _ in range(3):
                tab = Tab(browser, page)
                tab.run("new Promise((d) => requestAnimationFrame(() => setTimeout(d, 50)))")
                paint, load = tab.run(
                    "[performance.getEntriesByType('paint').at(-1).startTime, "
                    "performance.getEntriesByType('navigation')[0].loadEventEnd]"
                )
                paints.append(paint)
                ready.append(load)
                if len(ready) < 3:
                    tab.close()
            count = tab.run("count")
            print(f"{count:,} points, {page.stat().st_size / 2**20:.1f} MiB; first paint "
                  f"{statistics.median(paints):.0f} ms (worst {max(paints):.0f}), "
                  f"ready {statistics.median(ready):.0f} ms (worst {max(ready):.0f})")  # fmt: skip
            hand = Hand(tab, repeats)
            walk(hand, tab)
            complaints = tab.complaints
        finally:
            browser.close()
    assert not complaints, complaints
    return {
        "points": count,
        "page_mib": round(page.stat().st_size / 2**20, 2),
        "first_paint_ms": round(statistics.median(paints)),
        "ready_ms": round(statistics.median(ready)),
        "interactions_ms": {
            name: [round(statistics.median(each), 1), round(max(each), 1), round(hand.after[name])]
            for name, each in hand.times.items()
        },
        "slowest_median_ms": round(max(statistics.median(t) for t in hand.times.values()), 1),
    }


def main() -> None:
    """Makes a report, unless one is given, and measures its page."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="a third of the repeats")
    options.add_argument("--page", type=Path, help="a report that is there already")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        page = given.page
        if page is None:
            from analysis.report.report import build_report

            folder = Path(name) / "sweep"
            write_sweep(folder, TRIALS, PREFIXES, 2, np.random.default_rng(0))
            page = build_report(folder)
        found = measured(page.resolve(), 2 if given.quick else REPEATS)
    if not found:
        print("no Chromium on this machine; the page is not opened")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
