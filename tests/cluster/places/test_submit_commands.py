"""`ratefront submit`, in process: dry runs that need nothing, and no secret anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.cli import main
from cluster.places.ledger import TOKEN_FILE
from search_spaces.spec import parse_spec
from tests.cluster.places.programs import Programs

SWEEP = ["rate_distortion", "--size", "debug", "--data", "embedded", "--trials", "7",
         "--set", "codec=kmeans"]  # fmt: skip
PLACES = {
    "slurm": ["--nodes", "2"],
    "kuberay": ["--image", "r/ratefront:1", "--volume", "lab:/lab"],
    "ray-up": ["--provider", "local", "--host", "a", "--host", "b"],
}
CANARY = "canary-77aa"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RATEFRONT_STATE", str(tmp_path / "state"))
    for name in ("WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    return tmp_path / "state"


@pytest.mark.parametrize("place", PLACES)
def test_a_dry_run_needs_and_leaves_nothing(
    place: str, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    words = ["submit", place, *SWEEP, *PLACES[place], "--out", "/lab/out", "--dry-run"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "ratefront-" in text and CANARY not in text and not state.exists()
    assert main(words) == 0
    assert capsys.readouterr().out == text


def test_options_of_the_sweep_travel_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["submit", "kuberay", *SWEEP, *PLACES["kuberay"], "--out", "/lab/out", "--dry-run"]
    assert main(words) == 0
    config = next(iter(yaml.safe_load_all(capsys.readouterr().out)))
    spec = parse_spec(yaml.safe_load(config["data"]["spec.yaml"]), "rendered")
    assert spec.search.trials == 7 and spec.run.address == "auto" and spec.size == "debug"
    (codec,) = (p for p in spec.space.parameters if p.name == "codec")
    assert codec.choices == ("kmeans",)


@pytest.mark.parametrize("place", ["kuberay", "ray-up"])
def test_a_place_that_grows_tells_the_sweep_how_far(
    place: str, capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    """Ray's autoscalers tell nobody, so as many trials wait as all machines hold."""
    where = {
        "kuberay": PLACES["kuberay"],
        "ray-up": ["--provider", "aws", "--region", "eu-central-1", "--worker-type", "g6.xlarge"],
    }[place]
    words = ["submit", place, *SWEEP, *where, "--out", "/lab/out", "--nodes", "8", "--cpus", "16",
             "--gpus", "1", "--min-nodes", "2", "--dry-run"]  # fmt: skip
    assert main(words) == 0
    text = capsys.readouterr().out
    if place == "kuberay":
        config, _, job = yaml.safe_load_all(text)
        spec = parse_spec(yaml.safe_load(config["data"]["spec.yaml"]), "rendered")
        assert spec.run.grows_to == ("8:16:1",)
        assert job["spec"]["entrypoint"].endswith("--nodes 3")
    else:
        kinds = yaml.safe_load(text)["available_node_types"]["trials"]
        assert (kinds["min_workers"], kinds["max_workers"]) == (2, 8)
    assert main([*words, "--placement", "packed"]) == 2
    assert "no --grows-to or --min-nodes" in capsys.readouterr().err


def test_what_is_kept_and_sent_holds_no_secret(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = Programs(tmp_path / "bin", monkeypatch, "sbatch", "squeue", "kubectl")
    there.answer({"sbatch": (0, "1\n", ""), "get": (1, "", "not found")})
    for place in ("slurm", "kuberay"):
        assert main(["submit", place, *SWEEP, *PLACES[place], "--out", "/lab/out"]) == 0
    tokens = [p.read_text() for p in state.glob(f"*/{TOKEN_FILE}")]
    assert len(tokens) == 2
    said = capsys.readouterr().out + str(there.calls())
    files = [p for p in state.glob("*/*") if p.name != TOKEN_FILE]
    assert len(files) >= 6
    for secret in (CANARY, *tokens):
        assert secret not in said
        assert not [p for p in files if secret in p.read_text()]
    script = next(state.glob("*/job.sbatch")).read_text()
    assert "#SBATCH --export=NONE\n" in script  # or SLURM would take the whole environment along


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["submit", "slurm", *SWEEP, "--out", "/a", "--address=b:1"],
            "--address is the place",
        ),
        (["submit", "slurm", *SWEEP, "--out", "s3://id:key@lab/b"], "keys do not belong"),
        (["submit", "slurm", *SWEEP[:3], "--data", "/nowhere", "--out", "/a"], "no such file"),
        (["submit", "slurm", *SWEEP, "--grows-to", "8:4", "--out", "/a"], "from the start"),
        (["submit", "slurm", "no/preset", "--out", "/a"], "no/preset"),
        (["submit", "slurm", *SWEEP, "--set", "codek=a", "--out", "/a"], "codek"),
        (["submit", "kuberay", *SWEEP, "--image", "a", "--out", "/a"], "lies on no volume"),
        (["submit", "kuberay", *SWEEP, "--image", "a", "--volume", "a", "--out", "/a"], "CLAIM"),
        (["submit", "ray-up", *SWEEP, "--provider", "moon", "--out", "/a"], "provider"),
        (["status", "nothing"], "no such submission"),
    ],
)
def test_a_fault_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("ratefront: ") and said in error and error.count("\n") == 1


def test_an_overlay_that_is_no_text_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    place = ["--image", "a", "--volume", "a:/a", "--out", "/a/b", "--dry-run"]
    assert main(["submit", "kuberay", *SWEEP, *place, "--overlay", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"{file}: is no text in UTF-8" in error and error.count("\n") == 1


def test_a_spec_is_saved_without_a_run(tmp_path: Path) -> None:
    place = tmp_path / "spec.yaml"
    assert main(["sweep", *SWEEP, "--save-spec", str(place)]) == 0
    assert parse_spec(yaml.safe_load(place.read_text()), "saved").search.trials == 7
    assert [p.name for p in tmp_path.iterdir()] == ["spec.yaml"]
