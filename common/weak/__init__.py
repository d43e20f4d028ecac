"""Pixel masks from image labels alone (Viniavskyi et al., AIME 2020, arXiv 2007.00748).

Class evidence of a classifier, seeds by two levels and a dense CRF, affinities learned from the seeds (IRNet: Ahn et
al., CVPR 2019, arXiv 1904.05044), and a random walk that spreads the evidence up to the boundaries.
"""

from .affinity_loss import AffinityLoss
from .crf_stage import CRFStage
from .dense_crf import CRFSettings, dense_crf
from .evidence import class_evidence
from .irnet_stage import IRNetStage
from .items import LabelledImage, labelled_images
from .mask_items import pseudo_mask_items
from .mask_stage import MaskStage
from .pipeline import PseudoLabels
from .random_walk import random_walk
from .seed_stage import SeedStage
from .seeds import evidence_seeds, refined_seeds
from .stage import StageError

__all__ = [
    "AffinityLoss",
    "CRFSettings",
    "CRFStage",
    "IRNetStage",
    "LabelledImage",
    "MaskStage",
    "PseudoLabels",
    "SeedStage",
    "StageError",
    "class_evidence",
    "dense_crf",
    "evidence_seeds",
    "labelled_images",
    "pseudo_mask_items",
    "random_walk",
    "refined_seeds",
]
