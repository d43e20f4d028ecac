"""Contributions of sites: whether they fit, what they average to, what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import FederatedError

Arrays = Mapping[str, NDArray[Any]]


def check_like(arrays: Mapping[str, Any], reference: Mapping[str, Any], whose: str) -> None:
    """Refuse weights of another network, or with values that are no numbers.

    Args:
        arrays: tensors or arrays by name.
        reference: those of the network that is trained.
        whose: beginning of the message.

    Raises:
        FederatedError: names or shapes differ, or a value is NaN or infinite.
    """
    missing, surplus = sorted(set(reference) - set(arrays)), sorted(set(arrays) - set(reference))
    shapes = [name for name in reference if name in arrays and np.shape(arrays[name]) != np.shape(reference[name])]
    if missing or surplus or shapes:
        what = [
            f"{len(names)} {label} (first: {names[0]})"
            for names, label in ((missing, "tensors missing"), (surplus, "unknown tensors"), (shapes, "other shapes"))
            if names
        ]
        raise FederatedError(f"{whose}: weights of another network: {', '.join(what)}")
    for name, value in arrays.items():
        if not np.isfinite(np.asarray(value)).all():
            raise FederatedError(f"{whose}: {name} holds NaN or infinite values")


def average(states: Sequence[Arrays], counts: Sequence[float]) -> dict[str, NDArray[Any]]:
    """Federated averaging (McMahan et al., AISTATS 2017): the mean of all tensors, weighted by numbers of images.

    Running means and variances of batch normalisation are averaged like weights. Counters, which are whole numbers,
    become the rounded mean.

    Args:
        states: arrays by name, of the same names and shapes.
        counts: weight of each state, above 0.

    Returns:
        Arrays of the first state's types. The same states in the same order give the same bits.
    """
    shares = np.asarray(counts, np.float64) / np.sum(counts)
    mean = {}
    for name, first in states[0].items():
        total = sum(share * np.asarray(state[name], np.float64) for share, state in zip(shares, states, strict=True))
        kind = np.asarray(first).dtype
        mean[name] = np.asarray(np.rint(total) if np.issubdtype(kind, np.integer) else total).astype(kind)
    return mean


def weights_sha256(arrays: Mapping[str, Any]) -> str:
    """SHA-256 of named tensors: of their names, types, shapes and values, whatever file they are in."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = np.asarray(arrays[name])
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
