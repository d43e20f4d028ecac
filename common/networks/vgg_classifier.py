"""VGG-16 and VGG-19 classifiers of modality-specific pretraining and TB fine-tuning."""

from __future__ import annotations

import torch
from torch import nn

from .pooled_classifier import PooledClassifier
from .vgg import WIDTHS, VGGFeatures


class VGGClassifier(PooledClassifier):
    """VGG cut after its last convolution, with one of the two heads of the author's sister studies.

    "gap" pools the trunk's maps (the bone-suppression study, 2021: VGG-16 has 14,715,714 parameters, VGG-19
    20,025,410); "conv" puts a zero-padded 3 x 3 convolution with 1024 filters in front (the COVID-19 study, 2020:
    19,436,354 and 24,746,050). Which of them Rajaraman et al. (Diagnostics 2021, 11(4), 616) used is not known.

    Args:
        depth: 16 or 19.
        head: "gap" or "conv".
        num_classes: outputs; 2 means normal and TB.
        dropout: probability in front of the linear layer.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; maps (B, 512 or 1024, H/16, W/16); output (B, num_classes),
        logits.
    """

    def __init__(self, depth: int = 16, head: str = "gap", num_classes: int = 2, dropout: float = 0.5) -> None:
        if head not in ("gap", "conv"):
            raise ValueError(f"VGGClassifier: head must be gap or conv, got {head}")
        super().__init__(1024 if head == "conv" else WIDTHS[-1], num_classes, dropout)
        self.encoder = VGGFeatures(depth)
        self.extra = (
            nn.Sequential(nn.Conv2d(WIDTHS[-1], 1024, 3, padding=1), nn.ReLU()) if head == "conv" else nn.Identity()
        )

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.extra(self.encoder(x)[-1])
