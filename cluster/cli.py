"""`ratefront`: the front door. Imports nothing heavy before a command needs it.

Exit codes: 0 done; 1 finished with failures, or no point answers; 2 bad input; 130 interrupted.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import typer

from cluster import (  # their commands join the app
    analysis_commands,  # noqa: F401
    codec_commands,  # noqa: F401
    generate_commands,  # noqa: F401
    merge_commands,  # noqa: F401
    render_commands,  # noqa: F401
    replay_commands,  # noqa: F401
    study_commands,  # noqa: F401
    submit_commands,  # noqa: F401
    sweep_commands,  # noqa: F401
    track_commands,  # noqa: F401
)
from cluster.application import app
from cluster.storage.mirror import send_all
from cluster.storage.patience import Lost
from cluster.usage import wrong_use
from search_spaces.errors import BadInput

# Typer carries its own copy of click; this is the class of every wrong use of the command line.
_INTERRUPTED = 130
_USAGE: Any = typer.BadParameter.__mro__[2]


_ORDER = (
    "sweep", "resume", "report", "track", "dashboard", "best", "compare", "table", "figure",
    "render", "allocate", "merge", "replay", "rerun", "export", "encode", "decode", "generate",
    "evaluate", "inspect", "trial", "spaces", "status", "logs", "stop",
)  # fmt: skip
"""Of the help: as one uses them."""
app.registered_commands.sort(key=lambda c: _ORDER.index(str(c.callback and c.callback.__name__)))


def main(argv: list[str] | None = None) -> int:
    """Runs a command; returns its exit code. Bad input is one line on standard error and 2."""
    try:
        try:
            result = app(args=argv, prog_name="ratefront", standalone_mode=False)
        finally:
            send_all(partial(print, file=sys.stderr))
    except BadInput as error:
        print(f"ratefront: {_line(error)}", file=sys.stderr)
        return BadInput.exit_code
    except _USAGE as error:
        if line := wrong_use(error, sys.argv[1:] if argv is None else argv):
            print(f"ratefront: {line}", file=sys.stderr)
        return BadInput.exit_code
    except Lost as error:
        print(
            f"ratefront: no connection to the bucket ({_line(error)}); mend that and give the "
            "command again",
            file=sys.stderr,
        )
        return BadInput.exit_code
    except OSError as error:
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(
            f"ratefront: {place}{error.strerror}; mend that and give the command again",
            file=sys.stderr,
        )
        return BadInput.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = _INTERRUPTED
    if result == _INTERRUPTED:  # Typer turns an interrupt into its exit code
        print("ratefront: interrupted; 'ratefront resume DIR' goes on", file=sys.stderr)
    return result if isinstance(result, int) else 0


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
