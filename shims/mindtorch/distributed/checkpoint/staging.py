"""Copies of the state for saving in the background (``torch.distributed.checkpoint.staging``)."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import mindtorch as torch
from mindtorch.distributed._shard.sharded_tensor import ShardedTensor
from mindtorch.distributed.checkpoint.metadata import STATE_DICT_TYPE

__all__ = ["AsyncStager", "BlockingAsyncStager", "DefaultStager", "StagingOptions"]


@runtime_checkable
class AsyncStager(Protocol):
    """Copies a state dictionary, so that training can go on while the copy is saved."""

    _synchronize_after_execute: bool = True

    @property
    def should_synchronize_after_execute(self) -> bool:
        """Whether ``synchronize_staging`` is to be called before ``async_save`` returns."""
        return self._synchronize_after_execute

    def stage(self, state_dict: STATE_DICT_TYPE) -> Any:
        """The copy, or a future of it."""
        raise NotImplementedError(f"{type(self).__name__} must implement stage method")

    def synchronize_staging(self) -> None:
        """Wait for the copy."""

    def close(self) -> None:
        """Free what the stager holds."""


def _copied(value: Any, before: Any = None) -> Any:
    """A copy on the CPU, into the memory of an older copy where it fits."""
    if isinstance(value, dict):
        known = before if isinstance(before, dict) else {}
        return {key: _copied(item, known.get(key)) for key, item in value.items()}
    if type(value) in (list, tuple):
        known_items = before if isinstance(before, (list, tuple)) and len(before) == len(value) else [None] * len(value)
        return type(value)(_copied(item, old) for item, old in zip(value, known_items, strict=True))
    if isinstance(value, ShardedTensor):
        return value._map(lambda tensor: tensor.detach().to("cpu", copy=True))
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    if isinstance(before, torch.Tensor) and before.shape == value.shape and before.dtype == value.dtype:
        return before.copy_(value)
    return value.to("cpu", copy=True)


class BlockingAsyncStager(AsyncStager):
    """Copies before it returns.

    Args:
        cache_staged_state_dict: keep the copy's memory for the next time. Then a save has to be over before the next.
        type_check: without effect.
    """

    _synchronize_after_execute = False

    def __init__(self, cache_staged_state_dict: bool = False, type_check: bool = False) -> None:
        self.cache_staged_state_dict = cache_staged_state_dict
        self.type_check = type_check
        self.state_dict_cache: STATE_DICT_TYPE | None = None

    def stage(self, state_dict: STATE_DICT_TYPE) -> STATE_DICT_TYPE:
        staged = _copied(state_dict, self.state_dict_cache)
        if self.cache_staged_state_dict:
            self.state_dict_cache = staged
        return staged

    def synchronize_staging(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        self.state_dict_cache = None


@dataclass
class StagingOptions:
    """How PyTorch's stager uses a CUDA device; there is nothing to choose here."""

    use_pinned_memory: bool = True
    use_shared_memory: bool = True
    use_async_staging: bool = True
    use_non_blocking_copy: bool = True


class DefaultStager(BlockingAsyncStager):
    """The stager of ``async_save``; with asynchronous staging it returns a (finished) future."""

    def __init__(self, config: StagingOptions | None = None) -> None:
        super().__init__()
        self._config = StagingOptions() if config is None else config

    def stage(self, state_dict: STATE_DICT_TYPE, **kwargs: Any) -> Any:
        staged = super().stage(state_dict)
        if not self._config.use_async_staging:
            return staged
        done: Future[STATE_DICT_TYPE] = Future()
        done.set_result(staged)
        return done
