"""What a discriminator minimises, and what it tells a generator.

Hinge loss [https://arxiv.org/abs/1705.02894] on *detached* fakes: the authors back-propagate the
discriminator's loss through the fakes into the generator, which then also minimises
relu(1 + D(fake)) and so pulls against its own -D(fake). The adaptive weight is that of
https://arxiv.org/abs/2012.09841, equation 7.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.runtime import Runtime

_LEAST = 1e-4
_MOST = 1e4


def hinge(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean of relu(1 - D(real)) and of relu(1 + D(fake)); moves no generator."""
    verdicts = discriminator(real.detach()), discriminator(fake.detach())
    told = functional.relu(1 - verdicts[0].float()).mean()
    return 0.5 * torch.as_tensor(told + functional.relu(1 + verdicts[1].float()).mean())


def adaptive_weight(
    reconstruction: Tensor, adversarial: Tensor, last: nn.Parameter, runtime: Runtime | None = None
) -> Tensor:
    """|gradient of the reconstruction| over |gradient of the adversary| in the last layer.

    At most 10,000, and a constant to whatever is differentiated next; 0 where both are 0. With
    several workers the gradients are averaged first, so that all take the weight of the batch.

    Args:
        reconstruction: loss that the last layer's weights bring about.
        adversarial: loss of what the discriminator says.
        last: weights of the generator's last layer.
        runtime: whose workers share the batch.
    """
    pulls = [
        torch.autograd.grad(loss, last, retain_graph=True)[0]
        for loss in (reconstruction, adversarial)
    ]
    if runtime is not None:
        runtime.average(pulls)
    one, other = (pull.float().norm() for pull in pulls)
    return (one / (other + _LEAST)).clamp(0.0, _MOST).detach()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the mean absolute difference of a discriminator's features
    [https://arxiv.org/abs/1711.11585]; the original's count as constants."""
    apart = [(r.detach().float() - f.float()).abs().mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(apart).mean()
