"""``torch.hub``: models are not fetched from repositories; this raises, and says what to do."""

from __future__ import annotations

import os

from mindtorch._support import missing_attribute as _missing_attribute

from ._unsupported import unsupported_function

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

_HINT = "download the files, convert the model's code, and read its weights with torch.load"
load = unsupported_function("torch.hub.load", _HINT)
list = unsupported_function("torch.hub.list", _HINT)
help = unsupported_function("torch.hub.help", _HINT)
load_state_dict_from_url = unsupported_function("torch.hub.load_state_dict_from_url", _HINT)
download_url_to_file = unsupported_function("torch.hub.download_url_to_file", _HINT)

_directory: str | None = None


def get_dir() -> str:
    """Where PyTorch keeps downloads: what ``set_dir`` said, ``$TORCH_HOME/hub`` or the user's cache."""
    if _directory is not None:
        return _directory
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d: str) -> None:
    """Another place for downloads."""
    global _directory
    _directory = os.path.expanduser(d)


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
