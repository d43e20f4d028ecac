"""Data indexes, items, splits and phantoms."""

from .class_items import class_items
from .guard import OverlapError, refuse_overlap
from .index import COLUMNS, INDEX_NAME, DataIndexError, read_index, select
from .lung_items import lung_items
from .phantom import Phantom, radiograph_phantom
from .phantom_dataset import write_phantom_dataset
from .pretraining_items import pretraining_items
from .radiograph_folder import REJECTED, RadiographFolder, Rejected, collate_radiographs, folder_items
from .sampling import BalancedSampler, balance_weights

__all__ = [
    "COLUMNS",
    "INDEX_NAME",
    "REJECTED",
    "BalancedSampler",
    "DataIndexError",
    "OverlapError",
    "Phantom",
    "RadiographFolder",
    "Rejected",
    "balance_weights",
    "class_items",
    "collate_radiographs",
    "folder_items",
    "lung_items",
    "pretraining_items",
    "radiograph_phantom",
    "read_index",
    "refuse_overlap",
    "select",
    "write_phantom_dataset",
]
