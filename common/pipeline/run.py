"""From a folder of radiographs to lungs, probabilities and lesions."""

from __future__ import annotations

import time
from typing import Any

from torch.utils.data import DataLoader
from tqdm import tqdm

from ..errors import UsageError
from ..handlers.environment import environment
from ..handlers.portable import portable
from ..handlers.prediction_record import RUN, TABLE
from ..io import write_csv, write_json
from ..settings import check_settings
from .chains import ChainTree, definitions, share_steps
from .files import SharedFolder, collate_parts
from .joint import FAILED, OK, REFUSED, join_rows, joint_columns
from .options import PipelineOptions
from .part import load_part


class Pipeline:
    """Runs the inference configurations of several bundles side by side.

    Each part writes into its own folder what its bundle would write there. Where preprocessing begins alike it is done
    once, so that each file is read once; batches consist of the same images in the same order, so that with the
    runtime "torch" results are those of the bundles to the bit.

    Args:
        options: what to do.

    Raises:
        UsageError: wrong options, no radiographs, weights or a bundle missing, results of other weights in the way.
        RuntimeError: an error within a configuration, as the configuration layer wraps it.
    """

    def __init__(self, options: PipelineOptions) -> None:
        check_settings(batch_size=options.batch_size, num_workers=options.num_workers)
        self.options = options
        self.parts = {name: load_part(name, options) for name in options.parts}
        if options.write_overlays and not any("write_overlays" in part.config for part in self.parts.values()):
            raise UsageError(f"--write_overlays: {', '.join(self.parts)} draws none")
        self._check()
        chains = {name: part.preprocessing for name, part in self.parts.items()}
        share_steps(chains, {name: definitions(part.config) for name, part in self.parts.items()})
        self.shared = [{"parts": names, "steps": steps} for names, steps in ChainTree.grow(chains).shared() if steps]
        self.files = SharedFolder({name: part.undone for name, part in self.parts.items()}, chains)

    def _check(self) -> None:
        for name, part in self.parts.items():
            if not part.weights.is_file():
                advice = part.parser.get_parsed_content("weights_help")
                others = " ".join(other for other in self.parts if other != name)
                leave = f" Or leave it out by --only {others}" if others else ""
                raise UsageError(f"{part.weights}: no weights of {name}. {advice}{leave}")
            part.check()

    def run(self) -> list[dict[str, Any]]:
        """Do all files that have not been done.

        Returns:
            The rows of ``predictions.csv``, see :func:`.join_rows`.

        Raises:
            OSError: the tables cannot be written.
            Exception: of a network; what fails on one file is in its row.
        """
        began = time.monotonic()
        for part in self.parts.values():
            part.begin()
        complete = False
        try:
            self._step_all()
            for part in self.parts.values():
                part.evaluator.complete()
            complete = True
        finally:
            rows = self._write(complete=complete, seconds=time.monotonic() - began)
        return rows

    def _step_all(self) -> None:
        loader = DataLoader(
            self.files,
            batch_size=self.options.batch_size,
            num_workers=self.options.num_workers,
            collate_fn=collate_parts,
        )
        with tqdm(total=len(self.files), desc="radiographs", unit="image") as bar:
            for count, batches in loader:
                for name, batch in batches.items():
                    self.parts[name].evaluator.step(batch)
                bar.update(count)

    def _write(self, *, complete: bool, seconds: float) -> list[dict[str, Any]]:
        rows = join_rows({name: part.record.rows for name, part in self.parts.items()})
        found = [row["status"] for row in rows]
        folder = self.options.output_dir
        write_csv(folder / TABLE, rows, joint_columns(rows))
        record = {
            "complete": complete,
            "parts": list(self.parts),
            "runtime": self.options.runtime,
            "changes": portable(self.options.changes),
            "batch_size": self.options.batch_size,
            "shared_steps": self.shared,
            "counts": {status: found.count(status) for status in (OK, REFUSED, FAILED)},
            "seconds": round(seconds, 2),
            **environment(),
        }
        write_json(folder / RUN, record)
        return rows
