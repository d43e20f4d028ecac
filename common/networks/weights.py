"""Weights into a network, or one line that says why not."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from .state import WeightsError, read_state


def load_weights(network: nn.Module, path: str | Path, *, help_text: str = "") -> None:
    """Load a ``state_dict`` (of any floating-point precision) into ``network``.

    Args:
        network: keeps its own precision and device; a ``DistributedDataParallel`` wrapper is looked through.
        path: see :func:`common.networks.read_state`.
        help_text: where the weights can be had, for the message when they are missing.

    Raises:
        WeightsError: the file is missing, unreadable, or its tensors do not fit the network.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(f"{path}: no weights there. {help_text}".strip())
    state = read_state(path)
    network = getattr(network, "module", network)
    target = network.state_dict()
    missing = sorted(set(target) - set(state))
    surplus = sorted(set(state) - set(target))
    shapes = [name for name in target if name in state and target[name].shape != state[name].shape]
    if missing or surplus or shapes:
        what = [
            f"{len(names)} {label} (first: {names[0]})"
            for names, label in ((missing, "tensors missing"), (surplus, "unknown tensors"), (shapes, "other shapes"))
            if names
        ]
        raise WeightsError(f"{path}: weights of another network than {type(network).__name__}: {', '.join(what)}")
    network.load_state_dict(state)
