"""Parts of transformers (``apex.transformer``)."""

from ..._missing import module_getattr
from . import functional, layers

__all__ = ["functional", "layers"]
__getattr__ = module_getattr(__name__)
