"""Why MONAI Label cannot be set up or started."""

from __future__ import annotations

from ..errors import UsageError


class LabelError(UsageError):
    """The environment, the app folder, the studies or the port are not as the server needs them."""
