"""Data indexes, items, splits and phantoms."""

from .class_items import class_items
from .guard import OverlapError, refuse_overlap
from .index import COLUMNS, INDEX_NAME, DataIndexError, read_index, select
from .lesion_items import lesion_items, lesion_normals
from .lung_items import lung_items
from .mixed_sampling import MixedSampler
from .phantom import Phantom, radiograph_phantom
from .phantom_dataset import write_phantom_dataset
from .pretraining_items import pretraining_items
from .radiograph_folder import REJECTED, RadiographFolder, Rejected, collate_radiographs, folder_items
from .sampling import BalancedSampler, balance_weights
from .weak_items import weak_lesion_items

__all__ = [
    "COLUMNS",
    "INDEX_NAME",
    "REJECTED",
    "BalancedSampler",
    "DataIndexError",
    "MixedSampler",
    "OverlapError",
    "Phantom",
    "RadiographFolder",
    "Rejected",
    "balance_weights",
    "class_items",
    "collate_radiographs",
    "folder_items",
    "lesion_items",
    "lesion_normals",
    "lung_items",
    "pretraining_items",
    "radiograph_phantom",
    "read_index",
    "refuse_overlap",
    "select",
    "weak_lesion_items",
    "write_phantom_dataset",
]
