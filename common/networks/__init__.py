"""Network architectures, one a file, and the reading of weights for them.

Of the other parts of this package they use :mod:`common.errors` alone; the command :mod:`.half`, which nothing here
imports, also writes files by :mod:`common.io`.
"""

from .densenet_classifier import DenseNetClassifier
from .dropblock_vgg import DropBlockVGG
from .efficientnet_lite import EfficientNetLite
from .efficientnet_lite_unet import EfficientNetLiteFeatures, EfficientNetLiteUNet
from .frozen_classifier import FrozenClassifier
from .hackathon_unet import HackathonUNet
from .inception_resnet_v2 import InceptionResNetV2
from .pooled_classifier import PooledClassifier
from .pretrained import load_encoder_weights
from .residual_unet import ResidualUNet
from .resnet_classifier import ResNetClassifier
from .state import WeightsError, read_state, read_tensors
from .tiny_unet import TinyUNet
from .unet import UNet
from .vgg import VGGFeatures
from .vgg_classifier import VGGClassifier
from .vgg_unet import VGGUNet
from .weights import load_weights

__all__ = [
    "DenseNetClassifier",
    "DropBlockVGG",
    "EfficientNetLite",
    "EfficientNetLiteFeatures",
    "EfficientNetLiteUNet",
    "FrozenClassifier",
    "HackathonUNet",
    "InceptionResNetV2",
    "PooledClassifier",
    "ResNetClassifier",
    "ResidualUNet",
    "TinyUNet",
    "UNet",
    "VGGClassifier",
    "VGGFeatures",
    "VGGUNet",
    "WeightsError",
    "load_encoder_weights",
    "load_weights",
    "read_state",
    "read_tensors",
]
