"""Network architectures, one a file, and the reading of weights for them.

Of the other parts of this package they use :mod:`common.errors` alone; the command :mod:`.half`, which nothing here
imports, also writes files by :mod:`common.io`.
"""

from .hackathon_unet import HackathonUNet
from .pretrained import load_encoder_weights
from .residual_unet import ResidualUNet
from .state import WeightsError, read_state, read_tensors
from .tiny_unet import TinyUNet
from .unet import UNet
from .vgg import VGGFeatures
from .vgg_unet import VGGUNet

__all__ = [
    "HackathonUNet",
    "ResidualUNet",
    "TinyUNet",
    "UNet",
    "VGGFeatures",
    "VGGUNet",
    "WeightsError",
    "load_encoder_weights",
    "read_state",
    "read_tensors",
]
