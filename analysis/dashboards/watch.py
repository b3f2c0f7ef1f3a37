"""The report of a sweep while it runs: served on the loopback address, made anew as the log grows.

Nothing is written: the page lives in memory, so watching disturbs neither the sweep nor what
`ratefront report` wrote. The page asks every two seconds whether there is a newer one and takes it
without losing the reader's place (`watch.js`).
"""

from __future__ import annotations

import html
import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from analysis.dashboards.loopback import is_loopback, listening, until_interrupted
from analysis.findings import Findings
from analysis.log import WAITING, Log, read_log
from analysis.points import Tables, clips_frame, points_frame, trials_frame
from search_spaces.record import LOG_FILE, SPEC_FILE, STATUSES

FIRST_PORT = 8765
_POLICY = "default-src 'self' 'unsafe-inline' data: blob:"


def current_page(log: Log, clips: bool) -> str:
    """The report of a log as it stands, finished or not."""
    from analysis.report.report import render  # brings Plotly

    tables = Tables(trials_frame(log), points_frame(log), clips_frame(log), {})
    return render(Findings(log, tables), clips=clips)


class WatchedSweep:
    """A sweep's page and state, made anew whenever its log has grown.

    Attributes:
        page: the page, with what keeps it up to date.
        version: raised with each new page.
    """

    def __init__(
        self, folder: Path, *, clips: bool = True, make: Callable[[Log, bool], str] = current_page
    ) -> None:
        """Looks at the folder once.

        Raises:
            BadInput: it holds no sweep, nor one that is about to begin.
        """
        self._folder, self._clips, self._make = folder, clips, make
        self._size, self._ending = -1, threading.Event()
        self._said: dict[str, Any] = {}
        # Begun at the clock, so that a page of an earlier server is told from this one's.
        self.version, self.page = time.time_ns() // 10**6, b""
        if not (folder / LOG_FILE).is_file() and not (folder / SPEC_FILE).is_file():
            read_log(folder)  # says what is wrong
        self.refresh()

    def refresh(self) -> bool:
        """Makes the page anew if the log has grown; whether it has. Faults are told, not raised."""
        path = self._folder / LOG_FILE
        size = path.stat().st_size if path.is_file() else 0
        if size == self._size:
            return False
        try:
            log = read_log(self._folder, begun=False) if size else None
            if log is None or not log.sweep:
                self._said = {"fault": WAITING}
                text = _waiting_page(self._folder)
            else:
                text = self._make(log, self._clips)
                self._said = _state(log)
        except Exception as error:  # a page of before stays up
            self._said = {**self._said, "fault": " ".join(str(error).split())[:300]}
            self._size = size
            return False
        self._size = size
        self.version += 1
        self.page = _with_script(text, self.version).encode()
        return True

    def state(self) -> dict[str, Any]:
        """What the page asks for: version, counts of trials, whether it is finished, a fault."""
        return {"version": self.version, **self._said}

    def follow(self, every: float) -> None:
        """Refreshes every so many seconds, or as seldom as half the time allows, until `end`."""
        pause = every
        while not self._ending.wait(pause):
            before = time.monotonic()
            self.refresh()
            pause = max(every, time.monotonic() - before)

    def end(self) -> None:
        """Ends `follow`."""
        self._ending.set()


def _state(log: Log) -> dict[str, Any]:
    ends = {str(e["trial"]): e["event"] for e in log.of(*STATUSES)}
    counts = {status: sum(e == status for e in ends.values()) for status in STATUSES}
    begun = {str(e["trial"]) for e in log.of("started")}
    over = str(log.last["event"]) if log.over else ""
    return {"trials": counts, "running": 0 if over else len(begun - set(ends)), "over": over}


def _waiting_page(folder: Path) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ratefront</title>'
        "<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;margin:15vh auto;"
        "max-width:34rem;padding:0 1rem}</style></head><body><h1>Nothing to show yet</h1>"
        f"<p>{html.escape(str(folder))} holds a sweep that has not begun; this page will show it "
        "as soon as it does.</p></body></html>"
    )


def _with_script(page: str, version: int) -> str:
    script = (files(__package__) / "watch.js").read_text(encoding="utf-8")
    head, end, tail = page.rpartition("</body>")
    said = f"window.watchedVersion = {version};"
    return f"{head}<script>{said}</script>\n<script>{script}</script>\n{end}{tail}"


def watch_server(watched: WatchedSweep, port: int | None = None) -> ThreadingHTTPServer:
    """A server of a watched sweep, bound but not yet serving.

    Raises:
        BadInput: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if not is_loopback(self.headers.get("Host", "")):
                self.send_error(HTTPStatus.FORBIDDEN, "this page is for its own machine alone")
            elif path == "/":
                self._send(watched.page, "text/html; charset=utf-8")
            elif path == "/state":
                self._send(json.dumps(watched.state()).encode(), "application/json")
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", _POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # Another watch that has just ended leaves its port at once, a living one never shares it.
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A reader that goes away in the middle of a page is nothing to speak of."""

    return listening(lambda at: Server(at, Handler), port, FIRST_PORT)


def watch(
    folder: Path,
    port: int | None,
    say: Callable[[str], object],
    *,
    clips: bool = True,
    every: float = 2.0,
) -> None:
    """Serves the page of a sweep until Ctrl-C.

    Raises:
        BadInput: no sweep there, or the port is taken.
    """
    watched = WatchedSweep(folder, clips=clips)
    server = watch_server(watched, port)
    following = threading.Thread(target=watched.follow, args=(every,), daemon=True)
    with until_interrupted(server):
        following.start()
        say(f"{folder}: http://127.0.0.1:{server.server_port}/ (Ctrl-C ends)")
    watched.end()
    say("watching has ended; the sweep is not touched")
