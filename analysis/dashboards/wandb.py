"""Weights & Biases as a mirror: a run for each trial and one for the sweep as a whole.

`WANDB_MODE`, `WANDB_DIR`, `WANDB_PROJECT`, `WANDB_ENTITY` and `WANDB_API_KEY` mean what they mean
to wandb. `offline` needs neither key nor network; without `WANDB_DIR` what is written lies under
the sweep folder, for `wandb sync`.

A trial becomes a run when it has ended, whole and in one go: wandb's offline folders of one id do
not append (https://github.com/wandb/wandb/issues/3841), so a run that was begun, cut off and begun
again would lose its history. For the same reason `tracking.json` keeps a trial from being written
twice. The run of the whole sweep is written anew, complete and under the same id, whenever it has
changed; offline that is a second folder, of which the last one holds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.dashboards.overview import cells, finite, front_chart, overview
from analysis.dashboards.tracker import (
    TrackerUnavailable,
    Trial,
    run_identity,
    sweep_identity,
)
from analysis.dashboards.uploads import (
    codec_folders,
    deepest_rows,
    on_a_front,
    shared_page,
)
from analysis.log import Log
from search_spaces.record import POINT_KEYS, REPORT_FILE

if TYPE_CHECKING:
    import pandas as pd

PROJECT = "ratefront"
"""Project of the runs where `WANDB_PROJECT` does not name one."""
ANALYSIS = "analysis"
CURVE = "curve/"
"""Before the name of each column of a learning curve: without it is the value of the end."""
WHOLE = 1000
"""Step at which a trial has spent its whole training budget: steps are the share in per mille."""
HTML_LIMIT = 10_000_000
"""Bytes up to which the report is shown in the run; a larger one becomes an artifact."""
_OF_A_CODEC = ("rate_", "val_rate_", "val_rmse_", "codec_bytes", "parameters")
_TAG_LENGTH = 64
_NAME_LENGTH = 128


class Wandb:
    """Mirrors a sweep into Weights & Biases; see the module for what becomes what."""

    name = "wandb"

    def __init__(self, *, clips: bool = True) -> None:
        """Imports nothing yet; without `clips` no page with motion is uploaded."""
        self._clips = clips
        self._wandb: Any = None
        self._head: Log
        self._folder = ""
        self._abandoned = False

    @property
    def place(self) -> str:
        """Where offline runs lie; online, W&B says itself where they are."""
        if self._wandb is None or self._resume is not None:
            return ""
        return f"{Path(self._folder) / 'wandb'} (offline; 'wandb sync' takes it up)"

    def start(self, head: Log) -> None:
        """Imports wandb and finds its mode and key, asking nobody.

        Raises:
            TrackerUnavailable: wandb is not installed or switched off, or has no key to be online.
        """
        try:
            import wandb
            from wandb.sdk import wandb_login, wandb_setup
        except ImportError as error:
            raise TrackerUnavailable(f"wandb cannot be imported ({error}); install it") from None
        self._wandb, self._head = wandb, head
        mode = wandb_setup.singleton().settings.mode
        if mode == "disabled":
            raise TrackerUnavailable("WANDB_MODE is disabled; set it to online or offline")
        # What wandb says would be drawn across the sweep's progress.
        wandb.termsetup(wandb.Settings(silent=True), None)
        # Without this, wandb would ask at the terminal that the sweep is running in.
        offline = mode in ("offline", "dryrun")
        if not offline and not wandb_login._login(prompt=False, _silent=True)[0]:
            raise TrackerUnavailable(
                "wandb has no API key; set WANDB_API_KEY, run 'wandb login', or set "
                "WANDB_MODE=offline"
            )
        self._resume = None if offline else "allow"
        self._folder = os.environ.get("WANDB_DIR") or str(head.folder)

    def trial(self, trial: Trial) -> None:
        """Writes the run of a trial, its learning curve, operating points and end."""
        codec, seed = trial.codec, trial.proposed.get("seed")
        facts = self._head.facts
        tags = [codec, facts.name if facts else "", self._head.sweep.get("size"), f"seed-{seed}"]
        config = {**trial.config, "codec": codec, "seed": seed, **self._shared()}
        config["config_hash"] = trial.proposed.get("config_hash")
        with self._run(trial.name, "trial", tags, config, failed=trial.status == "failed") as run:
            self._define_goals(run)
            rows = {round(WHOLE * float(r.get("share") or 0)): r for r in trial.progress}
            for step, row in sorted(rows.items()):
                values = {f"{CURVE}{k}": v for k, v in finite(row).items() if k != "share"}
                run.log({"share_permille": step, **values}, step=step)
            if trial.points:
                import pandas as pd

                frame = pd.DataFrame.from_records(list(trial.points))
                run.log({"points": self._table(frame)}, step=max([WHOLE, *rows]))
                run.summary.update(finite(trial.points[-1]))
            run.summary.update(
                {
                    "status": trial.status,
                    "reason": trial.reason,
                    "seconds": trial.end.get("seconds"),
                    "operating_points": len(trial.points),
                }
            )

    def finish(self, log: Log) -> None:
        """Writes the run of the sweep: points, fronts, charts, hypervolume, report, codecs.

        Codecs are those of trials on a front; the report holds no motion where that stays here.
        """
        seen = overview(log)
        config = {
            **self._shared(),
            "objectives": [o.name for o in log.objectives],
            "reference_point": log.sweep.get("reference_point"),
        }
        with self._run(ANALYSIS, ANALYSIS, [str(log.sweep.get("size"))], config) as run:
            run.define_metric("hypervolume", step_metric="trials_with_points")
            last = 0
            if seen.history is not None:
                steps = zip(
                    seen.history.value.tolist(),
                    seen.history.trials.tolist(),
                    seen.history.seconds.tolist(),
                    strict=True,
                )
                for value, last, seconds in steps:
                    row = {"hypervolume": value, "trials_with_points": last, "seconds": seconds}
                    run.log(row, step=last)
            shown: dict[str, Any] = {}
            if len(seen.points):
                shown = {
                    "points": self._table(seen.points),
                    "front": self._table(seen.front),
                    "front_chart": self._wandb.Plotly(front_chart(seen)),
                }
                for name in seen.others:
                    shown[f"front_chart_{name}"] = self._wandb.Plotly(front_chart(seen, name))
            report = shared_page(log, self._clips)
            if report is not None and report.stat().st_size <= HTML_LIMIT:
                shown["report"] = self._wandb.Html(str(report), inject=False)
            if shown:
                run.log(shown, step=last + 1)
            if report is not None and "report" not in shown:
                self._log_report(run, report)
            rows = deepest_rows(seen.points)
            for trial in on_a_front(seen):
                self._log_codec(run, trial, rows[trial], codec_folders(log, trial))
            run.summary.update(finite(seen.summary))

    def close(self) -> None:
        """Ends wandb's threads and its process, unless someone else in this process has a run."""
        if self._wandb is not None and self._wandb.run is None and not self._abandoned:
            try:
                self._wandb.teardown()
            except SystemExit as error:  # wandb's way to say that its process ended badly
                raise TrackerUnavailable(f"wandb's process ended with {error.code}") from None

    def abandon(self) -> None:
        """Kills wandb's process, which this one would otherwise wait for at its exit."""
        self._abandoned = True
        with contextlib.suppress(Exception):
            from wandb.sdk import wandb_setup

            setup = wandb_setup._singleton
            connection = setup._connection if setup is not None else None
            if connection is not None and connection._proc is not None:
                connection._cleanup()  # takes its hook from atexit
                connection._proc._process.kill()
                connection._proc._process.wait(timeout=1)

    @contextlib.contextmanager
    def _run(
        self,
        name: str,
        kind: str,
        tags: list[Any],
        config: Mapping[str, Any],
        *,
        failed: bool = False,
    ) -> Iterator[Any]:
        Path(self._folder).mkdir(parents=True, exist_ok=True)
        run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=run_identity(self._head, name),
            name=name[:_NAME_LENGTH],
            group=group_name(self._head),
            job_type=kind,
            tags=list(dict.fromkeys(str(t)[:_TAG_LENGTH] for t in tags if t)),
            config=finite(config),
            dir=self._folder,
            resume=self._resume,
            # Beside whatever run someone has open, and leaving `wandb.run` alone.
            reinit="create_new",
            settings=self._wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                x_disable_stats=True,
                x_disable_meta=True,
                x_save_requirements=False,
                # "Stop run" on the web page must not interrupt the sweep.
                stop_fn=_ignore,
            ),
        )
        code = 1
        try:
            yield run
            code = int(failed)
        finally:
            run.finish(exit_code=code)
        if self._abandoned:
            raise TrackerUnavailable("wandb was given up while it wrote")

    def _shared(self) -> dict[str, Any]:
        """Configuration that all runs of the sweep have: data, versions, goals."""
        sweep, facts = self._head.sweep, self._head.facts
        shared: dict[str, Any] = {
            "sweep": self._head.name,
            "sweep_id": sweep_identity(self._head),
            "preset": sweep.get("preset"),
            "size": sweep.get("size"),
            "goals": {o.name: _goal(o.sign) for o in self._head.objectives},
            **{f"versions.{k}": v for k, v in (sweep.get("versions") or {}).items()},
        }
        if facts is not None:
            shared |= {
                "data": facts.name,
                "data_hash": facts.data_hash,
                "split_hash": facts.split_hash,
                "split": facts.split,
                "fps": facts.fps,
                "parts": list(facts.part_names),
            }
        return shared

    def _define_goals(self, run: Any) -> None:
        # wandb 0.31 has no `goal`; the kind of summary says the same, and `goals` in config.
        run.define_metric(f"{CURVE}*", step_metric="share_permille")
        for objective in self._head.objectives:
            if not objective.metric.known:
                run.define_metric(
                    f"{CURVE}{objective.column('val')}",
                    step_metric="share_permille",
                    summary=_goal(objective.sign)[:3],
                )

    def _table(self, frame: pd.DataFrame) -> Any:
        columns, rows = cells(frame)
        return self._wandb.Table(columns=columns, data=rows)

    def _log_codec(
        self, run: Any, trial: str, row: Mapping[str, Any], folders: Mapping[str, Path]
    ) -> None:
        if not folders:
            return
        told = {k: v for k, v in finite(row).items() if isinstance(v, str | int | float)}
        # Validation alone, as a codec is chosen; wandb takes a hundred values at most.
        said = {k: v for k, v in told.items() if k in POINT_KEYS or k.startswith(_OF_A_CODEC)}
        said = dict(list(said.items())[:100])
        name = f"codec-{run_identity(self._head, trial)}"
        artifact = self._wandb.Artifact(name, type="model", description=trial, metadata=said)
        for folder, place in folders.items():
            artifact.add_dir(str(place), name=folder)
        run.log_artifact(artifact)

    def _log_report(self, run: Any, report: Path) -> None:
        artifact = self._wandb.Artifact(f"report-{sweep_identity(self._head)}", type="report")
        artifact.add_file(str(report), name=REPORT_FILE)
        run.log_artifact(artifact)


def group_name(log: Log) -> str:
    """Group of a sweep's runs."""
    return f"{log.name[: _NAME_LENGTH - 7]}-{sweep_identity(log)[:6]}"


def _goal(sign: int) -> str:
    return "minimize" if sign > 0 else "maximize"


def _ignore() -> None:
    return
