"""A real browser without a network, to drive the page in: Chromium over its debugging pipe."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One Chromium; speaks the DevTools protocol, messages that end in a zero byte."""

    def __init__(self, path: str, profile: Path) -> None:
        # With 3 and 4 free, subprocess would put an end of its own there, which `ends` overwrites.
        held = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
        told, self._write = os.pipe()
        self._read, said = os.pipe()

        def ends() -> None:
            """It reads from descriptor 3 and writes to descriptor 4."""
            high = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (told, said)]
            for place, end in zip((3, 4), high, strict=True):
                os.dup2(end, place)

        self._process = subprocess.Popen(
            [path, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            # Not `pass_fds`: at a fork matplotlib closes fonts that it holds open, even as 3 or 4.
            close_fds=False, preexec_fn=ends, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in (told, said, *held):
            os.close(end)
        self._left, self._number = b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **fields: Any) -> dict[str, Any]:
        """One command and its answer; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": fields}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def wait_for(self, event: str) -> None:
        """Until an event has come."""
        while not any(e.get("method") == event for e in self.events):
            self.events.append(self._message())

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has gone"
            self._left += more
        whole, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        return message

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)


class Tab:
    """A page in the browser."""

    def __init__(self, browser: Browser, page: Path, wide: int = 1400, high: int = 1000) -> None:
        self._browser = browser
        browser.events.clear()
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        found = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        size = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=page.as_uri())
        browser.wait_for("Page.loadEventFired")

    def call(self, method: str, **fields: Any) -> dict[str, Any]:
        """A command to this page."""
        return self._browser.call(method, self._session, **fields)

    def run(self, script: str) -> Any:
        """Value of the last expression of a script; a promise is waited for."""
        told = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, x: float, y: float, to: tuple[float, float] | None = None) -> None:
        """The mouse pressed at a place of the window, and let go there or elsewhere."""
        own = {"button": "left", "buttons": 1, "clickCount": 1}
        mouse = "Input.dispatchMouseEvent"
        self.call(mouse, type="mouseMoved", x=x, y=y)
        self.call(mouse, type="mousePressed", x=x, y=y, **own)
        end = to or (x, y)
        if to:
            self.call(mouse, type="mouseMoved", x=to[0], y=to[1], button="left", buttons=1)
        self.call(mouse, type="mouseReleased", x=end[0], y=end[1], **own)

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """What was said on the console, and errors that nobody caught."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [e for e in self._browser.events if e.get("method") in kinds]

    def close(self) -> None:
        """Closes the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium; tests that need one are skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no chromium on this machine; the page is not opened")
    started = Browser(found, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def opened(browser: Browser, html: str, folder: Path, wide: int = 1400) -> Tab:
    """The page in a tab of its own."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    return Tab(browser, page, wide)
