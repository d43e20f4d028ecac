"""Radiographs stored as TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import tifffile
from PIL import Image

from .channels import grey_of_channels, turn_over
from .errors import RadiographError
from .pictures import grey_of_picture, upright
from .quiet import quiet
from .radiograph import Radiograph

_ORIENTATION_TAG = 274
_WHITE_IS_ZERO = tifffile.PHOTOMETRIC.MINISWHITE


def decode_tiff(path: Path, stream: BinaryIO) -> Radiograph:
    """Decode a TIFF or BigTIFF with one page.

    Two decoders share the work. Pillow knows every compression, but is right only for samples of 8 bits and for
    unsigned grey of 16 bits: it cuts colour of 16 bits down to 8 and misreads some big-endian files. The others go to
    tifffile, which knows fewer compressions and says so. Reduced-size previews beside the page do not count as pages.

    Args:
        path: the file.
        stream: the same file, opened for reading in binary mode, at its start.

    Returns:
        The radiograph; the orientation tag is honoured, WhiteIsZero is turned over.

    Raises:
        RadiographError: the file has several pages or is a colour picture.
        Exception: whatever the decoders raise for a file that is cut short or broken.
    """
    with quiet("tifffile"), tifffile.TiffFile(stream) as tiff:
        pages = [page for page in (each.aspage() for each in tiff.pages) if not page.is_reduced]
        if len(pages) != 1:
            raise RadiographError.refuse(path, f"a TIFF with {len(pages)} pages")
        page = pages[0]
        inverted = page.photometric == _WHITE_IS_ZERO
        if page.bitspersample <= 8 or (
            page.dtype == np.uint16 and page.samplesperpixel == 1 and not (inverted and tiff.byteorder == ">")
        ):
            stream.seek(0)
            with Image.open(stream, formats=["TIFF"]) as picture:
                shown = grey_of_picture(path, picture)
            # Pillow applies the orientation itself, and turns WhiteIsZero over, but only up to 8 bits.
            shown = turn_over(shown) if inverted and page.bitspersample > 8 else shown
        else:
            rows = _grey_of_page(path, page)
            shown = upright(turn_over(rows) if inverted else rows, page.tags.valueof(_ORIENTATION_TAG, default=1))
    return Radiograph(pixels=shown.T, inverted=inverted)


def _grey_of_page(path: Path, page: tifffile.TiffPage) -> np.ndarray:
    samples = page.asarray()
    if page.samplesperpixel == 1:
        return samples
    return grey_of_channels(path, list(np.moveaxis(samples, page.axes.index("S"), 0)))
