"""Writing pictures in the file formats that radiographs come in."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

#: Suffixes that `write_picture` knows, and the bit depths each can hold.
DEPTHS = {".png": (8, 16), ".jpg": (8,), ".tif": (8, 16), ".dcm": (8, 16), ".nii.gz": (8, 16)}


def write_picture(path: str | Path, image: np.ndarray, *, pixel: float = 1.0, monochrome1: bool = False) -> Path:
    """Write a greyscale picture in the format that its suffix names.

    Args:
        path: file to write; its folder is made when missing. Suffix: .png, .jpg, .tif, .dcm or .nii.gz.
        image: rows x columns, uint8 or uint16, bone bright; the patient's right on the left.
        pixel: size of a pixel, mm. PNG, JPEG and TIFF do not store it: they have tags for the size of a print only.
        monochrome1: store a DICOM file in the opposite polarity, declared as MONOCHROME1.

    Returns:
        The path.

    Raises:
        ValueError: unknown suffix, a depth that the format cannot hold, or MONOCHROME1 outside DICOM.
    """
    path = Path(path)
    suffix = next((known for known in DEPTHS if path.name.lower().endswith(known)), None)
    if suffix is None:
        raise ValueError(f"{path}: unknown suffix; known are {', '.join(DEPTHS)}")
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path}: expected rows x columns of uint8 or uint16, got {image.shape} of {image.dtype}")
    if 8 * image.dtype.itemsize not in DEPTHS[suffix]:
        raise ValueError(f"{path}: {suffix} holds {DEPTHS[suffix][-1]} bits a pixel, got {image.dtype}")
    if monochrome1 and suffix != ".dcm":
        raise ValueError(f"{path}: MONOCHROME1 is a property of DICOM files")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".dcm":
        _dicom(path, image, pixel, monochrome1).save_as(path, enforce_file_format=True)
    elif suffix == ".nii.gz":
        nib.save(_nifti(image, pixel), path)
    else:
        Image.fromarray(image).save(path, quality=95)  # only JPEG heeds the quality
    return path


def _nifti(image: np.ndarray, pixel: float) -> nib.Nifti1Image:
    """One coronal slice: columns run to the patient's left, rows to the feet."""
    affine = np.array([[-pixel, 0, 0, 0], [0, 0, pixel, 0], [0, -pixel, 0, 0], [0, 0, 0, 1]])
    nifti = nib.Nifti1Image(image.T[..., None], affine)
    nifti.header.set_xyzt_units("mm")
    return nifti


def _dicom(path: Path, image: np.ndarray, pixel: float, monochrome1: bool) -> pydicom.Dataset:
    """A digital radiograph for presentation, with the attributes that its IOD requires of a posteroanterior chest."""
    bits = 8 * image.dtype.itemsize
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    # The same file has the same identifiers whenever it is drawn.
    study, series, instance = (generate_uid(entropy_srcs=[path.name, level]) for level in ("study", "series", "image"))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = study, series, instance
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientName, dataset.PatientID = "Phantom^Radiograph", path.name.split(".")[0]
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate = dataset.StudyTime = dataset.StudyID = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = dataset.Manufacturer = dataset.Laterality = ""
    dataset.Modality, dataset.PresentationIntentType = "DX", "FOR PRESENTATION"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.BodyPartExamined, dataset.ViewPosition, dataset.ImageLaterality = "CHEST", "PA", "U"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.ImagerPixelSpacing = [pixel, pixel]
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "YES", "00"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1 if monochrome1 else 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (bits - 1), 2**bits
    dataset.PresentationLUTShape = "INVERSE" if monochrome1 else "IDENTITY"
    stored = np.iinfo(image.dtype).max - image if monochrome1 else image
    photometric = "MONOCHROME1" if monochrome1 else "MONOCHROME2"
    dataset.set_pixel_data(np.ascontiguousarray(stored), photometric, bits)
    return dataset
