"""A lung mask beside the image, made on the way to a classifier or a lesion network."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform, Resize, ScaleIntensityRangePercentiles
from torch import nn

from ..networks.weights import load_weights
from .lung_mask import CleanLungMask


class FindLungsd(MapTransform):
    """Segment the lungs of an image with a lung network and store the mask under another key.

    Preprocessing and clean-up are those of the lung segmentation bundle. The mask has the image's size, so that
    :class:`CropToLungsd` and the rule that drops regions outside the lungs can use it. The weights are read when the
    first image comes, in the process that reads images.

    Args:
        keys: key of the image [1, W, H].
        output_key: key of the mask [1, W, H], 0 or 1.
        network: lung network with one output channel.
        weights: its ``state_dict`` file.
        spatial_size: (W, H) that the network takes.
        percentiles: grey levels that become 0 and 1 before the network.
        threshold: probability from which a pixel is lung.

    Raises:
        WeightsError: the weights are missing or those of another network.
    """

    def __init__(
        self,
        keys: Hashable,
        network: nn.Module,
        weights: str | Path,
        output_key: Hashable = "lungs",
        spatial_size: Sequence[int] = (256, 256),
        percentiles: Sequence[float] = (1, 99),
        threshold: float = 0.5,
    ) -> None:
        super().__init__(keys)
        self.network = network
        self.weights = weights
        self.output_key = output_key
        self.threshold = threshold
        self.shrink = Resize(spatial_size, mode="area")
        self.stretch = ScaleIntensityRangePercentiles(percentiles[0], percentiles[1], 0.0, 1.0, clip=True)
        self.clean = CleanLungMask(threshold=threshold)
        self._ready = False

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.output_key] = self.find(d[key])
        return d

    @torch.inference_mode()
    def find(self, image: torch.Tensor) -> torch.Tensor:
        """Mask [1, W, H] of 0 and 1 (uint8) of one image [1, W, H]; with its metadata where the image has some."""
        if not self._ready:
            load_weights(self.network, self.weights)
            self.network.eval()
            self._ready = True
        device = next(self.network.parameters()).device
        plain = image.as_tensor() if isinstance(image, MetaTensor) else image
        small = self.stretch(self.shrink(plain.float()))
        probability = self.clean(self.network(small[None].to(device)).sigmoid()[0].cpu())
        whole = Resize(plain.shape[1:], mode="bilinear")(probability)
        mask = (torch.as_tensor(whole) >= self.threshold).to(torch.uint8)
        return MetaTensor(mask, meta=image.meta.copy()) if isinstance(image, MetaTensor) else mask


FindLungsD = FindLungsDict = FindLungsd
