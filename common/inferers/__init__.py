"""How a batch goes through a network: precision, memory layout, runtime."""

from .mixed_precision import MixedPrecisionInferer
from .openvino import OpenVINOInferer

__all__ = ["MixedPrecisionInferer", "OpenVINOInferer"]
