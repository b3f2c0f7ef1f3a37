"""Ray's Jobs API on the head itself: submits once, tells, stops. Run there, over SSH.

The dashboard listens on the loopback address, so nobody else's machine is asked. A submission that
is live or done is not begun again; one that failed or was stopped is, under the same id.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from search_spaces.errors import BadInput

DASHBOARD = "http://127.0.0.1:8265"
_DONE = ("FAILED", "STOPPED")


def submit(client: Any, name: str, entrypoint: str) -> str:
    """Begins a job unless it is live or done; says which.

    Args:
        client: a `JobSubmissionClient`.
        name: of the submission.
        entrypoint: shell command; the environment of the head's Ray is all that it gets.
    """
    word = state(client, name)
    if word in ("PENDING", "RUNNING", "SUCCEEDED"):
        return f"is {word.lower()} already"
    if word in _DONE:
        client.delete_job(name)
    client.submit_job(submission_id=name, entrypoint=entrypoint)
    return "is queued"


def state(client: Any, name: str) -> str:
    """Ray's word for a job's state; NONE where there is no such job."""
    known = {job.submission_id: job for job in client.list_jobs()}
    return str(known[name].status.value) if name in known else "NONE"


def main(argv: list[str] | None = None) -> int:
    """Carries out one command; the answer begins with `ratefront: `."""
    parser = argparse.ArgumentParser(prog="python -m cluster.places.head_job")
    parser.add_argument("command", choices=("submit", "status", "logs", "follow", "stop"))
    parser.add_argument("name")
    parser.add_argument("--entrypoint", default="", help="shell command of a submission")
    parser.add_argument("--dashboard", default=DASHBOARD)
    given = parser.parse_args(argv)
    from ray.job_submission import JobSubmissionClient

    try:
        client = JobSubmissionClient(given.dashboard)
        if given.command == "submit":
            said = submit(client, given.name, given.entrypoint)
        elif given.command == "status":
            said = state(client, given.name)
        elif given.command == "stop":
            live = state(client, given.name) in ("PENDING", "RUNNING")
            said = "is stopped" if live and client.stop_job(given.name) else "is not under way"
        else:
            _print_logs(client, given.name, given.command == "follow")
            return 0
    except (ConnectionError, RuntimeError) as error:
        print(f"ratefront: {' '.join(str(error).split())[-300:]}", file=sys.stderr)
        return BadInput.exit_code
    print(f"ratefront: {said}")
    return 0


def _print_logs(client: Any, name: str, follow: bool) -> None:
    if not follow:
        print(client.get_job_logs(name), end="")
        return

    async def tail() -> None:
        async for lines in client.tail_job_logs(name):
            print(lines, end="", flush=True)

    asyncio.run(tail())


if __name__ == "__main__":
    sys.exit(main())
