"""Which globals a checkpoint may name when only weights are to be loaded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from . import names

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals"]

SafeGlobal = Callable[..., Any] | tuple[Callable[..., Any], str]
_added: list[SafeGlobal] = []


def add_safe_globals(safe_globals: list[SafeGlobal]) -> None:
    """Allow these classes and functions in ``load(weights_only=True)``.

    An entry is the object, or a pair of it and the full name under which checkpoints have it.
    """
    for entry in safe_globals:
        _name(entry)
        if entry not in _added:
            _added.append(entry)


def get_safe_globals() -> list[SafeGlobal]:
    """The globals that have been added."""
    return list(_added)


def clear_safe_globals() -> None:
    """Forget all added globals."""
    _added.clear()


class safe_globals:
    """Context manager: these globals are allowed within."""

    def __init__(self, safe_globals: list[SafeGlobal]) -> None:
        self._entries = safe_globals

    def __enter__(self) -> None:
        self._before = get_safe_globals()
        add_safe_globals(self._entries)

    def __exit__(self, *exc: Any) -> None:
        _added[:] = self._before


def _name(entry: SafeGlobal) -> str:
    if isinstance(entry, tuple):
        if len(entry) != 2 or not isinstance(entry[1], str):
            raise ValueError(f"expected a pair of a global and its full name, but got {entry!r}")
        return entry[1]
    home = names.torch_name(entry)
    if home is not None:
        return ".".join(home)
    if not hasattr(entry, "__module__") or not hasattr(entry, "__qualname__"):
        raise TypeError(f"expected a class or a function as a safe global, but got {entry!r}")
    return f"{entry.__module__}.{entry.__qualname__}"


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 spells bytes; other codecs could be used to blow up memory."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"only latin1 is allowed, not {encoding}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """How protocol 2 spells the empty bytes; a length would be a way to blow up memory."""
    return b""


_ALWAYS: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.bytearray": bytearray,
    "builtins.complex": complex,
    "builtins.bytes": _empty_bytes,
    "_codecs.encode": _encode,
    **{".".join(home): value for home, value in names._HOMES.items()},
}


# Looked up when it is asked for: importing it here would load all of nn.
_ALWAYS_BY_NAME = {("torch.nn.parameter", "Parameter")}


def find_allowed(module: str, name: str) -> Any:
    """The global of that name if it is allowed, else None."""
    full = f"{module}.{name}"
    if full in _ALWAYS:
        return _ALWAYS[full]
    if (module, name) in _ALWAYS_BY_NAME:
        return names.find_global(module, name)
    for entry in _added:
        if _name(entry) == full:
            return entry[0] if isinstance(entry, tuple) else entry
    return None


def is_added(obj: Any) -> bool:
    """Whether the user has allowed this object."""
    return any(obj is (entry[0] if isinstance(entry, tuple) else entry) for entry in _added)
