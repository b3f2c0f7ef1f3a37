"""Submitting twice, asking and stopping, with stand-ins for each place's own program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.places import dispatch, head_job, ledger, programs
from cluster.places.ledger import TOKEN_FILE
from search_spaces.errors import BadInput
from tests.cluster.places.given import HOSTS, KUBERAY, SLURM, submission
from tests.cluster.places.programs import Programs


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RATEFRONT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    given = submission(SLURM, out=str(tmp_path / "out"))
    there = Programs(tmp_path / "bin", monkeypatch, "sbatch", "squeue", "scancel", "scontrol")
    there.answer({"sbatch": (0, "41;main\n", "")})
    assert dispatch.submit(given) == "is queued as job 41"
    assert there.calls()[-1] == ["sbatch", "--parsable", str(state / given.id / "job.sbatch")]

    there.answer({"squeue": (0, "41|RUNNING|None\n", "")})
    assert dispatch.submit(given) == "is running already, as job 41"
    assert [c[0] for c in there.calls()] == ["squeue"]
    assert dispatch.status(given) == ("running", "job 41: RUNNING")
    there.answer({"squeue": (0, "41|PENDING|Priority\n", "")})
    assert dispatch.status(given) == ("queued", "job 41: PENDING (Priority)")

    for word, state_ in (("CANCELLED", "stopped"), ("TIMEOUT", "failed"), ("FAILED", "failed")):
        ended = (0, f"JobId=41 JobState={word} Restarts=0\n", "")
        there.answer({"scontrol": ended, "sbatch": (0, "41\n", "")})
        assert dispatch.status(given)[0] == state_
        assert dispatch.submit(given).startswith("is queued")

    (state / given.id / "finished").write_text("41.0\n")
    assert dispatch.status(given)[0] == "finished"
    assert dispatch.submit(given).startswith("is queued")  # its folder is gone: to be made anew
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").touch()
    there.calls()
    assert "is finished already" in dispatch.submit(given)
    assert "sbatch" not in [c[0] for c in there.calls()]
    assert dispatch.stop(given) == "is not under way"
    with pytest.raises(BadInput, match="said nothing yet"):
        dispatch.logs(given, False)


def job(**status: str) -> tuple[int, str, str]:
    return 0, json.dumps({"status": status}), ""


def test_kuberay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    given = submission(KUBERAY)
    there = Programs(tmp_path / "bin", monkeypatch, "kubectl")
    nothing = (1, "", 'Error from server (NotFound): rayjobs "x" not found')
    there.answer({"get rayjob": nothing, "get secret": nothing})
    assert "is queued as RayJob" in dispatch.submit(given)
    calls = [" ".join(c) for c in there.calls()]
    token = state / given.id / TOKEN_FILE
    assert f"--from-file=auth_token={token}" in calls[2] and "create secret" in calls[2]
    assert calls[3].startswith("kubectl apply -f")
    assert not any(token.read_text() in call for call in calls)

    there.answer({"get rayjob": job(jobDeploymentStatus="Running", jobStatus="RUNNING")})
    assert dispatch.submit(given).startswith("is running already")
    assert len(there.calls()) == 1
    there.answer({"get rayjob": job(jobDeploymentStatus="Failed", jobStatus="FAILED")})
    assert dispatch.status(given)[0] == "failed"
    assert dispatch.submit(given).startswith("is queued")
    assert [c[3] for c in there.calls()[2:3]] == ["delete"]
    for words, wanted in (
        ({}, "queued"),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}, "finished"),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "STOPPED"}, "stopped"),
    ):
        there.answer({"get rayjob": job(**words)})
        assert dispatch.status(given)[0] == wanted
    there.answer({"get rayjob": (1, "", "Unable to connect to the server")})
    with pytest.raises(BadInput, match="Unable to connect"):
        dispatch.status(given)
    there.calls()
    there.answer({"logs": (0, "front 9\n", "")})
    assert dispatch.logs(given, False) == "front 9\n"
    dispatch.stop(given)
    deleted = [c[4] for c in there.calls() if c[3] == "delete"]
    assert deleted == ["rayjob", "networkpolicy", "configmap", "secret"]


def test_ray_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    given = submission(HOSTS)
    there = Programs(tmp_path / "bin", monkeypatch, "ray")
    monkeypatch.setattr(programs.sys, "executable", str(tmp_path / "bin" / "python"))
    there.answer({"head_job submit": (0, "Shared connection\nratefront: is queued\r\n", "")})
    assert dispatch.submit(given) == "is queued"
    up, run = there.calls()
    assert up[:3] == ["ray", "up", "--yes"] and run[1] == "exec"
    assert "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=~/ratefront/token" in run[3]
    assert f"--nodes 4 --out {given.out} --spec ~/ratefront/spec.yaml" in run[3]
    assert (state / given.id / TOKEN_FILE).read_text() not in " ".join(run)
    for word, wanted in (("RUNNING", "running"), ("SUCCEEDED", "finished"), ("NONE", "unknown")):
        there.answer({"head_job status": (0, f"ratefront: {word}\n", "")})
        assert dispatch.status(given)[0] == wanted
    there.calls()
    dispatch.stop(given)
    assert [c[1] for c in there.calls()] == ["exec", "down"]


def test_a_missing_program_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for given, said in ((SLURM, "login node"), (KUBERAY, "kubectl is not on this machine")):
        with pytest.raises(BadInput, match=said):
            dispatch.submit(submission(given))


class FakeClient:
    """Ray's Jobs API, of one job."""

    def __init__(self, status: str) -> None:
        self.status, self.calls = status, []

    def list_jobs(self) -> list[Any]:
        return [self] if self.status else []

    @property
    def submission_id(self) -> str:
        return "name"

    def delete_job(self, name: str) -> None:
        self.calls.append(("delete", name))

    def submit_job(self, **given: str) -> None:
        self.calls.append(("submit", given))


@pytest.mark.parametrize(
    ("status", "calls"),
    [("", 1), ("PENDING", 0), ("RUNNING", 0), ("SUCCEEDED", 0), ("FAILED", 2), ("STOPPED", 2)],
)
def test_the_head_begins_a_job_once(status: str, calls: int) -> None:
    client = FakeClient(status)
    client.status = type("Status", (), {"value": status})() if status else ""  # type: ignore
    said = head_job.submit(client, "name", "run it")
    assert len(client.calls) == calls
    assert said == ("is queued" if calls else f"is {status.lower()} already")
    if calls:
        # No environment of the job's own: it would stand in the dashboard.
        assert client.calls[-1] == ("submit", {"submission_id": "name", "entrypoint": "run it"})


def test_the_ledger_is_its_owners_alone(state: Path) -> None:
    given = submission(SLURM)
    folder = ledger.keep(given, "script", "job.sbatch")
    token = (folder / TOKEN_FILE).read_text()
    assert len(token) == 64 and (folder / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ledger.keep(given, "script", "job.sbatch") == folder
    assert (folder / TOKEN_FILE).read_text() == token  # a running cluster asks for it
    other = ledger.keep(submission(KUBERAY), "job", "rayjob.yaml")
    assert (other / TOKEN_FILE).read_text() != token
    assert {s.id for s in ledger.kept()} == {folder.name, other.name}
    assert ledger.find(given.id[:16]) == given == ledger.find(given.id.removeprefix("ratefront-"))
    with pytest.raises(BadInput, match="2 submissions fit"):
        ledger.find("hands")
    with pytest.raises(BadInput, match="no such submission"):
        ledger.find("feet")
