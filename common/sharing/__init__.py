"""Passing bundles on: archives that run without this package, and the receiving of such archives."""

from .errors import SharingError
from .export import Exported, export_bundle
from .hub import prepare_hub
from .importing import import_archive
from .inspect_archive import Inspection, inspect_bundle, opened
from .signature import make_keys
from .verify import Verified, verify_archive

__all__ = [
    "Exported",
    "Inspection",
    "SharingError",
    "Verified",
    "export_bundle",
    "import_archive",
    "inspect_bundle",
    "make_keys",
    "opened",
    "prepare_hub",
    "verify_archive",
]
