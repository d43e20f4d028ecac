"""Ignite handlers that MONAI lacks, one a file."""

from ..networks import WeightsError
from .collect_predictions import CollectPredictions, describe_probability
from .epoch_seed import EpochSeed
from .handler_group import HandlerGroup
from .last_checkpoint import LastCheckpoint, ResumeFileError
from .lesion_files import LesionFiles
from .load_encoder import LoadEncoder
from .load_weights import LoadWeights
from .model_selection import ModelSelection
from .prediction_record import PredictionRecord, ResumeError, finished_inputs
from .region_files import RegionFiles
from .serve_weights import ServeWeights
from .shared_record import SharedRecord
from .stop_on_nan import LossError, StopOnNaN
from .sync_buffers import SyncBuffers
from .training_curves import TrainingCurves
from .training_record import TrainingRecord

__all__ = [
    "CollectPredictions",
    "EpochSeed",
    "HandlerGroup",
    "LastCheckpoint",
    "LesionFiles",
    "LoadEncoder",
    "LoadWeights",
    "LossError",
    "ModelSelection",
    "PredictionRecord",
    "RegionFiles",
    "ResumeError",
    "ResumeFileError",
    "ServeWeights",
    "SharedRecord",
    "StopOnNaN",
    "SyncBuffers",
    "TrainingCurves",
    "TrainingRecord",
    "WeightsError",
    "describe_probability",
    "finished_inputs",
]
