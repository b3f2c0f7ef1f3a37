"""A saved workspace in W&B for a mirrored sweep: its fronts and its learning curves to look at.

W&B draws no line across runs (https://github.com/wandb/wandb/issues/3032), so the fronts are the
charts that the run of the whole sweep carries; scatter plots of the trials' own summaries stand
beside them. Needs `wandb-workspaces`, a public preview by its makers' own word, and W&B online: a
workspace lives on the server.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from analysis.dashboards.tracker import TrackerUnavailable, sweep_identity
from analysis.dashboards.wandb import CURVE, PROJECT, group_name
from analysis.labels import objective_label, unit_label
from analysis.log import Log
from analysis.statistics import is_rate


def make_workspace(log: Log, entity: str) -> Any:
    """The workspace of a sweep, not saved yet.

    Raises:
        TrackerUnavailable: `wandb-workspaces` is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It is written for an older pydantic, and says so at length.
            warnings.simplefilter("ignore", DeprecationWarning)
            import wandb_workspaces.reports.v2.interface as panels
            import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise TrackerUnavailable(
            f"wandb-workspaces cannot be imported ({error}); pip install 'ratefront[workspaces]'"
        ) from None
    rate = log.rate.column("val")
    distortions = [o for o in log.objectives if not is_rate(o.name)]

    def axis(name: str) -> str:
        return f"{objective_label(name)} ({unit_label(name)})"

    scatter = [
        panels.ScatterPlot(
            title=f"{axis(o.name)} over {axis(log.rate.name)}",
            x=panels.SummaryMetric(rate),
            y=panels.SummaryMetric(o.column("val")),
            log_x=True,
        )
        for o in distortions
    ]
    curves = [
        panels.LinePlot(
            title=f"{axis(o.name)} as training goes on",
            x="share_permille",
            y=[f"{CURVE}{o.column('val')}"],
        )
        for o in distortions
    ]
    charts = ["front_chart", *(f"front_chart_{o.name}" for o in distortions[1:])]
    fronts = [panels.MediaBrowser(title="Fronts", media_keys=charts)]
    whole = [panels.LinePlot(title="Hypervolume", x="trials_with_points", y=["hypervolume"])]
    return ws.Workspace(
        entity=entity,
        project=os.environ.get("WANDB_PROJECT") or PROJECT,
        name=f"{log.name} {sweep_identity(log)[:6]}",
        sections=[
            ws.Section(name="The front", panels=[*fronts, *whole], is_open=True),
            ws.Section(name="Trials: rate against distortion", panels=scatter, is_open=True),
            ws.Section(name="Learning curves", panels=curves),
        ],
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Metric("Group") == group_name(log)),
            groupby=[ws.Config("codec")],
        ),
    )


def save_workspace(log: Log) -> str:
    """Saves the workspace of a sweep; gives its address.

    Raises:
        TrackerUnavailable: wandb is offline or has no key, or a library is missing.
    """
    from wandb.sdk import wandb_setup

    if wandb_setup.singleton().settings.mode not in (None, "online", "shared"):
        raise TrackerUnavailable("a workspace lives on W&B's server; set WANDB_MODE=online for it")
    import wandb

    try:
        entity = os.environ.get("WANDB_ENTITY") or str(wandb.Api().default_entity)
        return str(make_workspace(log, entity).save().url)
    except TrackerUnavailable:
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrackerUnavailable(f"the workspace could not be saved: {words}") from error
