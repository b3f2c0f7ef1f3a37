"""Servers that answer this machine alone, for pages that a person looks at while a sweep runs.

They listen on 127.0.0.1 and answer only requests that name this machine as their host, so that no
page from elsewhere can read them through a browser (DNS rebinding).
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from socketserver import BaseServer
from typing import TypeVar

from search_spaces.errors import BadInput

LOOPBACK = "127.0.0.1"
TRIES = 50
_HOSTS = ("127.0.0.1", "localhost")
_Server = TypeVar("_Server", bound=BaseServer)


def is_loopback(host: str) -> bool:
    """Whether the Host header of a request names this machine.

    >>> is_loopback("127.0.0.1:8080"), is_loopback("localhost"), is_loopback("evil.example:8080")
    (True, True, False)
    """
    return host.rpartition(":")[0] in _HOSTS or host in _HOSTS


def listening(make: Callable[[tuple[str, int]], _Server], port: int | None, first: int) -> _Server:
    """A server on a port of the loopback address.

    Args:
        make: makes one for an address; raises OSError where the port is taken.
        port: the port, or None for the first free one.
        first: where the search for a free one begins.

    Raises:
        BadInput: the port is taken or may not be used.
    """
    tried = range(first, first + TRIES) if port is None else (port,)
    for number in tried:
        try:
            return make((LOOPBACK, number))
        except OSError as error:
            if port is None and error.errno == errno.EADDRINUSE:
                continue
            raise BadInput(
                f"--port {number}: {(error.strerror or str(error)).lower()}; "
                "give another, or leave it out for a free one"
            ) from None
    raise BadInput(f"ports {first} to {first + TRIES - 1} are all taken; name one with --port")


@contextlib.contextmanager
def until_interrupted(server: BaseServer) -> Iterator[None]:
    """Serves in this thread until Ctrl-C, then closes; an interrupt goes no further."""
    try:
        yield
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
