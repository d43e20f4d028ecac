"""Label files to one binary mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from common.errors import UsageError
from common.transforms import UniteMasks, UniteMasksd


def test_channels_are_united_and_any_value_counts() -> None:
    right = [[0, 255, 0], [0, 3, 0]]
    left = [[0, 0, -1], [0, 1, 0]]
    united = UniteMasks()(torch.tensor([right, left]))
    assert united.dtype == torch.float32
    assert united.tolist() == [[[0, 1, 1], [0, 1, 0]]]


def test_one_channel_of_numbers_between_becomes_binary() -> None:
    assert UniteMasks()(np.array([[[0.0, 0.2, 1.0]]])).tolist() == [[[0, 1, 1]]]


def test_metadata_are_kept() -> None:
    mask = MetaTensor(torch.ones(2, 4, 3), meta={"filename_or_obj": "m.png"})
    united = UniteMasks()(mask)
    assert isinstance(united, MetaTensor)
    assert united.meta["filename_or_obj"] == "m.png"
    assert torch.equal(united.affine, mask.affine)


def item(mask_size: tuple[int, int]) -> dict[str, object]:
    image = MetaTensor(torch.zeros(1, 5, 4), meta={"filename_or_obj": "a.png"})
    return {"image": image, "label": MetaTensor(torch.ones(2, *mask_size), meta={"filename_or_obj": "m.png"}), "x": 1}


def test_the_dictionary_twin_leaves_the_rest_and_the_original_alone() -> None:
    data = item((5, 4))
    done = UniteMasksd("label")(data)
    assert done["label"].shape == (1, 5, 4)
    assert done["image"] is data["image"]
    assert done["x"] == 1
    assert data["label"].shape == (2, 5, 4)  # type: ignore[attr-defined]


def test_a_mask_of_another_size_is_named_with_its_image() -> None:
    with pytest.raises(UsageError) as caught:
        UniteMasksd("label", reference="image")(item((4, 5)))
    # Columns x rows, as people write it.
    assert str(caught.value) == "m.png: the mask has 4 x 5 pixels, its image a.png has 5 x 4"
    assert UniteMasksd("label", reference=None)(item((4, 5)))["label"].shape == (1, 4, 5)


def test_an_item_without_mask_passes_where_that_is_allowed() -> None:
    data = {"image": torch.zeros(1, 2, 2)}
    assert UniteMasksd("label", allow_missing_keys=True)(data) == data
    with pytest.raises(KeyError):
        UniteMasksd("label")(data)
