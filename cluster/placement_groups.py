"""Gives a worker group's cores back when its trial ends before its time.

Train's controller removes its placement group when a run ends by itself. When Tune stops a trial,
or its process dies, the controller is killed, and Train's own cleaner learns of that by way of the
state API, which needs a dashboard: without one the cores stay reserved and the next trial waits for
ever. So the first worker notes its placement group in the trial's folder, and whoever sees the
trial end removes what is noted. Only groups that a trial of the sweep noted are ever touched, so
other users of a cluster are safe.
"""

from __future__ import annotations

from pathlib import Path

NOTE = "placement_groups.txt"


def note_placement_group(folder: Path) -> None:
    """Adds the placement group this worker runs in to the trial's note.

    Args:
        folder: of the trial.
    """
    from ray.util import get_current_placement_group

    group = get_current_placement_group()
    if group is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NOTE).open("a") as note:
        note.write(f"{group.id.hex()}\n")


def release_placement_groups(folder: Path) -> list[str]:
    """Removes what a trial noted and Train has not removed; returns the ids it removed.

    Args:
        folder: of the trial.
    """
    note = folder / NOTE
    if not note.is_file():
        return []
    import ray
    from ray.util.placement_group import PlacementGroup

    removed = []
    for said in dict.fromkeys(note.read_text().split()):
        group = PlacementGroup(ray.PlacementGroupID.from_hex(said))
        if ray.util.placement_group_table(group).get("state", "REMOVED") != "REMOVED":
            ray.util.remove_placement_group(group)
            removed.append(said)
    note.unlink(missing_ok=True)
    return removed
