"""The network from speech: shapes, what lies behind a recording's end, seeds, and windows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainables.networks.speech_transformer import Shape, SpeechNetwork, positions

SHAPE = Shape(
    kind="transformer", audio=6, text=4, heads=(5, 7), codes=(5, 7), width=16, layers=1,
    attention=2, dropout=0.0, audio_tcn=False, text_tcn=False, aligned=True,
)  # fmt: skip
KINDS = [
    SHAPE,
    replace(SHAPE, kind="lstm"),
    replace(SHAPE, audio_tcn=True, text_tcn=True, aligned=False),
    replace(SHAPE, text=0, layers=2),
]


def inputs(time: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, time, 6, generator=generator),
        torch.randn(2, time, 4, generator=generator),
        torch.randint(5, (2, time, 2), generator=generator),
    )


@pytest.mark.parametrize("shape", KINDS)
def test_every_head_says_something_of_every_token(shape: Shape) -> None:
    torch.manual_seed(0)
    net = SpeechNetwork(shape).eval()
    audio, text, seeds = inputs()
    nothing = torch.zeros(2, 9, dtype=torch.bool)
    first = nothing.clone()
    first[:, :3] = True
    outputs = net(audio, text[..., : shape.text], seeds, nothing)
    assert [tuple(o.shape) for o in outputs] == [(2, 9, 5), (2, 9, 7)]
    seeded = net(audio, text[..., : shape.text], seeds, first)
    other = net(audio, text[..., : shape.text], (seeds + 1) % 5, first)
    assert not torch.allclose(seeded[0], outputs[0]) and not torch.allclose(seeded[0], other[0])
    unseen = net(audio, text[..., : shape.text], (seeds + 1) % 5, nothing)
    assert torch.equal(unseen[0], outputs[0]), "codes that are not given are not looked at"


@pytest.mark.parametrize("shape", KINDS[:2])
def test_what_lies_behind_the_end_changes_nothing_of_it(shape: Shape) -> None:
    torch.manual_seed(1)
    net = SpeechNetwork(shape).eval()
    audio, text, seeds = inputs()
    nothing = torch.zeros(2, 9, dtype=torch.bool)
    missing = nothing.clone()
    missing[:, 6:] = True
    noise = torch.where(missing[..., None], torch.randn(2, 9, 6), 0.0)
    found = net(audio, text, seeds, nothing, missing)[0][:, :6]
    disturbed = net(audio + noise, text, seeds, nothing, missing)[0][:, :6]
    if shape.kind == "transformer":
        assert torch.allclose(found, disturbed, atol=1e-5)
    else:  # the backward pass of the memory's encoder reads silence there
        assert torch.allclose(found, disturbed, atol=1e-5)


def test_cross_attention_alone_learns_where_it_is_in_time() -> None:
    """Positions are told to both sides: codes that repeat the audio are learnt across."""
    torch.manual_seed(2)
    net = SpeechNetwork(replace(SHAPE, text=0, heads=(4,), codes=(4,), aligned=False, layers=1))
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    nothing = torch.zeros(32, 8, dtype=torch.bool)
    for _ in range(150):
        right = torch.randint(4, (32, 8))
        audio = torch.nn.functional.one_hot(right, 6).float()
        logits = net(audio, audio[..., :0], right[..., None], nothing)[0]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), right.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss) < 0.5 < float(torch.tensor(4.0).log())


def test_positions_are_told_apart() -> None:
    assert positions(300, 16).shape == (300, 16)
    assert float(torch.cdist(positions(40, 16), positions(40, 16)).fill_diagonal_(9).min()) > 0.1
