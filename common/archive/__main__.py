"""``python -m common.archive``."""

from __future__ import annotations

import importlib.util
import sys


def main() -> int:
    """Run the command line, once what it needs is known to be there."""
    if importlib.util.find_spec("dicomweb_client") is None:
        print(
            "error: an archive needs the package dicomweb-client: pip install dicomweb-client==0.61.2", file=sys.stderr
        )
        return 1
    from .commands import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
