"""The expectation maximisation against SimpleITK and against itself written out."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from made_up_raters import flipping_raters, two_lesions

from common.fusion.em import Estimate, estimate, find_patterns


def random_labels(raters: int, labels: int, pixels: int = 4000, seed: int = 0) -> np.ndarray:
    """Raters that give the true label most of the time."""
    random = np.random.default_rng(seed)
    truth = random.choice(labels, size=pixels, p=np.linspace(2, 1, labels) / np.linspace(2, 1, labels).sum())
    wrong = random.random((raters, pixels)) < random.uniform(0.05, 0.3, (raters, 1))
    return np.where(wrong, random.integers(0, labels, (raters, pixels)), truth).astype(np.uint8)


def written_out(labels: np.ndarray, count: int, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Posterior [N, L] and performance [R, L, L] by the formulas of Warfield et al., pixel by pixel."""
    raters, pixels = labels.shape
    posterior = np.array([[np.mean(labels[:, i] == c) for c in range(count)] for i in range(pixels)])
    prior = posterior.mean(axis=0)
    for _ in range(iterations):
        performance = np.zeros((raters, count, count))
        for i in range(pixels):
            for r in range(raters):
                performance[r, labels[r, i]] += posterior[i]
        performance /= posterior.sum(axis=0)
        for i in range(pixels):
            posterior[i] = prior * np.prod([performance[r, labels[r, i]] for r in range(raters)], axis=0)
            posterior[i] /= posterior[i].sum()
    return posterior, performance


@pytest.mark.parametrize(("raters", "count"), [(1, 2), (2, 2), (3, 2), (4, 3), (5, 4)])
def test_it_is_what_the_formulas_say(raters: int, count: int) -> None:
    labels = random_labels(raters, count, pixels=60)
    found = estimate(labels, count, prior=None, max_iterations=4)
    posterior, performance = written_out(labels, count, found.iterations)
    assert found.posterior[found.pattern] == pytest.approx(posterior, abs=1e-12)
    assert found.performance == pytest.approx(performance, abs=1e-12)


@pytest.mark.parametrize("raters", range(2, 9))
def test_two_labels_are_as_in_simple_itk(raters: int) -> None:
    masks = random_labels(raters, 2, seed=raters)
    other = SimpleITK.STAPLEImageFilter()
    other.SetMaximumIterations(400)
    posterior = SimpleITK.GetArrayFromImage(other.Execute([SimpleITK.GetImageFromArray(m[None]) for m in masks]))[0]
    found = estimate(masks, 2, prior=None, max_iterations=400)
    assert found.posterior[found.pattern, 1] == pytest.approx(posterior, abs=1e-9)
    assert found.performance[:, 1, 1] == pytest.approx(other.GetSensitivity(), abs=1e-9)
    assert found.performance[:, 0, 0] == pytest.approx(other.GetSpecificity(), abs=1e-9)
    # ITK gives the index of the last iteration, counted from 0, where it converged.
    assert found.iterations == other.GetElapsedIterations() + (1 if found.converged else 0)


@pytest.mark.parametrize(("raters", "count"), [(3, 3), (5, 3), (7, 4), (5, 6)])
def test_several_labels_end_as_in_simple_itk(raters: int, count: int) -> None:
    labels = random_labels(raters, count, seed=count)
    other = SimpleITK.MultiLabelSTAPLEImageFilter()
    other.SetTerminationUpdateThreshold(1e-7)
    chosen = SimpleITK.GetArrayFromImage(other.Execute([SimpleITK.GetImageFromArray(row[None]) for row in labels]))[0]
    found = estimate(labels, count, prior=None, max_iterations=10_000)
    assert found.converged
    assert np.array_equal(found.posterior.argmax(axis=1)[found.pattern], chosen)
    for rater in range(raters):
        # One more row for the "undecided" label, which no rater uses.
        performance = np.reshape(other.GetConfusionMatrix(rater), (count + 1, count))[:count]
        assert found.performance[rater] == pytest.approx(performance, abs=1e-5)


def test_a_model_that_holds_is_found_again() -> None:
    truth = np.tile(two_lesions(), (4, 4))
    sensitivity, specificity = [0.95, 0.8, 0.6, 0.9], [0.9, 0.99, 0.8, 0.7]
    masks = flipping_raters(truth, sensitivity, specificity).reshape(4, -1)
    found = estimate(masks.view(np.uint8), 2, prior=np.array([1 - truth.mean(), truth.mean()]), max_iterations=5000)
    assert found.converged
    assert found.performance[:, 1, 1] == pytest.approx(sensitivity, abs=0.02)
    assert found.performance[:, 0, 0] == pytest.approx(specificity, abs=0.02)


def test_very_many_raters_leave_the_range_of_numbers_only_in_simple_itk() -> None:
    masks = (np.random.default_rng(0).random((2000, 50)) < 0.5).astype(np.uint8)
    image = SimpleITK.STAPLE([SimpleITK.GetImageFromArray(row[None]) for row in masks], 1.0, 1, 20)
    assert np.isnan(SimpleITK.GetArrayFromImage(image)).any()
    found = estimate(masks, 2, prior=None, max_iterations=20)
    assert np.isfinite(found.posterior).all()
    assert np.isfinite(found.performance).all()


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_order_of_raters_does_not_matter_to_the_last_bit(count: int) -> None:
    labels = random_labels(6, count)
    order = np.array([4, 0, 5, 2, 1, 3])
    one = estimate(labels, count, prior=None, max_iterations=300)
    other = estimate(labels[order], count, prior=None, max_iterations=300)
    assert np.array_equal(one.posterior[one.pattern], other.posterior[other.pattern])
    assert np.array_equal(one.performance[order], other.performance)


def test_it_says_when_it_did_not_converge() -> None:
    labels = random_labels(3, 2)
    runs: list[Estimate] = [estimate(labels, 2, prior=None, max_iterations=limit) for limit in (2, 10_000)]
    assert [run.converged for run in runs] == [False, True]
    assert runs[0].iterations == 2
    exact = estimate(labels, 2, prior=None, max_iterations=runs[1].iterations)
    assert (exact.converged, exact.iterations) == (True, runs[1].iterations)


def test_patterns_put_every_pixel_together_again() -> None:
    # Thirty raters of five labels: far more combinations than fit into one number.
    labels = np.random.default_rng(0).integers(0, 5, (30, 500)).astype(np.uint8)
    number, patterns = find_patterns(labels, 5)
    assert np.array_equal(patterns[number].T, labels)
    assert len(np.unique(patterns, axis=0)) == len(patterns)


def test_a_label_that_nobody_supports_any_more_does_no_harm() -> None:
    labels = np.array([[0, 0, 0, 1, 2], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1]], dtype=np.uint8)
    found = estimate(labels, 3, prior=np.array([0.5, 0.4999999, 1e-7]), max_iterations=10_000)
    assert np.isfinite(found.posterior).all()
    assert found.posterior.sum(axis=1) == pytest.approx(1)
