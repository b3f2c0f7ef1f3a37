"""The watched page: made anew as the log grows, served to this machine alone, kept in place."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analysis.dashboards.watch import WatchedSweep, watch_server
from analysis.log import WAITING, Log
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE, SPEC_FILE
from tests.analysis.dashboards.fake_trackers import cut, make_log

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def plain(log: Log, clips: bool) -> str:
    ended = sum(1 for _ in log.of("done", "stopped", "refused", "failed"))
    return f"<!doctype html><html><body><p>{ended} ended, clips {clips}</p></body></html>"


@contextmanager
def serving(watched: WatchedSweep) -> Iterator[str]:
    server = watch_server(watched)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def got(address: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return str(answer.read().decode())


def test_the_page_follows_the_log(tmp_path: Path) -> None:
    lines = make_log(tmp_path)
    log = tmp_path / LOG_FILE
    log.write_text("".join(lines[: cut(lines, 3) + 2]))
    watched = WatchedSweep(tmp_path, make=plain)
    with serving(watched) as address:
        first = json.loads(got(f"{address}/state"))
        assert "3 ended, clips True" in got(address)
        assert f"watchedVersion = {first['version']};" in got(address)
        assert (first["running"], first["over"]) == (1, "")
        assert not watched.refresh()
        with log.open("a") as out:
            out.write("".join(lines[cut(lines, 3) + 2 :]))
        assert watched.refresh()
        last = json.loads(got(f"{address}/state"))
        assert "16 ended" in got(address)
        assert last["version"] > first["version"]
        assert sum(last["trials"].values()) == 16
        assert (last["running"], last["over"]) == (0, "finished")


def test_nothing_is_written_into_the_sweep(tmp_path: Path) -> None:
    make_log(tmp_path, trials=2, parts=("body",))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    page = WatchedSweep(tmp_path).page.decode()
    assert "an invented sweep" in page and "ratefront-watch" in page
    assert page.index("an invented sweep") < page.index("ratefront-watch")
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_sweep_that_is_about_to_begin_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no sweep directory"):
        WatchedSweep(tmp_path, make=plain)
    (tmp_path / SPEC_FILE).write_text("name: x\n")
    watched = WatchedSweep(tmp_path, make=plain)
    assert "has not begun" in watched.page.decode()
    assert watched.state()["fault"] == WAITING
    make_log(tmp_path, trials=2)
    assert watched.refresh()
    assert "2 ended" in watched.page.decode()
    assert "fault" not in watched.state()


def test_a_page_that_cannot_be_made_leaves_the_last_one_up(tmp_path: Path) -> None:
    lines = make_log(tmp_path)
    log = tmp_path / LOG_FILE
    log.write_text("".join(lines[:20]))
    watched = WatchedSweep(tmp_path, make=plain)
    page, version = watched.page, watched.version
    log.write_text("".join([*lines[:20], "not\n", *lines[20:]]))
    assert not watched.refresh()
    assert (watched.page, watched.version) == (page, version)
    assert "line 21: not a JSON event" in watched.state()["fault"]
    log.write_text("".join(lines))
    assert watched.refresh()
    assert "fault" not in watched.state()


def test_it_answers_its_own_machine_alone(tmp_path: Path) -> None:
    make_log(tmp_path, trials=1)
    with serving(WatchedSweep(tmp_path, make=plain)) as address:
        assert got(address, Host="localhost:1234")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            got(address, Host="evil.example")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            got(f"{address}/log.jsonl")
        port = int(address.rpartition(":")[2])
        other = next((a for a in _own_addresses() if a != "127.0.0.1"), None)
        if other is not None:
            with pytest.raises(OSError):
                socket.create_connection((other, port), timeout=2).close()


def _own_addresses() -> list[str]:
    try:
        return socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []


def test_several_sweeps_are_watched_at_several_ports(tmp_path: Path) -> None:
    make_log(tmp_path, trials=1)
    watched = WatchedSweep(tmp_path, make=plain)
    with serving(watched) as one, serving(watched) as other:
        assert one != other
        taken = int(one.rpartition(":")[2])
        with pytest.raises(BadInput, match=f"--port {taken}: address already in use"):
            watch_server(watched, taken)


def test_an_interrupt_ends_it_cleanly(tmp_path: Path) -> None:
    make_log(tmp_path, trials=1, parts=("body",))
    code = ("import sys; from pathlib import Path; from analysis.dashboards.watch import watch\n"
            "watch(Path(sys.argv[1]), None, lambda line: print(line, flush=True))\n"
            "print([m for m in ('torch', 'ray') if m in sys.modules])")  # fmt: skip
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # What a shell starts behind itself has it ignored, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = next(w for w in line.split() if w.startswith("http://127.0.0.1:"))
        assert "an invented sweep" in got(address)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == ["watching has ended; the sweep is not touched", "[]"]


# What a reader does on the first page stands on the second; the page counts what it sees.
READ = """<!doctype html><html><head><title>-</title></head><body style="height:4000px">
<form id="f"><select id="metric"><option>a</option><option>b</option></select>
<input type="radio" name="axis" value="linear" checked><input type="radio" name="axis" value="log">
<input type="checkbox" name="links" value="on" checked></form>
<button type="button" aria-pressed="true">K-Means</button>
<details><summary>All points</summary>…</details>
<script>
const heard = [], $ = (s) => document.querySelector(s);
$("form").addEventListener("change", (e) => heard.push(e.target.name || e.target.id));
$("button").addEventListener("click", (e) => e.target.setAttribute("aria-pressed", "false"));
const seen = () => [$("select").value, $("[value=log]").checked, $("[name=links]").checked,
  $("button").getAttribute("aria-pressed"), $("details").open, scrollY, heard.sort().join("+")];
if (!sessionStorage.getItem("read")) {
  sessionStorage.setItem("read", "yes");
  $("select").value = "b";
  $("[value=log]").checked = true;
  $("[name=links]").checked = false;
  $("button").click();
  $("details").open = true;
  addEventListener("load", () => scrollTo(0, 700));
}
setInterval(() => { document.title = "ENDED @ " + seen().join(","); }, 100);
</script></body></html>"""


def test_the_page_takes_what_is_newer_and_keeps_the_readers_place(tmp_path: Path) -> None:
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no chromium on this machine; the page is not opened")
    lines = make_log(tmp_path / "sweep")
    log = tmp_path / "sweep" / LOG_FILE
    log.write_text("".join(lines[: cut(lines, 3)]))

    def make(log: Log, clips: bool) -> str:
        return READ.replace("ENDED", str(sum(1 for _ in log.of("done", "stopped", "refused"))))

    watched = WatchedSweep(tmp_path / "sweep", make=make)
    asked = watched.state

    def state() -> dict[str, object]:
        log.write_text("".join(lines))  # it grows once the page has asked
        said = asked()
        watched.refresh()
        return said

    watched.state = state  # type: ignore[method-assign]
    with serving(watched) as address:
        run = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr",
                "--virtual-time-budget=9000", "--dump-dom", address,
            ],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert [line for line in run.stderr.splitlines() if "CONSOLE" in line] == []
    title = run.stdout.split("<title>", 1)[1].split("</title>", 1)[0]
    ended = sum(1 for line in lines if json.loads(line)["event"] in ("done", "stopped", "refused"))
    assert title == f"{ended} @ b,true,false,false,true,700,axis+links+metric"
    assert "watching: " in run.stdout
    assert "the sweep is finished" in run.stdout


def test_following_ends_when_it_is_told_to(tmp_path: Path) -> None:
    make_log(tmp_path, trials=1)
    watched = WatchedSweep(tmp_path, make=plain)
    thread = threading.Thread(target=watched.follow, args=(0.02,))
    thread.start()
    with (tmp_path / LOG_FILE).open("a") as log:
        log.write('{"event": "done", "trial": "t9", "time": 1.0}\n')
    deadline = time.monotonic() + 5
    while "2 ended" not in watched.page.decode() and time.monotonic() < deadline:
        time.sleep(0.01)
    watched.end()
    thread.join(2)
    assert not thread.is_alive()
    assert "2 ended" in watched.page.decode()
