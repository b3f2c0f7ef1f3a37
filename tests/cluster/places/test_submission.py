"""The specification: one line of fault for what cannot be, one id for what is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.places.dispatch import rendered
from cluster.places.submission import make_submission
from search_spaces.errors import BadInput
from tests.cluster.places.given import KUBERAY, SLURM, SPEC, submission


def test_the_same_submission_has_the_same_id_in_every_process() -> None:
    assert submission(SLURM).id == "ratefront-ed1b8d5d2bf7"
    assert submission(SLURM).id == submission(dict(reversed(SLURM.items()))).id


def test_a_default_that_is_written_down_changes_no_id() -> None:
    """As when a later release knows one more key."""
    spec = yaml.safe_load(SPEC)
    spec["run"] |= {"retries": 0, "workers": 1}
    spec |= {"data": {"fps": 30.0}, "plugins": [], "title": ""}
    assert submission(SLURM, spec=yaml.safe_dump(spec)).id == submission(SLURM).id
    spec["run"]["retries"] = 1
    assert submission(SLURM, spec=yaml.safe_dump(spec)).id != submission(SLURM).id


@pytest.mark.parametrize(
    "change",
    [
        {"out": "/lab/sweeps/other"},
        {"spec": "name: other\n"},
        {"machines": {"nodes": 5}},
        {"place": KUBERAY},
        {"overlay": "spec: {}"},
    ],
)
def test_anything_else_gives_another_id(change: dict[str, Any]) -> None:
    assert submission(**{"place": SLURM, **change}).id != submission(SLURM).id


def test_a_bucket_is_named_with_the_endpoint_that_is_set_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job has no environment of ours."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    made = submission(SLURM, out="s3://lab/sweeps/a")
    assert made.out == "s3://lab/sweeps/a?endpoint_override=http://minio:9000"
    script, _ = rendered(made, Path("/state"))
    assert "--out 's3://lab/sweeps/a?endpoint_override=http://minio:9000'" in script


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"out": "ftp://bucket/sweep"}, "s3://BUCKET/PREFIX"),
        ({"out": "s3://id:key@bucket/sweep"}, "keys do not belong"),
        ({"out": "sweeps/first"}, "absolute"),
        ({"machines": {"nodes": 0}}, "nodes"),
        ({"place": {**SLURM, "partition": "a\n#SBATCH --uid=0"}}, "one line"),
        ({"place": {**SLURM, "setup": ("true\nrm -r /",)}}, "one line"),
        ({"place": {**SLURM, "options": ("gpu",)}}, "begin with --"),
        ({"place": {**KUBERAY, "namespace": "Not A Label"}}, "namespace"),
        ({"place": {**KUBERAY, "volumes": {"lab": "lab"}}}, "CLAIM:/MOUNT"),
        ({"place": {"kind": "moon"}}, "moon"),
    ],
)
def test_what_cannot_be_is_one_line(change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"name": "a", "spec": "name: a", "out": "/a", "place": SLURM, **change}
    with pytest.raises(BadInput, match=said) as refused:
        make_submission(**given)
    assert "\n" not in str(refused.value) and str(refused.value).startswith("submit: ")
