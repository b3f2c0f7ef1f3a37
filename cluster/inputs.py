"""What trials need of others, found before they are launched: the codecs that generators are given.

A codec of the same sweep is proposed before the first generator that asks for it. One that was
trained elsewhere is copied into the sweep's own folder when the sweep begins, so that nothing that
is tidied away there is missed here.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.schedulers.decisions import FollowsCurves
from cluster.searchers.searcher import Searcher
from cluster.storage.mirror import bring_weights, shown
from cluster.storage.places import named_place, whole_sweep
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import INPUT, awaits_codec, codecs_of, generators, is_generator
from search_spaces.feature_families import FEATURE_AUTOENCODER
from search_spaces.inputs import (
    Awaited,
    CodecInput,
    Resolved,
    awaited_of,
    codec_trial,
    folder_hash,
    matches,
)
from search_spaces.record import CODEC_FOLDER, INPUTS_FOLDER, TRIALS_FOLDER
from search_spaces.space import Config, canonical
from search_spaces.spec import SweepSpec
from search_spaces.speech_families import FEATURES_INPUT, FEATURES_SEED, feature_codec

if TYPE_CHECKING:
    from analysis.log import Log

Configuration = Callable[[Config], Config]
_SLOTS = ("codec", "features")
"""Of `inputs:` in a spec."""
SAME = {
    "unit": "another unit", "fps": "another rate", "features": "other features",
    "root": "another root", "mirrored": "other mirroring", "data_hash": "other motion",
    "part_names": "other parts", "parts": "other joints", "split_hash": "another split",
}  # fmt: skip
"""Facts that a codec and the generator on it share, in words: those that explain others first."""


class InputsFirst:
    """A searcher whose generators' codecs and encoders are proposed before them, each once.

    Attributes:
        implied: numbers of the proposals that the searcher behind did not make.
        seeds: number of a proposal -> its only seed, of those that have one for all who wait.
    """

    def __init__(self, inner: Searcher, configuration: Configuration) -> None:
        """Asks `inner`; `configuration` completes its proposals."""
        self._inner = inner
        self._configuration = configuration
        self._held: deque[tuple[Config, Awaited | None]] = deque()
        self._known: set[str] = set()
        self._numbers: list[int | None] = []
        self._asked = 0
        self.implied: set[int] = set()
        self.seeds: dict[int, int] = {}

    def ask(self) -> Config | None:
        """The next proposal: a codec that is asked for, or the searcher's own."""
        if not self._held:
            proposed = self._inner.ask()
            if proposed is None:
                return None
            config = self._configuration(proposed)
            for each in awaited_of(config):
                if canonical(each.config) not in self._known:
                    self._known.add(canonical(each.config))
                    self._held.append((each.config, each))
            self._known.add(canonical(config))
            self._held.append((proposed, None))
        proposed, awaited = self._held.popleft()
        if awaited is None:
            self._numbers.append(self._asked)
            self._asked += 1
            return proposed
        number = len(self._numbers)
        self.implied.add(number)
        if awaited.seed is not None:
            self.seeds[number] = awaited.seed
        self._numbers.append(None)
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
    return len([a for a in _implied(spec) if a.seed is None])


def implied_encoders(spec: SweepSpec) -> int:
    """Trials that a finite space's generators ask for with one seed, however many seeds it has."""
    if not {g.name for g in generators()} & set(codecs_of(spec.space)):
        return 0
    return len([a for a in _implied(spec) if a.seed is not None])


def _implied(spec: SweepSpec) -> list[Awaited]:
    configs = [spec.configuration(proposal) for proposal in spec.space.grid()]
    known = {canonical(c) for c in configs if not is_generator(c)}
    found = []
    for awaited in (a for config in configs for a in awaited_of(config)):
        if canonical(awaited.config) not in known:
            known.add(canonical(awaited.config))
            found.append(awaited)
    return found


class Inputs:
    """Where the codecs of a sweep's generators are."""

    def __init__(self, folder: Path) -> None:
        """Of the sweep in `folder`."""
        self._folder = folder

    def __call__(self, config: Config, seed: int) -> Resolved | None:
        """What a generator's trial is given, ready to be used; None for a codec's own trial.

        Raises:
            BadInput: it is not there, or no longer the one that the sweep began with.
        """
        codec = encoder = None
        if awaits_codec(config):
            codec = self._at(str(config[INPUT]), codec_trial(config, seed), "codec")
        if (autoencoder := feature_codec(config)) is not None:
            trial = Awaited(autoencoder, int(config[FEATURES_SEED])).trial(seed)
            encoder = self._at(str(config[FEATURES_INPUT]), trial, "feature autoencoder")
        if encoder is None:
            return codec
        beside = (encoder.place, encoder.sha256, encoder.trial)
        return replace(codec or Resolved("", ""), features=beside)

    def _at(self, named: str, trial: str, what: str) -> Resolved:
        """What was trained elsewhere and is named by its hash, or what a trial of ours left."""
        place = self._folder / (
            Path(INPUTS_FOLDER) / named if named else Path(TRIALS_FOLDER) / trial / CODEC_FOLDER
        )
        if not named:
            bring_weights(self._folder, trial)
        found = folder_hash(place)
        if named and found != named:
            raise BadInput(f"{place}: is {found} by now; put back the {what} that it was")
        return Resolved(str(place), found, "" if named else trial)


@contextlib.contextmanager
def staged(spec: SweepSpec, facts: DataFacts) -> Iterator[tuple[SweepSpec, Path | None]]:
    """A spec with the codec that its inputs name found and copied to a folder for the while.

    Yields:
        The spec, and the folder; None where it names none.

    Raises:
        BadInput: nothing there that fits, or it was trained on other motion.
    """
    named = {k: v for k in _SLOTS if (v := getattr(spec.inputs, k)) is not None}
    if not named:
        yield spec, None
        return
    with tempfile.TemporaryDirectory(prefix="ratefront-input-") as scratch:
        places = {slot: Path(scratch) / slot for slot in named}
        found = {slot: stage(named[slot], facts, places[slot], slot) for slot in named}
        inputs = spec.inputs.model_copy(update=found)
        yield spec.model_copy(update={"inputs": inputs}), Path(scratch)


def take_in(spec: SweepSpec, place: Path | None, folder: Path) -> None:
    """Copies what was staged into the folder of a sweep, where its hash is its name."""
    for slot in _SLOTS if place is not None else ():
        if (found := getattr(spec.inputs, slot)) is not None and place is not None:
            shutil.copytree(place / slot, folder / INPUTS_FOLDER / found.sha256)


def stage(codec: CodecInput, facts: DataFacts, into: Path, slot: str = "codec") -> CodecInput:
    """Copies a codec that was trained elsewhere into a new folder; returns what it is.

    Args:
        codec: as a spec names it.
        facts: of the data that it is to be used on.
        into: a folder that is not there yet.
        slot: of inputs; `features` takes a feature autoencoder alone.

    Raises:
        BadInput: nothing there that fits, or it was trained on other motion.
    """
    if slot == "features" and codec.sweep:
        asked = f"codec={FEATURE_AUTOENCODER.name}"
        codec = codec.model_copy(
            update={"choose": " ".join({asked: 0, **dict.fromkeys(codec.choose.split())})}
        )
    if codec.folder:
        config = _exported(Path(codec.folder), facts, into)
        trial, place = "", {"folder": str(Path(codec.folder).absolute())}
    else:
        trial, config, source = _chosen(codec, facts)
        shutil.copytree(source, into)
        place = {"sweep": named_place(codec.sweep)}
    if slot == "features" and config.get("codec") != FEATURE_AUTOENCODER.name:
        raise BadInput(
            f"inputs.features: {codec.described()} is a codec {config.get('codec')}; name one of "
            f"codec={FEATURE_AUTOENCODER.name}"
        )
    found = {**place, "trial": trial, "config": config, "sha256": folder_hash(into)}
    return codec.model_copy(update=found)


def _chosen(codec: CodecInput, facts: DataFacts) -> tuple[str, Config, Path]:
    """The best trial on validation of those that were asked for: name, configuration, codec."""
    from analysis.log import read_log

    folder = whole_sweep(named_place(codec.sweep))
    log, name = read_log(folder), shown(folder)
    if log.facts is None:
        raise BadInput(f"{name}: ended before it had any data; name another sweep in inputs")
    _same_motion(name, log.facts, facts)
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


def _same_motion(where: Path | str, theirs: DataFacts, ours: DataFacts) -> None:
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
