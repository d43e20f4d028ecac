"""What can be wrong with a federation."""

from __future__ import annotations

from ..errors import UsageError


class FederatedError(UsageError):
    """A task, a site or a contribution that federated training cannot go on with."""
