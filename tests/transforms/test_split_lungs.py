"""Telling the right lung from the left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image
from skimage.draw import ellipse

from common.transforms.split_lungs import LEFT_LUNG, RIGHT_LUNG, SplitLungs, SplitLungsd

SHAPE = (120, 100)


def blank() -> np.ndarray:
    return np.zeros((1, *SHAPE), dtype=np.uint8)


def draw(mask: np.ndarray, x: float, y: float, width: float, height: float) -> np.ndarray:
    mask[0][ellipse(x, y, width / 2, height / 2, shape=SHAPE)] = 1
    return mask


def test_two_lungs() -> None:
    right, left = draw(blank(), 35, 50, 34, 70), draw(blank(), 85, 55, 26, 60)
    sides = SplitLungs()(right | left)
    assert sides.dtype == np.uint8
    assert np.array_equal(sides, right * RIGHT_LUNG + left * LEFT_LUNG)


def test_sides_are_relative_when_the_patient_is_off_centre() -> None:
    right, left = draw(blank(), 15, 50, 20, 70), draw(blank(), 45, 50, 20, 70)
    assert np.array_equal(SplitLungs()(right | left), right * RIGHT_LUNG + left * LEFT_LUNG)


def test_further_parts_join_the_nearer_lung() -> None:
    right, left = draw(blank(), 35, 50, 30, 60), draw(blank(), 85, 50, 30, 60)
    draw(right, 35, 90, 10, 8)
    draw(left, 80, 8, 10, 8)
    assert np.array_equal(SplitLungs()(right | left), right * RIGHT_LUNG + left * LEFT_LUNG)


@pytest.mark.parametrize("rows", [(45, 48), (30, 60), (16, 20)])
def test_touching_lungs_are_cut(rows: tuple[int, int]) -> None:
    right, left = draw(blank(), 35, 50, 44, 80), draw(blank(), 85, 50, 44, 80)
    joined = right | left
    joined[0, 35:85, slice(*rows)] = 1
    sides = SplitLungs()(joined)
    assert np.array_equal(sides > 0, joined > 0)
    assert (sides[right > 0] == RIGHT_LUNG).mean() > 0.99
    assert (sides[left > 0] == LEFT_LUNG).mean() > 0.99


def test_touching_lungs_with_a_loose_part() -> None:
    right, left = draw(blank(), 35, 50, 44, 80), draw(blank(), 85, 50, 44, 80)
    joined = right | left
    joined[0, 35:85, 45:55] = 1
    draw(joined, 110, 94, 12, 8)
    sides = SplitLungs()(joined)
    assert sides[0, 110, 94] == LEFT_LUNG
    assert sides[0, 35, 50] == RIGHT_LUNG
    assert sides[0, 85, 50] == LEFT_LUNG


@pytest.mark.parametrize(("x", "side"), [(40, RIGHT_LUNG), (80, LEFT_LUNG)])
def test_a_single_lung_keeps_its_side_of_the_image(x: int, side: int) -> None:
    lung = draw(blank(), x, 50, 50, 80)
    assert np.array_equal(SplitLungs()(lung), lung * side)


def test_pieces_above_each_other_are_one_lung() -> None:
    lung = draw(draw(blank(), 80, 25, 30, 36), 84, 75, 34, 36)
    assert np.array_equal(SplitLungs()(lung), lung * LEFT_LUNG)


def test_empty_and_full_masks() -> None:
    assert SplitLungs()(blank()).max() == 0
    assert np.unique(SplitLungs()(blank() + 1)).size == 1


def test_types_and_metadata_are_kept() -> None:
    mask = draw(draw(blank(), 35, 50, 34, 70), 85, 55, 26, 60)
    expected = SplitLungs()(mask)
    source = MetaTensor(torch.from_numpy(mask).float() * 255, meta={"filename_or_obj": "a.png"})
    data = SplitLungsd("mask")({"mask": source, "other": 1})
    assert data["other"] == 1
    assert isinstance(data["mask"], MetaTensor)
    assert data["mask"].dtype == torch.uint8
    assert data["mask"].meta["filename_or_obj"] == "a.png"
    assert np.array_equal(data["mask"].numpy(), expected)
    assert type(SplitLungs()(torch.from_numpy(mask))) is torch.Tensor


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="min_valley"):
        SplitLungs(min_valley=0)
    with pytest.raises(ValueError, match=r"\[1, W, H\]"):
        SplitLungs()(np.zeros(SHAPE))


@pytest.mark.data
def test_real_lungs(cxr_data: Path) -> None:
    """JSRT states left and right apart; its masks are also joined by a broad bridge and cut again."""
    index = pd.read_csv(cxr_data / "index.csv", dtype=str, keep_default_na=False)
    rows = index[index["left_lung_mask"] != ""].iloc[::12]
    assert len(rows) > 10
    for row in rows.itertuples():
        left, right = (
            np.asarray(Image.open(cxr_data / path).convert("L").resize((256, 256))).T[None] > 127
            for path in (row.left_lung_mask, row.right_lung_mask)
        )
        assert np.array_equal(SplitLungs()(left | right), right * RIGHT_LUNG + left * LEFT_LUNG), row.image
        joined = left | right
        joined[0, np.nonzero(right)[1].max() - 20 : np.nonzero(left)[1].min() + 20, 110:130] = True
        sides = SplitLungs()(joined)
        assert (sides[right] == RIGHT_LUNG).mean() > 0.97, row.image
        assert (sides[left] == LEFT_LUNG).mean() > 0.97, row.image
