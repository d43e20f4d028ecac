"""A sheet of radiographs with the outlines of their masks and their boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from ..io.mask_file import read_mask
from .patients import image_stem
from .pixels import read_radiograph, resize

TILE = 256

_MASKS = {"lung_mask": (0, 220, 255), "left_lung_mask": (0, 220, 255), "right_lung_mask": (255, 170, 0)}
_BOXES = {"active": (255, 60, 60), "latent": (255, 230, 0)}
_OTHER_BOX = (200, 120, 255)
_CAPTION = 14
#: What the colours mean, for the page that shows the sheet.
LEGEND = (
    "Outlines: both lungs or the patient's left lung cyan, right lung orange. "
    "Boxes: active red, latent yellow, others violet."
)


def draw_montage(root: Path, table: pd.DataFrame, path: Path, *, count: int = 12, columns: int = 6) -> int:
    """Draw up to ``count`` rows spread evenly over ``table``, those with masks or boxes before others.

    Args:
        root: folder that the paths of the index are relative to.
        table: rows of one site.
        path: PNG to write.
        count: pictures at most.
        columns: pictures a line.

    Returns:
        Number of pictures drawn; 0 when none could be read, then nothing is written.
    """
    marked = (table[list(_MASKS)] != "").any(axis=1) | ~table["boxes"].isin(("", "[]"))
    pool = table[marked] if marked.sum() >= min(count, len(table)) else table
    spread = np.unique(np.linspace(0, len(pool) - 1, min(count, len(pool))).round().astype(int))
    tiles = []
    for position in spread:
        try:
            tiles.append(_tile(root, pool.iloc[position]))
        except Exception:  # the check names the files that cannot be read; the sheet shows the others
            continue
    if not tiles:
        return 0
    columns = min(columns, len(tiles))
    sheet = Image.new("RGB", (columns * TILE, -(-len(tiles) // columns) * (TILE + _CAPTION)), (24, 24, 24))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * TILE, number // columns * (TILE + _CAPTION)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    return len(tiles)


def _tile(root: Path, row: pd.Series) -> Image.Image:
    image = read_radiograph(root / row["image"])
    scale = TILE / max(image.shape)
    shape = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    small = resize(image, shape)
    low, high = np.percentile(small, [1, 99])
    grey = np.clip((small - low) / max(high - low, 1e-6), 0, 1) * 255
    colour = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    for column, paint in _MASKS.items():
        if row[column]:
            inside = resize(read_mask(root / row[column]) > 0, shape) >= 0.5
            colour[inside & ~binary_erosion(inside)] = paint
    picture = Image.fromarray(colour)
    draw = ImageDraw.Draw(picture)
    for box in json.loads(row["boxes"] or "[]"):
        x, y, w, h = (value * scale for value in box["xywh"])
        draw.rectangle((x, y, x + w, y + h), outline=_BOXES.get(box["label"], _OTHER_BOX), width=2)
    tile = Image.new("RGB", (TILE, TILE + _CAPTION), (24, 24, 24))
    tile.paste(picture, ((TILE - shape[1]) // 2, (TILE - shape[0]) // 2))
    ImageDraw.Draw(tile).text((3, TILE + 1), image_stem(row["image"])[:40], fill=(230, 230, 230))
    return tile
