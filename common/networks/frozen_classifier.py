"""A classifier that learns from the features of a frozen network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import nn
from torch.nn import functional as F

from .pooled_classifier import PooledClassifier


class FrozenClassifier(nn.Module):
    """A published network as a fixed extractor of features, and a small perceptron that is trained on them.

    Global average pooling turns the backbone's maps into features; ``hidden`` layers with batch normalisation, ReLU and
    dropout and a linear layer follow. The backbone never learns: no gradients, batch normalisation by its stored
    statistics. Without hidden layers the head is logistic regression, and as linear as that of
    :class:`PooledClassifier`: CAM and CRM work. With them ``class_weights`` does not exist (``hasattr`` is False), and
    the methods that take gradients are left.

    Args:
        backbone: initialised network; it is frozen in place, and its own linear layer is not used.
        hidden: widths of the hidden layers; 256, 128 and 64 as in the study of frozen features.
        num_classes: outputs; 2 means normal and TB.
        dropout: probability behind each hidden layer.

    Shape:
        input, and maps of ``forward_features``, as the backbone's; output (B, num_classes), logits.
    """

    def __init__(
        self,
        backbone: PooledClassifier,
        hidden: Sequence[int] = (256, 128, 64),
        num_classes: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.hidden = hidden_layers(backbone.fc.in_features, hidden, dropout)
        self.fc = nn.Linear([backbone.fc.in_features, *hidden][-1], num_classes)

    @property
    def class_weights(self) -> torch.Tensor:
        """Weights (K, C) of each class for the channels of the maps, without hidden layers."""
        if len(self.hidden):
            raise AttributeError("hidden layers lie between the maps and the classes")
        return self.fc.weight

    @property
    def class_bias(self) -> torch.Tensor:
        """Bias (K) of each class."""
        return self.fc.bias

    def train(self, mode: bool = True) -> Self:
        """Set the head to training; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (B, C, h, w) that the head pools."""
        return self.backbone.forward_features(x)

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (B, K) from the maps (B, C, h, w)."""
        return self.fc(self.hidden(maps.mean(dim=(2, 3))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


def hidden_layers(channels: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers, each with batch normalisation, ReLU and dropout behind it.

    Args:
        channels: features of an image.
        widths: outputs of each layer; none leaves the features as they are.
        dropout: probability behind each layer.
    """
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(channels, width), BatchNorm(width), nn.ReLU(), nn.Dropout(dropout)]
        channels = width
    return nn.Sequential(*layers)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a batch of one, the rest of an epoch, by its stored statistics.

    A single image has no deviation to be divided by, which PyTorch refuses.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        learns = self.training and x.shape[0] > 1
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, learns, eps=self.eps)
