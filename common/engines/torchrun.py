"""``torchrun`` that ends as its processes ended: ``python -m common.engines.torchrun ARGUMENTS OF TORCHRUN``.

torchrun itself ends with status 1 whatever happened. A run of a bundle ends with 3 when some files gave no result, and
with 1 when it could not start or was broken off; a script has to tell these apart.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main


def run(arguments: Sequence[str] | None = None) -> int:
    """Run torchrun.

    Args:
        arguments: its command line; that of this process by default.

    Returns:
        The exit status of the process that failed first, 1 when a signal ended it, 0 when none failed.
    """
    try:
        main(None if arguments is None else list(arguments))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            return failure.exitcode
        name = signal.Signals(-failure.exitcode).name
        print(f"error: process {rank} was ended by {name}; resume_inference does what is left", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
