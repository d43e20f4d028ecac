"""PNG, JPEG and TIFF: depths, channels, palettes, polarity, orientation tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image, ImageFile, ImageOps
from radiograph_files import COLUMNS, ROWS, phantom, read, rows_of

DEEP = phantom(16, np.uint16)
GREY = phantom()


MODES = {
    ".png": ("L", "LA", "P", "RGB", "RGBA", "1"),
    ".tif": ("L", "LA", "P", "RGB", "RGBA", "1", "CMYK"),
    ".jpg": ("L", "RGB", "CMYK"),
}


@pytest.mark.parametrize(("suffix", "mode"), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes])
def test_modes_of_8_bits(tmp_path: Path, suffix: str, mode: str) -> None:
    picture = Image.fromarray(GREY)
    if mode == "CMYK":
        picture = picture.convert("RGB")
    path = tmp_path / f"a{suffix}"
    picture.convert(mode).save(path, **({"quality": 97} if suffix == ".jpg" else {}))
    decoded, meta = read(path)
    assert decoded.dtype == np.float32
    assert decoded.shape == (COLUMNS, ROWS)
    if mode == "1":
        np.testing.assert_array_equal(np.unique(decoded), [0, 1])
        assert decoded.T[:16, :20].mean() > 0.8
        assert decoded.T[-16:, -20:].mean() < 0.2
    elif suffix == ".jpg":
        assert np.abs(decoded.T - GREY).mean() < 1.0
    else:
        np.testing.assert_array_equal(decoded.T, GREY)
    assert meta["inverted"] is False


def test_16_bits_grey(tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        Image.fromarray(DEEP).save(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(rows_of(tmp_path / f"a{suffix}"), DEEP)


def test_16_bits_in_channels(tmp_path: Path) -> None:
    """Pillow alone would keep the upper eight bits."""
    colour = np.stack([DEEP] * 3, axis=-1)
    opaque = np.concatenate([colour, np.full((ROWS, COLUMNS, 1), 65535, np.uint16)], axis=-1)
    for name, pixels in {"rgb": colour, "rgba": opaque}.items():
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels, isVector=True), str(tmp_path / f"{name}.png"))
        alpha = ["unassalpha"] if name == "rgba" else []
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, photometric="rgb", extrasamples=alpha)
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate")
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(rows_of(path), DEEP, err_msg=path.name)


def test_narrow_range_of_16_bits_keeps_its_steps(tmp_path: Path) -> None:
    pixels = 30000 + (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 50).astype(np.uint16)
    for suffix in (".png", ".tif"):
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(rows_of(tmp_path / f"a{suffix}"), pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.float32])
def test_tiff(tmp_path: Path, dtype: type, photometric: str, compression: str | None, order: str) -> None:
    pixels = GREY.astype(dtype) if dtype is np.uint8 else (DEEP // 4).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric=photometric, compression=compression, byteorder=order)
    decoded, meta = read(path)
    white = photometric == "miniswhite"
    turned = {
        np.uint8: 255 - pixels.astype(int),
        np.uint16: 65535 - pixels.astype(int),
        np.int16: -1 - pixels.astype(int),
        np.uint32: 2**32 - 1 - pixels.astype(np.int64),
        np.float32: float(pixels.max()) + float(pixels.min()) - pixels,
    }[dtype]
    np.testing.assert_array_equal(decoded.T, (turned if white else pixels).astype(np.float32))
    assert meta["inverted"] is white


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("pixels", [GREY, DEEP], ids=["8", "16"])
def test_tiff_compressions(tmp_path: Path, pixels: np.ndarray, compression: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(rows_of(tmp_path / "a.tif"), pixels)


def test_big_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, bigtiff=True)
    np.testing.assert_array_equal(rows_of(tmp_path / "a.tif"), DEEP)


def test_tiff_with_a_preview(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(GREY)
        tiff.write(GREY[::4, ::4], subfiletype=1)
    np.testing.assert_array_equal(rows_of(tmp_path / "a.tif"), GREY)


# How a picture must be stored so that the orientation tag brings it upright: EXIF 2.32, 4.6.5 A.
STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.T,
    6: lambda p: p.T[::-1],
    7: lambda p: p.T[::-1, ::-1],
    8: lambda p: p.T[:, ::-1],
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_tag_is_honoured(tmp_path: Path, orientation: int) -> None:
    """Against Pillow's own reading of the tag too, so that the table above is not the only witness."""
    stored = np.ascontiguousarray(STORED[orientation](GREY))
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=97)
    deep = np.ascontiguousarray(STORED[orientation](DEEP))
    for name, pixels in {"8": stored, "16": deep, "f": deep.astype(np.float32)}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, extratags=[(274, 3, 1, orientation, True)])
    np.testing.assert_array_equal(rows_of(tmp_path / "a.png"), GREY)
    assert np.abs(rows_of(tmp_path / "a.jpg") - GREY).mean() < 1.0
    np.testing.assert_array_equal(rows_of(tmp_path / "8.tif"), GREY)
    np.testing.assert_array_equal(rows_of(tmp_path / "16.tif"), DEEP)
    np.testing.assert_array_equal(rows_of(tmp_path / "f.tif"), DEEP)
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(picture)), GREY)


def test_nearly_grey_colours_become_luminance(tmp_path: Path) -> None:
    """Chroma stored at a quarter of the resolution, and a coloured side marker."""
    colour = np.stack([GREY] * 3, axis=-1).astype(np.int16)
    colour[..., 0] += np.random.default_rng(0).integers(-4, 5, GREY.shape)
    colour = np.clip(colour, 0, 255).astype(np.uint8)
    colour[2:10, 80:90] = (255, 0, 0)
    Image.fromarray(colour).save(tmp_path / "a.png")
    expected = colour @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(rows_of(tmp_path / "a.png"), expected, atol=1e-3)


def test_transparent_becomes_black(tmp_path: Path) -> None:
    alpha = np.full_like(GREY, 255)
    alpha[40:60] = 0
    Image.fromarray(np.dstack([GREY, GREY, GREY, alpha])).save(tmp_path / "a.png")
    expected = np.where(alpha > 0, GREY, 0)
    np.testing.assert_array_equal(rows_of(tmp_path / "a.png"), expected)


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.jpg", format="PNG")
    decoded, meta = read(tmp_path / "a.jpg")
    assert meta["format"] == "png"
    np.testing.assert_array_equal(decoded.T, GREY)


def test_print_resolution_is_no_spacing(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".tif"):
        Image.fromarray(GREY).save(tmp_path / f"a{suffix}", dpi=(300, 300))
        assert np.isnan(read(tmp_path / f"a{suffix}")[1]["pixel_spacing"]).all()


def test_process_wide_leniency_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    Image.fromarray(GREY).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="truncated"):
        read(tmp_path / "a.png")
