"""What PyTorch calls the things in a pickle, and what they are here.

A checkpoint names its globals as PyTorch does (``torch FloatStorage``, ``torch._utils _rebuild_tensor_v2``), so that
PyTorch reads what is written here and the other way round. Modules with the same place in both need no entry:
``torch.nn.x`` is ``mindtorch.nn.x``.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
from typing import Any

from .. import _device, _dtype, _size, _tensor, random

__all__ = ["StorageType", "find_global", "storage_type", "torch_name"]

_ROOT = "mindtorch"
# Modules of ours whose public names PyTorch has in its top module.
_OPERATOR_HOMES = (
    f"{_ROOT}.nn.functional", _ROOT, f"{_ROOT}.special", f"{_ROOT}.linalg", f"{_ROOT}.fft", f"{_ROOT}.signal.windows",
)  # fmt: skip
_PRIVATE_HOMES = {f"{_ROOT}.{name}" for name in ("_tensor", "_dtype", "_device", "_size")}


# Modules of ours that PyTorch has under another name.
_MODULES = {
    "nn.modules._linear_loss": "nn.modules.loss",
    "nn.modules._margin_losses": "nn.modules.loss",
    "nn.modules.attention": "nn.modules.activation",
    "nn.utils._prune_methods": "nn.utils.prune",
    "optim._lr_base": "optim.lr_scheduler",
    "optim._lr_composed": "optim.lr_scheduler",
    "optim._lr_cycle": "optim.lr_scheduler",
    "optim._lr_epoch": "optim.lr_scheduler",
}
_MODULES.update(
    {f"distributions.{name}": "distributions"
     for name in ("continuous", "counts", "discrete", "multivariate", "tailed", "transformed")}
)  # fmt: skip
_DISTRIBUTIONS = f"{_ROOT}.distributions"


class StorageType:
    """The name of a storage class in a persistent id; ``dtype`` is None for bytes without a type."""

    __slots__ = ("dtype", "home")

    def __init__(self, home: tuple[str, str], dtype: _dtype.dtype | None) -> None:
        self.home = home
        self.dtype = dtype

    def __repr__(self) -> str:
        return ".".join(self.home)


_STORAGE_NAMES = {
    "DoubleStorage": _dtype.float64,
    "FloatStorage": _dtype.float32,
    "HalfStorage": _dtype.float16,
    "BFloat16Storage": _dtype.bfloat16,
    "LongStorage": _dtype.int64,
    "IntStorage": _dtype.int32,
    "ShortStorage": _dtype.int16,
    "CharStorage": _dtype.int8,
    "ByteStorage": _dtype.uint8,
    "BoolStorage": _dtype.bool,
    "ComplexFloatStorage": _dtype.complex64,
    "ComplexDoubleStorage": _dtype.complex128,
}
UNTYPED = StorageType(("torch.storage", "UntypedStorage"), None)
_STORAGE_TYPES = {name: StorageType(("torch", name), dtype) for name, dtype in _STORAGE_NAMES.items()}
_TYPE_OF = {kind.dtype: kind for kind in _STORAGE_TYPES.values()}
# What PyTorch before 1.10 called storages of a GPU; the device stands in the location, too.
_CUDA_STORAGES = {("torch.cuda", name): kind for name, kind in _STORAGE_TYPES.items()}


def storage_type(dtype: _dtype.dtype) -> StorageType:
    """The storage class of a dtype; the untyped one for those that came after typed storages (uint16, float8...)."""
    return _TYPE_OF.get(dtype, UNTYPED)


def _top_level() -> dict[str, Any]:
    names: dict[str, Any] = {d.name: d for d in _dtype.ALL}
    for value in vars(_dtype).values():
        if isinstance(value, (_dtype.layout, _dtype.memory_format)):
            names[value._name] = value
    return {**names, "Tensor": _tensor.Tensor, "Size": _size.Size, "device": _device.device, **_STORAGE_TYPES}


def _rebuild_homes() -> dict[tuple[str, str], Any]:
    from . import rebuild

    homes = {("torch._utils", name): getattr(rebuild, name) for name in rebuild.UTILS_NAMES}
    homes["torch._tensor", "_rebuild_from_type_v2"] = rebuild._rebuild_from_type_v2
    homes["torch.serialization", "_get_layout"] = rebuild._get_layout
    return homes


_TOP_LEVEL = _top_level()
_HOMES: dict[tuple[str, str], Any] = {
    **{("torch", name): value for name, value in _TOP_LEVEL.items()},
    UNTYPED.home: UNTYPED,
    **_rebuild_homes(),
}
_NAME_OF = {id(value): home for home, value in _HOMES.items()}
_HOMES.update(_CUDA_STORAGES)
# Known under another name, but not allowed when only weights are to be loaded.
_PRIVATE_NAMES: dict[tuple[str, str], Any] = {("torch._C", "Generator"): random.Generator}
_NAME_OF.update({id(value): home for home, value in _PRIVATE_NAMES.items()})


def torch_name(obj: Any, name: str | None = None) -> tuple[str, str] | None:
    """Module and name under which PyTorch knows ``obj``, a global of mindtorch; None for globals of others."""
    home = _NAME_OF.get(id(obj))
    if home is not None:
        return home
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str) or (module != _ROOT and not module.startswith(_ROOT + ".")):
        return None
    name = name or getattr(obj, "__qualname__", None) or obj.__name__
    if module in _PRIVATE_HOMES:
        module = _ROOT
    elif module.startswith(f"{_ROOT}.ops."):
        module = _public_module(obj, name)
    else:
        short = module[len(_ROOT) + 1 :]
        module = f"{_ROOT}.{_MODULES.get(short, short)}".rstrip(".")
    return "torch" + module[len(_ROOT) :], name


def _public_module(operator: Any, name: str) -> str:
    """The module in which PyTorch has an operator. Raises pickle.PicklingError when it has it nowhere."""
    for home in _OPERATOR_HOMES:
        module = importlib.import_module(home)
        if getattr(module, name, None) is operator:
            return home
    raise pickle.PicklingError(f"the function {name} of mindtorch has no name in PyTorch to be saved under")


def find_global(module: str, name: str) -> Any:
    """What a pickle's global means here. Raises ImportError or AttributeError when there is no such thing."""
    known = _HOMES.get((module, name)) or _PRIVATE_NAMES.get((module, name))
    if known is not None:
        return known
    if module == "torch" or module.startswith("torch."):
        module = _ROOT + module[len("torch") :]
        if module.startswith(f"{_DISTRIBUTIONS}.") and importlib.util.find_spec(module) is None:
            # A module for each distribution there, for each sort of them here.
            module = _DISTRIBUTIONS
    elif module == "numpy._core" or module.startswith("numpy._core."):
        # NumPy 2 pickles under this name; NumPy 1 has the same objects in numpy.core.
        module = "numpy.core" + module[len("numpy._core") :]
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
