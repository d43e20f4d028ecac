"""Overlap figures against SimpleITK and MONAI on fixed masks, and their rules for empty masks."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
import torch
from monai.metrics import compute_dice, compute_iou
from numpy.typing import NDArray
from skimage.draw import ellipse

from common.metrics import confusion_counts, dice_from_counts, iou_from_counts, mean_iou_from_counts


def _lungs(shape: tuple[int, int] = (120, 150), shift: int = 0) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    for column in (45, 105):
        rows, columns = ellipse(60 + shift, column + shift, 40, 22, shape=shape)
        mask[rows, columns] = True
    return mask


def _random(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    return random.random((40, 50)) < 0.4, random.random((40, 50)) < 0.6


PAIRS = [(_lungs(shift=5), _lungs()), _random(0), _random(1)]
EMPTY, SOME = np.zeros((6, 8), dtype=bool), np.eye(6, 8, dtype=bool)


def test_counts_are_those_of_the_four_corners() -> None:
    prediction = np.array([[1, 1, 0], [0, 0, 0]], dtype=bool)
    truth = np.array([[1, 0, 1], [1, 0, 0]], dtype=bool)
    assert confusion_counts(prediction, truth) == (1, 1, 2, 2)


@pytest.mark.parametrize(("prediction", "truth"), PAIRS)
def test_dice_and_iou_equal_simpleitk(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (truth, prediction)))
    counts = confusion_counts(prediction, truth)
    assert dice_from_counts(*counts[:3]) == pytest.approx(overlap.GetDiceCoefficient(), abs=1e-12)
    assert iou_from_counts(*counts[:3]) == pytest.approx(overlap.GetJaccardCoefficient(), abs=1e-12)


@pytest.mark.parametrize(("prediction", "truth"), [*PAIRS, (EMPTY, EMPTY), (SOME, EMPTY), (EMPTY, SOME)])
def test_dice_and_iou_equal_monai_with_empty_masks_counted(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> None:
    batch = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    counts = confusion_counts(prediction, truth)
    assert dice_from_counts(*counts[:3]) == pytest.approx(compute_dice(*batch, ignore_empty=False).item(), abs=1e-6)
    assert iou_from_counts(*counts[:3]) == pytest.approx(compute_iou(*batch, ignore_empty=False).item(), abs=1e-6)


def test_two_class_mean_iou_is_the_mean_of_lung_and_background() -> None:
    prediction, truth = PAIRS[0]
    lung = (prediction & truth).sum() / (prediction | truth).sum()
    background = (~prediction & ~truth).sum() / (~prediction | ~truth).sum()
    expected = (lung + background) / 2
    assert mean_iou_from_counts(*confusion_counts(prediction, truth)) == pytest.approx(expected, abs=1e-12)


def test_empty_masks() -> None:
    nothing = confusion_counts(EMPTY, EMPTY)
    assert (dice_from_counts(*nothing[:3]), iou_from_counts(*nothing[:3]), mean_iou_from_counts(*nothing)) == (1, 1, 1)
    for pair in ((EMPTY, SOME), (SOME, EMPTY)):
        counts = confusion_counts(*pair)
        assert (dice_from_counts(*counts[:3]), iou_from_counts(*counts[:3])) == (0, 0)
        # The background is still there: 42 of 48 pixels agree on it.
        assert mean_iou_from_counts(*counts) == pytest.approx(42 / 48 / 2)


def test_figures_work_on_many_sums_at_once() -> None:
    table = np.array([confusion_counts(*pair) for pair in PAIRS]).T
    together = mean_iou_from_counts(*table)
    assert together.tolist() == [float(mean_iou_from_counts(*column)) for column in table.T]


def test_masks_of_another_kind_or_size_are_refused() -> None:
    with pytest.raises(TypeError, match="truth must be a boolean mask, got uint8"):
        confusion_counts(SOME, np.full((6, 8), 255, dtype=np.uint8))
    with pytest.raises(ValueError, match=r"prediction has the shape \(6, 8\), the truth \(8, 6\)"):
        confusion_counts(SOME, SOME.T)
