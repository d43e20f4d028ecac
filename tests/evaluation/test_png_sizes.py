"""The size of a radiograph without reading its pixels, which an evaluation asks of every image."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from common.data.lesion_boxes import image_size
from common.data.pixels import read_radiograph


def _png(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 80), dtype=np.uint8)).save(stream, "PNG", **options)
    return stream.getvalue()


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _png(exif=exif)


def _behind_the_pixels() -> bytes:
    """The chunk with the orientation as the last but one."""
    whole = _turned()
    start = whole.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(whole[start : start + 4], "big")
    rest = whole[:start] + whole[stop:]
    return rest[:-12] + whole[start:stop] + rest[-12:]


@pytest.mark.parametrize("content", [_turned(), _behind_the_pixels()], ids=["before", "behind"])
def test_a_png_may_be_turned(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert image_size(tmp_path / "a.png") == (96, 80) == read_radiograph(tmp_path / "a.png").shape[::-1]


def test_pixels_of_a_png_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(_png())

    def load(picture: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    assert image_size(tmp_path / "a.png") == (80, 96)
