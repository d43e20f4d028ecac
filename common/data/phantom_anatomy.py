"""The body behind a radiograph phantom: outlines and centre lines in millimetres.

Coordinates: x grows to the picture's right (the patient's left), 0 in the midline; y grows downwards, 0 at the level
of the lung apices. Shapes are given in units of the thorax (u = x / half width, v = y / height), drawn by hand after
the proportions of normal adult frontal radiographs, and varied by a few parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator, make_interp_spline

#: Outer border of a lung from the apex to the costophrenic angle, as (|u|, v).
_LATERAL = (
    (0.33, 0.0),
    (0.57, 0.045),
    (0.75, 0.15),
    (0.84, 0.27),
    (0.90, 0.43),
    (0.94, 0.65),
    (0.98, 0.84),
    (0.985, 1.0),
)
#: Diaphragm from the costophrenic angle to the heart.
_DOME_RIGHT = ((0.985, 1.0), (0.91, 0.935), (0.80, 0.88), (0.64, 0.835), (0.47, 0.81), (0.34, 0.81), (0.27, 0.835))
_DOME_LEFT = ((0.985, 1.0), (0.91, 0.95), (0.82, 0.91), (0.74, 0.88), (0.66, 0.86), (0.61, 0.855))
#: Inner border from the diaphragm back to the apex: right atrium and hilum, left ventricle, hilum and aortic arch.
_MEDIAL_RIGHT = (
    (0.27, 0.835),
    (0.29, 0.70),
    (0.23, 0.55),
    (0.17, 0.40),
    (0.13, 0.25),
    (0.13, 0.10),
    (0.19, 0.035),
    (0.33, 0.0),
)
_MEDIAL_LEFT = (
    (0.61, 0.855), (0.61, 0.76), (0.54, 0.66), (0.41, 0.57), (0.30, 0.47), (0.26, 0.37),
    (0.245, 0.27), (0.18, 0.20), (0.15, 0.12), (0.20, 0.035), (0.33, 0.0),
)  # fmt: skip
#: Posterior ribs seen above the diaphragm.
_RIBS = 10


@dataclass(frozen=True)
class Body:
    """One patient.

    Attributes:
        sex: "F" or "M"; women are smaller and have breast shadows.
        half_width: inner half width of the rib cage above the diaphragm, mm.
        height: from the apices to the costophrenic angles, mm.
        depth: inner depth of the rib cage from front to back, mm.
        wall: thickness of muscle and fat around the rib cage, mm.
        heart: width of the heart relative to the average.
        aorta: prominence of the aortic arch relative to the average.
        left_dome: how much lower the left diaphragm stands than drawn, in units of the height.
        rib_slope: steepness of the ribs relative to the average.
        rib_top: height of the first rib at the spine, in units of the height.
        rib_pitch: distance between ribs at the spine, in units of the height.
        rib_rise: rise of the ribs beside the spine before they fall, in units of the height.
        clavicles_up: how much the clavicles stand higher than drawn, in units of the height.
        vertebrae: phase of the vertebral bodies, in units of their distance.
        breast: radius of the breast shadows, mm; 0 for none.
        bone: mineral content relative to the average.
    """

    sex: str
    half_width: float
    height: float
    depth: float
    wall: float
    heart: float
    aorta: float
    left_dome: float
    rib_slope: float
    rib_top: float
    rib_pitch: float
    rib_rise: float
    clavicles_up: float
    vertebrae: float
    breast: float
    bone: float

    @classmethod
    def sample(cls, rng: np.random.Generator, sex: str | None = None) -> Body:
        """Draw a patient; `sex` "F" or "M" fixes the sex."""
        sex = sex or str(rng.choice(["F", "M"]))
        female = sex == "F"
        half_width = rng.normal(128 if female else 142, 7)
        return cls(
            sex=sex,
            half_width=half_width,
            height=half_width * rng.normal(1.94, 0.12),
            depth=rng.normal(150 if female else 170, 10),
            wall=rng.uniform(14, 38),
            heart=rng.normal(1, 0.08),
            aorta=rng.uniform(0.4, 1.6),
            left_dome=rng.uniform(-0.01, 0.025),
            rib_slope=rng.uniform(0.7, 1.35),
            rib_top=rng.uniform(-0.02, 0.025),
            rib_pitch=rng.uniform(0.080, 0.096),
            rib_rise=rng.uniform(0.005, 0.04),
            clavicles_up=rng.uniform(-0.05, 0.04),
            vertebrae=rng.uniform(0, 1),
            breast=rng.uniform(48, 72) if female else 0.0,
            bone=rng.uniform(0.8, 1.2),
        )

    def lung_outline(self, side: int) -> np.ndarray:
        """Closed outline [N, 2] of a lung in mm; side is -1 for the patient's right lung, +1 for the left."""
        dome, medial = (_DOME_RIGHT, _MEDIAL_RIGHT) if side < 0 else (_DOME_LEFT, _MEDIAL_LEFT)
        pieces = [_curve(np.array(points)) for points in (_LATERAL, dome, medial)]
        u, v = np.concatenate(pieces).T
        inner = np.arange(u.size) >= pieces[0].shape[0] + pieces[1].shape[0]
        # The heart widens its border most where it is widest already, the aortic arch bulges above it.
        widening = (self.heart - 1) * u * np.exp(-(((v - 0.75) / 0.22) ** 2))
        bulge = 0.03 * (self.aorta - 1) * np.exp(-(((v - 0.25) / 0.06) ** 2)) if side > 0 else 0.0
        u = np.where(inner, u + widening + bulge, u)
        if side > 0:
            v = v + self.left_dome * np.clip((v - 0.6) / 0.3, 0, 1)
        return np.stack([side * u * self.half_width, v * self.height], axis=1)

    def chest_half_width(self, y: np.ndarray) -> np.ndarray:
        """Inner half width of the rib cage (mm) at heights y (mm)."""
        u, v = np.array(_LATERAL).T
        wall = PchipInterpolator(np.concatenate([[-0.06], v, [1.6]]), np.concatenate([[0.08], u, [0.93]]))
        return self.half_width * wall(np.clip(y / self.height, -0.06, 1.6))

    def posterior_ribs(self) -> list[np.ndarray]:
        """Centre lines [N, 2] of the posterior rib arcs of both sides, from the spine to the lateral wall."""
        lines = []
        for rib in range(_RIBS):
            start = self.height * (self.rib_top + self.rib_pitch * rib)
            drop = self.height * self.rib_slope * (0.02 + 0.016 * rib)
            t = np.linspace(0, 1, 80)
            # A short rise at the neck of the rib, then an ever steeper fall.
            y = start - self.rib_rise * self.height * np.sin(np.pi * np.clip(t / 0.6, 0, 1)) + drop * t**2.2
            outer = float(self.chest_half_width(np.array([y[-1]]))[0]) + 2
            x = 17 + (outer - 17) * np.sin(0.5 * np.pi * t) ** 0.9
            lines += [np.stack([side * x, y], axis=1) for side in (-1, 1)]
        return lines

    def anterior_ribs(self) -> list[np.ndarray]:
        """Centre lines [N, 2] of the anterior rib arcs, from the lateral wall down to the costal cartilage."""
        lines = []
        for rib in range(1, 7):
            top = self.height * (self.rib_top + self.rib_pitch * rib + self.rib_slope * (0.02 + 0.016 * rib))
            outer = float(self.chest_half_width(np.array([top]))[0]) + 2
            end = np.array([self.half_width * (0.38 + 0.05 * rib), top + self.height * self.rib_slope * 0.21])
            corner = np.array([outer * 1.01, top + 0.62 * (end[1] - top)])
            t = np.linspace(0, 1, 60)[:, None]
            line = (1 - t) ** 2 * np.array([outer, top]) + 2 * t * (1 - t) * corner + t**2 * end
            lines += [line * (side, 1) for side in (-1, 1)]
        first = _curve(np.array([(0.14, 0.02), (0.33, -0.02), (0.50, 0.05), (0.42, 0.13), (0.22, 0.17)]))
        return lines + [first * (side * self.half_width, self.height) for side in (-1, 1)]

    def clavicles(self) -> list[np.ndarray]:
        """Centre lines [N, 2] of the clavicles."""
        up = np.array([0.0, self.clavicles_up])
        line = _curve(np.array([(0.13, 0.165), (0.34, 0.12), (0.60, 0.055), (0.85, 0.03), (1.12, -0.03)]) - up)
        return [line * (side * self.half_width, self.height) for side in (-1, 1)]

    def scapulae(self) -> list[np.ndarray]:
        """Outlines [N, 2] of the shoulder blades."""
        corners = np.array([(0.80, 0.10), (0.83, 0.30), (0.97, 0.50), (1.08, 0.30), (1.22, 0.06), (1.05, 0.03)])
        outline = _curve(np.concatenate([corners, corners[:1]]))
        return [outline * (side * self.half_width, self.height) for side in (-1, 1)]


def vessel_tree(body: Body, rng: np.random.Generator, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Pulmonary vessels of both lungs.

    Args:
        body: the patient.
        rng: source of randomness.
        step: distance between the points along a vessel, mm.

    Returns:
        Points [N, 2] in mm and the diameter [N] of the vessel at each, mm. The tree is not clipped to the lungs.
    """
    points, diameters = [], []
    for side in (-1, 1):
        hilum = np.array([side * 0.25 * body.half_width, (0.45 if side < 0 else 0.42) * body.height])
        for angle in np.linspace(-1.45, 1.5, 13) + rng.normal(0, 0.08, 13):
            # Gravity widens the lower vessels.
            diameter = rng.uniform(4.6, 7.2) * (1.25 if angle > 0.4 else 0.85)
            stack = [(hilum + rng.normal(0, 5, 2), float(angle), diameter)]
            while stack:
                start, direction, width = stack.pop()
                length = rng.uniform(3.5, 6.5) * width
                along = np.arange(0, length, step)
                bend = direction + rng.normal(0, 0.012) * along
                line = start + np.cumsum(np.stack([side * np.cos(bend), np.sin(bend)], 1) * step, axis=0)
                points.append(line)
                diameters.append(width * (1 - 0.25 * along / length))
                if width > 1.5:
                    fork = rng.uniform(0.25, 0.6)
                    for turn, shrink in ((fork * 0.6, 0.8), (-fork, 0.68)):
                        flip = rng.choice([-1, 1])
                        stack.append((line[-1], float(bend[-1] + flip * turn), width * shrink))
    return np.concatenate(points), np.concatenate(diameters)


def _curve(points: np.ndarray, samples: int = 48) -> np.ndarray:
    """A smooth curve [samples, 2] through the points, parametrised by chord length."""
    chord = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)))])
    spline: np.ndarray = make_interp_spline(chord, points, k=3)(np.linspace(0, chord[-1], samples))
    return spline
