"""Begins a submitted sweep in the Ray cluster around it, or goes on with it where it stopped.

What every place runs: `python -P -m cluster.places.entrypoint --spec FILE --out DIR`. The cluster
is the one that `RAY_ADDRESS` names. `-P` keeps the working directory off the search path: our
packages have common names.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cluster.places.nodes import await_nodes
from cluster.places.travelling import check_arrived
from cluster.storage.places import named_place, new_place, specification
from search_spaces.errors import BadInput
from search_spaces.spec import SweepSpec, parse_spec, read_yaml

MODULE = "cluster.places.entrypoint"
AUTO = "auto"
"""The address in a submitted specification: Ray's word for what `RAY_ADDRESS` says."""


def main(argv: list[str] | None = None) -> int:
    """Waits for the nodes, then sweeps or resumes; the exit code is that of the sweep."""
    from cluster import cli

    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--out", required=True, help="folder, or place in a bucket")
    parser.add_argument("--nodes", type=int, default=1, help="to wait for, the head counted")
    parser.add_argument("--wait", type=float, default=1800, help="seconds to wait for them")
    parser.add_argument("--plugin-hash", action="append", default=[], metavar="NAME=HASH")
    given = parser.parse_args(argv)
    try:
        check_token()
        address = os.environ.get("RAY_ADDRESS", "")
        if not address:
            raise BadInput("RAY_ADDRESS names no cluster; this runs inside a submitted job")
        check_arrived(read_yaml(given.spec).get("plugins", ()), given.plugin_hash)
        command = command_for(given.spec, given.out)
        await_nodes(address.removeprefix("ray://"), given.nodes, given.wait)
    except BadInput as error:
        print(f"ratefront: {error}", file=sys.stderr)
        return BadInput.exit_code
    return cli.main(command)


def command_for(spec: Path, out: str) -> list[str]:
    """`sweep` into a new folder, `resume` of one that this submission began.

    Raises:
        BadInput: the folder holds another sweep.
    """
    begun = specification(new_place(out))
    if begun is None:
        return ["sweep", str(spec), "--out", out]
    wanted = _same(parse_spec(read_yaml(spec), str(spec)))
    if _same(parse_spec(read_yaml(begun), str(begun))) != wanted:
        raise BadInput(f"{out} holds another sweep; submit with a new --out")
    return ["resume", out]


def check_token() -> None:
    """Ray asks for a token here.

    Raises:
        BadInput: it would let in anybody who reaches its ports.
    """
    place = os.environ.get("RAY_AUTH_TOKEN_PATH", "")
    if os.environ.get("RAY_AUTH_MODE") != "token" or not Path(place).is_file():
        raise BadInput(
            "this cluster has no token authentication; set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH to a file that its nodes share"
        )


def _same(spec: SweepSpec) -> tuple[object, ...]:
    # What a sweep that begins leaves as it was given: objectives and places are resolved.
    earlier = tuple(named_place(place) for place in spec.search.warm_start)
    search = spec.search.model_copy(update={"warm_start": earlier})
    return spec.name, spec.preset, spec.size, spec.space, search, spec.plugins


if __name__ == "__main__":
    sys.exit(main())
