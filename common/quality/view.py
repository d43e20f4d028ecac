"""What the rules look at: a radiograph and its lungs on a small grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from ..transforms import SplitLungs

#: Side of the grid on which lungs are measured, and of the coarse one on which pictures are compared.
SIDE, COARSE = 64, 16

_split = SplitLungs()


@dataclass(frozen=True)
class View:
    """One radiograph.

    All arrays are [W, H]: first axis to the picture's right, second axis down.

    Attributes:
        picture: grey levels as the network saw them, SIDE x SIDE.
        lungs: probability of lung after clean-up, SIDE x SIDE.
        sides: 0 background, 1 right lung, 2 left lung (the patient's sides), SIDE x SIDE.
        confidence: see :func:`common.quality.lung_confidence`.
        evenness: share of pixels that have the commonest grey level, in [0, 1].
    """

    picture: np.ndarray
    lungs: np.ndarray
    sides: np.ndarray
    confidence: float
    evenness: float

    @property
    def parts(self) -> int:
        """How many lungs there are: 0, 1 or 2."""
        return int((self.sides == 1).any()) + int((self.sides == 2).any())


def view(image: torch.Tensor, lungs: torch.Tensor, confidence: float, threshold: float = 0.5) -> View:
    """Reduce a radiograph and its lungs to the grid of the rules.

    Args:
        image: what the network saw, [1, W, H].
        lungs: probabilities after clean-up, [1, W, H], of the same size.
        confidence: of the map before clean-up.
        threshold: probability from which a pixel is lung.

    Raises:
        ValueError: the arrays are not [1, W, H] of one size.
    """
    image, lungs = torch.as_tensor(image), torch.as_tensor(lungs)
    if image.ndim != 3 or image.shape[0] != 1 or image.shape != lungs.shape:
        shapes = f"{tuple(image.shape)} and {tuple(lungs.shape)}"
        raise ValueError(f"quality: expected two arrays [1, W, H] of one size, got {shapes}")
    both = torch.cat([image, lungs]).detach().float().cpu()
    picture, small = adaptive_avg_pool2d(both, SIDE).numpy()
    sides = _split((small >= threshold)[None])[0]
    return View(picture, small, sides, confidence, _evenness(both[0].numpy()))


def coarse(array: np.ndarray) -> np.ndarray:
    """An array [SIDE, SIDE] averaged to [COARSE, COARSE]."""
    step = SIDE // COARSE
    return array.reshape(COARSE, step, COARSE, step).mean(axis=(1, 3))


def standardised(array: np.ndarray) -> np.ndarray:
    """An array with its mean taken away, divided by its standard deviation; zeros where it is constant."""
    centred = array - array.mean()
    spread = centred.std()
    return centred / spread if spread > 0 else centred


def _evenness(image: np.ndarray) -> float:
    # A sample on a grid is enough, and the median is the commonest level whenever one takes more than half of it.
    sample = image[:: max(1, image.shape[0] // SIDE), :: max(1, image.shape[1] // SIDE)]
    tolerance = 1e-3 * float(image.max() - image.min())
    return float((np.abs(sample - np.median(sample)) <= tolerance).mean())
