"""optuna-dashboard on the studies of sweeps, on the loopback address, kept up while they run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from analysis.dashboards.loopback import is_loopback, listening, until_interrupted
from analysis.dashboards.optuna_study import SweepStudy
from analysis.log import read_log
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE

FIRST_PORT = 8080
_Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


class Studies:
    """Sweeps as studies of one storage, brought up to their logs whenever those have grown."""

    def __init__(self, folders: Sequence[Path], storage: BaseStorage) -> None:
        """Reads every sweep once.

        Raises:
            BadInput: a folder that is no sweep directory.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._sweeps = [(folder, SweepStudy(storage)) for folder in folders]
        self._sizes = {folder: -1 for folder in folders}
        self._ending = threading.Event()
        self.names = self.refresh()

    def refresh(self) -> list[str]:
        """Brings up the studies of logs that have grown; gives their names."""
        names = []
        for folder, study in self._sweeps:
            log = folder / LOG_FILE
            size = log.stat().st_size if log.is_file() else 0
            if size != self._sizes[folder]:
                names.append(study.sync(read_log(folder)))
                self._sizes[folder] = size
        return names

    def follow(self, every: float) -> None:
        """Refreshes every so many seconds until `end`; a log that cannot be read is asked again."""
        while not self._ending.wait(every):
            with contextlib.suppress(BadInput, OSError):
                self.refresh()

    def end(self) -> None:
        """Ends `follow`."""
        self._ending.set()


def application(storage: BaseStorage) -> _Application:
    """optuna-dashboard over a storage, for requests to this machine alone.

    Raises:
        BadInput: optuna-dashboard is not installed.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise BadInput(
            f"optuna-dashboard cannot be imported ({error}); pip install 'ratefront[dashboard]'"
        ) from None
    inner = wsgi(storage)

    def guarded(environ: dict[str, Any], respond: Callable[..., Any]) -> Any:
        if is_loopback(str(environ.get("HTTP_HOST", ""))):
            return inner(environ, respond)
        respond("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"this dashboard answers its own machine alone\n"]

    return guarded


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def dashboard_server(app: _Application, port: int | None = None) -> WSGIServer:
    """A server for an application, bound but not yet serving.

    Raises:
        BadInput: the port is taken.
    """
    server = listening(lambda at: _Server(at, _Quiet), port, FIRST_PORT)
    server.set_app(app)
    return server


def serve_dashboard(
    folders: Sequence[Path], port: int | None, say: Callable[[str], object], every: float = 2.0
) -> None:
    """Serves the studies of sweeps until Ctrl-C.

    Raises:
        BadInput: no sweep there, optuna-dashboard is missing, or the port is taken.
    """
    storage = InMemoryStorage()
    app = application(storage)
    studies = Studies(folders, storage)
    server = dashboard_server(app, port)
    following = threading.Thread(target=studies.follow, args=(every,), daemon=True)
    with until_interrupted(server):
        following.start()
        say(f"{', '.join(studies.names)}: http://127.0.0.1:{server.server_port}/ (Ctrl-C ends)")
    studies.end()
    say("the dashboard is closed; the sweep is not touched")


def write_journal(folders: Sequence[Path], file: Path) -> list[str]:
    """Writes the studies of sweeps as a new Optuna journal, for other programs.

    Raises:
        BadInput: no sweep there, or the file exists.
    """
    if file.exists():
        raise BadInput(f"--out {file}: is there already; name a new file")
    if not file.absolute().parent.is_dir():
        raise BadInput(f"--out {file}: its folder is not there; make it first")
    for folder in folders:
        read_log(folder)
    return Studies(folders, JournalStorage(JournalFileBackend(str(file)))).names
