"""A study of three readers and three images in folders of masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_up_raters import outline_reader, two_lesions
from PIL import Image

from common.fusion.__main__ import main

NAMES = ("site/a", "site/b", "c")
READERS = ("ann", "bob", "cyn")


def reading(image: int, reader: int) -> np.ndarray:
    """Image 1 shows nothing, and only the last reader sees something there."""
    mask = outline_reader(two_lesions(72), 1.0 + 2 * reader, seed=10 * image + reader)[:, :60]
    return mask if image != 1 or reader == 2 else np.zeros_like(mask)


def save(path: Path, mask: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def run(folder: Path, *options: str, raters: tuple[str, ...] = READERS, output: str = "out") -> int:
    paths = [rater if "=" in rater else str(folder / rater) for rater in raters]
    return main([*paths, "--output", str(folder / output), "--workers", "1", *options])


def stack(image: int) -> np.ndarray:
    return np.stack([reading(image, number) for number in range(3)])
