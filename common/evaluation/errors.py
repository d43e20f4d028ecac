"""The errors that evaluation ends in when it cannot start."""

from __future__ import annotations

from ..errors import UsageError


class EvaluationError(UsageError):
    """Nothing can be evaluated; the message is one line that names the file or option, what was found and accepted."""
