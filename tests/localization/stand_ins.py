"""Small classifiers with the interface that evidence maps need."""

from __future__ import annotations

import torch
from torch import nn


class LinearHead(nn.Module):
    """Two convolutions, average pooling and one linear layer; dropout and batch norm make the mode matter."""

    def __init__(self, classes: int = 2, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(8, classes)
        self.unused = nn.Conv2d(1, 1, 1)
        self.calls = 0

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.trunk(x)

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        return self.linear(self.dropout(maps.mean((2, 3))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))

    @property
    def class_weights(self) -> torch.Tensor:
        return self.linear.weight

    @property
    def class_bias(self) -> torch.Tensor:
        return self.linear.bias


class DeepHead(LinearHead):
    """A head with a convolution of its own, begun in place: no class weights."""

    def __init__(self, classes: int = 2, seed: int = 0) -> None:
        super().__init__(classes, seed)
        self.start = nn.ReLU(inplace=True)
        self.extra = nn.Conv2d(8, 8, 3, padding=1)

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        return self.linear(self.dropout(self.extra(self.start(maps)).relu().mean((2, 3))))

    @property
    def class_weights(self) -> torch.Tensor:
        raise AttributeError("no linear head on pooled maps")


class Opaque(nn.Module):
    """A classifier that shows no maps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.conv(x).relu().mean((2, 3)))


def images(count: int = 3, size: tuple[int, int] = (32, 24)) -> torch.Tensor:
    """Random images [count, 1, W, H] in [0, 1]."""
    return torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(5))
