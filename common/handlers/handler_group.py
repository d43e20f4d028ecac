"""Several handlers in the place of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ignite.engine import Engine


class HandlerGroup:
    """Attaches handlers that are defined elsewhere in a configuration, in their order.

    MONAI's ``check_properties`` expects every entry of ``train#handlers`` to be a definition, and fails at a reference
    to a handler (``'@curves'``) there; a definition of this class may hold such references.

    Args:
        handlers: objects with an ``attach`` method.
    """

    def __init__(self, handlers: Sequence[Any]) -> None:
        self.handlers = list(handlers)

    def attach(self, engine: Engine) -> None:
        """Attach all of them to an engine."""
        for handler in self.handlers:
            handler.attach(engine)
