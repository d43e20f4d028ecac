"""What the rules look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from common.quality import view
from common.quality.view import COARSE, SIDE, coarse, standardised


def lungs(width: int, height: int) -> torch.Tensor:
    """Two bars, [1, W, H]: an eighth and a quarter of the width."""
    found = torch.zeros(1, width, height)
    found[:, width // 8 : width // 4, height // 4 :] = 0.9
    found[:, width // 2 : 3 * width // 4, height // 2 :] = 0.9
    return found


@pytest.mark.parametrize("size", [(256, 256), (128, 64), (512, 256), (32, 32), (64, 64)])
def test_every_size_is_brought_to_one_grid(size: tuple[int, int]) -> None:
    seen = view(torch.rand(1, *size), lungs(*size), 0.9)
    assert seen.picture.shape == seen.lungs.shape == seen.sides.shape == (SIDE, SIDE)
    assert seen.parts == 2
    # The patient's right lung is the one at low x.
    assert (seen.sides == 1).mean() == pytest.approx(1 / 8 * 3 / 4)
    assert (seen.sides == 2).mean() == pytest.approx(1 / 4 * 1 / 2)
    assert seen.confidence == 0.9


def test_the_picture_is_averaged() -> None:
    image = torch.rand(1, 256, 256, generator=torch.Generator().manual_seed(0))
    seen = view(image, lungs(256, 256), 1.0)
    assert np.allclose(seen.picture, image.numpy()[0].reshape(64, 4, 64, 4).mean((1, 3)), atol=1e-6)
    assert np.allclose(coarse(seen.picture), image.numpy()[0].reshape(16, 16, 16, 16).mean((1, 3)), atol=1e-6)
    assert coarse(seen.picture).shape == (COARSE, COARSE)


def test_parts_are_counted() -> None:
    image, both = torch.rand(1, 64, 64), lungs(64, 64)
    one = both.clone()
    one[:, 32:] = 0
    assert [view(image, mask, 0.9).parts for mask in (both, one, torch.zeros(1, 64, 64))] == [2, 1, 0]
    assert view(image, both, 0.9, threshold=0.95).parts == 0


@pytest.mark.parametrize(("share", "scale"), [(0.3, 1.0), (0.7, 1.0), (0.95, 4000.0)])
def test_evenness_is_the_share_of_the_commonest_level(share: float, scale: float) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((256, 256), dtype=np.float32)
    image.ravel()[rng.permutation(image.size)[: int(share * image.size)]] = 0.5
    seen = view(torch.from_numpy(image * scale)[None], lungs(256, 256), 0.9)
    # Below one half the median is not the commonest level, which no rule cares about.
    assert seen.evenness == pytest.approx(share, abs=0.03)


def test_a_constant_image_is_even_and_does_no_harm() -> None:
    seen = view(torch.full((1, 64, 64), 7.0), lungs(64, 64), 0.9)
    assert seen.evenness == 1
    assert not standardised(seen.picture).any()


@pytest.mark.parametrize("shapes", [((64, 64), (64, 64)), ((2, 64, 64), (2, 64, 64)), ((1, 64, 64), (1, 64, 32))])
def test_other_shapes_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"quality: expected two arrays \[1, W, H\] of one size"):
        view(torch.zeros(shapes[0]), torch.zeros(shapes[1]), 0.9)
