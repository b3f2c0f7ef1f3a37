"""How a joint training shares its steps between the codec and the classifier of its codes.

EGGesture (ACM MM 2024), equation 11, weighs losses by e / gamma and gamma / e. Labels are
stop-gradients and the two share no weights, and Adam takes no notice of the scale of a loss, so a
weight on a loss would change nothing; here the weights say how large a part of each round's steps
each of the two has. As printed, with gamma 500 and 120 epochs, their ratio (e / gamma)^2 goes from
4e-6 to 0.058: classification never counts.
"""

from __future__ import annotations

PAPER_EPOCHS = 120


def weights(schedule: str, share: float, gamma: float) -> tuple[float, float]:
    """Weights of the classifier and of the codec at a share of the training from 0 to 1.

    The larger of the two is 1.

    Args:
        schedule: constant (both always), linear_mix (from the codec over to the classifier), or
            as_printed (equation 11, with 120 epochs over the training and e from 1, since it is not
            defined at 0).
        share: of the training.
        gamma: of equation 11.

    Raises:
        ValueError: no such schedule.
    """
    if schedule == "constant":
        return 1.0, 1.0
    if schedule == "linear_mix":
        classifier, codec = share, 1.0 - share
    elif schedule == "as_printed":
        epoch = 1.0 + share * (PAPER_EPOCHS - 1)
        classifier, codec = epoch / gamma, gamma / epoch
    else:
        raise ValueError(f"no schedule {schedule!r}")
    most = max(classifier, codec)
    return classifier / most, codec / most


def budgets(schedule: str, rounds: int, gamma: float) -> list[tuple[float, float]]:
    """Share of its own steps that classifier and codec have done after each round.

    One that has weight 1 throughout does all of its steps; the codec always does, since half a
    codec would be judged otherwise, and a classifier does as many as its weights add up to.
    """
    each = [weights(schedule, (r + 0.5) / rounds, gamma) for r in range(rounds)]
    most = _ceiling(schedule, rounds)
    found, classifier, codec = [], 0.0, 0.0
    whole = sum(c for _, c in each)
    for for_classifier, for_codec in each:
        classifier += for_classifier / most
        codec += for_codec / whole
        found.append((min(classifier, 1.0), min(codec, 1.0)))
    return found


def _ceiling(schedule: str, rounds: int) -> float:
    """Sum of the classifier's weights at which it has done all its steps."""
    if schedule == "linear_mix":
        return sum(weights(schedule, (r + 0.5) / rounds, 1.0)[0] for r in range(rounds))
    return float(rounds)
