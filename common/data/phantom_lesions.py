"""Lesions of tuberculosis for radiograph phantoms: nodules, infiltrates and cavities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .phantom_anatomy import Body
from .phantom_frame import Frame
from .phantom_tissue import texture

#: A pixel belongs to a lesion where it adds at least this much tissue, mm.
_VISIBLE = 6.0
#: Lesions are centred at least this far inside the lung, mm.
_DEPTH = 9.0
#: Kinds, how often they are drawn, and the label of the data contract.
_KINDS = (("infiltrate", 0.5, "active"), ("cavity", 0.2, "active"), ("nodule", 0.3, "latent"))


@dataclass(frozen=True)
class Lesions:
    """Tissue that lesions add (mm, rows x columns), and one mask and one label for each lesion."""

    thickness: np.ndarray
    masks: list[np.ndarray]
    labels: list[str]


def lesion_tissue(
    body: Body,
    frame: Frame,
    x: np.ndarray,
    y: np.ndarray,
    lungs: list[np.ndarray],
    count: int,
    rng: np.random.Generator,
) -> Lesions:
    """Draw lesions into the lungs, two thirds of them in the upper half, where tuberculosis prefers to sit.

    Args:
        body: the patient.
        frame: the view.
        x: abscissa of every pixel, mm.
        y: ordinate of every pixel, mm.
        lungs: masks of the right and of the left lung.
        count: number of lesions.
        rng: source of randomness.
    """
    total = np.zeros(frame.shape, dtype=np.float32)
    masks: list[np.ndarray] = []
    labels: list[str] = []
    deep = [ndimage.distance_transform_edt(lung) * frame.pixel > _DEPTH for lung in lungs] if count else []
    kinds = rng.choice(len(_KINDS), size=count, p=[kind[1] for kind in _KINDS])
    for kind, _, label in (_KINDS[k] for k in kinds):
        chosen = int(rng.integers(2))
        upper = rng.random() < 2 / 3
        where = np.argwhere(deep[chosen] & ((y < 0.45 * body.height) == upper))
        row, column = where[rng.integers(len(where))]
        distance = np.hypot(x - x[row, column], (y - y[row, column]) * rng.uniform(0.8, 1.25))
        added = lungs[chosen] * _DRAW[kind](distance, frame, rng)
        mask = added > _VISIBLE
        if not mask.any():
            mask[row, column] = True
        total += added
        masks.append(mask)
        labels.append(label)
    return Lesions(total, masks, labels)


def _nodule(distance: np.ndarray, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    radius = rng.uniform(6, 14)
    return 2 * np.sqrt(np.clip(radius**2 - distance**2, 0, None))


def _infiltrate(distance: np.ndarray, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    radius = rng.uniform(18, 45)
    patchy = np.clip(0.7 + 0.5 * texture(frame, rng, (6.0, 14.0)), 0, None)
    return rng.uniform(22, 45) * patchy * np.exp(-((distance / (0.6 * radius)) ** 2))


def _cavity(distance: np.ndarray, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    outer = rng.uniform(12, 24)
    inner = outer - rng.uniform(3, 6)
    shell = np.sqrt(np.clip(outer**2 - distance**2, 0, None)) - np.sqrt(np.clip(inner**2 - distance**2, 0, None))
    haze = 10 * np.exp(-((distance / (1.5 * outer)) ** 2)) * np.clip(1 + texture(frame, rng, (5.0,)), 0, None)
    return 2 * shell + haze


_DRAW = {"nodule": _nodule, "infiltrate": _infiltrate, "cavity": _cavity}
