"""An evaluator that finishes every image it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import SupervisedEvaluator
from monai.engines.utils import IterationEvents, engine_apply_transform
from monai.utils import CommonKeys

from ..data.radiograph_folder import REJECTED, Rejected, rejection


class FolderEvaluator(SupervisedEvaluator):
    """Evaluator for batches of :func:`common.data.collate_radiographs`.

    ``engine.state.rejected`` holds the items of the current batch without a result: those that the data set could not
    read and those whose post-processing (saving included) failed. ``engine.state.output`` holds the others.
    Arguments are those of :class:`monai.engines.SupervisedEvaluator`.
    """

    def run(self, global_epoch: int = 1) -> None:
        """Evaluate all batches.

        Without any (a resumed run that has nothing left to do) MONAI's engines return at once; here the handlers of
        the start and the end run all the same, so that weights are checked and the account is complete.

        Args:
            global_epoch: see :class:`monai.engines.Evaluator`.
        """
        if self.state.epoch_length:
            super().run(global_epoch)
            return
        self.fire_event(Events.STARTED)
        self.fire_event(Events.COMPLETED)

    def _iteration(self, engine: SupervisedEvaluator, batchdata: dict[str, Any]) -> Any:
        engine.state.rejected = list(batchdata.pop(REJECTED, []))
        if CommonKeys.IMAGE not in batchdata:
            engine.state.batch, engine.state.output = [], []
            return engine.state.output
        return super()._iteration(engine, batchdata)

    def _register_postprocessing(self, posttrans: Callable[[Any], Any]) -> None:
        @self.on(IterationEvents.MODEL_COMPLETED)
        def run_postprocessing(engine: Engine) -> None:
            done_batch, done_output = [], []
            rejected: list[Rejected] = engine.state.rejected
            for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
                try:
                    b, o = engine_apply_transform(batch, output, posttrans)
                except Exception as error:  # a full disk or one odd image must not take the rest along
                    rejected.append(rejection(batch[CommonKeys.IMAGE].meta["filename_or_obj"], error))
                else:
                    done_batch.append(b)
                    done_output.append(o)
            engine.state.batch, engine.state.output = done_batch, done_output
