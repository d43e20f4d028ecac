"""The last lines of the verbs that evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from .arguments import print_lines


def end(output: str | None, problems: pd.DataFrame, unknown: Mapping[str, Iterable[str]], of: str = "") -> int:
    """Say where the files are and which images are in no figure; return the exit status.

    Args:
        output: folder that was written, if any.
        problems: images without a usable result: ``image``, ``status`` and ``reason``.
        unknown: by run, what was predicted and is not in the index; "" stands for the only run.
        of: column of ``problems`` that tells the rows of one image apart.
    """
    if output:
        print(f"written to {output}")
    lines = [f"not in the index{_mark(run)}: {image}" for run, images in unknown.items() for image in images]
    print_lines(lines, "in summary.json")
    rows = problems.to_dict("records")
    texts = (f"{row['status']}{_mark(row[of] if of else '')}: {row['image']}: {row['reason']}" for row in rows)
    print_lines(texts, "in summary.json")
    return 3 if rows else 0


def _mark(name: str) -> str:
    return f" ({name})" if name else ""
