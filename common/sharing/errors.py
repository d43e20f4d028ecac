"""The error of this subpackage."""

from __future__ import annotations

from ..errors import UsageError


class SharingError(UsageError):
    """A bundle that cannot be passed on, or an archive that is not accepted."""
