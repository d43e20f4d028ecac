"""Which format a file has, by its first bytes."""

from __future__ import annotations

import gzip
import zlib
from typing import BinaryIO

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
NIFTI_SUFFIXES = (".nii", ".nii.gz")
DICOM_SUFFIXES = (".dcm", ".dicom")
SUFFIXES = PICTURE_SUFFIXES + NIFTI_SUFFIXES + DICOM_SUFFIXES

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
}
_GZIP = b"\x1f\x8b"
_HEAD = 352
_NIFTI_1 = (b"n+1\0", 344)
_NIFTI_2 = (b"n+2\0", 4)
# A DICOM file without its preamble starts with an element of group 2 or 8, whose number is small.
_BARE_DICOM = (b"\x02\0", b"\x08\0", b"\0\x08")


def sniff(stream: BinaryIO) -> str:
    """Tell the format of an opened file.

    Args:
        stream: file opened for reading in binary mode, at its start, to which it is returned.

    Returns:
        ``dicom``, ``png``, ``jpeg``, ``tiff`` or ``nifti``; empty for everything else.
    """
    head = stream.read(_HEAD)
    stream.seek(0)
    if has_preamble(head):
        return "dicom"
    for magic, kind in _PICTURES.items():
        if head.startswith(magic):
            return kind
    if head.startswith(_GZIP):
        try:
            # Not to be closed, which would be nothing but noise: it does not own the stream.
            head = gzip.GzipFile(fileobj=stream).read(_HEAD)
        except (OSError, EOFError, zlib.error):
            return ""
        finally:
            stream.seek(0)
    if any(head[start : start + len(magic)] == magic for magic, start in (_NIFTI_1, _NIFTI_2)):
        return "nifti"
    if head[:2] in _BARE_DICOM and (head[3:4] == b"\0" or head[2:3] == b"\0") and len(head) == _HEAD:
        return "dicom"
    return ""


def has_preamble(head: bytes) -> bool:
    """Whether the first 132 bytes or more of a file are those of a DICOM file."""
    return head[128:132] == b"DICM"
