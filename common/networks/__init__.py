"""Network architectures, one a file, and the reading of weights for them.

Of the other parts of this package they use :mod:`common.errors` alone; the commands :mod:`.half` and :mod:`.average`,
which nothing here imports, also write files by :mod:`common.io`.
"""

from .deeplab import DeepLabV3Plus
from .densenet_classifier import DenseNetClassifier
from .dropblock_vgg import DropBlockVGG
from .efficientnet_lite import EfficientNetLite
from .efficientnet_lite_unet import EfficientNetLiteFeatures, EfficientNetLiteUNet
from .frozen_classifier import FrozenClassifier
from .hackathon_unet import HackathonUNet
from .inception_resnet_v2 import InceptionResNetV2
from .irnet import IRNet
from .pooled_classifier import PooledClassifier
from .pretrained import load_encoder_weights
from .residual_unet import ResidualUNet
from .resnet_classifier import ResNetClassifier
from .resnet_unet import ResNetFeatures, ResNetUNet
from .seresnext_unet import SEResNeXtFeatures, SEResNeXtUNet
from .state import WeightsError, read_state, read_tensors
from .tiny_unet import TinyUNet
from .unet import UNet
from .unet_plus_plus import UNetPlusPlus
from .vgg import VGGFeatures
from .vgg_classifier import VGGClassifier
from .vgg_unet import VGGUNet
from .vnet import VNet
from .weights import load_weights

__all__ = [
    "DeepLabV3Plus",
    "DenseNetClassifier",
    "DropBlockVGG",
    "EfficientNetLite",
    "EfficientNetLiteFeatures",
    "EfficientNetLiteUNet",
    "FrozenClassifier",
    "HackathonUNet",
    "IRNet",
    "InceptionResNetV2",
    "PooledClassifier",
    "ResNetClassifier",
    "ResNetFeatures",
    "ResNetUNet",
    "ResidualUNet",
    "SEResNeXtFeatures",
    "SEResNeXtUNet",
    "TinyUNet",
    "UNet",
    "UNetPlusPlus",
    "VGGClassifier",
    "VGGFeatures",
    "VGGUNet",
    "VNet",
    "WeightsError",
    "load_encoder_weights",
    "load_weights",
    "read_state",
    "read_tensors",
]
