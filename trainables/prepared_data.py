"""The data that a sweep's codecs need: motion as features, or motion that is drawn as heatmaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.spec import DataSpec
from search_spaces.speech_families import SPEECH_TO_CODES

if TYPE_CHECKING:
    from trainables.heatmaps.motion import HeatmapMotion
    from trainables.motion.dataset import MotionData

    Data = MotionData | HeatmapMotion


def of_heatmaps(codecs: Sequence[str]) -> bool:
    """Whether codecs are of heatmaps.

    Raises:
        BadInput: some are and some are not, so that no data are of all of them.
    """
    drawn = [name for name in codecs if family_of({"codec": name}).medium == "heatmaps"]
    if drawn and len(drawn) < len(codecs):
        other = next(name for name in codecs if name not in drawn)
        raise BadInput(
            f"a sweep is of motion or of heatmaps: {drawn[0]} codes heatmaps and {other} does not; "
            "run two sweeps"
        )
    return bool(drawn)


def prepare_data(spec: DataSpec, codecs: Sequence[str]) -> Data:
    """Data as the codecs of a sweep need them.

    Raises:
        BadInput: nothing that can be read, codecs of two media, or no speech for one that needs it.
    """
    if of_heatmaps(codecs):
        from trainables.heatmaps.motion import read_motion, reading_of

        return read_motion(reading_of(spec))
    from trainables.motion.dataset import prepare

    data = prepare(spec)
    if SPEECH_TO_CODES not in codecs:
        return data
    from trainables.speech.spoken_data import with_speech

    return with_speech(data, spec)


def bounds_of(data: Data) -> list[dict[str, Any]]:
    """Rows of the bounds on some data."""
    from trainables.bounds import bound_rows
    from trainables.motion.dataset import MotionData

    return bound_rows(data) if isinstance(data, MotionData) else data.bound_rows()


def keep_preparation(data: Data, folder: Path) -> None:
    """What exported codecs will need of the data; heatmaps are drawn and need nothing fitted."""
    from trainables.exported.prepared import save_prepared
    from trainables.motion.dataset import MotionData

    if isinstance(data, MotionData):
        save_prepared(data, folder)
