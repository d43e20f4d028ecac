"""Averaging over views of an image."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import SimpleInferer
from scipy import ndimage

from common.inferers import TestTimeInferer
from common.inferers.test_time import turn


def blob(wide: int = 64, high: int = 48) -> torch.Tensor:
    x, y = torch.meshgrid(torch.arange(wide), torch.arange(high), indexing="ij")
    return torch.exp(-(((x - 20) / 6.0) ** 2 + ((y - 30) / 4.0) ** 2))[None, None]


def test_views_of_a_network_that_works_pixel_by_pixel_agree() -> None:
    image = blob()
    plain = SimpleInferer()(image, lambda x: 4 * x - 2)
    averaged = TestTimeInferer(SimpleInferer())(image, lambda x: 4 * x - 2)
    assert torch.allclose(averaged, plain, atol=1e-4)


def test_the_mirror_image_is_mirrored_back_along_the_horizontal_axis() -> None:
    def left_half(x: torch.Tensor) -> torch.Tensor:
        logits = torch.full_like(x, -20.0)
        logits[:, :, : x.shape[2] // 2] = 20.0
        return logits

    averaged = TestTimeInferer(SimpleInferer())(blob(), left_half)
    # One view says the left half, the other, mirrored back, the right half: one half everywhere.
    assert torch.allclose(averaged.sigmoid(), torch.full_like(averaged, 0.5), atol=1e-4)


def test_without_views_the_inferer_alone_is_left() -> None:
    image = blob()
    assert torch.allclose(TestTimeInferer(SimpleInferer(), mirror=False)(image, lambda x: x), image, atol=1e-4)


def test_turning_agrees_with_scipy_on_an_image_that_is_not_square() -> None:
    image = blob()
    turned = turn(image, 10.0)[0, 0].numpy()
    reference = ndimage.rotate(image[0, 0].numpy(), 10.0, reshape=False, order=1)
    mirrored = ndimage.rotate(image[0, 0].numpy(), -10.0, reshape=False, order=1)
    assert min(abs(turned - reference).max(), abs(turned - mirrored).max()) < 0.02


def test_turned_views_come_back_to_their_place() -> None:
    image = blob()
    back = turn(turn(image, 7.0), -7.0)
    assert float((back - image).abs().max()) < 0.05
    averaged = TestTimeInferer(SimpleInferer(), rotations=(-7.0, 0.0, 7.0))(image, lambda x: 4 * x - 2).sigmoid()
    assert float((averaged - (4 * image - 2).sigmoid()).abs().max()) < 0.05


def test_no_rotation_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one angle"):
        TestTimeInferer(SimpleInferer(), rotations=())
