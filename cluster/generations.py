"""What a sweep's numbers depend on, what of it changed, and where the next generation goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.log import record_version
from cluster.reference import metric_versions, plugins_changed
from cluster.storage.mirror import beside
from search_spaces.record import RECORD_VERSION

if TYPE_CHECKING:
    from analysis.log import Log
    from search_spaces.data_facts import DataFacts

SAME_DATA = ("data_hash", "split_hash", "features", "root", "fps", "unit", "part_names")
"""Facts that must not change between a sweep and its resumption."""


def changes(log: Log, now: DataFacts) -> list[str]:
    """What the numbers of a sweep depend on and is not as it was, with both values, in words."""
    found = []
    for what in SAME_DATA:
        was, is_now = getattr(log.facts, what), getattr(now, what)
        if was != is_now:
            found.append(f"{what} was {was} and is {is_now} now")
    measured = metric_versions()
    for name, before in log.sweep.get("metric_versions", {}).items():
        if measured.get(name) != before:
            found.append(
                f"metric {name} had version {before} and has {measured.get(name, 'none')} now"
            )
    found += plugins_changed(log.sweep.get("versions") or {})
    if (written := record_version(log.sweep)) != RECORD_VERSION:
        found.append(f"the record had version {written} and has {RECORD_VERSION} now")
    return found


def next_generation(folder: Path) -> Path:
    """A folder beside a sweep's that is not there yet: `DIR-gen2`, then `DIR-gen3`, …"""
    stem, last = folder.name, 1
    if said := re.fullmatch(r"(.+)-gen(\d+)", folder.name):
        stem, last = said[1], int(said[2])
    while True:
        last += 1
        place = beside(folder, f"{stem}-gen{last}")
        if place is not None:
            return place
