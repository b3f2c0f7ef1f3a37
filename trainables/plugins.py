"""Plugins: a codec, a metric or a reader of somebody's own, from a file or an installed package.

A plugin is a Python module that registers what it brings when it is imported. Installed packages
name theirs under the entry point group `ratefront.plugins`; a single file is named by `--plugin`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from search_spaces.errors import BadInput

GROUP = "ratefront.plugins"
_LOADED: set[str] = set()


def load_plugins(files: Iterable[str] = ()) -> None:
    """Loads installed plugins and some files, each once per process.

    Raises:
        BadInput: a file does not exist or fails on import; the message names it.
    """
    for entry in entry_points(group=GROUP):
        if entry.name not in _LOADED:
            try:
                entry.load()
            except (Exception, SystemExit) as error:
                raise BadInput(
                    f"plugin {entry.name} ({entry.value}) fails on import: "
                    f"{type(error).__name__}: {error}; mend it, or uninstall its package"
                ) from error
            _LOADED.add(entry.name)
    for file in files:
        _load_file(Path(file).expanduser().resolve())


def _load_file(path: Path) -> None:
    if str(path) in _LOADED:
        return
    if not path.is_file():
        raise BadInput(f"--plugin {path}: no such file; give the path of a Python file")
    name = f"ratefront_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"--plugin {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"--plugin {path} fails on import: {type(error).__name__}: {error}; mend it, or leave "
            "it out"
        ) from error
    _LOADED.add(str(path))
