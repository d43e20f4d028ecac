"""What the classifiers with a global average pooling and one linear layer have in common."""

from __future__ import annotations

import torch
from torch import nn


class PooledClassifier(nn.Module):
    """Convolutions, global average pooling, dropout and one linear layer.

    The two halves can be called apart, so that class evidence maps (CAM, CRM, Grad-CAM) need no second pass through the
    convolutions: ``forward(x) == forward_head(forward_features(x))``.

    Args:
        channels: channels C of the maps that ``forward_features`` gives.
        num_classes: outputs K of the linear layer.
        dropout: probability in front of the linear layer.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; maps (B, C, h, w); output (B, K), logits.
    """

    def __init__(self, channels: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    @property
    def class_weights(self) -> torch.Tensor:
        """Weights (K, C) of each class for the channels of the maps."""
        return self.fc.weight

    @property
    def class_bias(self) -> torch.Tensor:
        """Bias (K) of each class."""
        return self.fc.bias

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (B, C, h, w) that the head pools."""
        raise NotImplementedError

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (B, K) from the maps (B, C, h, w)."""
        return self.fc(self.dropout(maps.mean(dim=(2, 3))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


class Standardize(nn.Module):
    """Repeat a grey image to three channels and standardise it inside the network.

    Every network of the project takes values in [0, 1]; published weights want what they were trained with.

    Args:
        mean: one value, or one for each of red, green and blue.
        std: likewise.
    """

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Annotations of the two buffers, for the type checker, would be texts that TorchScript cannot read.
        return (x.expand(-1, 3, -1, -1) - self.mean) / self.std  # type: ignore[operator]
