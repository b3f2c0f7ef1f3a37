"""Plugins: a codec, a metric or a reader of somebody's own, from a file or an installed package.

A plugin is a Python module that registers what it brings when it is imported. Installed packages
name theirs under the entry point group `ratefront.plugins`; a single file is named by `--plugin`.
"""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from search_spaces.errors import BadInput
from search_spaces.families import families
from search_spaces.space import sign_codecs

GROUP = "ratefront.plugins"
_LOADED: set[str] = set()
_HASHES: dict[str, str] = {}
_CODECS: dict[str, list[str]] = {}
_CODECS_SIGNED = [True]


@dataclass(frozen=True)
class Plugin:
    """A plugin's file as one process read it, to be sent to others: no other machine needs it.

    Attributes:
        path: where it lay, by which it is known.
        source: what it said.
        signed: whether its hash is part of the identity of its codecs' trials.
    """

    path: str
    source: bytes
    signed: bool = True


def shipped(files: Iterable[str]) -> tuple[Plugin, ...]:
    """Plugins of some files, as workers on other machines load them.

    Raises:
        BadInput: a file cannot be read.
    """
    paths = [Path(file).expanduser().resolve() for file in files]
    return tuple(Plugin(str(p), _read(p), _CODECS_SIGNED[0]) for p in paths)


def plugin_hashes() -> dict[str, str]:
    """Plugins of this process, by name, with the hash of the source of each: 12 hex digits."""
    return dict(_HASHES)


def sign_plugins(signed: bool) -> None:
    """Whether trials of plugins' codecs are named after their source too.

    Args:
        signed: no for sweeps of an earlier release, whose trials are not.
    """
    for name, codecs in _CODECS.items():
        sign_codecs(codecs, _HASHES[name] if signed else "")
    _CODECS_SIGNED[0] = signed


def load_plugins(files: Iterable[str | Plugin] = ()) -> None:
    """Loads installed plugins and some files, each once per process.

    Args:
        files: paths, or plugins that were sent here.

    Raises:
        BadInput: a file does not exist or fails on import; the message names it.
    """
    for entry in entry_points(group=GROUP):
        if entry.name not in _LOADED:
            known = {f.name for f in families()}
            try:
                loaded = entry.load()
            except (Exception, SystemExit) as error:
                raise BadInput(
                    f"plugin {entry.name} ({entry.value}) fails on import: "
                    f"{type(error).__name__}: {error}; mend it, or uninstall its package"
                ) from error
            _LOADED.add(entry.name)
            place = getattr(sys.modules.get(entry.module), "__file__", None)
            _note(entry.name, Path(place).read_bytes() if place else repr(loaded).encode(), known)
    for file in files:
        if isinstance(file, Plugin):
            _load(Path(file.path), file.source, file.signed)
            continue
        path = Path(file).expanduser().resolve()
        if str(path) not in _LOADED:
            _load(path, _read(path), _CODECS_SIGNED[0])


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise BadInput(f"--plugin {path}: no such file; give the path of a Python file")
    if path.suffix != ".py":
        raise BadInput(f"--plugin {path}: not a Python file; give one that ends in .py")
    return path.read_bytes()


def _note(name: str, source: bytes, known: set[str], signed: bool = True) -> None:
    _HASHES[name] = hashlib.sha256(source).hexdigest()[:12]
    _CODECS[name] = [f.name for f in families() if f.name not in known]
    sign_codecs(_CODECS[name], _HASHES[name] if signed else "")


def _load(path: Path, source: bytes, signed: bool) -> None:
    if str(path) in _LOADED:
        return
    known = {f.name for f in families()}
    name = f"ratefront_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"--plugin {path} fails on import: {type(error).__name__}: {error}; mend it, or leave "
            "it out"
        ) from error
    _LOADED.add(str(path))
    _note(path.name, source, known, signed)
