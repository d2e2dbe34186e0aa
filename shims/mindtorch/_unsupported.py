"""Loud placeholders for public names that have no implementation.

Upstream code imports, annotates with, inherits from and tests ``isinstance`` against such names at import time; all
of that works. Using one raises ``NotImplementedError`` with the name of the API and a way round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["UnsupportedAttributeError", "raise_unsupported", "unsupported", "unsupported_function"]


class UnsupportedAttributeError(NotImplementedError, AttributeError):
    """Attribute of an unsupported class: also an ``AttributeError``, so that ``hasattr`` answers False."""


def _message(name: str, hint: str) -> str:
    return f"{name} is not supported" + (f": {hint}" if hint else "")


def raise_unsupported(name: str, hint: str = "") -> NoReturn:
    """Raise ``NotImplementedError`` for the API ``name``.

    Args:
        name: full public name, as in ``torch.distributed.tensor.DTensor``.
        hint: a way round, in a few words.
    """
    raise NotImplementedError(_message(name, hint))


class _UnsupportedMeta(type):
    _unsupported_name: str
    _unsupported_hint: str

    def __getattr__(cls, attribute: str) -> Any:
        # Private and dunder names are protocol look-ups (copy, pickle, typing, dataclasses), not uses.
        if attribute.startswith("_"):
            raise AttributeError(f"type object '{cls.__name__}' has no attribute '{attribute}'")
        raise UnsupportedAttributeError(_message(f"{cls._unsupported_name}.{attribute}", cls._unsupported_hint))


def unsupported(name: str, hint: str = "") -> type[Any]:
    """A class that can be imported, inherited from and tested against, but neither created nor used.

    Args:
        name: full public name, as in ``torch.distributed.tensor.DTensor``.
        hint: a way round, in a few words.
    """

    def refuse(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise_unsupported(name, hint)

    module, _, short = name.rpartition(".")
    namespace = {
        "__new__": refuse,
        "__doc__": _message(name, hint) + ".",
        "__module__": module.replace("torch", "mindtorch", 1),
        "__qualname__": short,
        "_unsupported_name": name,
        "_unsupported_hint": hint,
    }
    return _UnsupportedMeta(short, (), namespace)


def unsupported_function(name: str, hint: str = "") -> Callable[..., NoReturn]:
    """A function that raises ``NotImplementedError`` when it is called; arguments as of ``unsupported``."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise_unsupported(name, hint)

    module, _, short = name.rpartition(".")
    refuse.__name__ = refuse.__qualname__ = short
    refuse.__module__ = module.replace("torch", "mindtorch", 1)
    refuse.__doc__ = _message(name, hint) + "."
    return refuse
