"""`inputs: {codec: {folder: …}}`: a generator on an exported codec, by the command, and what of
such folders is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import sweep as sweep_module
from cluster.books import Books
from cluster.generations import SAME_DATA
from cluster.inputs import SAME, staged
from cluster.store import Store
from search_spaces.inputs import folder_hash
from search_spaces.presets import load_spec
from search_spaces.record import INPUTS_FOLDER, TRIALS_FOLDER
from search_spaces.space import trial_id
from search_spaces.spec import SweepSpec
from tests.cluster.codec_sweeps import Swept, files, run_main, shared_sweeps
from tests.cluster.in_process import BookedRuntime
from tests.cluster.refusing import Refused
from tests.cluster.sweeping import points, ratefront
from tests.trainables.tiny import make_clip
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.dataset import MotionData
from trainables.trial import TrialTask, run_trial

SMALL = {
    "codec": "flow_matching", "flow.width": 8, "flow.heads": 1, "flow.head_dim": 4,
    "flow.middle": 1, "flow.blocks": 0, "flow.window": 16, "flow.batch_frames": 64,
    "flow.max_steps": 4, "flow.steps": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Every codec, with the root removed."""
    return shared_sweeps(tmp_path_factory.getbasetemp())["removed"]


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory, swept: Swept) -> Path:
    """An RQ-VAE of two levels, as `ratefront export` writes it."""
    return exported(swept, tmp_path_factory.mktemp("exported") / "codec")


def exported(swept: Swept, to: Path, *more: object) -> Path:
    trial = swept.trial("rqvae")
    assert run_main("export", swept.folder, "--trial", trial, "-o", to, *more) == 0
    return to


@pytest.fixture
def spec_on(tmp_path: Path, swept: Swept) -> Callable[..., Path]:
    """Writes a spec of one generator on an exported codec; `data`: what else it says of data."""

    def write(codec: Path, generator: dict[str, Any] | None = None, **data: Any) -> Path:
        said = {
            "name": "on-exported",
            "inputs": {"codec": {"folder": str(codec)}},
            "data": {"path": str(swept.source), **data},
            "search": {"sampler": "cells"},
            "space": {"cells": [{**SMALL, **(generator or {})}]},
        }
        place = tmp_path / "on-exported.yaml"
        place.write_text(yaml.safe_dump(said))
        return place

    return write


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials run here, one after the other; all else of the command is as it is."""

    def here(
        spec: SweepSpec, data: MotionData, store: Store, books: Books, console: object
    ) -> None:
        while (proposal := books.next()) is not None:
            books.started(proposal.trial)
            place = store.folder / TRIALS_FOLDER / proposal.trial
            task = TrialTask(
                spec.name, proposal.config, proposal.seed, place, 1, spec.size, proposal.source
            )
            run_trial(task, data, BookedRuntime(books, proposal.trial))
            books.ended(proposal.trial)

    monkeypatch.setattr(sweep_module, "_on_ray", here)


def check_generator(folder: Path, codec: Path) -> str:
    """The one generator of a sweep took the exported codec; returns its trial."""
    (row,) = points(folder).to_dict("records")
    taken = folder / INPUTS_FOLDER / str(row["input"])
    assert folder_hash(taken) == row["input"] == row["input_hash"]
    described = json.loads((codec / "config.json").read_text())["parts"]
    for part, said in described.items():
        kept = json.loads((taken / part / "codec.json").read_text())
        assert kept["config"] == said["config"], part
    assert (row["conditioning"], row["codebook_size"], row["quantizer_depth"]) == ("rqvae", 8, 2)
    spec = sweep_spec(folder)
    config = spec.configuration(spec.space.cells[0])
    assert config["input"] == row["input"] and row["trial"] == trial_id(config, int(row["seed"]))
    return str(row["trial"])


def sweep_spec(folder: Path) -> SweepSpec:
    return SweepSpec.model_validate(yaml.safe_load((folder / "sweep.yaml").read_text()))


@pytest.mark.usefixtures("without_ray")
def test_a_generator_on_an_exported_codec(
    swept: Swept, codec: Path, spec_on: Callable[..., Path], tmp_path: Path
) -> None:
    out, were = tmp_path / "sweep", files(codec)
    assert run_main("sweep", spec_on(codec), "--out", out) == 0
    trial = check_generator(out, codec)
    assert files(codec) == were
    (row,) = points(out).to_dict("records")
    first = swept.points[swept.points["codec"] == "rqvae"].sort_values("depth").iloc[-1]
    assert row["rate_nominal_bps"] == pytest.approx(first["rate_nominal_bps"])
    assert row["test_jerk_decoded_mps3"] == pytest.approx(first["test_jerk_mps3"], rel=1e-5)
    # The same configuration with other weights in the folder is another trial.
    shutil.copytree(swept.folder, tmp_path / "other")
    place = tmp_path / "other" / TRIALS_FOLDER / swept.trial("rqvae") / "codec"
    nudge(place / "body")
    moved = tmp_path / "moved"
    assert run_main("export", tmp_path / "other", "--trial", place.parent.name, "-o", moved) == 0
    with staged(load_spec(str(spec_on(moved))), swept.data.facts) as (spec, _):
        before, now = sweep_spec(out).inputs.codec, spec.inputs.codec
        assert before is not None and now is not None and before.config == now.config
        assert trial_id(spec.configuration(spec.space.cells[0]), 0) != trial


def nudge(place: Path) -> None:
    """Moves every weight of a kept codec a little."""
    from safetensors.numpy import load_file, save_file

    (weights,) = place.glob("*.safetensors")
    arrays = {k: v * 1.001 if v.dtype.kind == "f" else v for k, v in load_file(weights).items()}
    save_file(arrays, weights)


@pytest.mark.long  # a Ray session for one trial; the same command without it is tested above
@pytest.mark.ray
def test_a_generator_on_an_exported_codec_on_ray(
    codec: Path, spec_on: Callable[..., Path], tmp_path: Path
) -> None:
    ended = ratefront("sweep", str(spec_on(codec)), "--out", "sweep", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    check_generator(tmp_path / "sweep", codec)


# ---- what is refused -------------------------------------------------------------------------


def test_folders_that_are_no_codec(
    swept: Swept, refused: Refused, spec_on: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "gone", tmp_path / "empty", swept.source, swept.folder):
        refused("sweep", spec_on(place), words=(place, "no exported codec", "ratefront export"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preparation.json"])
def test_a_codec_that_was_changed(
    name: str, codec: Path, refused: Refused, spec_on: Callable[..., Path], tmp_path: Path
) -> None:
    other = tmp_path / "codec"
    shutil.copytree(codec, other)
    content = bytearray((other / name).read_bytes())
    content[-3] ^= 1
    (other / name).write_bytes(content)
    refused("sweep", spec_on(other), words=(other / name, "SHA-256", "again"))
    (other / name).unlink()
    refused("sweep", spec_on(other), words=(other / name, "missing", "again"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"path": "embedded", "embedded_size": "debug"}, ("other motion", "data_hash")),
        ({"split_seed": 3}, ("another split", "split_hash")),
        ({"fps": 15}, ("another rate", "30", "15")),
        ({"features": "position"}, ("other features", "expmap", "position")),
        ({"root": "coded"}, ("another root", "removed", "coded")),
        ({"mirror": True}, ("other mirroring",)),
        ({"unit": "sw"}, ("another unit", "sw")),
        ({"parts": {"body": "required"}}, ("other parts", "right_hand")),
        ({"part_joints": {"body": ["Hips", "Spine", "Head"]}}, ("other joints", "body", "here 3")),
    ],
    ids=lambda said: "-".join(said) if isinstance(said, dict) else "",
)
def test_a_codec_of_other_data(
    data: dict[str, Any], words: tuple[str, ...], codec: Path, refused: Refused,
    spec_on: Callable[..., Path],
) -> None:  # fmt: skip
    line = refused("sweep", spec_on(codec, **data), words=(codec, *words, "name one"))
    assert line.startswith("ratefront: inputs: ")


def test_a_codec_of_another_skeleton(
    codec: Path, refused: Refused, spec_on: Callable[..., Path], tmp_path: Path
) -> None:
    taller = tmp_path / "taller"
    taller.mkdir()
    for i in range(6):
        write_bvh(make_clip(f"take-{i}", i, 60 + 7 * i, scale=1.2), taller / f"take-{i}.bvh")
    refused("sweep", spec_on(codec, path=str(taller)), words=(codec, "other motion"))


def test_a_codec_of_fewer_levels_or_of_another_configuration(
    swept: Swept, codec: Path, refused: Refused, spec_on: Callable[..., Path], tmp_path: Path
) -> None:
    shallow = exported(swept, tmp_path / "shallow", "--depth", 1)
    refused("sweep", spec_on(shallow), words=(shallow, "not all of its levels", "export"))
    asked = spec_on(codec, {"codebook_size": 16})
    refused("sweep", asked, words=("codebook_size is 16", "has 8", "leave codebook_size out"))


def test_whatever_resume_holds_to_a_codec_is_held_to() -> None:
    assert set(SAME_DATA) <= set(SAME)
