"""The parts of attention (``transformer_engine.pytorch.dot_product_attention``)."""

from ...._missing import module_getattr

__getattr__ = module_getattr(__name__)
