"""Deterministic and random transforms that MONAI lacks."""

from .border import CropBorder, CropBorderd
from .boxes_to_mask import BoxesToMaskd, boxes_to_masks
from .describe_lungs import describe_lungs
from .find_lungs import FindLungsd
from .image_weight import ImageWeightd
from .label_server import ClassScoresd, OnSourceGridd, in_label_server
from .lung_box import LUNGS_FOUND, CropToLungs, CropToLungsd
from .lung_mask import CleanLungMask, CleanLungMaskd, lung_box
from .mask_lungs import MaskLungsd
from .mask_to_boxes import MaskToBoxesd, mask_to_boxes
from .shrink import Shrinkd
from .split_lungs import SplitLungs, SplitLungsd
from .tb_decision import TB_DECISION, DecideTBd, describe_tb
from .unite_masks import UniteMasks, UniteMasksd
from .unpack_evidence import UnpackEvidenced

__all__ = [
    "LUNGS_FOUND",
    "TB_DECISION",
    "BoxesToMaskd",
    "ClassScoresd",
    "CleanLungMask",
    "CleanLungMaskd",
    "CropBorder",
    "CropBorderd",
    "CropToLungs",
    "CropToLungsd",
    "DecideTBd",
    "FindLungsd",
    "ImageWeightd",
    "MaskLungsd",
    "MaskToBoxesd",
    "OnSourceGridd",
    "Shrinkd",
    "SplitLungs",
    "SplitLungsd",
    "UniteMasks",
    "UniteMasksd",
    "UnpackEvidenced",
    "boxes_to_masks",
    "describe_lungs",
    "describe_tb",
    "in_label_server",
    "lung_box",
    "mask_to_boxes",
]
