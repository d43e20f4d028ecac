from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from common.data.overlap import find_overlaps, foreign_origin
from common.data.signature import signature, trim_borders


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "smaller and JPEG": lambda image: _jpeg(_resized(image, 230, 256), 60),
    "gamma": lambda image: (255 * (image / 255) ** 0.5).astype(np.uint8),
    "16 bit": lambda image: image.astype(np.uint16) * 257,
    "inverted": lambda image: 255 - image,
    "cropped by 4 %": lambda image: image[16:-16, 14:-14],
    "black border": lambda image: np.pad(image, ((0, 60), (25, 25))),
    "noisy": lambda image: np.clip(image + np.random.default_rng(0).normal(0, 8, image.shape), 0, 255).astype(np.uint8),
}


@pytest.fixture
def film_of(film: Callable) -> Callable[[int], np.ndarray]:
    return lambda seed: gaussian_filter(film(seed, (400, 360)), 1.5)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_found_among_others(name: str, film_of: Callable) -> None:
    others = [signature(film_of(seed)) for seed in range(8)]
    copy = signature(COPIES[name](film_of(3)))

    (overlap,) = find_overlaps(others, [copy])

    assert (overlap.first, overlap.second, overlap.kind) == (3, 0, "same picture")
    assert overlap.correlation > 0.8


def test_equal_pixels_are_identical_and_different_films_are_not(film_of: Callable) -> None:
    films = [signature(film_of(seed)) for seed in (0, 1, 2, 1)]

    assert [(item.first, item.second, item.kind) for item in find_overlaps(films)] == [(1, 3, "identical")]
    assert find_overlaps(films[:3]) == []
    assert find_overlaps([]) == []


def test_the_digest_knows_type_and_shape(film_of: Callable) -> None:
    image = film_of(0)

    assert signature(image).digest == signature(image.copy()).digest
    assert signature(image).digest != signature(image.astype(np.uint16)).digest
    assert signature(image).digest != signature(image.reshape(360, 400)).digest


def test_borders_of_one_value_are_trimmed(film_of: Callable) -> None:
    image = film_of(0)

    np.testing.assert_array_equal(trim_borders(np.pad(image, ((3, 40), (0, 7)))), image)
    np.testing.assert_array_equal(trim_borders(np.zeros((5, 6))), np.zeros((5, 6)))


def test_impossible_arguments(film_of: Callable) -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        signature(np.zeros((1, 64, 64)))
    with pytest.raises(ValueError, match="0 to 255"):
        find_overlaps([signature(film_of(0))], max_distance=256)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("imgs/extra/da+db/train/p1.png", "india_da"),
        ("TBX11K/imgs/extra/montgomery/0001.png", "montgomery"),
        ("imgs\\extra\\shenzhen\\x.png", "shenzhen"),
        ("tbx11k/images/CHNCXR_0001_0.png", "shenzhen"),
        ("MCUCXR_0001_0.png", "montgomery"),
        ("jsrt/images/JPCLN001.png", "jsrt"),
        ("imgs/tb/tb0003.png", None),
        ("data/extra/tb0003.png", None),
        ("davos/images/a.png", None),
    ],
)
def test_names_betray_their_origin(path: str, origin: str | None) -> None:
    assert foreign_origin(path) == origin
