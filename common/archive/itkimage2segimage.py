"""DICOM SEG of the labels that readers submit in MONAI Label: ``python -m common.archive.itkimage2segimage``.

On an archive, MONAI Label calls a program of this name and with these options. dcmqi's, which it means, makes
segmentations of volumes only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from ..errors import UsageError
from ..io import RadiographError, file_sha256
from ..io.dicom_seg import STRUCTURES, make_segmentation
from ..io.dicom_source import save_result
from ..io.run_algorithm import RunAlgorithm

#: Labels as the served bundles name them -> what they are called here.
LABELS: Mapping[str, str] = {"lungs": "lungs", "lesion": "tb", "tuberculosis": "regions"}


def write_submitted(label: Path, folder: Path, description: Mapping[str, Any], output: Path) -> None:
    """Write a submitted label as DICOM SEG of its radiograph; the same label gives the same identifiers.

    Args:
        label: mask in a format of ITK with the geometry of the radiograph as ITK reads it, zero outside.
        folder: holds the radiograph as its one DICOM file.
        description: what MONAI Label says of the label: ``segmentAttributes``, one segment with a ``SegmentLabel``.
        output: file to write.

    Raises:
        UsageError: a label of another size or name than the radiograph or the bundles have.
        RadiographError: no result can refer to the radiograph.
        OSError: something cannot be read or written.
    """
    radiographs = sorted(folder.glob("*.dcm"))
    if len(radiographs) != 1:
        raise UsageError(f"{folder}: {len(radiographs)} DICOM files; a series of one radiograph is needed")
    try:
        ((segment,),) = description["segmentAttributes"]
        name = LABELS[str(segment["SegmentLabel"]).lower()]
    except (KeyError, ValueError, TypeError):
        raise UsageError(f"{label}: one segment named {', '.join(LABELS)} is needed") from None
    mask = _on_grid(label, radiographs[0])
    structure = STRUCTURES[name]
    algorithm = RunAlgorithm("MONAI Label", settings={"label_sha256": file_sha256(label)})
    result = make_segmentation(mask, radiographs[0], f"final {name}", structure, algorithm)
    # Drawn by a network, seen and perhaps corrected by the reader who submitted it.
    result.SegmentSequence[0].SegmentAlgorithmType = "SEMIAUTOMATIC"
    result.SeriesDescription = f"{structure.label}, submitted by a reader"
    save_result(result, output)


def _on_grid(label: Path, radiograph: Path) -> NDArray[np.bool_]:
    """The label, rows x columns of the radiograph."""
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(radiograph))
    try:
        reader.ReadImageInformation()
        image = SimpleITK.ReadImage(str(label))
    except RuntimeError:
        raise UsageError(f"{label}: cannot be read as a mask of {radiograph.name}") from None
    size, found = reader.GetSize()[:2], image.GetSize()[:2]
    if image.GetDimension() != 3 or sorted(found) != sorted(size) or image.GetNumberOfComponentsPerPixel() != 1:
        raise UsageError(f"{label}: a label of {found[0]} x {found[1]}, the radiograph has {size[0]} x {size[1]}")
    placed = SimpleITK.Resample(
        image,
        reader.GetSize(),
        SimpleITK.Transform(3, SimpleITK.sitkIdentity),
        SimpleITK.sitkNearestNeighbor,
        reader.GetOrigin(),
        reader.GetSpacing(),
        reader.GetDirection(),
    )
    mask: NDArray[np.bool_] = SimpleITK.GetArrayFromImage(placed)[0] != 0
    if not mask.any() and SimpleITK.GetArrayViewFromImage(image).any():
        raise UsageError(f"{label}: lies elsewhere than the radiograph; its geometry is not that of the served image")
    return mask


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; further options of dcmqi's program are passed over.

    Args:
        arguments: words of the command line without the program's name; those of this process by default.

    Returns:
        0, or 1 where nothing was written.
    """
    parser = argparse.ArgumentParser(prog="itkimage2segimage", description="Write a submitted label as DICOM SEG.")
    for option in ("--inputImageList", "--inputDICOMDirectory", "--outputDICOM", "--inputMetadata"):
        parser.add_argument(option, type=Path, required=True)
    options, _rest = parser.parse_known_args(arguments)
    try:
        description = json.loads(options.inputMetadata.read_text(encoding="utf-8"))
        write_submitted(options.inputImageList, options.inputDICOMDirectory, description, options.outputDICOM)
    except (UsageError, RadiographError, OSError, json.JSONDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
