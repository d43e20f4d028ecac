"""A prediction that lies in a shared bundle, for the receiver to repeat."""

from __future__ import annotations

import csv
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from ..data.phantom import radiograph_phantom
from ..data.phantom_files import write_picture
from ..io import write_json
from .errors import SharingError
from .isolated import infer_isolated

FOLDER = "docs/reference"
#: Drawn radiographs, one healthy and one ill: name -> seed and number of lesions.
_PHANTOMS = {"healthy": (21, 0), "ill": (22, 3)}
_SIDE = 256
_TABLE = "predictions.csv"
#: Not part of the reference: it names times and the processor.
_RECORD = "run.json"

#: How far numbers may lie apart, as a part of the expected one and beside it, and which share of a picture's pixels may
#: differ: other processors and versions round otherwise. On the machine that made it a bundle repeats all to the bit.
RELATIVE, ABSOLUTE, PIXELS = 0.01, 0.002, 0.001


def make_reference(bundle: Path, wheel: Path | None = None) -> None:
    """Draw the phantoms into a bundle's folder, let it infer, and keep what it gives.

    Args:
        bundle: folder of a shared bundle.
        wheel: the package, for a bundle without code.

    Raises:
        SharingError: the bundle cannot run without this package.
    """
    folder = bundle / FOLDER
    for name, (seed, lesions) in _PHANTOMS.items():
        phantom = radiograph_phantom((_SIDE, _SIDE), seed=seed, lesions=lesions)
        write_picture(folder / "images" / f"{name}.png", phantom.image)
    infer_isolated(bundle, folder / "images", folder / "expected", wheel=wheel)
    (folder / "expected" / _RECORD).unlink()
    write_json(
        folder / "reference.json",
        {
            "images": "drawn, not radiographs of patients",
            "config_file": "configs/inference.yaml",
            "device": "cpu, one thread",
            "packages": {name: version(name) for name in ("monai", "torch", "numpy")},
            "accepted": {"relative": RELATIVE, "absolute": ABSOLUTE, "share_of_pixels": PIXELS},
        },
    )


def repeat_reference(bundle: Path, wheel: Path | None = None) -> str:
    """Let a received bundle infer on the phantoms that lie in it, and compare.

    This executes what the bundle's configurations and code say.

    Args:
        bundle: its folder.
        wheel: the package, for a bundle without code.

    Returns:
        How the results agree, in words.

    Raises:
        SharingError: there is no reference, the bundle does not run, or it gives other results.
    """
    folder = bundle / FOLDER
    expected = folder / "expected"
    if not (expected / _TABLE).is_file():
        raise SharingError(f"{bundle.name}/{FOLDER}: no reference prediction")
    output = Path(tempfile.mkdtemp())
    try:
        infer_isolated(bundle, folder / "images", output, wheel=wheel)
        return compare(expected, output)
    finally:
        shutil.rmtree(output)


def compare(expected: Path, found: Path) -> str:
    """Compare two output folders of inference.

    Args:
        expected: the reference.
        found: the results of the present run.

    Returns:
        "to the bit", or how far they lie apart.

    Raises:
        SharingError: a file is missing, or differs by more than is accepted.
    """
    names = sorted(path.relative_to(expected).as_posix() for path in expected.rglob("*") if path.is_file())
    identical = True
    for name in names:
        if not (found / name).is_file():
            raise SharingError(f"reference prediction: {name} was not written")
        if (expected / name).read_bytes() == (found / name).read_bytes():
            continue
        identical = False
        if name.endswith(".png"):
            _compare_pictures(name, expected / name, found / name)
        elif name == _TABLE:
            _compare_tables(expected / name, found / name)
        else:
            raise SharingError(f"reference prediction: {name} differs")
    return f"{len(names)} files to the bit" if identical else f"{len(names)} files within the accepted difference"


def _compare_pictures(name: str, expected: Path, found: Path) -> None:
    with Image.open(expected) as first, Image.open(found) as second:
        before, after = np.asarray(first), np.asarray(second)
    if before.shape != after.shape:
        raise SharingError(f"reference prediction: {name} is {after.shape}, expected {before.shape}")
    share = float((before != after).mean())
    if share > PIXELS:
        raise SharingError(f"reference prediction: {name}: {share:.2%} of the pixels differ; {PIXELS:.1%} is accepted")


def _compare_tables(expected: Path, found: Path) -> None:
    before, after = _rows(expected), _rows(found)
    if [list(row) for row in before] != [list(row) for row in after]:
        raise SharingError(f"reference prediction: {_TABLE} has other rows or columns")
    for first, second in zip(before, after, strict=True):
        for column, value in first.items():
            if not _agree(value, second[column]):
                what = f"{column} of {first['image']} is {second[column]}, expected {value}"
                raise SharingError(f"reference prediction: {_TABLE}: {what}")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _agree(expected: str, found: str) -> bool:
    try:
        return abs(float(found) - float(expected)) <= ABSOLUTE + RELATIVE * abs(float(expected))
    except ValueError:
        return found == expected
