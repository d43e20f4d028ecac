"""Deterministic and random transforms that MONAI lacks."""

from .border import CropBorder, CropBorderd
from .describe_lungs import describe_lungs
from .find_lungs import FindLungsd
from .lung_box import LUNGS_FOUND, CropToLungs, CropToLungsd
from .lung_mask import CleanLungMask, CleanLungMaskd, lung_box
from .shrink import Shrinkd
from .split_lungs import SplitLungs, SplitLungsd
from .tb_decision import TB_DECISION, DecideTBd, describe_tb
from .unite_masks import UniteMasks, UniteMasksd
from .unpack_evidence import UnpackEvidenced

__all__ = [
    "LUNGS_FOUND",
    "TB_DECISION",
    "CleanLungMask",
    "CleanLungMaskd",
    "CropBorder",
    "CropBorderd",
    "CropToLungs",
    "CropToLungsd",
    "DecideTBd",
    "FindLungsd",
    "Shrinkd",
    "SplitLungs",
    "SplitLungsd",
    "UniteMasks",
    "UniteMasksd",
    "UnpackEvidenced",
    "describe_lungs",
    "describe_tb",
    "lung_box",
]
