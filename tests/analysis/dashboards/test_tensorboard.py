"""Event files hold what the log says; read back with TensorBoard's own readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from analysis.dashboards import make_tracker, mirror
from analysis.dashboards.tensorboard import FOLDER
from analysis.dashboards.tracker import TRACKING_FILE
from analysis.log import read_log
from tests.analysis.dashboards.contract import Replays, Seen, TrackerContract, text
from tests.analysis.dashboards.fake_trackers import make_log


def _reader(run: Path) -> EventAccumulator:
    reader = EventAccumulator(str(run), size_guidance={"tensors": 0})
    reader.Reload()
    return reader


def _hparams(reader: EventAccumulator, what: str) -> Any:
    metadata = reader.SummaryMetadata(f"_hparams_/{what}")
    data = plugin_data_pb2.HParamsPluginData()
    data.ParseFromString(metadata.plugin_data.content)
    return getattr(data, what)


def _scalars(reader: EventAccumulator, tag: str) -> dict[int, float]:
    return {e.step: e.tensor_proto.float_val[0] for e in reader.Tensors(tag)}


def _tags(reader: EventAccumulator) -> list[str]:
    return [t for t in reader.Tags()["tensors"] if not t.startswith("_hparams_")]


def _value(value: Any) -> str:
    kind = value.WhichOneof("kind")
    return text(getattr(value, kind))


class TestTensorBoard(TrackerContract):
    name = "tensorboard"
    module = "tensorboard"

    @classmethod
    def read(cls, folder: Path, place: Path) -> list[Seen]:
        found = []
        for run in sorted((folder / FOLDER).iterdir()):
            assert len(list(run.iterdir())) == 1, "two event files would be one run with repeats"
            if run.name == "analysis":
                continue
            reader = _reader(run)
            start = _hparams(reader, "session_start_info")
            config = {k: _value(v) for k, v in start.hparams.items()}
            tags = {t: _scalars(reader, t) for t in _tags(reader) if t != "status"}
            values = {t: v[max(v)] for t, v in tags.items() if not t.startswith("curve/")}
            curve = tags.get("curve/val_rmse_full_cm", {})
            found.append(Seen(start.group_name, run.name, config["status"], config, values, curve))
        return found

    def hypervolumes(self, folder: Path, place: Path) -> list[list[float]]:
        return [list(_scalars(_reader(folder / FOLDER / "analysis"), "hypervolume").values())]

    def codecs(self, folder: Path, place: Path) -> dict[str, set[str]] | None:
        return None

    def test_points_of_a_residual_codec_are_a_curve_over_depth(self, replays: Replays) -> None:
        log = read_log(replays.folder)
        rows = [e for e in log.of("point") if e["row"]["levels"] > 1]
        assert rows
        for event in rows:
            reader = _reader(replays.folder / FOLDER / event["trial"])
            told = _scalars(reader, "val_rmse_full_cm")
            assert set(told) == set(range(1, event["row"]["levels"] + 1))
            told_here = told[event["row"]["depth"]]
            assert told_here == pytest.approx(event["row"]["val_rmse_full_cm"])

    def test_sessions_say_how_and_when_a_trial_ended(self, replays: Replays) -> None:
        log = read_log(replays.folder)
        codes = {"done": api_pb2.STATUS_SUCCESS, "stopped": api_pb2.STATUS_SUCCESS,
                 "refused": api_pb2.STATUS_UNKNOWN, "failed": api_pb2.STATUS_FAILURE}  # fmt: skip
        for event in log.of(*codes):
            reader = _reader(replays.folder / FOLDER / event["trial"])
            end = _hparams(reader, "session_end_info")
            assert end.status == codes[event["event"]]
            assert end.end_time_secs == pytest.approx(event["time"])
            (said,) = reader.Tensors("status")
            assert event["reason"] in said.tensor_proto.string_val[0].decode()

    def test_the_page_of_hyperparameters_knows_goals_and_every_key(self, replays: Replays) -> None:
        experiment = _hparams(_reader(replays.folder / FOLDER / "analysis"), "experiment")
        goals = {m.name.tag: m.description for m in experiment.metric_infos}
        assert goals["rate_nominal_bps"] == goals["val_rmse_full_cm"] == "minimize"
        keys = {i.name: i.type for i in experiment.hparam_infos}
        assert keys["codec"] == api_pb2.DATA_TYPE_STRING
        assert keys["codebook_size"] == keys["seed"] == api_pb2.DATA_TYPE_FLOAT64
        given = {k for e in read_log(replays.folder).of("proposed") for k in e["config"]}
        assert given <= set(keys)

    def test_the_same_log_gives_the_same_bytes(self, tmp_path: Path) -> None:
        make_log(tmp_path, trials=3)

        def written() -> dict[str, bytes]:
            mirror(tmp_path, make_tracker("tensorboard"))
            (tmp_path / TRACKING_FILE).unlink()
            runs = (tmp_path / FOLDER).rglob("events*")
            return {str(p): p.read_bytes() for p in runs}

        assert written() == written()

    def test_a_run_that_could_not_be_written_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from analysis.dashboards import tensorboard

        make_log(tmp_path, trials=2)
        monkeypatch.setattr(tensorboard, "_session_end", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            mirror(tmp_path, make_tracker("tensorboard"))
        assert [p for p in (tmp_path / FOLDER).rglob("*") if p.is_file()] == []
