"""From file to network to saved mask to file: nothing is mirrored, turned or shifted, whatever the formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tifffile
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset, decollate_batch
from monai.transforms import (
    AsDiscreted,
    Compose,
    CropForegroundd,
    EnsureChannelFirstd,
    Flipd,
    Invertd,
    LoadImaged,
    Resized,
    Rotate90d,
    SaveImaged,
)
from PIL import Image
from pydicom import uid
from radiograph_files import COLUMNS, ROWS, dicom_dataset, phantom, read, save_dicom

from common.io import MaskWriter, RadiographLayout, RadiographReader

NAME = "common.io.RadiographReader"

GREY = phantom()
DEEP = phantom(12, np.uint16)
# The F and one corner are bright: no turn or reflection of the picture has the same bright pixels.
TRUTH = GREY > 0.8 * 255

RIGHT_UP = np.array([[0.2, 0, 0, -9], [0, 0, 1, 4], [0, 0.3, 0, 7], [0, 0, 0, 1.0]])


def rotated_png(path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.ascontiguousarray(GREY.T[::-1])).save(path, exif=exif)


def compressed_dicom(path: Path) -> None:
    dataset = dicom_dataset(4095 - DEEP, bits=12, PhotometricInterpretation="MONOCHROME1", PixelSpacing=[0.3, 0.2])
    dataset.compress(uid.JPEG2000Lossless)
    save_dicom(path, dataset)


FILES: dict[str, Callable[[Path], Any]] = {
    "grey.png": lambda p: Image.fromarray(GREY).save(p),
    "deep.png": lambda p: Image.fromarray(DEEP).save(p),
    "rotated.png": rotated_png,
    "grey.jpg": lambda p: Image.fromarray(GREY).save(p, quality=99),
    "white is zero.tif": lambda p: tifffile.imwrite(p, 65535 - DEEP, photometric="miniswhite"),
    "plain.dcm": lambda p: save_dicom(p, dicom_dataset(GREY)),
    "monochrome1.dcm": compressed_dicom,
    "itk.nii.gz": lambda p: SimpleITK.WriteImage(SimpleITK.GetImageFromArray(DEEP), str(p)),
    "pixels.nii": lambda p: nib.save(nib.Nifti1Image(GREY.T, np.eye(4)), p),
    "bottom up.nii": lambda p: nib.save(nib.Nifti1Image(GREY.T[:, ::-1, None], np.diag([-0.2, 0.3, 1, 1])), p),
    "coronal.nii.gz": lambda p: nib.save(nib.Nifti1Image(GREY.T[::-1, ::-1, None], RIGHT_UP), p),
    "turned.nii": lambda p: nib.save(nib.Nifti1Image(GREY[::-1, None, ::-1], RIGHT_UP[:, [1, 2, 0, 3]]), p),
}


@pytest.fixture
def radiographs(tmp_path: Path) -> Path:
    folder = tmp_path / "radiographs"
    (folder / "sub").mkdir(parents=True)
    for number, (name, write) in enumerate(FILES.items()):
        write(folder / ("sub" if number % 2 else "") / name)
    return folder


def paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def segment(folder: Path, output: Path, extension: str, preprocessing: Compose) -> dict[Path, Path]:
    """Preprocess, take the bright pixels for the lungs, go back, save; batches of mixed formats from two workers."""
    layout = RadiographLayout(output, folder, postfix="lungs", extension=extension)
    after = Compose(
        [
            Invertd(keys="pred", transform=preprocessing, orig_keys="image", nearest_interp=False),
            SaveImaged(keys="pred", writer=MaskWriter, output_ext=extension, folder_layout=layout, print_log=False),
        ]
    )
    items = Dataset([{"image": str(path)} for path in paths(folder)], preprocessing)
    for batch in DataLoader(items, batch_size=5, num_workers=2):
        peaks = batch["image"].amax(dim=(1, 2, 3), keepdim=True)
        batch["pred"] = (batch["image"] > 0.8 * peaks).to(torch.uint8)
        for item in decollate_batch(batch):
            after(item)
    return {path: Path(layout.path(path)) for path in paths(folder)}


def plain() -> Compose:
    return Compose(
        [
            LoadImaged(keys="image", reader=RadiographReader),
            EnsureChannelFirstd(keys="image"),
            Resized(keys="image", spatial_size=(COLUMNS * 2, ROWS * 2), mode="nearest-exact"),
        ]
    )


def twisted() -> Compose:
    """Steps that a bundle may have, each of which would leave its mark when it were not undone."""
    return Compose(
        [
            LoadImaged(keys="image", reader=RadiographReader),
            EnsureChannelFirstd(keys="image"),
            CropForegroundd(keys="image", source_key="image", select_fn=lambda x: x > x.max() * 0.5, margin=3),
            Flipd(keys="image", spatial_axis=0),
            Rotate90d(keys="image"),
            Resized(keys="image", spatial_size=(320, 320), mode="nearest-exact"),
        ]
    )


@pytest.mark.parametrize("preprocessing", [plain, twisted])
def test_png_masks(radiographs: Path, tmp_path: Path, preprocessing: Callable[[], Compose]) -> None:
    masks = segment(radiographs, tmp_path / "out", ".png", preprocessing())
    assert len(masks) == len(FILES)
    for source, mask in masks.items():
        with Image.open(mask) as picture:
            assert (picture.mode, picture.size) == ("L", (COLUMNS, ROWS))
            pixels = np.asarray(picture)
        assert set(np.unique(pixels)) == {0, 255}
        np.testing.assert_array_equal(pixels > 0, TRUTH, err_msg=source.name)
    assert masks[radiographs / "grey.png"] == tmp_path / "out" / "grey_lungs.png"
    assert masks[radiographs / "white is zero.tif"] == tmp_path / "out" / "white is zero.tif_lungs.png"


def test_nifti_masks(radiographs: Path, tmp_path: Path) -> None:
    masks = segment(radiographs, tmp_path / "out", ".nii.gz", plain())
    for source, path in masks.items():
        mask = nib.load(path)
        assert mask.get_data_dtype() == np.uint8
        assert set(np.unique(np.asarray(mask.dataobj))) == {0, 1}
        if ".nii" in source.name:
            # On the source's own grid, so that both can be laid over each other voxel by voxel.
            original = nib.load(source)
            assert mask.shape == original.shape
            np.testing.assert_allclose(mask.affine, original.affine, atol=1e-6)
            values = np.asarray(original.dataobj)
            bright = values > 0.8 * values.max()
            np.testing.assert_array_equal(np.asarray(mask.dataobj) > 0, bright, err_msg=source.name)
        # And read as a picture it lies like the picture.
        np.testing.assert_array_equal(read(path)[0].T > 0, TRUTH, err_msg=source.name)
    # A viewer shows the NIfTI mask of a DICOM at its size in mm.
    (sized,) = [mask for source, mask in masks.items() if source.name == "monochrome1.dcm"]
    np.testing.assert_allclose(nib.load(sized).header.get_zooms(), (0.2, 0.3), rtol=1e-6)


@pytest.mark.parametrize("reader", ["class", "instance", "name", "config"])
def test_ways_to_name_the_reader(tmp_path: Path, reader: str) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    if reader == "config":
        config = {"load": {"_target_": "LoadImaged", "keys": "image", "reader": {"_target_": NAME}}}
        load = ConfigParser(config).get_parsed_content("load")
    else:
        ways = {"class": RadiographReader, "instance": RadiographReader(), "name": NAME}
        load = LoadImaged(keys="image", reader=ways[reader])
    loaded = load({"image": tmp_path / "a.png"})["image"]
    assert loaded.shape == (COLUMNS, ROWS)
    assert loaded.dtype == torch.float32
    assert EnsureChannelFirstd(keys="image")({"image": loaded})["image"].shape == (1, COLUMNS, ROWS)
    assert loaded.meta["filename_or_obj"] == str(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded.numpy().T, GREY)


def test_metadata_is_alike_in_all_formats(radiographs: Path) -> None:
    kinds = {path: {key: type(value) for key, value in read(path)[1].items()} for path in paths(radiographs)}
    first = next(iter(kinds.values()))
    assert all(each == first for each in kinds.values())


def test_batch_of_all_formats(radiographs: Path) -> None:
    load = Compose([LoadImaged(keys="image", reader=RadiographReader), EnsureChannelFirstd(keys="image")])
    items = Dataset([{"image": str(path)} for path in paths(radiographs)], load)
    (batch,) = list(DataLoader(items, batch_size=len(FILES)))
    meta = batch["image"].meta
    assert batch["image"].shape == (len(FILES), 1, COLUMNS, ROWS)
    assert meta["pixel_spacing"].shape == (len(FILES), 2)
    assert meta["source_affine"].shape == (len(FILES), 4, 4)
    for item, path in zip(decollate_batch(batch), paths(radiographs), strict=True):
        own = read(path)[1]
        assert item["image"].meta["format"] == own["format"]
        np.testing.assert_allclose(item["image"].meta["pixel_spacing"], own["pixel_spacing"])
        np.testing.assert_allclose(item["image"].meta["source_storage"], own["source_storage"])


def test_monai_writer_restores_the_size_too(tmp_path: Path) -> None:
    """The metadata serve MONAI's own writers as well."""
    Image.fromarray(GREY).save(tmp_path / "a.png")
    load = plain()
    item = load({"image": tmp_path / "a.png"})
    item["pred"] = item["image"].clone()
    item = Invertd(keys="pred", transform=load, orig_keys="image")(item)
    item = AsDiscreted(keys="pred", threshold=0.8 * 255)(item)
    saver = SaveImaged(
        keys="pred", output_dir=tmp_path, output_ext=".nii.gz", resample=True, separate_folder=False, print_log=False
    )
    saver(item)
    np.testing.assert_array_equal(read(tmp_path / "a_trans.nii.gz")[0].T > 0, TRUTH)
