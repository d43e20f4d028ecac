"""Class-selective relevance maps."""

from __future__ import annotations

import torch

from .cam import class_activation_map


def class_relevance_map(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """How much the scores of all output nodes change when one location is removed (CRM).

    Kim, Rajaraman and Antani, Diagnostics 2019, 9(2):38, define it by removing the locations one after another and
    adding the squared changes over the nodes. Removing a location changes a node's score (the plain sum over the
    locations, without bias) by exactly what the location added, so the loop equals the sum over the nodes of squared
    class activation maps. It is blind to the sign: evidence for and against a class light up alike.

    Args:
        maps: feature maps that the head averages, shape [B, C, h, w].
        weights: the linear head's weights, shape [K, C].

    Returns:
        Shape [B, 1, h, w], float32, at least 0.
    """
    return torch.cat([class_activation_map(maps, node).square() for node in weights], 1).sum(1, keepdim=True)


def signed_relevance_map(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The relevance of locations that speak for the class: the positive part of its activation map, squared.

    Args:
        maps: feature maps that the head averages, shape [B, C, h, w].
        weights: the linear head's weights of the score, shape [C].

    Returns:
        Shape [B, 1, h, w], float32, at least 0.
    """
    return class_activation_map(maps, weights).relu().square()
