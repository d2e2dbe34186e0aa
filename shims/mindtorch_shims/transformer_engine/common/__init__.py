"""What does not depend on the framework (``transformer_engine.common``)."""

from ..._missing import module_getattr
from . import recipe

__all__ = ["recipe"]
__getattr__ = module_getattr(__name__)
