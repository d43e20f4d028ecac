"""The stages one after the other: done ones are passed over, stale ones refused."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError
from .stage import EMPTY, Stage, StageError


class PseudoLabels:
    """Runs the stages from image labels to masks.

    Args:
        stages: in order, each the ``previous`` of the next.
        run: names of the stages to run; all by default. What they need of the others must be there.
        restart: name of a stage whose results, and those of all that follow, are deleted first.

    Raises:
        UsageError: a name that no stage has.
    """

    def __init__(self, stages: Sequence[Stage], run: Sequence[str] | None = None, restart: str | None = None) -> None:
        self.stages = list(stages)
        names = [stage.name for stage in self.stages]
        self.chosen = names if run is None else [run] if isinstance(run, str) else list(run)
        unknown = sorted({*self.chosen, *([restart] if restart else [])} - set(names))
        if unknown or not self.chosen:
            found = ", ".join(unknown) or "none"
            raise UsageError(f"stages, restart_stage: one of {', '.join(names)} is needed, got {found}")
        self.restart = restart

    def run(self) -> None:
        """Run what is to be run and not done yet.

        Raises:
            StageError: a stage is missing that a later one needs or was made from, or one is stale; nothing is changed.
            UsageError: a stage that has nothing to work on.
        """
        first = len(self.stages)
        if self.restart:
            first = next(index for index, stage in enumerate(self.stages) if stage.name == self.restart)
        self._check(first)
        for stage in self.stages[first:]:
            stage.remove()
        for stage in self.stages:
            if stage.name not in self.chosen:
                continue
            if stage.complete:
                print(f"stage {stage.name}: done already, {stage.folder}")
                continue
            stage.run()
            counts = stage.record()["counts"]
            print(f"stage {stage.name}: {', '.join(f'{count} {name}' for name, count in counts.items())}")

    def _check(self, first_removed: int) -> None:
        """Refuse before anything is done; stages from ``first_removed`` on count as not there."""
        last_chosen = max(index for index, stage in enumerate(self.stages) if stage.name in self.chosen)
        kept = [stage.begun and index < first_removed for index, stage in enumerate(self.stages)]
        for index, stage in enumerate(self.stages):
            if kept[index]:
                stage.refuse_stale()
            if kept[index] and stage.complete:
                continue
            state = "unfinished" if kept[index] else "missing"
            later = [other for other, there in zip(self.stages[index + 1 :], kept[index + 1 :], strict=True) if there]
            if later:
                raise StageError(
                    f"{stage.file}: stage {stage.name} is {state}, but {later[0].folder} was made from it; "
                    f"--restart_stage {stage.name} makes both anew"
                )
            if stage.name not in self.chosen and index < last_chosen:
                raise StageError(
                    f"{stage.file}: stage {stage.name} is {state}, and {self.stages[last_chosen].name} needs it; "
                    f"run it first (--stages \"['{stage.name}', …]\")"
                )

    def exit(self) -> None:
        """Name the images without a result; leave with exit status 3 when some were refused or failed.

        Raises:
            SystemExit: code 3.
        """
        lost = False
        for stage in self.stages:
            if not (stage.name in self.chosen and stage.complete):
                continue
            for image, status, reason in stage.without_result():
                print(f"{stage.name}: {status}: {image}: {reason}")
                lost = lost or status != EMPTY
        if lost:
            raise SystemExit(3)
