"""How a batch goes through a network: precision, memory layout, runtime."""

from .evidence import EvidenceInferer, refuse_without_evidence
from .mixed_precision import MixedPrecisionInferer
from .onnx_runtime import ONNXRuntimeInferer
from .openvino import OpenVINOInferer
from .quantize import quantize
from .quantized import QuantizedInferer
from .test_time import TestTimeInferer

__all__ = [
    "EvidenceInferer",
    "MixedPrecisionInferer",
    "ONNXRuntimeInferer",
    "OpenVINOInferer",
    "QuantizedInferer",
    "TestTimeInferer",
    "quantize",
    "refuse_without_evidence",
]
