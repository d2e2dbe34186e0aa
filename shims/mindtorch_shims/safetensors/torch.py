"""``safetensors.torch``: the module of the installed package, run with mindtorch for PyTorch.

It is Python, and takes from PyTorch what it finds by ``import torch``; so its source is executed once more, with an
import of its own that gives it mindtorch and the stand-in for ``safe_open``. Nothing in ``sys.modules`` is replaced: a
PyTorch that is installed beside stays what it is.
"""

from __future__ import annotations

import builtins
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_INSTEAD = {"torch": "mindtorch", "safetensors": "mindtorch_shims.safetensors"}


def _import(name: str, *args: Any, **kwargs: Any) -> Any:
    instead = _INSTEAD.get(name)
    return builtins.__import__(name, *args, **kwargs) if instead is None else importlib.import_module(instead)


def _names() -> dict[str, Any]:
    spec = find_spec("safetensors.torch")
    if spec is None or spec.origin is None:
        raise ImportError("the installed safetensors has no module 'torch'", name="safetensors.torch")
    names: dict[str, Any] = {"__builtins__": {**vars(builtins), "__import__": _import}, "__name__": __name__}
    exec(compile(Path(spec.origin).read_bytes(), spec.origin, "exec"), names)
    return {name: value for name, value in names.items() if not (name.startswith("__") or name in _INSTEAD)}


globals().update(_names())
