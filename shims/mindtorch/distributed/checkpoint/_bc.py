"""The older order of arguments of ``save`` and ``load``."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["storage_may_come_second"]

_F = TypeVar("_F", bound=Callable[..., Any])


def storage_may_come_second(storage: str) -> Callable[[_F], _F]:
    """A decorator: a second positional argument is the keyword argument ``storage``."""

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if len(args) == 2:
                warnings.warn(
                    f"The argument order of {function.__name__} has been changed. Please check the document to avoid "
                    "future breakages.",
                    stacklevel=2,
                )
                if storage in kwargs:
                    raise TypeError(f"{function.__name__} got two values for {storage}")
                return function(args[0], **{storage: args[1]}, **kwargs)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate
