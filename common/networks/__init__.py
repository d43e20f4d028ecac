"""Network architectures, one a file. Nothing here depends on any other part of the package."""

from .hackathon_unet import HackathonUNet
from .pretrained import EncoderWeightsError, load_encoder_weights
from .residual_unet import ResidualUNet
from .tiny_unet import TinyUNet
from .unet import UNet
from .vgg import VGGFeatures
from .vgg_unet import VGGUNet

__all__ = [
    "EncoderWeightsError",
    "HackathonUNet",
    "ResidualUNet",
    "TinyUNet",
    "UNet",
    "VGGFeatures",
    "VGGUNet",
    "load_encoder_weights",
]
