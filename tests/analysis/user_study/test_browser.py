"""The raters' page in a real browser: every pair answered by keys, a reload in between."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.user_study.answers import read_answers
from analysis.user_study.design import Plan
from analysis.user_study.page import write_study
from analysis.user_study.screening import screen
from tests.analysis.user_study.raters import key_of, small_study

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TOUR = """
<script>
addEventListener("load", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const key = (k) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));
  const seen = JSON.parse(sessionStorage.getItem("seen") || "{}");
  const ready = async () => { for (let i = 0; i < 60 && !now.clips; i++) await wait(20); };
  if (!seen.reloaded) {
    seen.intro = !$("intro").hidden && $("trial").hidden;
    seen.said = $("count").textContent;
    $("rater").value = "ann";
    $("entry").requestSubmit();
  } else seen.resumed = now.rater === "ann" && now.at === 4;
  await ready();
  if (!seen.reloaded) {
    seen.locked = $("next").disabled;
    for (let i = 0; i < 60 && !(audio.readyState >= 1); i++) await wait(20);
    seen.audio = Number(audio.duration.toFixed(2));
    const before = $("left").toDataURL();
    $("seek").value = "500";
    $("seek").dispatchEvent(new Event("input"));
    await wait(60);
    seen.step = [Number(audio.currentTime.toFixed(2)), $("left").dataset.frame,
                 $("right").dataset.frame];
    seen.drawn = $("left").toDataURL() !== before;
    key("ArrowRight");
    await wait(60);
    seen.sought = Number(audio.currentTime.toFixed(2));
    const inside = (c) => c.getBoundingClientRect().right <= innerWidth;
    seen.fits = [$("left"), $("right"), $("next")].every(inside)
      && document.documentElement.scrollWidth <= innerWidth;
  }
  while (now.at < now.order.length) {
    await ready();
    // Left in the first half of the questions' keys, right in the last.
    for (const k of now.at % 2 ? ["1", "4", "5"] : ["2", "3", "6"]) key(k);
    now.clips = null;
    now.clips = [];
    key("Enter");
    now.clips = null;
    await wait(5);
    if (now.at === 4 && !seen.reloaded) {
      seen.reloaded = true;
      sessionStorage.setItem("seen", JSON.stringify(seen));
      location.reload();
      return;
    }
  }
  seen.over = !$("done").hidden;
  seen.others = JSON.stringify(orderOf("bob")) !== JSON.stringify(orderOf("ann"));
  document.title = "TOUR " + JSON.stringify(seen);
  document.body.dataset.result = result();
});
</script>
"""


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no browser is installed")
def test_a_rater_goes_through_it_by_keys_and_goes_on_after_a_reload(tmp_path: Path) -> None:
    study = small_study(Plan(seconds=2.0, pairs=8, checks=3, repeats=3))
    page = tmp_path / "pairs.html"
    write_study(study, page)
    text = page.read_text()
    page.write_text(text.replace("</body>", TOUR + "</body>"))
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    run = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,1100",
            "--enable-logging=stderr", "--virtual-time-budget=6000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert [line for line in run.stderr.splitlines() if "CONSOLE" in line] == []
    title = run.stdout.split("<title>", 1)[1].split("</title>", 1)[0]
    assert title.startswith("TOUR "), title
    seen = json.loads(title.removeprefix("TOUR "))
    for what in ("intro", "locked", "drawn", "fits", "reloaded", "resumed", "over", "others"):
        assert seen[what] is True, (what, seen)
    assert seen["said"] == "14" and seen["audio"] == 2.0
    assert seen["step"] == [1.0, "15", "15"], "both figures stand where the sound is"
    assert seen["sought"] == 2.0
    attribute = run.stdout.split('data-result="', 1)[1].split('"', 1)[0]
    saved = attribute.replace("&quot;", '"').replace("&amp;", "&")
    assert "system" not in saved
    (tmp_path / "ann.json").write_text(saved)
    key = key_of(study, tmp_path)
    (rater,) = read_answers([tmp_path / "ann.json"], key)
    assert len(rater.answers) == 8 + 3 + 3
    found = screen(rater, key)
    assert found.checks[1] == 3 and found.repeats[1] == 3
    by_pair: dict[frozenset[str], list[str]] = {}
    for answer in rater.answers:
        by_pair.setdefault(answer.pair, []).append(answer.left)
    again = [each for each in by_pair.values() if len(each) == 2]
    assert len(again) == 3 and all(a != b for a, b in again), "repeats come with sides exchanged"
    assert {a.chosen["preference"] == a.left for a in rater.answers} == {True, False}
