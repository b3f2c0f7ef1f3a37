"""Looks at a finished or running sweep.

python -m analysis report DIR                 # tables, figures and report.html anew
python -m analysis best DIR --at 300          # best point at or under 300 bits/s in total
python -m analysis best DIR --at 300 --rate nominal
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.best import describe_best
from analysis.fronts import DEFAULT_RATE, RATES
from search_spaces.errors import BadInput


def parser() -> argparse.ArgumentParser:
    """Options of `python -m analysis`."""
    top = argparse.ArgumentParser(prog="python -m analysis", description="Looks at a sweep.")
    commands = top.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="make tables, figures and report.html anew")
    report.add_argument("folder", type=Path, metavar="DIR", help="sweep directory")
    best = commands.add_parser("best", help="best operating point at or under a total rate")
    best.add_argument("folder", type=Path, metavar="DIR", help="sweep directory")
    best.add_argument("--at", type=float, required=True, help="bits/s in total over parts")
    best.add_argument(
        "--rate", choices=tuple(RATES), default=DEFAULT_RATE,
        help="which rate is meant; stream (bytes of files) where left out",
    )  # fmt: skip
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; 0, or 2 with one line on stderr where what was given cannot be used."""
    options = parser().parse_args(argv)
    try:
        if options.command == "report":
            from analysis.report import build_report

            print(build_report(options.folder))
        else:
            print(describe_best(options.folder, options.at, options.rate))
    except BadInput as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
