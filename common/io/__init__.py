"""Reading radiographs and writing masks."""

from __future__ import annotations

from .errors import RadiographError
from .reader import RadiographReader

__all__ = ["RadiographError", "RadiographReader"]
