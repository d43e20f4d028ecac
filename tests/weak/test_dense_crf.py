from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from scipy.special import softmax

from common.errors import UsageError
from common.weak.bilateral_grid import BilateralGrid
from common.weak.dense_crf import CRFSettings, dense_crf, resolve_engine


@pytest.fixture(scope="module")
def pydensecrf() -> ModuleType:
    return pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 is not installed (the extra crf)")


def noisy_disc(side: int = 96, radius: int = 28, wrong: float = 0.25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image of a grey disc with a little noise, labels of which a share is wrong, and the truth."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] - side // 2
    truth = (y**2 + x**2 < radius**2).astype(np.uint8)
    image = np.clip(90 + 70 * truth + random.normal(0, 3, truth.shape), 0, 255).astype(np.uint8)
    labels = np.where(random.random(truth.shape) < wrong, 1 - truth, truth).astype(np.uint8)
    return image, labels, truth


def kernel_matrix(image: np.ndarray, place: float, grey: float = np.inf) -> np.ndarray:
    """The Gaussian of every pair of pixels, [N, N], made symmetric in its norm as the published code does."""
    points = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij")).reshape(2, -1) / place
    levels = image.ravel().astype(float) / grey
    squares = ((points[:, :, None] - points[:, None]) ** 2).sum(0) + (levels[:, None] - levels[None]) ** 2
    matrix = np.exp(-squares / 2)
    norm = 1 / np.sqrt(matrix.sum(1))
    return norm[:, None] * matrix * norm[None]


def exact_mean_field(image: np.ndarray, labels: np.ndarray, classes: int, settings: CRFSettings) -> np.ndarray:
    """The definition, with sums over all pairs of pixels."""
    smooth = settings.smooth_weight * kernel_matrix(image, settings.smooth_sigma)
    colour = settings.colour_weight * kernel_matrix(image, settings.colour_place, settings.colour_grey / np.sqrt(3))
    right, wrong = np.log(settings.confidence), np.log((1 - settings.confidence) / (classes - 1))
    unary = np.where(labels.ravel()[None] == np.arange(classes)[:, None], right, wrong)
    posterior = softmax(unary, axis=0)
    for _ in range(settings.iterations):
        posterior = softmax(unary + posterior @ (smooth + colour), axis=0)
    return posterior.reshape(classes, *image.shape)


def test_the_grid_sums_like_the_gaussian_of_all_pairs() -> None:
    random = np.random.default_rng(1)
    image = (np.linspace(40, 200, 30)[:, None] + random.normal(0, 6, (30, 26))).astype(np.uint8)
    values = random.random((2, 30, 26))

    # A factor common to all sums is free; the norm of the matrix takes it out.
    grid = BilateralGrid(image, 6.0, 9.0)
    norm = 1 / np.sqrt(grid(np.ones((1, 30, 26))))
    found = (norm * grid(values * norm)).reshape(2, -1)

    expected = values.reshape(2, -1) @ kernel_matrix(image, 6.0, 9.0)
    np.testing.assert_allclose(found, expected, rtol=0.03)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_grid_engine_is_the_mean_field_of_all_pairs(classes: int) -> None:
    random = np.random.default_rng(classes)
    image = np.repeat(random.integers(0, 256, (7, 8)), 4, axis=0).repeat(4, axis=1).astype(np.uint8)
    labels = random.integers(0, classes, image.shape)
    settings = CRFSettings(smooth_weight=1.0, colour_place=8.0, colour_grey=12.0, colour_weight=2.0)

    found = dense_crf(image, labels, classes, settings, "grid")

    expected = exact_mean_field(image, labels, classes, settings)
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert (found.argmax(0) == expected.argmax(0)).mean() > 0.99


def test_without_neighbours_the_labels_keep_their_confidence() -> None:
    image, labels, _ = noisy_disc(20, 5)
    alone = CRFSettings(confidence=0.8, smooth_weight=0.0, colour_weight=0.0)

    posterior = dense_crf(image, labels, 3, alone, "grid")

    np.testing.assert_allclose(np.take_along_axis(posterior, labels[None].astype(int), 0), 0.8, rtol=1e-6)
    np.testing.assert_allclose(posterior[2], 0.1, rtol=1e-6)


def test_a_noisy_disc_becomes_sharp() -> None:
    image, labels, truth = noisy_disc()
    found = dense_crf(image, labels, 2, engine="grid").argmax(0)
    assert (labels != truth).mean() > 0.2
    assert (found != truth).mean() < 0.002


def test_the_package_gives_nearly_the_same(pydensecrf: ModuleType) -> None:
    image, labels, truth = noisy_disc()
    by_package = dense_crf(image, labels, 2, engine="pydensecrf").argmax(0)
    by_grid = dense_crf(image, labels, 2, engine="grid").argmax(0)
    assert (by_package != truth).mean() < 0.002
    assert (by_package == by_grid).mean() > 0.998


def test_the_engine_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="choose one of auto, pydensecrf, grid"):
        resolve_engine("fast")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert resolve_engine("auto") == "grid"
    with pytest.raises(UsageError, match="pip install pydensecrf2"):
        resolve_engine("pydensecrf")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert resolve_engine("auto") == "pydensecrf"
    assert resolve_engine("grid") == "grid"


def test_inputs_that_do_not_fit() -> None:
    image, labels, _ = noisy_disc(12, 3)
    with pytest.raises(UsageError, match="uint8 image"):
        dense_crf(image.astype(float), labels, 2, engine="grid")
    with pytest.raises(UsageError, match="found 0 to 1 of 1"):
        dense_crf(image, labels, 1, engine="grid")
    with pytest.raises(UsageError, match="confidence in"):
        CRFSettings(confidence=1.0)
