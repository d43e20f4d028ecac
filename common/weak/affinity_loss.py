"""What IRNet learns from seeds: affinities of pairs of pixels and displacements (Ahn et al., CVPR 2019, section 4)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .paths import half_plane_offsets, line_path
from .seeds import BACKGROUND, IGNORED

#: Keeps logarithms and quotients finite, as in the source.
EPS = 1e-5
#: Weight of the four parts: pairs in the background, in a class, of unlike labels; displacements.
Parts = dict[str, torch.Tensor]


class AffinityLoss(nn.Module):
    """Loss of the boundaries and displacements of :class:`common.networks.IRNet` against seeds.

    All pairs of pixels nearer than ``radius`` count whose two seeds are known and whose whole neighbourhood lies in the
    picture. Their affinity is 1 minus the largest boundary probability on the line between them. It should be 1 where
    the seeds agree and 0 where they differ; background, classes and unlike pairs are averaged apart::

        [(background + classes) / 2 + unlike] / 2 + [displacements in classes + those in the background] / 2

    In a class the displacements of a pair should differ by its offset (both point to the same centre), in the
    background they should be equal; L1 distances.

    Args:
        radius: in pixels of the prediction; the source's is 10.

    Shape:
        prediction (B, 3, W, H) as IRNet gives it, or (B, 1, W, H) without displacements, whose parts then are left
        out; seeds (B, 1, W', H') of 0, a class from 1 on, or 255 (ignored), which
        are reduced to (W, H) by taking the nearest.
    """

    def __init__(self, radius: int = 10) -> None:
        super().__init__()
        self.radius = radius
        self.offsets = half_plane_offsets(radius)

    def forward(self, prediction: torch.Tensor, seeds: torch.Tensor) -> torch.Tensor:
        """The weighted sum of :meth:`parts`, a scalar."""
        parts = self.parts(prediction, seeds)
        alike = (parts.pop("background") + parts.pop("classes")) / 2
        return (alike + sum(parts.values())) / 2

    def parts(self, prediction: torch.Tensor, seeds: torch.Tensor) -> Parts:
        """The means by name: three of affinities, two of displacements.

        Raises:
            ValueError: a picture that is too small for the radius.
        """
        size = prediction.shape[2:]
        reach = self.radius - 1
        if size[0] <= reach or size[1] <= 2 * reach:
            raise ValueError(f"AffinityLoss: a radius of {self.radius} does not fit into {tuple(size)} pixels")
        labels = F.interpolate(seeds.float(), size=size, mode="nearest-exact")[:, 0].long()
        background, classes, unlike = self._pairs(labels)
        affinity = 1 - self._largest_edges(prediction[:, 0].float().sigmoid())
        # One logarithm of what each pair should be close to: alike, or not.
        loss = -torch.where(unlike, 1 + EPS - affinity, affinity + EPS).log()
        parts = {
            "background": _mean(loss, background),
            "classes": _mean(loss, classes),
            "unlike": _mean(loss, unlike),
        }
        if prediction.shape[1] > 1:
            difference = self._differences(prediction[:, 1:].float())
            target = torch.tensor(self.offsets, device=difference.device, dtype=difference.dtype).T[:, :, None, None]
            parts["displacement_classes"] = _mean((difference - target).abs(), classes[:, None]) / 2
            parts["displacement_background"] = _mean(difference.abs(), background[:, None]) / 2
        return parts

    def _pairs(self, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Which pairs [B, offsets, w, h] lie in the background, in one class, and in unlike labels."""
        first, second = self._inner(labels)[:, None], self._partners(labels)
        known = (first != IGNORED) & (second != IGNORED)
        equal = known & (first == second)
        return equal & (first == BACKGROUND), equal & (first != BACKGROUND), known & (first != second)

    def _largest_edges(self, edges: torch.Tensor) -> torch.Tensor:
        """Largest boundary [B, offsets, w, h] on the way of each pair.

        Ranks are compared in place of the values, without gradient, since a rank also says where its value is; a
        maximum over all paths at once would keep every pixel of every path for the backward pass.
        """
        flat = edges.flatten()
        with torch.no_grad():
            order = flat.argsort()
            ranks = torch.empty_like(order, dtype=torch.int32)
            ranks[order] = torch.arange(len(order), dtype=torch.int32, device=order.device)
            ranks = ranks.view(edges.shape)
            highest = self._inner(ranks)[:, None].repeat(1, len(self.offsets), 1, 1)
            for number, offset in enumerate(self.offsets):
                for step in line_path(offset):
                    torch.maximum(highest[:, number], self._shifted(ranks, step), out=highest[:, number])
            places = order[highest.flatten()]
        return flat[places].view(highest.shape)

    def _differences(self, displacement: torch.Tensor) -> torch.Tensor:
        """Displacement of the first pixel minus that of the second, [B, 2, offsets, w, h]."""
        return self._inner(displacement)[:, :, None] - self._partners(displacement)

    def _partners(self, x: torch.Tensor) -> torch.Tensor:
        """Values of the second pixels of all pairs; the offsets become the axis before the two last ones."""
        return torch.stack([self._shifted(x, offset) for offset in self.offsets], dim=-3)

    def _inner(self, x: torch.Tensor) -> torch.Tensor:
        """The pixels all of whose partners lie in the picture."""
        return self._shifted(x, (0, 0))

    def _shifted(self, x: torch.Tensor, step: tuple[int, int]) -> torch.Tensor:
        reach = self.radius - 1
        rows, columns = x.shape[-2] - reach, x.shape[-1] - 2 * reach
        top, left = step[0], reach + step[1]
        return x[..., top : top + rows, left : left + columns]


def _mean(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Sum of the values of the chosen pairs by their number; over both axes of a displacement."""
    return (values * chosen).sum() / (chosen.sum() + EPS)
