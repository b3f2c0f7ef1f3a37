"""Pages from templates: how they are filled, what they wear, and how they come to stand there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Filters = Mapping[str, Callable[..., Any]]


def filled(room: str, template: str, filters: Filters | None = None, /, **values: Any) -> str:
    """A template with its values; what is no `Markup` is escaped, a missing value is an error.

    Args:
        room: package and folder of the template, as `analysis.study/template`.
        template: its file.
        filters: functions that it calls by `|`.
        values: names that it uses.
    """
    package, _, folder = room.partition("/")
    environment = Environment(
        loader=PackageLoader(package, folder or "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters or {})
    return environment.get_template(template).render(values)


def stylesheet() -> Markup:
    """What every page wears, that of the report."""
    return Markup((files("analysis.report") / "report.css").read_text(encoding="utf-8"))


def write_page(target: Path, text: str) -> Path:
    """Puts a page in its place in one step, so that a reader never sees half of it."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
