"""Evidence after the walk, with boundaries that are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from bright_films import disc
from torch import nn

from common.weak import PseudoLabels

Build = Callable[..., PseudoLabels]


class GreyStep(nn.Module):
    """A boundary wherever neighbours differ by more than a tenth, as IRNet would give it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(x, 4)
        step = torch.nn.functional.max_pool2d(small, 3, 1, 1) + torch.nn.functional.max_pool2d(-small, 3, 1, 1)
        return torch.cat([(step > 0.1).float() * 40 - 20, torch.zeros_like(small).expand(-1, 2, -1, -1)], dim=1)


def test_evidence_fills_its_object_and_no_other(pseudo_labels: Build) -> None:
    picture = torch.full((1, 96, 96), 0.4)
    left, right = (torch.from_numpy(disc((96, 96), centre, 20)) for centre in ((48, 24), (48, 72)))
    picture[0, left | right] = 0.8
    maps = disc((96, 96), (44, 20), 8)[None].astype(np.float16)  # a part of the left one
    masks = pseudo_labels(steps=256).stages[-1]

    walked = masks.spread(picture, maps, GreyStep())[0]

    assert walked.shape == (96, 96)
    assert walked.max() == 1
    found = (walked > 0.25).numpy()
    # Boundary pixels, four of the image wide on both sides of the step, keep no evidence of their own.
    assert found[disc((96, 96), (48, 24), 12)].all()
    assert not found[~left].any()


def test_boundaries_are_averaged_over_the_mirror_image(pseudo_labels: Build) -> None:
    class OneSide(nn.Module):
        """Certain boundaries in the first columns, wherever the image has them."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = torch.full((len(x), 3, 24, 24), -20.0)
            logits[:, 0, :4] = 20.0
            return logits

    masks = pseudo_labels().stages[-1]
    walked = masks.spread(torch.rand(1, 96, 96), np.ones((1, 96, 96)), OneSide())[0]
    # Logits 20 and -20 average to 0: half of the evidence stays on both sides alike.
    torch.testing.assert_close(walked[:14], torch.full((14, 96), 0.5))
    torch.testing.assert_close(walked[-14:], torch.full((14, 96), 0.5))
    torch.testing.assert_close(walked[20:-20], torch.ones(56, 96))
