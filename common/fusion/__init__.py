"""Consensus of several raters, and how good each of them is."""

from .agreement import cohen_kappa, fleiss_kappa, pair_counts, pair_dice
from .errors import FusionError
from .label_maps import LabelFusion, fuse_label_maps
from .masks import fuse_masks
from .region import disputed_region
from .staple import Fusion, staple
from .transforms import (
    FuseLabels,
    FuseLabelsD,
    FuseLabelsd,
    FuseLabelsDict,
    FuseMasks,
    FuseMasksD,
    FuseMasksd,
    FuseMasksDict,
)
from .votes import vote

__all__ = [
    "FuseLabels",
    "FuseLabelsD",
    "FuseLabelsDict",
    "FuseLabelsd",
    "FuseMasks",
    "FuseMasksD",
    "FuseMasksDict",
    "FuseMasksd",
    "Fusion",
    "FusionError",
    "LabelFusion",
    "cohen_kappa",
    "disputed_region",
    "fleiss_kappa",
    "fuse_label_maps",
    "fuse_masks",
    "pair_counts",
    "pair_dice",
    "staple",
    "vote",
]
