"""How entries of a data set become a batch, in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mindtorch.utils.data.dataset import IterableDataset

__all__ = ["Fetcher"]


class Fetcher:
    """Reads what a sampler asks for: by index, or the next entries of an iterable data set."""

    def __init__(self, dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self._dataset = dataset
        self._batched = batched
        self._collate_fn = collate_fn
        self._drop_last = drop_last
        self._entries = iter(dataset) if isinstance(dataset, IterableDataset) else None
        self._exhausted = False

    def fetch(self, index: Any) -> Any:
        """The batch for `index` (an entry without batching). Raises StopIteration when an iterable data set ends."""
        data = self._lookup(index) if self._entries is None else self._stream(index)
        return self._collate_fn(data)

    def _lookup(self, index: Any) -> Any:
        if not self._batched:
            return self._dataset[index]
        if callable(getattr(self._dataset, "__getitems__", None)):
            return self._dataset.__getitems__(index)
        return [self._dataset[i] for i in index]

    def _stream(self, index: Any) -> Any:
        assert self._entries is not None
        if self._exhausted:
            raise StopIteration
        if index is None or not self._batched:
            return next(self._entries)
        data = []
        for _ in index:
            try:
                data.append(next(self._entries))
            except StopIteration:
                self._exhausted = True
                break
        if not data or (self._drop_last and len(data) < len(index)):
            raise StopIteration
        return data
