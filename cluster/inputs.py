"""What trials need of others, found before they are launched: the codecs that generators are given.

A codec of the same sweep is proposed before the first generator that asks for it. One that was
trained elsewhere is copied into the sweep's own folder when the sweep begins, so that nothing that
is tidied away there is missed here.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.schedulers.decisions import FollowsCurves
from cluster.searchers.searcher import Searcher
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import INPUT, codecs_of, generators, is_generator
from search_spaces.inputs import (
    CodecInput,
    Resolved,
    codec_of,
    codec_trial,
    folder_hash,
    matches,
)
from search_spaces.record import CODEC_FOLDER, INPUTS_FOLDER, TRIALS_FOLDER
from search_spaces.space import Config, canonical
from search_spaces.spec import SweepSpec

if TYPE_CHECKING:
    from analysis.log import Log

Configuration = Callable[[Config], Config]
SAME = {
    "unit": "another unit", "fps": "another rate", "features": "other features",
    "root": "another root", "mirrored": "other mirroring", "data_hash": "other motion",
    "part_names": "other parts", "parts": "other joints", "split_hash": "another split",
}  # fmt: skip
"""Facts that a codec and the generator on it share, in words: those that explain others first."""


class InputsFirst:
    """A searcher whose generators' codecs are proposed before them, each once.

    Attributes:
        implied: numbers of the proposals that the searcher behind did not make.
    """

    def __init__(self, inner: Searcher, configuration: Configuration) -> None:
        """Asks `inner`; `configuration` completes its proposals."""
        self._inner = inner
        self._configuration = configuration
        self._held: Config | None = None
        self._known: set[str] = set()
        self._numbers: list[int | None] = []
        self._asked = 0
        self.implied: set[int] = set()

    def ask(self) -> Config | None:
        """The next proposal: a codec that is asked for, or the searcher's own."""
        proposed, self._held = self._held, None
        if proposed is None:
            proposed = self._inner.ask()
            if proposed is None:
                return None
            config = self._configuration(proposed)
            wanted = codec_of(config) if is_generator(config) and not config[INPUT] else config
            new = canonical(wanted) not in self._known
            self._known.add(canonical(wanted))
            if wanted is not config and new:
                self._held = proposed
                self.implied.add(len(self._numbers))
                self._numbers.append(None)
                return wanted
        self._numbers.append(self._asked)
        self._asked += 1
        return proposed

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        """What became of a proposal; those that the searcher did not make are none of its own."""
        number = self._numbers[ask]
        if number is not None:
            self._inner.tell(number, values, points=points, refused=refused)

    def report(self, ask: int, share: float, points: Sequence[Sequence[float]]) -> None:
        """A trial on its way, for a searcher that follows curves."""
        number = self._numbers[ask]
        if number is not None and isinstance(self._inner, FollowsCurves):
            self._inner.report(number, share, points)

    def stopped(self, ask: int) -> None:
        """A stopped trial, which has no values for a searcher that follows no curves."""
        number = self._numbers[ask]
        if number is None:
            return
        if isinstance(self._inner, FollowsCurves):
            self._inner.stopped(number)
        else:
            self._inner.tell(number, None)


def implied_codecs(spec: SweepSpec) -> int:
    """Codecs that a finite space's generators ask for beyond those that it lists."""
    if not {g.name for g in generators()} & set(codecs_of(spec.space)):
        return 0
    configs = [spec.configuration(proposal) for proposal in spec.space.grid()]
    listed = {canonical(c) for c in configs if not is_generator(c)}
    asked = {canonical(codec_of(c)) for c in configs if is_generator(c) and not c[INPUT]}
    return len(asked - listed)


class Inputs:
    """Where the codecs of a sweep's generators are."""

    def __init__(self, folder: Path) -> None:
        """Of the sweep in `folder`."""
        self._folder = folder

    def __call__(self, config: Config, seed: int) -> Resolved | None:
        """The codec of a generator's trial, ready to be used; None for a codec's own trial.

        Raises:
            BadInput: it is not there, or no longer the one that the sweep began with.
        """
        if not is_generator(config):
            return None
        trial, named = codec_trial(config, seed), str(config[INPUT])
        place = self._folder / (
            Path(INPUTS_FOLDER) / named if named else Path(TRIALS_FOLDER) / trial / CODEC_FOLDER
        )
        found = folder_hash(place)
        if named and found != named:
            raise BadInput(f"{place}: is {found} by now; put back the codec that it was")
        return Resolved(str(place), found, trial)


@contextlib.contextmanager
def staged(spec: SweepSpec, facts: DataFacts) -> Iterator[tuple[SweepSpec, Path | None]]:
    """A spec with the codec that its inputs name found and copied to a folder for the while.

    Yields:
        The spec, and the folder; None where it names none.

    Raises:
        BadInput: nothing there that fits, or it was trained on other motion.
    """
    named = spec.inputs.codec
    if named is None:
        yield spec, None
        return
    with tempfile.TemporaryDirectory(prefix="ratefront-input-") as scratch:
        place = Path(scratch) / CODEC_FOLDER
        found = spec.inputs.model_copy(update={"codec": stage(named, facts, place)})
        yield spec.model_copy(update={"inputs": found}), place


def take_in(spec: SweepSpec, place: Path | None, folder: Path) -> None:
    """Copies a staged codec into the folder of a sweep, where its hash is its name."""
    if place is not None and spec.inputs.codec is not None:
        shutil.copytree(place, folder / INPUTS_FOLDER / spec.inputs.codec.sha256)


def stage(codec: CodecInput, facts: DataFacts, into: Path) -> CodecInput:
    """Copies a codec that was trained elsewhere into a new folder; returns what it is.

    Args:
        codec: as a spec names it.
        facts: of the data that it is to be used on.
        into: a folder that is not there yet.

    Raises:
        BadInput: nothing there that fits, or it was trained on other motion.
    """
    if codec.folder:
        config = _exported(Path(codec.folder), facts, into)
        trial, place = "", {"folder": str(Path(codec.folder).absolute())}
    else:
        trial, config, source = _chosen(codec, facts)
        shutil.copytree(source, into)
        place = {"sweep": str(Path(codec.sweep).absolute())}
    found = {**place, "trial": trial, "config": config, "sha256": folder_hash(into)}
    return codec.model_copy(update=found)


def _chosen(codec: CodecInput, facts: DataFacts) -> tuple[str, Config, Path]:
    """The best trial on validation of those that were asked for: name, configuration, codec."""
    from analysis.log import read_log

    folder = Path(codec.sweep)
    log = read_log(folder)
    if log.facts is None:
        raise BadInput(f"{folder}: ended before it had any data; name another sweep in inputs")
    _same_motion(folder, log.facts, facts)
    proposed = {str(e["trial"]): e["config"] for e in log.of("proposed")}
    done = [str(e["trial"]) for e in log.of("done")]
    codecs = [t for t in done if t in proposed and not is_generator(proposed[t])]
    wanted = codec.wanted()
    same = [t for t in codecs if set(wanted) <= set(proposed[t]) and matches(proposed[t], wanted)]
    kept = [t for t in same if (folder / TRIALS_FOLDER / t / CODEC_FOLDER).is_dir()]
    if not kept:
        raise BadInput(
            f"inputs: no finished codec of {codec.described()} is kept ({len(codecs)} finished, "
            f"{len(same)} as asked for); change choose, or train one again with 'ratefront rerun'"
        )
    scores = _scores(log)
    trial = min(kept, key=lambda t: (scores.get(t, float("inf")), t))
    return trial, dict(proposed[trial]), folder / TRIALS_FOLDER / trial / CODEC_FOLDER


def _scores(log: Log) -> dict[str, float]:
    """Trial -> validation error of its deepest point: full pose, in whatever unit."""
    found: dict[str, tuple[int, float]] = {}
    for event in log.of("point"):
        row: dict[str, Any] = event["row"]
        column = next((c for c in row if c.startswith("val_rmse_full_")), "")
        if column and row[column] is not None:
            at = (int(row["depth"]), float(row[column]))
            found[str(event["trial"])] = max(found.get(str(event["trial"]), at), at)
    return {trial: value for trial, (_, value) in found.items()}


def _exported(folder: Path, facts: DataFacts, into: Path) -> Config:
    """Writes an exported codec part by part; returns its configuration."""
    from trainables.exported.codec_folder import load_exported

    exported = load_exported(folder)
    _same_motion(folder, exported.facts, facts)
    configs = {canonical(c.config): c.config for c in exported.codecs.values()}
    shallow = any(exported.depths[part] < c.levels for part, c in exported.codecs.items())
    if len(configs) > 1 or shallow:
        raise BadInput(
            f"{folder}: its parts are of several trials, or not all of its levels were exported; "
            "export a whole trial with 'ratefront export'"
        )
    for part, codec in exported.codecs.items():
        codec.save(into / part)
    return next(iter(configs.values()))


def _same_motion(where: Path, theirs: DataFacts, ours: DataFacts) -> None:
    for what, word in SAME.items():
        was, now = getattr(theirs, what), getattr(ours, what)
        if was != now:
            raise BadInput(
                f"inputs: the codec in {where} was trained with {word} "
                f"({_shown(what, was, now)}); a generator needs a codec of the same motion, split "
                "and features: name one, or set data as it was there"
            )


def _shown(what: str, was: Any, now: Any) -> str:
    """Both values; of parts, the first that differs."""
    if what != "parts":
        return f"{what} {was}, here {now}"
    one, other = next((a, b) for a, b in zip(was, now, strict=True) if a != b)
    return (
        f"{one.name}: {one.joints} joints and {one.dimensions} features, here {other.joints} and "
        f"{other.dimensions}"
    )
