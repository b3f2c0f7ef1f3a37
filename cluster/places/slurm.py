"""SLURM: one batch script that runs the same command on every node (`symmetric`).

A job that is requeued, preempted or out of time goes on from the sweep's own log. The environment
of whoever submits does not travel (`--export=NONE`): it may hold keys.
"""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import yaml

from cluster.places import ledger
from cluster.places.programs import run
from cluster.places.submission import Slurm, State, Submission
from cluster.storage.places import holds
from search_spaces.errors import BadInput
from search_spaces.record import REPORT_FILE

MANIFEST = "job.sbatch"
LOG = "slurm.log"
FINISHED = "finished"
_WARNING_SECONDS = 300
_LIVE: dict[str, State] = {
    "PENDING": "queued", "CONFIGURING": "queued", "REQUEUED": "queued", "REQUEUE_HOLD": "queued",
    "SUSPENDED": "queued", "RUNNING": "running", "COMPLETING": "running",
    "STAGE_OUT": "running", "SIGNALING": "running",
}  # fmt: skip

_SCRIPT = """\
#!/bin/bash
{options}
# {title}
set -euo pipefail
export SLURM_EXPORT_ENV=ALL PYTHONUNBUFFERED=1
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={token}
{setup}
again() {{
    echo "ratefront: the time limit is near; the job goes back into the queue and resumes"
    scontrol requeue "$SLURM_JOB_ID"
}}
trap again USR1

rm -f {finished}
srun --nodes={nodes} --ntasks={nodes} --ntasks-per-node=1 --kill-on-bad-exit=1 \\
    {python} -P -m cluster.places.symmetric --nodes {nodes} --cpus {cpus} --gpus {gpus} \\
    --meet {folder} --finished {finished} {dashboard}-- \\
    --spec {spec} --out {out} &
step=$!
code=0
wait "$step" || code=$?
while kill -0 "$step" 2>/dev/null; do code=0; wait "$step" || code=$?; done
# The word of every node's own program is not enough: a start that failed must be a failure.
if [ "$code" -eq 0 ] && [ ! -e {finished} ]; then
    echo "ratefront: the nodes ended, but the sweep did not" >&2
    code=1
fi
exit "$code"
"""


def render(submission: Submission, folder: Path) -> str:
    """The batch script.

    Args:
        submission: to a `Slurm` place.
        folder: in which the nodes find its specification and token.
    """
    place, machines = submission.place, submission.machines
    assert isinstance(place, Slurm)
    minutes = max(1, round(machines.hours * 60))
    options = {
        "job-name": submission.id,
        "nodes": machines.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": machines.cpus,
        "mem": f"{machines.memory_gb}G",
        "time": f"{minutes // 1440}-{minutes % 1440 // 60:02d}:{minutes % 60:02d}:00",
        "gpus-per-node": machines.gpus or "",
        "partition": place.partition,
        "account": place.account,
        "qos": place.qos,
        "constraint": place.constraint,
        "output": folder / LOG,
        "open-mode": "append",
        "export": "NONE",
        "dependency": "singleton",
        "signal": f"B:USR1@{min(_WARNING_SECONDS, minutes * 6)}",
    }
    lines = [f"--{name}={value}" for name, value in options.items() if value != ""]
    lines += ["--requeue", *place.options]
    group = yaml.safe_load(submission.spec).get("run", {}).get("placement") == "group"
    return _SCRIPT.format(
        options="\n".join(f"#SBATCH {line}" for line in lines),
        title=f"sweep {submission.name}",
        token=shlex.quote(str(folder / ledger.TOKEN_FILE)),
        setup="".join(f"{line}\n" for line in place.setup),
        nodes=machines.nodes,
        cpus=machines.cpus,
        gpus=machines.gpus,
        python=shlex.quote(place.python),
        folder=shlex.quote(str(folder)),
        finished=shlex.quote(str(folder / FINISHED)),
        dashboard="--dashboard " if group else "",
        spec=shlex.quote(str(folder / ledger.SPEC_FILE)),
        out=shlex.quote(submission.out),
    )


def submit(submission: Submission, folder: Path) -> str:
    """Hands the script to sbatch, unless a job of that name is under way; says what happened."""
    live = _live(submission.id)
    if live is not None:
        return f"is {live[1]} already, as job {live[0]}"
    if (folder / FINISHED).exists() and holds(submission.out, REPORT_FILE):
        return f"is finished already; its sweep is {submission.out}"
    # Of two that race here SLURM runs one after the other (singleton), and the second finds the
    # sweep finished.
    sent = run("sbatch", "--parsable", str(folder / MANIFEST))
    job = sent.stdout.strip().partition(";")[0]
    (folder / ledger.JOB_FILE).write_text(f"{job}\n")
    return f"is queued as job {job}"


def status(submission: Submission, folder: Path) -> tuple[State, str]:
    """Its state, and SLURM's word for it."""
    live = _live(submission.id)
    if live is not None:
        return live[1], f"job {live[0]}: {live[2]}"
    if (folder / FINISHED).exists():
        return "finished", ""
    job = _job(folder)
    if not job:
        return "unknown", "it was never queued"
    asked = run("scontrol", "show", "job", job, "--oneliner", fails=True)
    words = dict(w.partition("=")[::2] for w in asked.stdout.split() if "=" in w)
    ended = words.get("JobState", "")
    if not ended:
        # SLURM forgets a job after minutes; its accounting, where there is one, does not.
        asked = run("sacct", "-n", "-X", "-P", "-j", job, "-o", "State", fails=True)
        ended = asked.stdout.split()[0] if asked.returncode == 0 and asked.stdout.strip() else ""
    if ended.startswith("CANCELLED"):
        return "stopped", f"job {job}: {ended}"
    return ("failed" if ended else "unknown"), f"job {job}: {ended or 'SLURM forgot it'}"


def logs(submission: Submission, folder: Path, follow: bool) -> str:
    """What the job said; with `follow`, goes on until it is interrupted."""
    place = folder / LOG
    if not place.exists():
        raise BadInput(f"{submission.id} has said nothing yet; 'ratefront status' tells its state")
    if follow:
        run("tail", "-n", "+1", "-F", str(place), log=True)
        return ""
    return place.read_text(encoding="utf-8", errors="replace")


def stop(submission: Submission, folder: Path, seconds: float = 60) -> str:
    """Cancels it; what is finished of the sweep stays, and submitting again resumes."""
    live = _live(submission.id)
    if live is None:
        return "is not under way"
    run("scancel", live[0])
    until = time.monotonic() + seconds
    while _live(submission.id) is not None and time.monotonic() < until:
        time.sleep(0.5)
    return f"is stopped (job {live[0]})"


def _live(name: str) -> tuple[str, State, str] | None:
    asked = run("squeue", "--me", "--noheader", f"--name={name}", "--format=%A|%T|%r")
    for line in asked.stdout.splitlines():
        job, word, reason = [*line.strip().split("|"), "", ""][:3]
        if state := _LIVE.get(word):
            return job, state, f"{word} ({reason})" if reason not in ("", "None") else word
    return None


def _job(folder: Path) -> str:
    place = folder / ledger.JOB_FILE
    return place.read_text().strip() if place.exists() else ""
