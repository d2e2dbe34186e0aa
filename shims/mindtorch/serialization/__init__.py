"""``torch.serialization``: checkpoints in PyTorch's zip format, readable on both sides."""

from .io import DEFAULT_PROTOCOL, FILE_LIKE, MAP_LOCATION, load, save
from .safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

__all__ = [
    "DEFAULT_PROTOCOL",
    "FILE_LIKE",
    "MAP_LOCATION",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]
