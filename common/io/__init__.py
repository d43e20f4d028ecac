"""Reading radiographs, naming and writing what comes out of them."""

from __future__ import annotations

from .atomic import atomic_write
from .errors import RadiographError
from .file_hash import file_sha256
from .folder import find_radiographs
from .layout import RadiographLayout
from .mask_file import MaskFileError
from .mask_reader import MaskReader
from .mask_writer import MaskWriter
from .overlay_writer import OverlayWriter
from .reader import RadiographReader
from .tables import write_csv, write_json

__all__ = [
    "MaskFileError",
    "MaskReader",
    "MaskWriter",
    "OverlayWriter",
    "RadiographError",
    "RadiographLayout",
    "RadiographReader",
    "atomic_write",
    "file_sha256",
    "find_radiographs",
    "write_csv",
    "write_json",
]
