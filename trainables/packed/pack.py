"""A pack: members of one shape whose training steps are one batch of operations.

Networks, codebooks, losses, clipping and Adam have a leading member dimension. Learning rate, loss
weights, decay, codes, levels, batches and random numbers are each member's own, and what a member
becomes depends on nothing else: not on its companions, its place among them, or when it came. The
loss is a sum over members, so that no gradient reaches another, be it finite or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from trainables.codecs.neural import GRADIENT_NORM
from trainables.losses.reconstruction import SCORED_FRAMES, ReconstructionLoss
from trainables.packed.member import Member, member_options, room_for
from trainables.packed.networks import run
from trainables.packed.update import PackedUpdate
from trainables.quantizers.fused_codebooks import FusedCodebooks

JOINT_ERRORS = ("loss.position", "loss.geodesic")
"""Errors that cost what kinematics costs, and are worked out for those members that have them."""

_MOMENTS = ("exp_avg", "exp_avg_sq")


_WARM_STEPS = 3  # of a graph, as torch asks for


@dataclass(frozen=True)
class Execution:
    """What a GPU may do otherwise than a CPU; `benchmarks/packed_gpu.py` measures each.

    Attributes:
        graphs: record a step once and replay it, where every step is the same operations.
        half: networks in bfloat16, everything else in single precision.
        compiled: networks by torch.compile.
    """

    graphs: bool = False
    half: bool = False
    compiled: bool = False


@dataclass(eq=False)
class StepDraws(Sequence[torch.Generator | None]):
    """Generators of one step of each member, made when somebody draws."""

    members: Sequence[Member]
    device: str
    _made: dict[tuple[int, str], torch.Generator] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, place: int) -> torch.Generator:  # type: ignore[override]
        """Of the codes, which are drawn where they lie."""
        return self.of(place, self.device)

    def of(self, place: int, device: str) -> torch.Generator:
        """A member's on a device."""
        if (place, device) not in self._made:
            self._made[place, device] = self.members[place].generator(device)
        return self._made[place, device]


class Pack:
    """Members that step together; they stand in it until `leave`.

    Attributes:
        members: in order of falling depth.
    """

    def __init__(
        self,
        members: Sequence[Member],
        features: Tensor,
        reconstruction: ReconstructionLoss,
        execution: Execution = Execution(),
    ) -> None:
        """Takes members of one `shape` in.

        Args:
            members: at least one.
            features: (frames, dimensions) that they train on, scaled.
            reconstruction: of those features; its weights are not looked at.
            execution: what a GPU may do otherwise.
        """
        self.members = sorted(members, key=lambda m: -m.books.levels)
        self._features, self._reconstruction = features, reconstruction
        first = self.members[0]
        self._device, self._alone = first.device, first.decoder_only
        self._compression = first.codec.compression
        self._execution = execution
        self._run = torch.compile(run) if execution.compiled else run
        self._drop = [place for place, m in enumerate(self.members) if m.drops]
        self._networks = first.model
        shapes = {name: each.shape for name, each in _named(first, self._alone)}
        self._update = PackedUpdate(
            shapes, [m.weight_decay for m in self.members],
            isinstance(first.optimiser, torch.optim.AdamW), self._device, GRADIENT_NORM,
        )  # fmt: skip
        self._still: dict[str, Tensor] = {}
        if self._alone:
            each = [dict(m.model.encoder.named_parameters("encoder")) for m in self.members]
            self._still = {name: torch.stack([e[name].detach() for e in each]) for name in each[0]}
        self._books = self._empty_books()
        self._sums: dict[str, Tensor] = {}
        self._warm, self._static = 0, torch.empty(0)
        self._graph: Any = None
        self._loss_weights = self._weights_of_losses()
        self._having = self._places_of_losses()
        for place, member in enumerate(self.members):
            self._take_in(place, member)

    def advance(self, most: int) -> None:
        """Training steps of every member: to the first goal, or `most` of them."""
        for _ in range(min(most, *(member.left for member in self.members))):
            self._step()

    def leave(self) -> None:
        """Every member's state goes back to its codec; the pack is not to be used again."""
        for place, member in enumerate(self.members):
            self.hand_back(place, member)

    # A step.

    def _step(self) -> None:
        members = self.members
        batches = [member.batch() for member in members]
        rows = torch.stack([torch.from_numpy(batch.rows) for batch in batches]).to(self._device)
        draws = StepDraws(members, self._device)
        depths = [member.books.levels for member in members]
        for place in self._drop:
            depths[place] = members[place].levels(draws.of(place, "cpu"))
        self._update.at([member.rate() for member in members])
        if self._execution.graphs and self.capturable:
            self._replayed(rows)
        else:
            self._train(rows, depths, draws)
        for member in members:
            member.step += 1

    def _train(self, rows: Tensor, depths: list[int], draws: StepDraws) -> None:
        """Everything of a step that happens on the device."""
        wanted = self._features.index_select(0, rows.view(-1)).view(*rows.shape, -1)
        losses = self._losses(wanted, rows, depths, draws)
        self._update.apply(losses["loss"].sum())
        self._add(losses)

    @property
    def capturable(self) -> bool:
        """Whether every step is the same operations, so that a GPU may record it once."""
        options = self._books.options
        steady = not (self._drop or options.redraws or options.anchor)
        return self._device != "cpu" and steady

    def _replayed(self, rows: Tensor) -> None:
        """A step of a recorded graph; the first ones run as they are, and warm it up."""
        depths = [member.books.levels for member in self.members]
        draws = StepDraws(self.members, self._device)
        if self._warm < _WARM_STEPS:
            self._warm += 1
            self._train(rows, depths, draws)
            return
        if self._graph is None:
            self._static = rows.clone()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._train(self._static, depths, draws)
            self._graph = graph
        self._static.copy_(rows)
        self._graph.replay()

    @torch.no_grad()
    def _add(self, losses: dict[str, Tensor]) -> None:
        """To the sums of members' stretches."""
        for name, value in losses.items():
            if name not in self._sums:
                begun = [member.losses.get(name, value.new_zeros(())) for member in self.members]
                self._sums[name] = torch.stack(begun)
            if name in self._having:
                self._sums[name].index_add_(0, self._having[name], value)
            else:
                self._sums[name] += value

    def _losses(
        self, wanted: Tensor, rows: Tensor, depths: list[int], draws: StepDraws
    ) -> dict[str, Tensor]:
        """`loss` and what it is made of, (members,) each; moves the codes."""
        weights = {**self._update.weights, **self._still}
        with torch.set_grad_enabled(not self._alone):
            latents = self._network("encoder", wanted, weights)
        flat = latents.reshape(len(latents), -1, latents.shape[-1])
        if self._alone:
            quantized = self._books.quantized(flat, depths)
            commitment = flat.new_zeros(len(flat))
        else:
            quantized, _, commitment = self._books.step(flat, depths, draws)
        decoded = self._network("decoder", quantized.view_as(latents), weights)
        decoded, wanted = decoded.flatten(1, -2), wanted.flatten(1, -2)
        every = max(1, decoded.shape[1] // SCORED_FRAMES)
        errors = self._reconstruction.errors_of_members(
            decoded, wanted, rows.flatten(1), every, self._having
        )
        weights = self._loss_weights
        total = weights["loss.commitment"] * commitment
        for name, error in errors.items():
            if name in self._having:
                places = self._having[name]
                total = total.index_add(0, places, weights[name][places] * error)
            else:
                total = total + weights[name] * error
        return {"loss": total, "loss.commitment": commitment, **errors}

    def _network(self, name: str, x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        half = torch.autocast(self._device, torch.bfloat16, enabled=self._execution.half)
        with half:
            found: Tensor = self._run(getattr(self._networks, name), x, weights, f"{name}.")
        return found.float()

    # Members' states, in and out.

    def _empty_books(self) -> FusedCodebooks:
        each = [member.books for member in self.members]
        own = [member_options(books) for books in each]
        books = FusedCodebooks(
            each[0].sums.shape[-1], room_for(max(b.sizes[0] for b in each)), each[0].levels, own[0],
            tokens_per_batch=each[0].tokens_per_batch, sizes=[b.sizes[0] for b in each],
            depths=[b.levels for b in each], members=len(each), own=own,
        )  # fmt: skip
        for name in ("counts", "sums", "averaged"):
            books.get_buffer(name).zero_()  # where there is no code, nothing is counted
        return books.to(self._device)

    def _weights_of_losses(self) -> dict[str, Tensor]:
        """(members,) by name."""
        each = [
            {**m.codec.loss_weights(), "loss.commitment": m.codec.number("commitment")}
            for m in self.members
        ]
        return {
            name: torch.tensor([one[name] for one in each], device=self._device) for name in each[0]
        }

    def _places_of_losses(self) -> dict[str, Tensor]:
        """Places of the members that have an error of joints, where any has."""
        found = {name: self._loss_weights[name].nonzero()[:, 0] for name in JOINT_ERRORS}
        return {name: places for name, places in found.items() if len(places)}

    @torch.no_grad()
    def _take_in(self, place: int, member: Member) -> None:
        update = self._update
        for name, weight in _named(member, self._alone):
            update.weights[name][place].copy_(weight)
            state = member.optimiser.state.get(weight)
            if state:
                update.averages[name][place].copy_(state[_MOMENTS[0]])
                update.squares[name][place].copy_(state[_MOMENTS[1]])
                update.steps[place] = float(state["step"])
        for held, own in self._codes(place, member):
            held.copy_(own)

    @torch.no_grad()
    def hand_back(self, place: int, member: Member) -> None:
        """A member's state goes to its codec, and stays here too."""
        update = self._update
        for name, weight in _named(member, self._alone):
            weight.copy_(update.weights[name][place])
            moments = (update.averages[name][place], update.squares[name][place])
            member.optimiser.state[weight] = {
                "step": update.steps[place].clone(),
                **{k: moment.clone() for k, moment in zip(_MOMENTS, moments, strict=True)},
            }
        for held, own in self._codes(place, member):
            own.copy_(held)
        member.books.started.fill_(True)
        member.codec.stands_at(member.step, member.batches.steps)
        weights = self._loss_weights
        member.losses = {
            name: sums[place].clone()
            for name, sums in self._sums.items()
            if name not in self._having or weights[name][place] > 0
        }

    def begin(self, place: int) -> None:
        """A member's next stretch begins."""
        for sums in self._sums.values():
            sums[place] = 0.0

    def _codes(self, place: int, member: Member) -> list[tuple[Tensor, Tensor]]:
        """The pack's and the member's tensors of its codebooks, of the codes that it has."""
        books, own = self._books, member.books
        size, depth = own.sizes[0], own.levels
        return [
            (books.get_buffer(n)[:depth, place, :size], own.get_buffer(n)[:, 0])
            for n in ("counts", "sums", "averaged")
        ]


def _named(member: Member, decoder_only: bool) -> Iterator[tuple[str, Tensor]]:
    """A member's trained weights by name."""
    for part in ("decoder",) if decoder_only else ("encoder", "decoder"):
        yield from getattr(member.model, part).named_parameters(part)
