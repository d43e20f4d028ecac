from __future__ import annotations

import pytest
import torch
from bright_films import BrightAndDark

from common.errors import UsageError
from common.localization import EvidenceMapper
from common.weak.evidence import class_evidence

TARGETS = (1, 2)


def films(count: int = 2, size: tuple[int, int] = (64, 96)) -> torch.Tensor:
    """Grey images with a bright corner and a dark stripe that no reflection maps to itself."""
    pictures = torch.full((count, 1, *size), 0.5)
    pictures[:, :, 8:24, 12:40] = 0.9
    pictures[1:, :, 40:52, 64:80] = 0.1
    return pictures


def test_one_size_is_the_map_of_each_class() -> None:
    network, images = BrightAndDark(), films()
    maps = class_evidence(network, images, TARGETS, method="cam", scales=(1.0,), flip=False)
    assert maps.shape == (2, 2, 64, 96)
    for number, target in enumerate(TARGETS):
        torch.testing.assert_close(maps[:, number : number + 1], EvidenceMapper(network, "cam", target)(images)[1])
    # The first image has nothing dark: no evidence, not a map of rounding.
    assert not maps[0, 1].any()
    assert maps[1].amax((1, 2)).tolist() == [1, 1]


def test_maps_of_several_sizes_are_added_before_they_are_scaled() -> None:
    network, images = BrightAndDark(), films(1)
    mapper = EvidenceMapper(network, "cam", 1, normalise=False)
    half = torch.nn.functional.interpolate(images, (32, 64), mode="bilinear")  # 48 is no multiple of 32
    added = mapper(images)[1] + torch.nn.functional.interpolate(mapper(half)[1], (64, 96), mode="bilinear")

    found = class_evidence(network, images, [1], method="cam", scales=(1.0, 0.5), flip=False)

    torch.testing.assert_close(found, added / added.max())


@pytest.mark.parametrize("method", ["cam", "grad_cam_pp"])
def test_mirror_images_give_mirrored_evidence(method: str) -> None:
    torch.manual_seed(0)
    network, images = BrightAndDark(), films(1)
    found = class_evidence(network, images, TARGETS, method=method)
    mirrored = class_evidence(network, images.flip(2), TARGETS, method=method)
    torch.testing.assert_close(mirrored, found.flip(2))
    # The axis is the picture's horizontal one: evidence lies where the bright place is.
    assert found[0, 0, 8:24, 12:40].mean() > 0.5
    assert found[0, 0, 40:56, 12:40].mean() < 0.1


def test_an_output_that_the_network_lacks() -> None:
    with pytest.raises(UsageError, match="classes 0 to 2"):
        class_evidence(BrightAndDark(), films(), [3], method="cam")
