"""What runs at a site: receive weights, train, send weights."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import nvflare.client as flare
from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

from ..errors import explain
from .errors import FederatedError
from .site import Site
from .site_log import own_log
from .site_training import SiteTraining
from .task import FederatedTask

logger = logging.getLogger(__name__)

#: Files in a site's output folder: all messages, and the line that says why its training has ended early.
LOG, ERROR = "training.log", "error.txt"

#: Beginning of the only error by which NVFlare's client tells a script that its job has been ended.
_ENDED = "request to abort the job"


def contribution(weights: dict[str, Any], images: int) -> FLModel:
    """All that leaves a site after a round: weights, and the number of images that they were trained on."""
    return FLModel(params_type=ParamsType.FULL, params=weights, meta={FLMetaKey.NUM_STEPS_CURRENT_ROUND: images})


def serve(task_file: str | Path) -> None:
    """Take part in a federation until it ends; to be called by the script of a job.

    Args:
        task_file: the task, as it came with the job.

    Raises:
        FederatedError: this site cannot go on. Why stands in its ``error.txt``, and not in this error, which NVFlare
            writes into logs that may leave the site.
    """
    flare.init()
    name = flare.get_site_name()
    site = Site.read(name)
    folder = Path(site.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ERROR).unlink(missing_ok=True)
    try:
        with own_log(folder / LOG):
            _rounds(SiteTraining(FederatedTask.read(task_file), site, name))
    except Exception as error:
        line = explain(error) or f"{type(error).__name__}: {error}"
        (folder / ERROR).write_text(line.replace("\n", " ") + "\n", encoding="utf-8")
        with (folder / LOG).open("a", encoding="utf-8") as log:
            traceback.print_exception(error, file=log)
    else:
        return
    # Raised outside the except clause: what is behind it would be quoted with it.
    raise FederatedError(f"{name} cannot go on: see {ERROR} in its output folder")


def _rounds(training: SiteTraining) -> None:
    try:
        while flare.is_running():
            received = flare.receive()
            if received is None:
                break
            trained = training.train(received.params, received.current_round)
            flare.send(contribution(trained, training.images))
    except RuntimeError as error:
        # The server has ended the federation while this site trained: nothing of its own has failed.
        if not str(error).startswith(_ENDED):
            raise
        logger.warning("the federation was ended: %s", error)
    training.close()
