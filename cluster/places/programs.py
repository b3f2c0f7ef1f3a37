"""Programs of the places (sbatch, kubectl, ray), found and run; their refusals become one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from search_spaces.errors import BadInput

_FROM = {
    "sbatch": "submit from a login node of the SLURM cluster",
    "squeue": "ask from a login node of the SLURM cluster",
    "scancel": "stop it from a login node of the SLURM cluster",
    "kubectl": "install it and log in to the Kubernetes cluster",
}


def run(*words: str, fails: bool = False, log: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end.

    Args:
        words: the program and its arguments.
        fails: whether a refusal is returned rather than raised.
        log: whether its output goes straight to this process's own.

    Raises:
        BadInput: it is not installed, or refuses.
    """
    program = find_program(words[0])
    ran = subprocess.run([program, *words[1:]], text=True, capture_output=not log, check=False)
    if ran.returncode and not fails:
        said = " ".join(((ran.stderr or ran.stdout) or "").split())[-400:]
        raise BadInput(f"{words[0]}: {said or 'refused'}; mend that and give the command again")
    return ran


def find_program(name: str) -> str:
    """The path of a program; Ray's is the one of this environment.

    Raises:
        BadInput: it is not there; the message says where it is.
    """
    beside = Path(sys.executable).with_name(name)
    if name == "ray" and os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which(name)
    if found is None:
        remedy = _FROM.get(name, "install it")
        raise BadInput(f"{name} is not on this machine; {remedy}, or look with --dry-run")
    return found


def shell_words(words: Sequence[str]) -> str:
    """Words as one line of a POSIX shell."""
    import shlex

    return shlex.join(words)
