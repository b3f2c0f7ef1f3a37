"""Plugins go along with a submission, to places that share no file with whoever submits."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.cli import main
from cluster.places import ledger
from cluster.places.entrypoint import main as begin_there
from cluster.places.ray_up import REMOTE, render
from cluster.places.submission import make_submission
from cluster.places.travelling import MOST_BYTES, check_arrived, options, packed
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.spec import SweepSpec
from tests.cluster.places.test_submit_commands import PLACES, SWEEP

TEXT = "# mine, with ümlauts\nVALUE = 'a: b'  \n"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RATEFRONT_STATE", str(tmp_path / "state"))
    file = tmp_path / "mine.py"
    file.write_text(TEXT)
    return file


def sent(place: str, plugin: Path, capsys: pytest.CaptureFixture[str]) -> str:
    words = ["submit", place, *SWEEP, *PLACES[place], "--plugin", str(plugin)]
    assert main([*words, "--out", "/lab/out", "--dry-run"]) == 0
    return capsys.readouterr().out


def test_to_kubernetes_beside_the_specification(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sent("kuberay", plugin, capsys)
    config, _, job = yaml.safe_load_all(first)
    assert config["data"]["mine.py"] == TEXT
    spec = yaml.safe_load(config["data"]["spec.yaml"])
    assert spec["plugins"] == ["/etc/ratefront-spec/mine.py"]
    assert "--plugin-hash mine.py=" in job["spec"]["entrypoint"]
    other = plugin.parent / "elsewhere" / "mine.py"
    other.parent.mkdir()
    other.write_text(TEXT)
    assert sent("kuberay", other, capsys) == first, "where it lay is not what it is"
    other.write_text(TEXT + "VALUE = 2\n")
    assert f"name: {config['metadata']['name']}\n" not in sent("kuberay", other, capsys)


def test_to_machines_as_a_file_of_the_ledger(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = yaml.safe_load(sent("ray-up", plugin, capsys))
    spec, texts = packed(_with(plugin), REMOTE)
    submission = make_submission(
        name="x", spec=spec.dump(), out="/lab/out", plugins=texts,
        place={"kind": "ray-up", "provider": "local", "hosts": ("a",)},
    )  # fmt: skip
    folder = ledger.keep(submission, "", "cluster.yaml")
    assert (folder / "mine.py").read_text() == TEXT
    assert render(submission, folder)["file_mounts"][f"{REMOTE}/mine.py"] == f"{folder}/mine.py"
    assert document["file_mounts"]["~/ratefront/mine.py"].endswith("/mine.py")
    assert yaml.safe_load(submission.spec)["plugins"] == ["~/ratefront/mine.py"]
    assert [s.plugins for s in ledger.kept()] == [{"mine.py": TEXT}]


def _with(plugin: Path) -> SweepSpec:
    return load_spec("rate_distortion").model_copy(update={"plugins": (str(plugin),)})


def test_another_file_there_is_refused(
    plugin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec, texts = packed(_with(plugin), str(tmp_path / "there"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.py").write_text(texts["mine.py"])
    (tmp_path / "spec.yaml").write_text(spec.dump())
    word = options(texts)[1]
    check_arrived(spec.plugins, [word])
    (tmp_path / "there" / "mine.py").write_text("VALUE = 3\n")
    (tmp_path / "token").write_text("x")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    given = ["--spec", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "out")]
    assert begin_there([*given, "--plugin-hash", word]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "plugin mine.py: is not the one that was submitted" in line


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a/mine.py": "1", "b/mine.py": "2"}, "two of that name"),
        ({"my plugin.py": "1"}, "letters, digits"),
        ({"large.py": "#" * (MOST_BYTES + 1)}, "entry point"),
    ],
)
def test_what_cannot_travel_is_refused(files: dict[str, str], said: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    named = tuple(str(tmp_path / name) for name in files)
    spec = load_spec("rate_distortion").model_copy(update={"plugins": named})
    with pytest.raises(BadInput, match=said):
        packed(spec, "/there")
