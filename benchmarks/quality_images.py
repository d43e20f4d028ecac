"""Pictures that are no chest radiographs: drawn, or taken from the sample files that installed libraries ship."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import nibabel
import numpy as np
import pydicom
import skimage.data
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage

SKIMAGE = Path(skimage.data.__file__).parent
MATPLOTLIB = Path(matplotlib.get_data_path()) / "sample_data"
PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"

PHOTOGRAPHS = (
    *(SKIMAGE / f"{name}.png" for name in ("astronaut", "camera", "chelsea", "clock_motion", "coffee", "coins")),
    *(SKIMAGE / f"{name}.png" for name in ("brick", "grass", "gravel", "moon", "motorcycle_left", "cell")),
    *(SKIMAGE / name for name in ("hubble_deep_field.jpg", "rocket.jpg", "ihc.png", "retina.jpg")),
    MATPLOTLIB / "Minduka_Present_Blue_Pack.png",
    MATPLOTLIB / "grace_hopper.jpg",
)
DRAWINGS = tuple(SKIMAGE / f"{name}.png" for name in ("chessboard_GRAY", "color", "horse", "logo", "phantom"))
SCANNED_TEXT = (SKIMAGE / "page.png", SKIMAGE / "text.png")
#: Computed tomography, magnetic resonance, ultrasound, a bone scan and colour bars.
DICOM = (
    *("CT_small", "693_J2KI", "J2K_pixelrep_mismatch", "MR_small", "examples_overlay", "JPEG2000"),
    *("examples_jpeg2k", "examples_palette", "examples_rgb_color", "GDCMJ2K_TextGBR", "SC_rgb_rle", "image_dfl"),
)


def other_pictures(drawn: int = 30, seed: int = 0) -> Iterator[tuple[str, str, np.ndarray]]:
    """All pictures, as (kind, name, grey levels of rows x columns, uint8).

    Args:
        drawn: number of pictures of each drawn kind, and of crops of all photographs together.
        seed: another seed gives other drawings and crops.
    """
    rng = np.random.default_rng(seed)
    for path in PHOTOGRAPHS:
        yield "photograph", path.stem, _picture(path)
    for index in range(drawn):
        path = PHOTOGRAPHS[index % len(PHOTOGRAPHS)]
        yield "photograph", f"{path.stem}_crop_{index}", _crop(_picture(path), rng)
    # Faces of 25 x 25 pixels: a blurred oval with two dark places, which fools many rules.
    for index, face in enumerate(np.load(SKIMAGE / "lfw_subset.npy")[:100:4]):
        yield "face", f"face_{index}", grey(ndimage.zoom(face, 8, order=3))
    for path in DRAWINGS:
        yield "drawing", path.stem, _picture(path)
    for path in SCANNED_TEXT:
        yield "text page", path.stem, _picture(path)
    yield from _tomography()
    kinds: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "text page": text_page,
        "hand": hand,
        "CT slice": ct_slice,
        "noise": noise,
    }
    for kind, draw in kinds.items():
        for index in range(drawn):
            yield kind, f"{kind.replace(' ', '_')}_{index}", draw(rng)


def grey(values: np.ndarray) -> np.ndarray:
    """Any finite values as uint8, their 0.1st and 99.9th percentiles as 0 and 255."""
    low, high = np.percentile(values, (0.1, 99.9))
    return (np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA").convert("L"))


def _crop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows, columns = (int(side * rng.uniform(0.4, 0.8)) for side in image.shape)
    top, left = rng.integers(image.shape[0] - rows), rng.integers(image.shape[1] - columns)
    return np.rot90(image[top : top + rows, left : left + columns], int(rng.integers(4)))


def _tomography() -> Iterator[tuple[str, str, np.ndarray]]:
    for name in DICOM:
        values = pydicom.dcmread(PYDICOM / f"{name}.dcm").pixel_array.astype(float)
        values = values.mean(axis=-1) if values.ndim == 3 else values
        kind = "CT slice" if name in ("CT_small", "693_J2KI", "J2K_pixelrep_mismatch") else "other medical"
        yield kind, name, grey(_at_least(values, 128))
    brain = np.asanyarray(nibabel.load(NIBABEL / "example4d.nii.gz").dataobj)[..., 0].astype(float)
    for axis in range(3):
        middle = np.take(brain, brain.shape[axis] // 2, axis=axis)
        yield "other medical", f"brain_{axis}", grey(_at_least(np.rot90(middle), 128))
    head = np.frombuffer(gzip.decompress((MATPLOTLIB / "s1045.ima.gz").read_bytes()), dtype=np.uint16)
    yield "other medical", "head", grey(head.reshape(256, 256).astype(float))


def _at_least(values: np.ndarray, side: int) -> np.ndarray:
    """Enlarged by a whole factor until the shorter side has so many pixels."""
    factor = -(-side // min(values.shape))
    return ndimage.zoom(values, factor, order=1) if factor > 1 else values


def text_page(rng: np.random.Generator) -> np.ndarray:
    """A page of made-up words in one or two columns, black on white or white on black."""
    columns, size = int(rng.integers(1, 3)), float(rng.uniform(5, 14))
    figure = Figure(figsize=(5, 6.5), dpi=80)
    canvas = FigureCanvasAgg(figure)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    for column in range(columns):
        lines = []
        for _ in range(int(430 / (1.45 * size) * rng.uniform(0.6, 1))):
            words = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(14)]
            lines.append(" ".join(words)[: int(540 / columns / size)])
        figure.text(0.07 + 0.47 * column, 0.95, "\n".join(lines), fontsize=size, va="top")
    canvas.draw()
    page = np.asarray(canvas.buffer_rgba())[..., 0]
    return 255 - page if rng.random() < 0.3 else page.copy()


def noise(rng: np.random.Generator) -> np.ndarray:
    """Uniform, Gaussian or smooth noise."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, 256, (300, 300)).astype(np.uint8)
    field = rng.standard_normal((300, 300))
    return grey(field if kind == 1 else ndimage.gaussian_filter(field, rng.uniform(1, 40)))


def hand(rng: np.random.Generator) -> np.ndarray:
    """A radiograph of a hand: five rays of bones in soft tissue on black, any side, some turned."""
    rows, columns = 480, 400
    y, x = np.mgrid[:rows, :columns].astype(float)
    scale = rng.uniform(0.8, 1.1)
    angle = rng.normal(0, 0.15) + (0 if rng.random() < 0.7 else rng.integers(4) * np.pi / 2)
    u, v = (x - columns / 2) / scale, (y - rows / 2) / scale
    u, v = np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v
    u *= rng.choice((-1, 1))
    soft, bone = np.zeros_like(u), np.zeros_like(u)
    wrist = np.array((0.0, 130.0))
    spread = rng.uniform(0.7, 1.2)
    for tilt, length, width in ((-0.85, 190, 15), (-0.32, 290, 14), (-0.06, 310, 14), (0.18, 295, 13), (0.45, 245, 11)):
        direction = np.array((np.sin(tilt * spread), -np.cos(tilt * spread)))
        start = 30.0
        soft = np.maximum(soft, _rod(u, v, wrist, wrist + length * direction, 1.7 * width))
        for share in (0.42, 0.28, 0.17, 0.13):
            end = start + share * (length - 30)
            bone += _rod(u, v, wrist + (start + 4) * direction, wrist + (end - 4) * direction, 0.55 * width)
            start = end
    soft = np.maximum(soft, _rod(u, v, wrist, wrist - np.array((0, 50)), 62))
    soft = np.maximum(soft, _rod(u, v, wrist, wrist + np.array((0, 200)), 45))
    for side in (-1, 1):
        bone += _rod(u, v, wrist + np.array((side * 19, 30)), wrist + np.array((side * 22, 220)), 15)
    for _ in range(8):
        middle = wrist + np.array((rng.uniform(-32, 32), rng.uniform(-22, 18)))
        bone = np.maximum(bone, _rod(u, v, middle, middle + 1, 12))
    film = 1 - np.exp(-(0.016 * soft + 0.06 * ndimage.gaussian_filter(bone, 1)))
    return grey(film + rng.normal(0, 0.01, film.shape))


def _rod(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """Path through a round rod with round ends."""
    dx, dy = end - start
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx**2 + dy**2), 0, 1)
    away = np.square(x - start[0] - along * dx) + np.square(y - start[1] - along * dy)
    return 2 * np.sqrt(np.clip(radius**2 - away, 0, None))


def ct_slice(rng: np.random.Generator) -> np.ndarray:
    """An axial slice of a chest, an abdomen or a head, in a lung, soft-tissue or bone window."""
    size = 360
    y, x = (np.mgrid[:size, :size] - size / 2) / (size / 2)
    part = rng.choice(("chest", "abdomen", "head"))
    width, height = (
        (rng.uniform(0.6, 0.7), rng.uniform(0.75, 0.85)) if part == "head" else (0.88, rng.uniform(0.55, 0.7))
    )
    body = _oval(x, y, 0, 0, width, height)
    hounsfield = np.where(body, -90.0, -1000.0)
    hounsfield[_oval(x, y, 0, 0, width - 0.05, height - 0.05)] = 40
    if part == "head":
        hounsfield[_oval(x, y, 0, 0, width - 0.06, height - 0.06)] = 1000
        hounsfield[_oval(x, y, 0, 0, width - 0.12, height - 0.12)] = 35
        for side in (-1, 1):
            hounsfield[_oval(x, y, side * 0.07, -0.05, 0.04, 0.22)] = 5
    elif part == "chest":
        for side in (-1, 1):
            hounsfield[_oval(x, y, side * rng.uniform(0.42, 0.48), 0, 0.32, height - 0.17)] = -850
        hounsfield[_oval(x, y, 0.1, -0.12, rng.uniform(0.2, 0.3), 0.25)] = 40
    else:
        hounsfield[_oval(x, y, -0.4, -0.05, 0.36, 0.38)] = 110
        hounsfield[_oval(x, y, 0.4, -0.1, rng.uniform(0.1, 0.25), 0.15)] = -800
        for side in (-1, 1):
            hounsfield[_oval(x, y, side * 0.4, 0.25, 0.1, 0.14)] = 160
    if part != "head":
        hounsfield[_oval(x, y, 0, height - 0.25, 0.1, 0.1)] = 400
        for angle in np.linspace(0.2, 2 * np.pi, 14):
            middle = (width - 0.09) * np.cos(angle), (height - 0.09) * np.sin(angle)
            hounsfield[_oval(x, y, *middle, 0.05, 0.03)] = 500
    hounsfield += rng.normal(0, 25, hounsfield.shape)
    low, high = ((-1200, 300), (-160, 240), (-500, 1300))[rng.integers(3)]
    return (np.clip((ndimage.gaussian_filter(hounsfield, 1) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def _oval(x: np.ndarray, y: np.ndarray, x0: float, y0: float, a: float, b: float) -> np.ndarray:
    return np.square((x - x0) / a) + np.square((y - y0) / b) < 1
