"""Helpers for optimizers that hold FP8 parameters (``transformer_engine.pytorch.tensor.utils``)."""

from __future__ import annotations

from typing import Any

from ...._missing import module_getattr, unsupported

__getattr__ = module_getattr(__name__)


def replace_raw_data(tensor: Any, new_raw_data: Any) -> None:
    """Raises NotImplementedError: there are no quantized tensors."""
    raise unsupported("transformer_engine.pytorch.tensor.utils.replace_raw_data")


def cast_master_weights_to_fp8(model_weights: Any, master_weights: Any, start_offsets: Any, group: Any) -> None:
    """Nothing for no weights; raises NotImplementedError otherwise."""
    if model_weights:
        raise unsupported("transformer_engine.pytorch.tensor.utils.cast_master_weights_to_fp8")
