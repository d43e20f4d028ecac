"""STAPLE of binary masks: equal to SimpleITK on whole images, and settled where SimpleITK leaves things open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import SimpleITK
from made_up_raters import ellipse, flipping_raters, outline_reader, two_lesions
from scipy.stats import spearmanr

from common.fusion import Fusion, FusionError, disputed_region, staple

BOTH_REGIONS = pytest.mark.parametrize("region", ["disputed", "image"])


def simple_itk(masks: np.ndarray, weight: float = 1.0) -> tuple[np.ndarray, Any]:
    """SimpleITK's posterior and the filter that made it."""
    other = SimpleITK.STAPLEImageFilter()
    other.SetConfidenceWeight(weight)
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    return SimpleITK.GetArrayFromImage(other.Execute(images)), other


def square(*corners: tuple[int, int]) -> np.ndarray:
    """A mask of 24 x 24 pixels with 8 x 8 squares at these corners."""
    mask = np.zeros((24, 24), dtype=bool)
    for row, column in corners:
        mask[row : row + 8, column : column + 8] = True
    return mask


EMPTY, LEFT, RIGHT, BELOW = square(), square((2, 2)), square((4, 5)), square((14, 14))


def readers(count: int = 4) -> np.ndarray:
    """Readers whose outlines wander more and more."""
    return np.stack([outline_reader(two_lesions(), 1.0 + number, seed=number) for number in range(count)])


@pytest.mark.parametrize("shape", [(40, 30), (12, 14, 16)])
@pytest.mark.parametrize("prior", [None, 0.1])
def test_whole_images_are_as_in_simple_itk(shape: tuple[int, ...], prior: float | None) -> None:
    truth = ellipse(shape, tuple(side / 2 for side in shape), tuple(side / 3 for side in shape))
    masks = flipping_raters(truth, [0.9, 0.7, 0.8, 0.95], [0.95, 0.9, 0.99, 0.8])
    posterior, other = simple_itk(masks, 1.0 if prior is None else prior / masks.mean())
    fusion = staple(masks, region="image", prior=prior)
    assert fusion.probability == pytest.approx(posterior, abs=1e-9)
    assert fusion.sensitivity == pytest.approx(other.GetSensitivity(), abs=1e-9)
    assert fusion.specificity == pytest.approx(other.GetSpecificity(), abs=1e-9)
    assert fusion.iterations == other.GetElapsedIterations() + 1
    assert fusion.prior == pytest.approx(masks.mean() if prior is None else prior)
    assert np.array_equal(fusion.consensus, posterior > 0.95)
    assert fusion.region_pixels == truth.size


def test_two_raters_give_their_intersection() -> None:
    masks = np.stack([LEFT, RIGHT])
    disputed = LEFT ^ RIGHT
    whole = staple(masks, region="image")
    # STACK: just below 0.5 where they differ, so that even 0.5 gives the intersection.
    assert (whole.probability[disputed] < 0.5).all()
    for fusion in (whole, staple(masks), staple(masks, margin=0), staple(masks, region="image", threshold=0.5)):
        assert np.array_equal(fusion.consensus, LEFT & RIGHT)
    assert (staple(masks, margin=0).probability[disputed] == 0.5).all()


@BOTH_REGIONS
def test_one_empty_of_two_is_a_tie(region: str) -> None:
    fusion = staple(np.stack([LEFT, EMPTY]), region=region)
    assert fusion.probability[LEFT] == pytest.approx(0.5, abs=1e-12)
    assert not fusion.probability[~LEFT].any()
    assert not fusion.consensus.any()
    assert fusion.sensitivity.tolist() == [1, 0]
    # A threshold of 0.5 leaves it to the policy.
    ties = {tie: staple(np.stack([LEFT, EMPTY]), region=region, threshold=0.5, tie=tie) for tie in TIES}
    assert not ties["background"].consensus.any()
    assert np.array_equal(ties["foreground"].consensus, LEFT)


TIES = ("background", "foreground")


@BOTH_REGIONS
def test_an_empty_mask_may_be_left_out(region: str) -> None:
    three = np.stack([LEFT, EMPTY, RIGHT])
    fusion, alone = staple(three, region=region, empty="ignore"), staple(three[[0, 2]], region=region)
    assert np.array_equal(fusion.probability, alone.probability)
    assert fusion.sensitivity[[0, 2]].tolist() == alone.sensitivity.tolist()
    assert np.isnan([fusion.sensitivity[1], fusion.specificity[1]]).all()
    # One rater is left, who is right by definition.
    single = staple(np.stack([EMPTY, LEFT]), region=region, empty="ignore")
    assert np.array_equal(single.consensus, LEFT)
    assert single.specificity.tolist() == pytest.approx([np.nan, 1], nan_ok=True)


@BOTH_REGIONS
@pytest.mark.parametrize("empty", ["count", "ignore"])
def test_all_empty_is_an_empty_consensus(region: str, empty: str) -> None:
    assert np.isnan(simple_itk(np.stack([EMPTY, EMPTY]))[0]).all()
    fusion = staple(np.stack([EMPTY, EMPTY]), region=region, empty=empty)
    assert not fusion.consensus.any()
    assert not fusion.probability.any()
    assert np.isnan(fusion.sensitivity).all()
    assert (fusion.specificity == 1).all() if empty == "count" else np.isnan(fusion.specificity).all()
    assert (fusion.iterations, fusion.converged) == (0, True)


@BOTH_REGIONS
def test_all_full_is_a_full_consensus(region: str) -> None:
    assert np.isnan(simple_itk(np.stack([~EMPTY, ~EMPTY]))[0]).all()
    fusion = staple(np.stack([~EMPTY, ~EMPTY]), region=region)
    assert fusion.consensus.all()
    assert (fusion.sensitivity == 1).all()
    assert np.isnan(fusion.specificity).all()


@BOTH_REGIONS
@pytest.mark.parametrize("count", [1, 2, 5])
def test_equal_raters_are_reproduced(region: str, count: int) -> None:
    fusion = staple(np.stack([LEFT] * count), region=region)
    assert np.array_equal(fusion.consensus, LEFT)
    assert np.array_equal(fusion.probability, LEFT.astype(float))
    assert (fusion.sensitivity == 1).all()
    assert (fusion.specificity == 1).all()


@BOTH_REGIONS
def test_disjoint_masks_have_no_consensus(region: str) -> None:
    fusion = staple(np.stack([LEFT, BELOW]), region=region)
    assert not fusion.consensus.any()
    assert np.isfinite(fusion.probability).all()
    three = staple(np.stack([LEFT, BELOW, square((2, 14))]), region=region)
    assert not three.consensus.any()
    # What two of three saw is the consensus, what one saw is not.
    most = staple(np.stack([LEFT, square((2, 2), (14, 14)), LEFT]), region="image")
    assert np.array_equal(most.consensus, LEFT)


def test_unanimous_pixels_are_settled_in_the_disputed_region() -> None:
    masks = flipping_raters(two_lesions(), [0.7, 0.6], [0.8, 0.7])
    agreed, nobody = masks.all(axis=0), ~masks.any(axis=0)
    fusion = staple(masks)
    assert (fusion.probability[agreed] == 1).all()
    assert (fusion.probability[nobody] == 0).all()
    # On the whole image two such readers together are not believed.
    assert (staple(masks, region="image").probability[agreed] < 0.95).all()


def test_background_does_not_drive_the_estimate() -> None:
    masks = readers()
    wide = np.pad(masks, ((0, 0), (200, 200), (200, 200)))
    near, far = staple(masks), staple(wide)
    assert np.array_equal(near.probability, far.probability[200:-200, 200:-200])
    assert np.array_equal(near.specificity, far.specificity)
    assert near.region_pixels == far.region_pixels < masks[0].size
    whole = [staple(each, region="image") for each in (masks, wide)]
    assert (whole[1].specificity > whole[0].specificity).all()
    assert not np.allclose(whole[0].probability, whole[1].probability[200:-200, 200:-200], atol=0.01)


def test_the_region_reaches_as_far_as_the_margin_says() -> None:
    marked = square((4, 4), (4, 12))  # 8 rows, 16 columns; a square of that area has a side of 11.3
    disputed = np.zeros_like(marked)
    disputed[7, 3] = disputed[7, 20] = True
    region = disputed_region(disputed, marked, 0.2)
    assert np.argwhere(region.any(axis=0)).ravel().tolist() == [1, 2, 3, 4, 5, 18, 19, 20, 21, 22]
    assert np.argwhere(region.any(axis=1)).ravel().tolist() == [5, 6, 7, 8, 9]
    assert np.array_equal(disputed_region(disputed, marked, 0), disputed)
    assert not disputed_region(np.zeros_like(marked), marked, 0.2).any()


@BOTH_REGIONS
def test_the_order_of_raters_does_not_matter(region: str) -> None:
    masks = readers(5)
    order = [3, 0, 4, 1, 2]
    one, other = staple(masks, region=region), staple(masks[order], region=region)
    assert np.array_equal(one.probability, other.probability)
    assert np.array_equal(one.sensitivity[order], other.sensitivity)
    assert np.array_equal(one.specificity[order], other.specificity)


@BOTH_REGIONS
def test_a_better_rater_gets_more_weight(region: str) -> None:
    truth = two_lesions(200)
    quality = [0.95, 0.9, 0.8, 0.7]
    masks = flipping_raters(truth, quality, quality)
    fusion = staple(masks, region=region)
    weight = fusion.sensitivity + fusion.specificity
    assert np.argsort(-weight).tolist() == [0, 1, 2, 3]
    # A pixel that one rater alone marked is the more probable, the better this rater is.
    alone = [fusion.probability[masks[rater] & (masks.sum(axis=0) == 1)].mean() for rater in range(4)]
    assert np.argsort(alone).tolist() == [3, 2, 1, 0]


def test_readers_are_ranked_by_their_true_error() -> None:
    truth = two_lesions(128)
    errors = [0.7, 1.5, 3.0, 4.5, 6.0]
    correlations = []
    for seed in range(6):
        masks = np.stack([outline_reader(truth, error, seed=10 * seed + n) for n, error in enumerate(errors)])
        fusion = staple(masks)
        correlations.append(spearmanr(fusion.sensitivity + fusion.specificity, errors).statistic)
    assert np.mean(correlations) < -0.8


def test_a_consensus_is_nearer_to_the_truth_than_its_raters() -> None:
    truth = two_lesions(128)
    masks = np.stack([outline_reader(truth, 3.0, seed=number) for number in range(7)])
    wrong = [np.count_nonzero(mask != truth) for mask in masks]
    assert np.count_nonzero(staple(masks).consensus != truth) < min(wrong)


def test_the_threshold_is_what_the_posterior_has_to_exceed() -> None:
    masks = readers()
    posterior = staple(masks).probability
    for threshold in (0.2, 0.5, 0.95):
        assert np.array_equal(staple(masks, threshold=threshold).consensus, posterior > threshold)


def test_convergence_is_reported() -> None:
    masks = readers()
    early, late = staple(masks, max_iterations=3), staple(masks)
    assert (early.iterations, early.converged) == (3, False)
    assert late.converged
    assert late.iterations > 3


def test_threads_do_not_disturb_each_other() -> None:
    images = [readers(3 + number % 3)[:, : 60 + number] for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together: list[Fusion] = list(pool.map(staple, images))
    for masks, fusion in zip(images, together, strict=True):
        assert np.array_equal(fusion.probability, staple(masks).probability)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.0}, "threshold: a number between 0 and 1 is needed, got 1.0"),
        ({"threshold": float("nan")}, "threshold: a number between 0 and 1 is needed, got nan"),
        ({"threshold": "high"}, "threshold: a number between 0 and 1 is needed, got high"),
        ({"region": "lungs"}, "region: one of disputed, image is needed, got lungs"),
        ({"margin": -0.1}, "margin: a number from 0 to 10 is needed, got -0.1"),
        ({"prior": 0.0}, "prior: a number between 0 and 1 is needed, got 0.0"),
        ({"tie": "coin"}, "tie: one of background, foreground is needed, got coin"),
        ({"empty": "skip"}, "empty: one of count, ignore is needed, got skip"),
        ({"max_iterations": 0}, "max_iterations: a number from 1 to inf is needed, got 0"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FusionError) as caught:
        staple(np.stack([LEFT, RIGHT]), **options)
    assert str(caught.value) == message


def test_no_rater_is_refused() -> None:
    with pytest.raises(FusionError, match="no rater to fuse"):
        staple(np.zeros((0, 4, 4), dtype=bool))
