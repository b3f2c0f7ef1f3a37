"""Looking at sweeps while they run: the plugins that their pages speak of, then a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console


def load_plugins_of(folder: Path) -> None:
    """Loads the plugins of a sweep, whose metrics its points may name; none before it has begun.

    Raises:
        BadInput: a plugin is gone, or the log cannot be read.
    """
    from analysis.log import read_log
    from search_spaces.record import LOG_FILE
    from trainables.plugins import load_plugins

    if (folder / LOG_FILE).is_file():
        log = read_log(folder, begun=False)
        load_plugins((log.sweep.get("spec") or {}).get("plugins", ()))


def watch_sweep(folder: Path, port: int | None, console: Console, *, clips: bool) -> None:
    """Serves the page of a sweep until Ctrl-C; see `analysis.dashboards.watch`."""
    from analysis.dashboards.watch import watch

    load_plugins_of(folder)
    watch(folder, port, _saying(console), clips=clips)


def show_dashboard(
    folders: Sequence[Path], port: int | None, out: Path | None, console: Console
) -> None:
    """Serves optuna-dashboard on sweeps until Ctrl-C, or writes their studies to a file."""
    from analysis.dashboards.optuna_server import serve_dashboard, write_journal

    for folder in folders:
        load_plugins_of(folder)
    if out is None:
        serve_dashboard(folders, port, _saying(console))
        return
    names = write_journal(folders, out)
    _saying(console)(f"{', '.join(names)}: {out} (optuna-dashboard {out} shows it)")


def _saying(console: Console) -> Callable[[str], object]:
    return partial(console.print, highlight=False, soft_wrap=True)
