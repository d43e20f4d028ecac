"""Path lengths of soft tissue, bone and air behind each pixel of a radiograph phantom."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage
from skimage.transform import resize

from .phantom_anatomy import Body, vessel_tree
from .phantom_frame import Frame

#: Density of inflated lung relative to soft tissue.
LUNG_DENSITY = 0.27


def soft_tissue(body: Body, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Path length of the body, lungs counted as tissue, in mm; `x`, `y` in mm."""
    side = np.abs(x)
    trunk_half = body.half_width + body.wall - 0.06 * np.clip(y - 0.5 * body.height, 0, None)
    thickness = body.depth + 1.4 * body.wall + 0.12 * (y - 0.7 * body.height)
    thickness = thickness * (0.55 + 0.45 * _step(y, 0.05 * body.height, 0.25 * body.height))
    neck, arm = 44 + 0.5 * body.wall, 36 + 0.5 * body.wall
    joint = (1.18 * body.half_width, 0.10 * body.height)
    elbow = (1.75 * body.half_width, 1.05 * body.height)
    parts = [
        thickness * _arch(x / trunk_half, 3.4) * _step(y, -0.02 * body.height, 0.12 * body.height),
        2 * neck * _arch(x / neck, 2.0) * _step(-y, -0.3 * body.height, 40),
        # From the neck over the shoulder to the arm.
        _capsule(side, y, (12.0, -22.0), joint, neck, 1.15 * arm),
        _capsule(side, y, joint, elbow, 1.15 * arm, 0.9 * arm),
    ]
    # Bodies that overlap do not add up: a soft maximum.
    total = np.sum([np.square(np.square(part / 100)) for part in parts], axis=0)
    return 100 * np.sqrt(np.sqrt(total))


def breasts(body: Body, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Path length of the breasts in mm, with their sharp lower fold."""
    if not body.breast:
        return np.zeros_like(x)
    centre_x, centre_y = 0.60 * body.half_width, 0.66 * body.height
    radius = np.hypot(
        (np.abs(x) - centre_x) / 1.05, np.where(y > centre_y, (y - centre_y) / 0.95, (y - centre_y) / 1.7)
    )
    return 0.45 * body.breast * np.sqrt(np.clip(1 - (radius / body.breast) ** 2, 0, None))


def lung_air(body: Body, frame: Frame, x: np.ndarray, y: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """Path length (mm) through inflated lung.

    Besides the visible lungs (`lungs`, a mask) there is lung behind the heart and in the recess behind the domes of
    the diaphragm, through which both stay faintly visible.
    """
    v = y / body.height
    chord = body.depth * (0.35 + 0.65 * np.clip(v / 0.4, 0, 1) ** 0.7) * _arch(x / (body.chest_half_width(y) + 1), 2.2)
    visible = frame.blur(lungs, 1.1)
    # The lung wraps around heart and great vessels: its thickness builds up over a centimetre or so.
    inner = ndimage.distance_transform_edt(lungs).astype(np.float32) * frame.pixel
    visible *= 1 - 0.45 * np.exp(-inner / 7)
    recess = _step(1.08 - v, 0, 0.18) * _step(v, 0.5, 0.25) * _step(np.abs(x) / body.half_width, 0.14, 0.1)
    hidden = 0.16 * np.clip(recess * _step(np.abs(x), 0, 30) - visible, 0, 1)
    return chord * (visible + hidden)


def airways_and_stomach(body: Body, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Path length (mm) through the air of trachea, main bronchi and stomach."""
    carina = 0.31 * body.height
    air = 19 * _arch((x + 2) / 9.0, 2.0) * (y < carina)
    for side, slope in ((-1, 0.75), (1, 1.15)):
        along = y - carina
        air = np.maximum(air, 11 * _arch((side * x - 2 - slope * along) / 7.5, 2.0) * ((along > -4) & (along < 34)))
    # Standing patient: a bubble under the left dome with a level fluid surface.
    bubble_x, top = rng.uniform(0.42, 0.6) * body.half_width, (0.905 + body.left_dome) * body.height
    width, depth = rng.uniform(22, 42), rng.uniform(14, 30)
    radius = np.hypot((x - bubble_x) / width, (y - top - depth) / depth)
    bubble = np.sqrt(np.clip(1 - radius**2, 0, None)) * _step(top + depth - y, -1, 2)
    return air + rng.uniform(20, 70) * bubble


def bone(body: Body, frame: Frame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Path length (mm) through compact bone: ribs, clavicles, spine, shoulder blades and humeral heads."""
    posterior = _tube(frame.distance_to(body.posterior_ribs()), 5.4, 1.3)
    anterior = _tube(frame.distance_to(body.anterior_ribs()), 6.2, 0.9)
    clavicles = _tube(frame.distance_to(body.clavicles()), 6.5, 2.0)
    blades = np.zeros(frame.shape, dtype=np.float32)
    for outline in body.scapulae():
        blades = np.maximum(blades, frame.fill(outline))
    blade = 2.0 * frame.blur(blades, 1.2) + 2.5 * np.clip(blades - frame.blur(blades, 3), 0, 1)
    heads = np.hypot(np.abs(x) - 1.30 * body.half_width, y - 0.03 * body.height)
    head = 11 * np.sqrt(np.clip(1 - (heads / 25) ** 2, 0, None))
    return body.bone * (1.25 * posterior + 1.1 * anterior + 1.3 * clavicles + blade + head + _spine(body, x, y))


def vessels(body: Body, frame: Frame, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Path length (mm) through the blood of the hila and the pulmonary vessels, not clipped to the lungs."""
    step = 0.5 * frame.pixel
    points, diameters = vessel_tree(body, rng, step)
    index = frame.to_pixels(points).round().astype(int)
    inside = ((index >= 0) & (index < frame.shape)).all(axis=1)
    index, diameters = index[inside], diameters[inside]
    volume = np.pi / 4 * diameters**2 * step / frame.pixel**2
    total = np.zeros(frame.shape, dtype=np.float32)
    # Vessels of similar width are drawn together: one blur gives all of them their round section.
    for low, high in pairwise((0, 1.2, 2.0, 3.2, np.inf)):
        chosen = (diameters >= low) & (diameters < high)
        if chosen.any():
            drawn = np.zeros(frame.shape, dtype=np.float32)
            np.add.at(drawn, tuple(index[chosen].T), volume[chosen])
            total += frame.blur(drawn, 0.28 * float(diameters[chosen].mean()))
    for side, height in ((-1, 0.47), (1, 0.43)):
        hilum = np.hypot(x - side * 0.25 * body.half_width, (y - height * body.height) / 1.8)
        total += 14 * np.exp(-((hilum / 11) ** 2))
    return total


def texture(frame: Frame, rng: np.random.Generator, scales: tuple[float, ...]) -> np.ndarray:
    """Smooth random field with zero mean and unit variance, mixed from blobs of the given sizes in mm."""
    field = np.zeros(frame.shape, dtype=np.float32)
    for scale in scales:
        coarse = [max(4, int(np.ceil(n * frame.pixel / scale)) + 3) for n in frame.shape]
        field += resize(rng.standard_normal(coarse).astype(np.float32), frame.shape, order=3, anti_aliasing=False)
    return (field - field.mean()) / field.std()


def _spine(body: Body, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Vertebral bodies with discs, pedicles and spinous processes, as mm of compact bone."""
    half = 13 + 0.028 * np.clip(y, -80, None)
    pitch = body.rib_pitch * body.height
    phase = (y / pitch + body.vertebrae) % 1.0
    disc = np.exp(-(((phase - 0.5) / 0.10) ** 2))
    column = (5 - 2.5 * disc) * _step(half - np.abs(x), -3.0, 6.0) + 1.5 * np.exp(
        -(((np.abs(x) - half + 2) / 1.5) ** 2)
    )
    pedicles = 2.5 * np.exp(-(((np.abs(x) - 0.7 * half) / 3.2) ** 2) - (((phase - 0.95) / 0.17) ** 2))
    process = 2.5 * np.exp(-((x / 3.0) ** 2) - (((phase - 0.2) / 0.2) ** 2))
    return column + pedicles + process


def _tube(distance: np.ndarray, radius: float, cortex: float) -> np.ndarray:
    """Path (mm) through a flattened bone of elliptic section: compact cortex, sparse marrow."""
    flat = 0.55

    def chord(r: float) -> np.ndarray:
        return 2 * flat * r * np.sqrt(np.clip(1 - (distance / r) ** 2, 0, None))

    return chord(radius) - 0.6 * chord(radius - cortex)


def _capsule(
    x: np.ndarray, y: np.ndarray, start: tuple[float, float], end: tuple[float, float], r0: float, r1: float
) -> np.ndarray:
    """Path (mm) through a limb a quarter deeper than wide, whose radius goes from r0 at its start to r1 at its end."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx**2 + dy**2), 0, 1)
    away = np.square(x - start[0] - along * dx) + np.square(y - start[1] - along * dy)
    return 2.5 * np.sqrt(np.clip(np.square(r0 + (r1 - r0) * along) - away, 0, None))


def _arch(t: np.ndarray, power: float) -> np.ndarray:
    """1 in the middle, 0 at |t| >= 1, with the steep flanks of a round body."""
    return np.sqrt(np.clip(1 - np.abs(t) ** power, 0, None))


def _step(t: np.ndarray, start: float, width: float) -> np.ndarray:
    """Smooth step from 0 below `start` to 1 above `start + width`."""
    s = np.clip((t - start) / width, 0, 1)
    return s * s * (3 - 2 * s)
