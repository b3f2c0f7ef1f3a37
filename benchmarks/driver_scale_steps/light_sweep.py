"""A sweep's driver as the product opens it, up to the point where trials would be run on Ray."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

SETTINGS = ("sampler=random", "stopping=halving")
"""Random order, whose cost does not grow, and a rule that looks at every report."""


def light_spec(trials: int, *settings: str) -> Any:
    """The wide space at debug size on embedded motion."""
    from search_spaces.presets import load_spec

    return load_spec(
        "rate_distortion",
        size="debug",
        settings=(*SETTINGS, *settings),
        overrides={"data": {"path": "embedded"}, "search": {"trials": trials}},
    )


@contextlib.contextmanager
def opened(folder: Path, trials: int) -> Iterator[tuple[Any, Any, Any]]:
    """A new sweep of so many trials: spec, store and books; bounds and facts are real ones."""
    from cluster.opening import begin, open_books
    from cluster.preparing import prepared
    from cluster.store import Store
    from trainables.prepared_data import bounds_of

    spec, data, said = prepared(light_spec(trials), Console(quiet=True))
    with Store.create(folder, spec.dump()) as store:
        begin(spec, data, bounds_of(data), said, store)
        reference = store.read().sweep["reference_point"]
        books, _ = open_books(spec, data.facts, store, reference)
        yield spec, store, books


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
