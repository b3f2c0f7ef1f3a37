"""What motion files hold, and what a trial would make of them; no torch is imported.

    python -m trainables inspect PATH                     every motion file at a path
    python -m trainables facts PATH [--set key=value ...]  the facts of the prepared data, as JSON

`facts` takes `embedded` for the embedded motion, and any key of the `data` section of a sweep:
`--set split=time --set root=coded --set 'part_joints={body: [Hips, Spine]}'`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from trainables.motion.dataset import prepare
from trainables.motion.inspect import describe, inspect_file, inspect_session
from trainables.motion.panoptic import find_sessions
from trainables.motion.readers import find_recordings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0, or 2 where the input is at fault."""
    parser = argparse.ArgumentParser(prog="python -m trainables", description="Looks at motion.")
    commands = parser.add_subparsers(dest="command", required=True)
    inspect = commands.add_parser("inspect", help="what motion files hold")
    inspect.add_argument("path", type=Path, help="a motion file, or a folder of them")
    facts = commands.add_parser("facts", help="facts of the prepared data, as JSON")
    facts.add_argument("path", help="a motion file, a folder of them, or `embedded`")
    facts.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="settings",
        help="a key of a sweep's data section, such as split=time or root=coded",
    )  # fmt: skip
    given = parser.parse_args(argv)
    try:
        if given.command == "inspect":
            sessions = find_sessions(given.path)
            for found in chain.from_iterable(map(inspect_session, sessions)):
                print(describe(found))
            for file in _files(given.path, bool(sessions)):
                print(describe(inspect_file(file)))
        else:
            print(prepare(_spec(given.path, given.settings)).facts.model_dump_json(indent=1))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _files(path: Path, may_be_none: bool) -> list[Path]:
    try:
        return find_recordings(path)
    except BadInput:
        if not may_be_none:
            raise
        return []


def _spec(path: str, settings: Sequence[str]) -> DataSpec:
    values: dict[str, Any] = {"path": path}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise BadInput(f"--set {setting}: must be key=value")
        try:
            values[name.strip().removeprefix("data.")] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise BadInput(f"--set {setting}: {text!r} is no value; quote it") from None
    try:
        return DataSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"--set {place}: {first['msg'].removeprefix('Value error, ')}") from None


if __name__ == "__main__":
    raise SystemExit(main())
