"""A composed point leaves its sweep as a codec like any other, and does what was verified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search_spaces.record import ALLOCATION_FILE, TRIALS_FOLDER
from tests.cluster.codec_sweeps import Swept, run_main, shared_sweeps
from tests.cluster.refusing import Refused
from trainables.bitstream.container import read_container
from trainables.bitstream.recording import unpack
from trainables.codecs.codec import load_codec
from trainables.exported.codec_folder import load_exported
from trainables.exported.transcode import CodedRecording, decoded_positions
from trainables.motion.readers import read_clip


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Every codec, allocated; a copy, since others count what is in the sweep itself."""
    shared = shared_sweeps(tmp_path_factory.getbasetemp())["removed"]
    folder = tmp_path_factory.mktemp("composed") / "sweep"
    shutil.copytree(shared.folder, folder, ignore=shutil.ignore_patterns("evaluations"))
    assert run_main("allocate", folder) == 0
    return Swept(folder, shared.source, shared.data)


@pytest.fixture(scope="module")
def row(swept: Swept) -> int:
    """The row whose parts are of most trials, and of several depths."""
    table = pd.read_csv(swept.folder / ALLOCATION_FILE)
    points = swept.points.set_index("point")
    parts = swept.data.facts.part_names
    several = [
        (
            len({points.loc[r[f"{p}_point"], "trial"] for p in parts}),
            len({points.loc[r[f"{p}_point"], "depth"] for p in parts}),
        )
        for r in table.to_dict("records")
    ]
    best = max(range(len(several)), key=several.__getitem__)
    assert several[best] >= (2, 2), "a composition that tests what it should"
    return best + 1


@pytest.fixture(scope="module")
def codec(swept: Swept, row: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That row as a codec without a root, as it was scored."""
    place = tmp_path_factory.mktemp("exported") / "codec"
    options = ("--composed", "--row", row, "--root", "removed")
    assert run_main("export", swept.folder, *options, "-o", place) == 0
    return place


def verified(swept: Swept, row: int) -> pd.Series:
    return pd.read_csv(swept.folder / ALLOCATION_FILE).iloc[row - 1]


def test_files_decode_to_the_composition_that_was_verified(
    codec: Path, swept: Swept, row: int, tmp_path: Path
) -> None:
    exported, points = load_exported(codec), swept.points.set_index("point")
    wanted = verified(swept, row)
    folder = swept.test_recordings(tmp_path / "test")
    assert run_main("encode", codec, folder, "-o", tmp_path / "coded") == 0
    assert run_main("decode", codec, tmp_path / "coded", "-o", tmp_path / "back") == 0
    for clip in swept.data.splits["test"]:
        file = tmp_path / "coded" / f"{clip.recording}.rft"
        container = read_container(file)
        tokens = unpack(container.header, container.chunks, exported.models)
        features = dict(clip.features)
        for part in swept.data.facts.part_names:
            of = points.loc[wanted[f"{part}_point"]]
            alone = load_codec(swept.folder / TRIALS_FOLDER / of["trial"] / "codec" / part)
            features[part] = alone.decode(alone.encode(clip.features[part]), int(of["depth"]))
            assert tokens[part].shape[1] == of["depth"] == exported.depths[part]
        composed = swept.data.reconstruct(clip, features, clip.root_tokens)
        decoded = decoded_positions(exported, CodedRecording(container.header, tokens))
        assert np.array_equal(decoded, composed)
        back = read_clip(tmp_path / "back" / f"{clip.recording}.bvh")
        assert back.frames == read_clip(folder / f"{clip.recording}.bvh").frames


def test_it_is_evaluated_and_inspected_like_any_codec(
    codec: Path, swept: Swept, row: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = verified(swept, row)
    folder = swept.test_recordings(tmp_path / "test")
    own = tmp_path / "codec"
    shutil.copytree(codec, own)
    assert run_main("evaluate", own, "--data", folder) == 0
    (found,) = [pd.read_parquet(p) for p in own.glob("evaluations/*/points.parquet")]
    said = json.loads((codec / "card.json").read_text())
    measured = said["measured"]
    for name in ("test_rmse_full_cm", "test_rmse_hands_cm", "test_mpjpe_body_cm"):
        assert found[name].item() == pytest.approx(wanted[name]) == pytest.approx(measured[name])
    for name in ("test_rate_stream_bps", "test_rate_model_bps", "test_rate_entropy_bps"):
        assert found[name].item() == pytest.approx(measured[name])
    assert run_main("encode", codec, folder, "-o", tmp_path / "coded") == 0
    size = sum(p.stat().st_size for p in (tmp_path / "coded").rglob("*.rft"))
    seconds = swept.data.facts.test.seconds
    assert 8 * size / seconds == pytest.approx(measured["test_rate_stream_bps"])
    capsys.readouterr()
    inspected = ("--codec", codec, "--original", folder)
    assert run_main("inspect", tmp_path / "coded", *inspected) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"rmse_full_cm │ {wanted['test_rmse_full_cm']:.3f}" in told


def test_the_card_names_a_trial_for_each_part_and_what_it_costs(
    codec: Path, swept: Swept, row: int
) -> None:
    wanted, points = verified(swept, row), swept.points.set_index("point")
    said, text = load_exported(codec).card, (codec / "card.md").read_text()
    for part in swept.data.facts.part_names:
        of = points.loc[wanted[f"{part}_point"]]
        assert said["origin"]["parts"][part] == {"trial": of["trial"], "point": of.name}
        assert f"- {part}: trial {of['trial']}, point {of.name}" in text
        assert said["depths"][part] == of["depth"] and f"{part} {of['depth']}" in text
        assert said["configuration"][f"codec.{part}"] == of["codec"]
        rate = said["measured"][f"rate_nominal_{part}_bps"]
        assert rate == pytest.approx(of[f"rate_nominal_{part}_bps"]) == wanted[f"{part}_bps"]
    assert said["measured"]["rate_nominal_bps"] == pytest.approx(wanted["rate_nominal_bps"])
    assert said["measured"]["val_rmse_full_cm"] == wanted["val_rmse_full_cm"]
    # the stream rate of parts that are all of one trial is what that trial measured
    assert said["measured"]["val_rate_stream_bps"] > said["measured"]["val_rate_header_bps"] > 0


def test_a_row_of_one_trial_is_that_trial(swept: Swept, tmp_path: Path) -> None:
    table = pd.read_csv(swept.folder / ALLOCATION_FILE)
    alike = next(i for i, r in enumerate(table.to_dict("records"), 1) if not r["composed"])
    point = table.iloc[alike - 1]["body_point"]
    trial, _, depth = point.rpartition("-d")
    one, other = tmp_path / "row", tmp_path / "trial"
    assert run_main("export", swept.folder, "--composed", "--row", alike, "-o", one) == 0
    named = ("--trial", trial, "--depth", depth)
    assert run_main("export", swept.folder, *named, "-o", other) == 0
    row, own = load_exported(one), load_exported(other)
    assert row.identity == own.identity
    for name, value in own.card["measured"].items():
        if name.startswith(("val_rate_", "test_rate_", "test_rmse_", "rate_")):
            assert row.card["measured"].get(name, value) == pytest.approx(value), name
    assert row.card["measured"]["val_rate_stream_bps"] == pytest.approx(
        own.card["measured"]["val_rate_stream_bps"]
    )


def test_at_takes_the_best_composition_that_a_rate_allows(
    swept: Swept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(swept.folder / ALLOCATION_FILE)
    rates = table["rate_nominal_bps"]
    for number, limit in enumerate((float(rates.median()), 1e9)):
        place = tmp_path / f"at-{number}"
        assert run_main("export", swept.folder, "--composed", "--at", limit, "-o", place) == 0
        best = table.loc[table[rates <= limit]["val_rmse_full_cm"].idxmin()]
        measured = load_exported(place).card["measured"]
        assert measured["val_rmse_full_cm"] == best["val_rmse_full_cm"]
    capsys.readouterr()
    too_low = ("--composed", "--at", 1, "-o", tmp_path / "none")
    assert run_main("export", swept.folder, *too_low) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no composed point at or under 1 bits/s" in line and " is at " in line


def test_without_the_motion_the_card_has_no_rate_of_files(
    swept: Swept, row: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = next(swept.source.rglob("*.bvh"))
    kept = file.read_bytes()
    file.unlink()
    try:
        place = tmp_path / "codec"
        assert run_main("export", swept.folder, "--composed", "--row", row, "-o", place) == 0
    finally:
        file.write_bytes(kept)
    assert "for want of the motion" in " ".join(capsys.readouterr().out.split())
    measured = load_exported(place).card["measured"]
    assert "val_rate_stream_bps" not in measured and "val_rmse_full_cm" in measured


def test_what_cannot_be_chosen_is_one_line(swept: Swept, refused: Refused, tmp_path: Path) -> None:
    export, out = ("export", swept.folder, "-o", refused.out), ("--composed",)
    refused(*export, *out, words=("--at", "--row"))
    refused(*export, *out, "--at", 100, "--row", 1, words=("--at", "--row"))
    refused(*export, *out, "--row", 1, "--trial", "x", words=("no trial",))
    refused(*export, *out, "--row", 1, "--depth", 1, words=("--depth",))
    refused(*export, "--row", 1, words=("--composed",))
    refused(*export, *out, "--row", 10**6, words=("--row 1000000", "rows 1 to"))
    refused(*export, *out, "--at", 100, "--rate", "stream", words=("--rate stream", "nominal"))
    refused(*export, *out, "--at", 100, "--rate", "model", words=("allocate --rate model' first",))
    other = tmp_path / "sweep"
    shutil.copytree(swept.folder, other)
    table = pd.read_csv(other / ALLOCATION_FILE)
    table.assign(body_point="gone-d1").to_csv(other / ALLOCATION_FILE, index=False)
    of_other = ("export", other, "-o", refused.out, *out, "--row", 1)
    refused(*of_other, words=("gone-d1", "ratefront allocate"))
    (other / ALLOCATION_FILE).unlink()
    refused(*of_other, words=(str(other), "'ratefront allocate' first"))
