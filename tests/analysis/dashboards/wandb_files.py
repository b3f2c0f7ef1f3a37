"""Reads back what wandb wrote offline: records in LevelDB's log format, behind a header of 7 bytes.

Format: https://github.com/google/leveldb/blob/main/doc/log_format.md (blocks of 32 KiB; each piece
has checksum, length and kind).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK, FULL, LAST = 32768, 1, 4


@dataclass
class Written:
    """One run as it lies on disk."""

    folder: Path
    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    project: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    codecs: dict[str, set[str]] = field(default_factory=dict)
    exit_code: int | None = None

    def table(self, key: str) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows of a logged table."""
        place = self.folder / "files" / self.summary[key]["path"]
        document = json.loads(place.read_text())
        return document["columns"], document["data"]

    def media(self, key: str) -> str:
        """Text of a logged file."""
        return (self.folder / "files" / self.summary[key]["path"]).read_text()


def written_runs(folder: Path) -> list[Written]:
    """Runs under a WANDB_DIR, in the order in which they were begun (by id within a second)."""
    return [_run(path) for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]


def _run(path: Path) -> Written:
    run = Written(path.parent)
    for record in _records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id, run.name, run.group = (
                record.run.run_id,
                record.run.display_name,
                record.run.run_group,
            )
            run.job_type, run.project = record.run.job_type, record.run.project
            run.tags = list(record.run.tags)
            _merge(run.config, record.run.config.update)
        elif kind == "history":
            run.history.append(_merge({}, record.history.item))
        elif kind == "summary":
            _merge(run.summary, record.summary.update)
        elif kind == "metric":
            metric = record.metric
            run.metrics[metric.name or metric.glob_name] = metric
        elif kind == "artifact":
            run.artifacts.append(record.artifact.type)
            if record.artifact.type == "model":
                paths = {entry.path for entry in record.artifact.manifest.contents}
                run.codecs[record.artifact.description] = paths
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _merge(into: dict[str, Any], items: Any) -> dict[str, Any]:
    for item in items:
        *above, last = list(item.nested_key) or [item.key]
        place = into
        for key in above:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return into


def _records(path: Path) -> list[Any]:
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    found, position, pieces = [], 7, b""
    while position + 7 <= len(data):
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        position += 7
        pieces += data[position : position + length]
        position += length
        if kind in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(pieces)
            found.append(record)
            pieces = b""
    return found
