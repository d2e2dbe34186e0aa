"""Convolutions' weights in another memory format (``torch.nn.utils.memory_format``)."""

from __future__ import annotations

from typing import Any, TypeVar

import mindtorch as torch
from mindtorch.nn.modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from mindtorch.nn.modules.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def _convert(module: M, kinds: tuple[type[Any], ...], memory_format: torch.memory_format) -> M:
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = part.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: torch.memory_format) -> M:
    """Write the weights of all 2-d convolutions in it in that order; returns the module."""
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: M, memory_format: torch.memory_format) -> M:
    """Write the weights of all 3-d convolutions in it in that order; returns the module."""
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
