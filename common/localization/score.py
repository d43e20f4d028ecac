"""The class score that evidence maps explain."""

from __future__ import annotations

import torch

from ..errors import UsageError

#: ``log_odds``: logit of the class minus that of its alternative; ``logit``: the logit of the class alone.
SCORES = ("log_odds", "logit")


def class_score(logits: torch.Tensor, target: int, score: str = "log_odds") -> torch.Tensor:
    """Score of one class before softmax or sigmoid.

    With two softmax classes the probability depends on the difference of the logits only. Whatever is added to both
    logits changes neither the probability nor the decision, but it changes the gradient of either logit. The log-odds
    are the one score whose map stays the same; ``logit`` is what most publications explain.

    Args:
        logits: shape [B, K]. K = 1 (sigmoid; class 1 is the one that the logit stands for), K = 2 (softmax) or more
            (independent classes).
        target: the class; 0 or 1 for K = 1.
        score: one of :data:`SCORES`; they differ for K = 2 only.

    Returns:
        Shape [B].

    Raises:
        UsageError: the logits are not [B, K], or there is no such class.
    """
    if logits.ndim != 2:
        raise UsageError(f"evidence maps need logits [B, K], the network gives {list(logits.shape)}")
    # No matrix product: autocast would take it to half precision.
    return (logits * class_direction(logits.shape[1], target, score).to(logits)).sum(1)


def class_direction(classes: int, target: int, score: str = "log_odds") -> torch.Tensor:
    """The score as weights of the logits: shape [K]; arguments and errors are those of :func:`class_score`."""
    if not 0 <= target < max(classes, 2):
        raise UsageError(f"target {target}: the network has the classes 0 to {max(classes, 2) - 1}")
    direction = torch.zeros(classes)
    if classes == 1:
        direction[0] = 1 if target == 1 else -1
        return direction
    direction[target] = 1
    if classes == 2 and score == "log_odds":
        direction[1 - target] = -1
    return direction
