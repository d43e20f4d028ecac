"""Pixel masks from image labels alone (Viniavskyi et al., AIME 2020, arXiv 2007.00748).

Class evidence of a classifier, seeds by two levels and a dense CRF, affinities learned from the seeds (IRNet: Ahn et
al., CVPR 2019, arXiv 1904.05044), and a random walk that spreads the evidence up to the boundaries.
"""

from .dense_crf import CRFSettings, dense_crf
from .random_walk import random_walk
from .seeds import evidence_seeds, refined_seeds

__all__ = [
    "CRFSettings",
    "dense_crf",
    "evidence_seeds",
    "random_walk",
    "refined_seeds",
]
