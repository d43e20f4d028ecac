"""From the original distribution of a public data set to a data folder with ``index.csv``."""

from __future__ import annotations

from .base import PrepareError, PrepareReport, Source, prepare
from .jsrt import JSRT
from .montgomery import MONTGOMERY
from .shenzhen import SHENZHEN
from .siim import SIIM

#: Data sets that can be prepared, by name. A further one is a module like ``montgomery.py`` and an entry here.
SOURCES: dict[str, Source] = {source.name: source for source in (MONTGOMERY, SHENZHEN, JSRT, SIIM)}

__all__ = ["SOURCES", "PrepareError", "PrepareReport", "Source", "prepare"]
