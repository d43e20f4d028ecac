"""Lungs, probability and lesions of every radiograph in one process, each file read once.

The bundles' own inference configurations are run side by side (``python -m common.pipeline DATASET_DIR OUTPUT_DIR``);
what their preprocessing has in common is done once.
"""

from .chains import ChainTree, definitions, share_steps
from .kept_openvino import OpenVINOInferer
from .lung_network import LungNetwork
from .options import PARTS, RUNTIMES, PipelineOptions
from .part import Part, SteppedEvaluator, load_part
from .run import Pipeline

__all__ = [
    "PARTS",
    "RUNTIMES",
    "ChainTree",
    "LungNetwork",
    "OpenVINOInferer",
    "Part",
    "Pipeline",
    "PipelineOptions",
    "SteppedEvaluator",
    "definitions",
    "load_part",
    "share_steps",
]
