"""Trains any number of codecs on one device, those of one shape as one pack.

Members come, go and change shape on the way (in the last part of its budget a codec trains its
decoder alone): packs are put together anew whenever who belongs together has changed. A codec that
cannot train beside others trains by its own `fit`, in one go.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any

from torch import Tensor

from trainables.codecs.codec import Codec
from trainables.losses.reconstruction import ReconstructionLoss
from trainables.motion.part_data import PartData
from trainables.packed.member import Member, packable
from trainables.packed.pack import JOINT_ERRORS, Execution, Pack
from trainables.runtime import Runtime


class Stretch:
    """One codec's training to a share of its budget.

    Attributes:
        codec: that is trained.
        losses: means over the stretch once it has ended.
        seconds: of the device, its share of those of its packs.
        error: what ended it before its time.
    """

    def __init__(self, codec: Codec) -> None:
        """A stretch that has not ended."""
        self.codec = codec
        self.losses: dict[str, float] | None = None
        self.seconds = 0.0
        self.error: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or the other."""
        return self.losses is not None or self.error is not None


class Engine:
    """Packs on one device."""

    def __init__(self, execution: Execution = Execution()) -> None:  # noqa: B008 -- frozen
        """Nothing to train yet."""
        self._execution = execution
        self._members: dict[Codec, Member] = {}
        self._stretches: dict[Codec, Stretch] = {}
        self._packs: dict[Hashable, Pack] = {}
        self._targets: dict[Hashable, tuple[PartData, Tensor, ReconstructionLoss]] = {}

    def begin(self, codec: Codec, data: PartData, runtime: Runtime, until: float) -> Stretch:
        """A codec is to be trained to a share of its budget, from where it stands.

        What a codec's own `fit` raises stands in the stretch, and so does what it raises here.
        """
        stretch, began = Stretch(codec), time.perf_counter()
        try:
            self._begin(stretch, data, runtime, until)
        except Exception as error:
            stretch.error = error
            self.drop(codec)
        stretch.seconds += time.perf_counter() - began
        return stretch

    def _begin(self, stretch: Stretch, data: PartData, runtime: Runtime, until: float) -> None:
        codec = stretch.codec
        if (known := self._members.get(codec)) is not None:
            known.extend(until)
            for pack in self._packs.values():
                if known in pack.members:
                    pack.begin(pack.members.index(known))
        elif packable(codec, data):
            self._members[codec] = known = Member(codec, data, runtime, until)
        if known is None:
            stretch.losses = codec.fit(data, runtime, until)
        elif known.goal <= known.step:
            stretch.losses = {}
        else:
            self._stretches[codec] = stretch

    def drop(self, codec: Codec) -> None:
        """A codec is done with, or nobody waits for it any more; what it learnt stands in it."""
        self._stretches.pop(codec, None)
        member = self._members.pop(codec, None)
        for shape, pack in list(self._packs.items()):
            if member in pack.members:
                pack.leave()
                del self._packs[shape]

    def settle(self) -> None:
        """What every member has learnt so far stands in its codec too; training goes on."""
        for pack in self._packs.values():
            for place, member in enumerate(pack.members):
                pack.hand_back(place, member)

    @property
    def idle(self) -> bool:
        """Whether nothing is left to train."""
        return not self._stretches

    @property
    def sizes(self) -> list[int]:
        """Members of each pack as it stands."""
        return [len(pack.members) for pack in self._packs.values()]

    def advance(self, steps: int) -> None:
        """Every pack makes so many steps, fewer where a member reaches its goal before."""
        self._regroup()
        for pack in self._packs.values():
            began = time.perf_counter()
            pack.advance(steps)
            share = (time.perf_counter() - began) / len(pack.members)
            for place, member in enumerate(pack.members):
                stretch = self._stretches[member.codec]
                stretch.seconds += share
                if member.step == member.goal:
                    pack.hand_back(place, member)
                    self._end(stretch, member)

    def _end(self, stretch: Stretch, member: Member) -> None:
        del self._stretches[stretch.codec]
        try:
            stretch.losses = member.ended()
        except FloatingPointError as error:
            stretch.error = error

    def _regroup(self) -> None:
        """Puts those together that belong together and have something left to do."""
        groups: dict[Hashable, list[Member]] = {}
        for codec in self._stretches:
            member = self._members[codec]
            groups.setdefault(member.shape(), []).append(member)
        for shape, pack in list(self._packs.items()):
            if set(pack.members) != set(groups.get(shape, ())):
                pack.leave()
                del self._packs[shape]
        for shape, members in groups.items():
            if shape not in self._packs:
                self._packs[shape] = Pack(members, *self._trained_on(members), self._execution)

    def _trained_on(self, members: list[Member]) -> tuple[Tensor, ReconstructionLoss]:
        """Scaled features of one shape, and the errors that any of the members has."""
        codec, data = members[0].codec, members[0].data
        weights = [member.codec.loss_weights() for member in members]
        on = {name: max(each[name] for each in weights) for name in weights[0]}
        joints = tuple(on[name] > 0 for name in JOINT_ERRORS)
        key = id(data), str(codec.option("feature_scaling", "none")), joints
        if key not in self._targets:
            features = codec.scaled(data.features)
            loss = ReconstructionLoss(on, data, codec.scale_of(data), features)
            self._targets[key] = data, features, loss
        return self._targets[key][1:]


def train(works: list[tuple[Codec, PartData]], runtime: Runtime, until: float) -> list[Any]:
    """Trains codecs side by side to a share of their budgets.

    Returns:
        What each one's `fit` would have: means over the stretch, or the exception that it raises.
    """
    engine = Engine()
    stretches = [engine.begin(codec, data, runtime, until) for codec, data in works]
    while not engine.idle:
        engine.advance(64)
    for codec, _ in works:
        engine.drop(codec)
    return [stretch.error or stretch.losses for stretch in stretches]
