"""``torch.onnx``: there is no graph to export; this raises, and says what to do."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from .._unsupported import unsupported, unsupported_function

__all__ = ["ONNXProgram", "dynamo_export", "export", "is_in_onnx_export", "register_custom_op_symbolic"]

_HINT = "save the weights with torch.save and export the model under PyTorch"
export = unsupported_function("torch.onnx.export", _HINT)
dynamo_export = unsupported_function("torch.onnx.dynamo_export", _HINT)
register_custom_op_symbolic = unsupported_function("torch.onnx.register_custom_op_symbolic", _HINT)
ONNXProgram = unsupported("torch.onnx.ONNXProgram", _HINT)


def is_in_onnx_export() -> bool:
    """Whether an export runs: no."""
    return False


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
