"""Autocast: operators choose the precision that they run in (``torch.amp.autocast_mode``; Micikevicius et al. 2018)."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._dtype import COMPLEX, FLOATING, bfloat16, dtype, float16, float32, float64
from .._tensor import Tensor
from ..ops import _interpose
from . import lists

__all__ = [
    "autocast", "clear_autocast_cache", "custom_bwd", "custom_fwd", "get_autocast_dtype", "is_autocast_available",
    "is_autocast_cache_enabled", "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_dtype",
    "set_autocast_enabled",
]  # fmt: skip

_DEVICES = ("cpu", "cuda")


class _State(threading.local):
    """What is switched on in this thread, by device type."""

    def __init__(self) -> None:
        self.enabled = dict.fromkeys(_DEVICES, False)
        self.dtypes: dict[str, dtype] = {"cpu": bfloat16, "cuda": float16}
        self.caching = True
        self.depth = 0
        self.cache: dict[int, tuple[Tensor, Tensor]] = {}


_state = _State()


def _known(device_type: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    device_type = "cuda" if device_type == "npu" else device_type
    if device_type not in _DEVICES:
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
    return device_type


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows a device type."""
    return device_type in (*_DEVICES, "npu")


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on in this thread."""
    return _state.enabled[_known(device_type)]


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Switch autocast on or off in this thread; a bool alone is for 'cuda'."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    name = _known(device_type)
    if bool(enabled) != _state.enabled[name]:
        (_interpose.add if enabled else _interpose.remove)(_cast_and_call)
    _state.enabled[name] = bool(enabled)


def get_autocast_dtype(device_type: str = "cuda") -> dtype:
    """The lower precision of a device type."""
    return _state.dtypes[_known(device_type)]


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Set the lower precision of a device type."""
    _state.dtypes[_known(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept until the outermost block ends."""
    return _state.caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Set whether casts of parameters are kept."""
    _state.caching = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the kept casts."""
    _state.cache.clear()


class autocast:
    """Context manager and decorator in which operators run in the precision that suits them.

    Args:
        device_type: 'cuda' or 'cpu'; tensors of other devices are left alone.
        dtype: the lower precision; by default float16 for 'cuda' and bfloat16 for 'cpu'.
        enabled: False switches autocast off inside of an outer block.
        cache_enabled: keep the casts of float32 leaves, so that each is cast once.

    Warns and stays off when the dtype is neither float16 nor bfloat16, or the device is not there.
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _known(device_type)
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = _state.caching if cache_enabled is None else cache_enabled
        self._outer: list[tuple[bool, Any, bool]] = []
        if enabled and self.device == "cuda":
            from .. import cuda

            if not cuda.is_available():
                warnings.warn(
                    "User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2
                )
                enabled = False
        if enabled and self.fast_dtype not in (bfloat16, float16):
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{self.device.upper()} Autocast only supports dtype of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = bool(enabled)

    def __enter__(self) -> autocast:
        self._outer.append((is_autocast_enabled(self.device), get_autocast_dtype(self.device), _state.caching))
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        _state.depth += 1
        return self

    def __exit__(self, *exc: Any) -> None:
        _state.depth -= 1
        if _state.depth == 0:
            clear_autocast_cache()
        enabled, fast, caching = self._outer.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, fast)
        set_autocast_cache_enabled(caching)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapper


# ------------------------------------------------------------------ what happens to an operator
def _cast_and_call(
    name: str, module: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The call with its tensors cast as the lists say. What it calls in turn is not cast again."""
    full = f"{module}.{name}" if module in ("linalg", "fft") else name
    for device_type, enabled in _state.enabled.items():
        if not enabled:
            continue
        if full in lists.LOWER[device_type]:
            to = _state.dtypes[device_type]
        elif full in lists.FLOAT32[device_type]:
            to = float32
        elif full in lists.FLOAT32_RESULT[device_type]:
            return _with_result(device_type, call, args, kwargs)
        elif full in lists.WIDEST[device_type]:
            to = _widest(device_type, (args, kwargs))
        elif full in lists.REFUSED[device_type]:
            if any(_eligible(t, device_type) for t in _tensors((args, kwargs))):
                raise RuntimeError(
                    f"torch.nn.functional.{name} and torch.nn.BCELoss are unsafe to autocast.\nUse "
                    "binary_cross_entropy_with_logits or torch.nn.BCEWithLogitsLoss, which are safe."
                )
            continue
        else:
            continue
        args, kwargs = _cast((args, kwargs), device_type, to)
        return _without(device_type, call, args, kwargs)
    return call(*args, **kwargs)


def _without(device_type: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # Not through set_autocast_enabled: the handler stays where it is, this thread just says no for a moment.
    _state.enabled[device_type] = False
    try:
        return call(*args, **kwargs)
    finally:
        _state.enabled[device_type] = True


def _with_result(device_type: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    first = args[0] if args else kwargs.get("input")
    given = kwargs.get("dtype") is not None or any(isinstance(a, dtype) for a in args)
    if not given and _eligible(first, device_type):
        kwargs = {**kwargs, "dtype": float32}
    return _without(device_type, call, args, kwargs)


def _eligible(x: Any, device_type: str) -> bool:
    """Floating tensors of the device, float64 apart."""
    return (
        isinstance(x, Tensor)
        and FLOATING <= x.dtype.category < COMPLEX
        and x.dtype is not float64
        and x.device.type == device_type
    )


def _tensors(x: Any) -> list[Any]:
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, (list, tuple)):
        return [t for y in x for t in _tensors(y)]
    return [t for y in x.values() for t in _tensors(y)] if isinstance(x, dict) else []


def _widest(device_type: str, x: Any) -> dtype:
    fast = _state.dtypes[device_type]
    found = {t.dtype for t in _tensors(x) if _eligible(t, device_type)}
    if found - {float32, fast}:
        raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return float32 if float32 in found else fast


def _cast(x: Any, device_type: str, to: dtype) -> Any:
    if isinstance(x, Tensor):
        return _cast_tensor(x, to) if _eligible(x, device_type) and x.dtype is not to else x
    if type(x) in (list, tuple):
        return type(x)(_cast(y, device_type, to) for y in x)
    return {k: _cast(v, device_type, to) for k, v in x.items()} if type(x) is dict else x


def _cast_tensor(t: Tensor, to: dtype) -> Tensor:
    keep = _state.caching and to is _state.dtypes[t.device.type] and t.dtype is float32
    if not (keep and t.is_leaf and t.requires_grad and not t._is_view()):
        return t.to(to)
    found = _state.cache.get(id(t))
    if found is None or found[1].dtype is not to:
        # The leaf is kept with its cast: the address must not be used again while it is known here.
        found = _state.cache[id(t)] = (t, t.to(to))
    return found[1]


# ------------------------------------------------------------------ custom functions
def _cast_all(value: Any, device_type: str, to: dtype) -> Any:
    """Eligible tensors in nested containers cast."""
    if isinstance(value, Tensor):
        return value.to(to) if _eligible(value, device_type) else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast_all(k, device_type, to): _cast_all(v, device_type, to) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast_all(v, device_type, to) for v in value)
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str = "cuda", cast_inputs: dtype | None = None
) -> Callable[..., Any]:
    """Decorator of ``Function.forward``: with ``cast_inputs`` it runs on cast tensors and without autocast."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    name = _known(device_type)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        args[0]._dtype = get_autocast_dtype(name)
        if cast_inputs is None:
            args[0]._fwd_used_autocast = is_autocast_enabled(name)
            return fwd(*args, **kwargs)
        enabled = is_autocast_enabled(name)
        args[0]._fwd_used_autocast = False
        if not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type=name, enabled=False):
            return fwd(*_cast_all(args, name, cast_inputs), **_cast_all(kwargs, name, cast_inputs))

    return decorated


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cuda") -> Callable[..., Any]:
    """Decorator of ``Function.backward``: it runs in the autocast state of its forward."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    name = _known(device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type=name, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorated
