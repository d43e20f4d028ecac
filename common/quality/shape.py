"""Numbers that describe the form of two lungs, whatever their size and place in the picture."""

from __future__ import annotations

import numpy as np

from .view import View

#: Names of the numbers of :func:`lung_shape`. Right and left are the patient's.
SHAPE = (
    "log of right by left area",
    "log of height by width, right",
    "log of height by width, left",
    "slant, right",
    "slant, left",
    "distance of the centres by the width of the box",
    "left centre below the right one by the height of the box",
    "log of area by box",
)

#: Variance of the positions within a pixel.
_WITHIN = 1 / 12


def lung_shape(view: View) -> np.ndarray | None:
    """The form of both lungs, from the first and second moments of each and the box around both.

    Slant is the correlation of x and y within a lung: a right lung widens towards the foot on the picture's left side.

    Returns:
        The numbers named in `SHAPE`, float64; None unless there are two lungs.
    """
    if view.parts < 2:
        return None
    (area_r, centre_r, spread_r, slant_r), (area_l, centre_l, spread_l, slant_l) = (
        _moments(view.sides == side) for side in (1, 2)
    )
    x, y = np.nonzero(view.sides)
    width, height = np.ptp(x) + 1, np.ptp(y) + 1
    return np.array(
        [
            np.log(area_r / area_l),
            np.log(spread_r[1] / spread_r[0]),
            np.log(spread_l[1] / spread_l[0]),
            slant_r,
            slant_l,
            (centre_l[0] - centre_r[0]) / width,
            (centre_l[1] - centre_r[1]) / height,
            np.log((area_r + area_l) / (width * height)),
        ]
    )


def _moments(mask: np.ndarray) -> tuple[int, np.ndarray, np.ndarray, float]:
    """Area, centre, standard deviations along x and y, and correlation of x and y."""
    points = np.stack(np.nonzero(mask)).astype(float)
    centre = points.mean(axis=1)
    offsets = points - centre[:, None]
    covariance = offsets @ offsets.T / points.shape[1] + _WITHIN * np.eye(2)
    spread = np.sqrt(np.diag(covariance))
    return points.shape[1], centre, spread, float(covariance[0, 1] / (spread[0] * spread[1]))
