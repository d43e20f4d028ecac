"""Outline distances against SimpleITK, SciPy and MONAI's own metrics, and their rules for empty masks."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import directed_hausdorff
from skimage.draw import ellipse

from common.metrics import surface_distances

ROWS_COLUMNS = (90, 130)
SPACING_YX = (0.3, 0.8)  # rows close together, columns far apart


def _blob(row: float, column: float, radii: tuple[float, float]) -> NDArray[np.bool_]:
    mask = np.zeros(ROWS_COLUMNS, dtype=bool)
    rows, columns = ellipse(row, column, *radii, shape=ROWS_COLUMNS)
    mask[rows, columns] = True
    return mask


TRUTH = _blob(45, 40, (30, 18)) | _blob(45, 90, (30, 18))
PREDICTION = _blob(41, 43, (33, 17)) | _blob(50, 85, (24, 20)) | _blob(12, 120, (3, 3))


def _simpleitk_distances(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of the contour pixels of ``a`` to the contour of ``b``, in SimpleITK's (x, y) spacing."""
    contours = []
    for mask in (a, b):
        image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(SPACING_YX[::-1])
        contours.append(SimpleITK.LabelContour(image))
    distance = SimpleITK.SignedMaurerDistanceMap(contours[1], squaredDistance=False, useImageSpacing=True)
    return np.abs(SimpleITK.GetArrayFromImage(distance))[SimpleITK.GetArrayFromImage(contours[0]) > 0]


def test_distances_equal_simpleitk_with_unequal_spacing() -> None:
    found = surface_distances(PREDICTION, TRUTH, spacing=SPACING_YX)
    forth, back = _simpleitk_distances(PREDICTION, TRUTH), _simpleitk_distances(TRUTH, PREDICTION)
    assert np.sort(found.prediction_to_truth) == pytest.approx(np.sort(forth), abs=1e-5)
    assert np.sort(found.truth_to_prediction) == pytest.approx(np.sort(back), abs=1e-5)
    assert found.hausdorff(95) == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)), abs=1e-5)
    assert found.average() == pytest.approx(np.concatenate([forth, back]).mean(), abs=1e-5)


def test_hausdorff_equals_simpleitk_filter_and_scipy() -> None:
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (PREDICTION, TRUTH)]
    for image in images:
        image.SetSpacing(SPACING_YX[::-1])
    hausdorff = SimpleITK.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    found = surface_distances(PREDICTION, TRUTH, spacing=SPACING_YX).hausdorff()
    assert found == pytest.approx(hausdorff.GetHausdorffDistance(), abs=1e-5)
    outlines = [np.argwhere(mask ^ ndimage.binary_erosion(mask)) * SPACING_YX for mask in (PREDICTION, TRUTH)]
    scipy_value = max(directed_hausdorff(*outlines)[0], directed_hausdorff(*outlines[::-1])[0])
    assert found == pytest.approx(scipy_value, abs=1e-5)


@pytest.mark.parametrize("spacing", [None, SPACING_YX])
def test_figures_equal_the_metrics_of_monai(spacing: tuple[float, float] | None) -> None:
    batch = [torch.from_numpy(mask)[None, None].float() for mask in (PREDICTION, TRUTH)]
    found = surface_distances(PREDICTION, TRUTH, spacing=spacing)
    hd95 = compute_hausdorff_distance(*batch, include_background=True, percentile=95, spacing=spacing)
    assd = compute_average_surface_distance(*batch, include_background=True, symmetric=True, spacing=spacing)
    surface_dice = compute_surface_dice(*batch, class_thresholds=[1.5], include_background=True, spacing=spacing)
    assert found.hausdorff(95) == pytest.approx(hd95.item(), rel=1e-5)
    assert found.average() == pytest.approx(assd.item(), rel=1e-5)
    assert found.surface_dice(1.5) == pytest.approx(surface_dice.item(), rel=1e-5)


def test_spacing_belongs_to_the_axes_in_their_order() -> None:
    truth = np.zeros((40, 60), dtype=bool)
    truth[10:20, 10:20] = True
    down, right = np.roll(truth, 4, axis=0), np.roll(truth, 4, axis=1)
    assert surface_distances(down, truth, spacing=(0.5, 2.0)).hausdorff() == pytest.approx(4 * 0.5)
    assert surface_distances(right, truth, spacing=(0.5, 2.0)).hausdorff() == pytest.approx(4 * 2.0)


def test_equal_masks_are_at_distance_zero_even_at_the_image_border() -> None:
    mask = np.ones((20, 30), dtype=bool)
    found = surface_distances(mask, mask)
    assert found.prediction_to_truth.size == 2 * (20 + 30) - 4  # the frame of the image is the outline
    assert (found.hausdorff(), found.average(), found.surface_dice(0)) == (0, 0, 1)


def test_empty_against_empty_agrees() -> None:
    empty = np.zeros((20, 30), dtype=bool)
    found = surface_distances(empty, empty)
    assert (found.hausdorff(95), found.hausdorff(), found.average(), found.surface_dice(1)) == (0, 0, 0, 1)


@pytest.mark.parametrize("empty_one", ["prediction", "truth"])
def test_one_empty_mask_costs_the_image_diagonal(empty_one: str) -> None:
    empty, mask = np.zeros((31, 41), dtype=bool), np.zeros((31, 41), dtype=bool)
    mask[5:9, 5:9] = True
    pair = (empty, mask) if empty_one == "prediction" else (mask, empty)
    found = surface_distances(*pair, spacing=(0.1, 0.1))
    assert found.hausdorff(95) == pytest.approx(5.0)  # 30 and 40 pixels of 0.1 mm
    assert found.average() == pytest.approx(5.0)
    assert found.surface_dice(1.0) == 0


@pytest.mark.parametrize("spacing", [(0.5,), (0.5, 0.5, 0.5), (0.5, 0.0), (0.5, float("nan"))])
def test_wrong_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="spacing must be 2 positive lengths"):
        surface_distances(TRUTH, TRUTH, spacing=spacing)


def test_wrong_percentile_and_tolerance_are_refused() -> None:
    found = surface_distances(PREDICTION, TRUTH)
    with pytest.raises(ValueError, match=r"percentile must lie in \(0, 100\], got 0"):
        found.hausdorff(0)
    with pytest.raises(ValueError, match="tolerance must be a finite distance, at least 0, got -1"):
        found.surface_dice(-1)
