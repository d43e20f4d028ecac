"""What the made-up films show, and a classifier that sees it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class BrightAndDark(nn.Module):
    """Classes by how much of an image is bright, and how much is dark; evidence lies exactly there."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)
        with torch.no_grad():
            self.fc.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))

    @property
    def class_weights(self) -> torch.Tensor:
        return self.fc.weight

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        small = F.avg_pool2d(x, 4)
        return torch.cat([(small - 0.7).relu(), (0.3 - small).relu()], dim=1)

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        return self.fc(maps.mean((2, 3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
