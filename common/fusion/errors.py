"""The error of everything that cannot be fused."""

from __future__ import annotations

from ..errors import UsageError


class FusionError(UsageError):
    """Masks, files or options that no consensus can be made of.

    The message is one line that names the file or option, what was found and what is accepted.
    """
