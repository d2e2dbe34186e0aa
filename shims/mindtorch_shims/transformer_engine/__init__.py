"""Stand-in for NVIDIA's TransformerEngine (https://github.com/NVIDIA/TransformerEngine), without FP8."""

from .._missing import module_getattr
from . import common, pytorch

__all__ = ["common", "pytorch"]
# The release whose interface this is; docs/shims.md gives the reason for this one.
__version__ = "2.2.0"
__getattr__ = module_getattr(__name__)
