"""Norms that know of sequence parallelism (``apex.transformer.layers``)."""

from ...._missing import module_getattr
from .layer_norm import FastLayerNorm, FusedLayerNorm, MixedFusedLayerNorm

__all__ = ["FastLayerNorm", "FusedLayerNorm", "MixedFusedLayerNorm"]
__getattr__ = module_getattr(__name__)
