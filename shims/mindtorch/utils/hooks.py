"""Handles and helpers for hook registries (``torch.utils.hooks``)."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """Ticket that takes one hook out of the dictionary it was registered in.

    The registry is referenced weakly, so a handle never keeps a module or tensor alive.

    Args:
        hooks_dict: the registry, a dictionary that allows weak references (``OrderedDict``).
        extra_dict: further dictionaries keyed by the same id (``with_kwargs``, ``always_call`` marks).
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        if extra_dict is None:
            extras: list[Any] = []
        elif isinstance(extra_dict, list):
            extras = extra_dict
        else:
            extras = [extra_dict]
        self.extra_dict_ref: tuple[Any, ...] = tuple(weakref.ref(extra) for extra in extras)

    def remove(self) -> None:
        """Take the hook out; calling it again does nothing."""
        hooks = self.hooks_dict_ref()
        if hooks is not None:
            hooks.pop(self.id, None)
        for ref in self.extra_dict_ref:
            extra = ref()
            if extra is not None:
                extra.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        hooks = state[0]
        # A registry that died before pickling comes back as a fresh empty one, so remove() stays harmless.
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.id = state[1]
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        extras = state[2] if len(state) > 2 else ()
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if extra is None else extra) for extra in extras)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        self.remove()


def unserializable_hook(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Mark ``hook`` so that pickling a tensor which carries it warns instead of dropping it silently."""
    hook.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return hook


def warn_if_has_hooks(tensor: Any) -> None:
    """Warn about every hook of ``tensor`` that will not survive serialization."""
    if not tensor._backward_hooks:
        return
    for hook in tensor._backward_hooks.values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be "
                "serialized.  If this is expected, you can "
                "decorate the function with @torch.utils.hooks.unserializable_hook "
                "to suppress this warning",
                stacklevel=2,
            )


def __getattr__(name: str) -> Any:
    if name == "BackwardHook":
        # Needs autograd, which imports this module: only on demand.
        from mindtorch.nn.modules._backward_hook import BackwardHook

        return BackwardHook
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
