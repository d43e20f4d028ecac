"""DenseNet-121, the classifier of the TB benchmark that we compare with."""

from __future__ import annotations

import torch
from monai.networks.nets import DenseNet121
from torch.nn import functional as F

from .pooled_classifier import PooledClassifier, Standardize
from .vgg import IMAGENET_MEAN, IMAGENET_STD


class DenseNetClassifier(PooledClassifier):
    """DenseNet-121 (Huang et al. 2017), MONAI's layers; 6,953,856 parameters before the linear layer.

    Args:
        num_classes: outputs; 2 means normal and TB.
        dropout: probability in front of the linear layer.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; maps (B, 1024, H/32, W/32); output (B, num_classes), logits.
    """

    def __init__(self, num_classes: int = 2, dropout: float = 0.0) -> None:
        super().__init__(1024, num_classes, dropout)
        self.standardize = Standardize(IMAGENET_MEAN, IMAGENET_STD)
        self.features = DenseNet121(spatial_dims=2, in_channels=3, out_channels=1).features

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.features(self.standardize(x)))
