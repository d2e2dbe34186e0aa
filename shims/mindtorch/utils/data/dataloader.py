"""Batches of a data set (``torch.utils.data.dataloader``). The entries are read in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import mindtorch as torch
from mindtorch._unsupported import raise_unsupported
from mindtorch.utils.data._utils.collate import default_collate, default_convert
from mindtorch.utils.data.dataset import IterableDataset
from mindtorch.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


def get_worker_info() -> None:
    """What a worker process would know about itself; None: the entries are read in the main process."""
    return None


class _Infinite(Sampler[Any]):
    """What stands for the indices of an iterable data set."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _pinned(data: Any) -> Any:
    """The batch with its tensors in page-locked memory."""
    if isinstance(data, torch.Tensor):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, Mapping):
        return type(data)({key: _pinned(value) for key, value in data.items()})  # type: ignore[call-arg]
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(_pinned(d) for d in data))
    if isinstance(data, Sequence):
        return [_pinned(d) for d in data]
    return data


class DataLoader:
    """Iterates over batches.

    Args:
        batch_size: entries a batch; None: no batching, entries go through ``collate_fn`` one by one.
        shuffle: a new random order each epoch.
        sampler: order of the entries; excludes ``shuffle``.
        batch_sampler: order of whole batches; excludes all of the above and ``drop_last``.
        num_workers: only 0.
        collate_fn: list of entries to batch; by default ``default_collate``.
        generator: where the random order comes from.

    Raises:
        NotImplementedError: ``num_workers`` above 0.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self._check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            self._check_iterable(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _Infinite()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn

    @staticmethod
    def _check_workers(num_workers: int, timeout: float, prefetch: Any, persistent: bool, context: Any) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers > 0:
            raise_unsupported(f"torch.utils.data.DataLoader(num_workers={num_workers})", "use num_workers=0")
        if prefetch is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if persistent:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if context is not None:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                f"but got num_workers={num_workers}"
            )

    @staticmethod
    def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
        if shuffle not in {False, None}:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
            )
        if sampler is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified sampler option, but got sampler={sampler}"
            )
        if batch_sampler is not None:
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified batch_sampler option, "
                f"but got batch_sampler={batch_sampler}"
            )

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self) -> Iterator[Any]:
        # PyTorch draws a seed for its workers even without any: the global stream has to move on here, too.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        return _Batches(self)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Nothing to check: no workers."""


class _Batches:
    """The iterator over one epoch."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader
        self._indices = iter(loader._index_sampler)
        self._entries = iter(loader.dataset) if loader._iterable else None
        self._exhausted = False

    def __iter__(self) -> _Batches:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __next__(self) -> Any:
        loader = self._loader
        index = next(self._indices)
        data = self._stream(index) if self._entries is not None else self._lookup(index)
        data = loader.collate_fn(data)
        return _pinned(data) if loader.pin_memory and torch.cuda.is_available() else data

    def _lookup(self, index: Any) -> Any:
        dataset = self._loader.dataset
        if not self._loader._auto_collation:
            return dataset[index]
        if callable(getattr(dataset, "__getitems__", None)):
            return dataset.__getitems__(index)
        return [dataset[i] for i in index]

    def _stream(self, index: Iterable[Any] | None) -> Any:
        if self._exhausted:
            raise StopIteration
        if index is None:
            return next(self._entries)  # type: ignore[arg-type]
        data = []
        for _ in index:
            try:
                data.append(next(self._entries))  # type: ignore[arg-type]
            except StopIteration:
                self._exhausted = True
                break
        if not data or (self._loader.drop_last and len(data) < len(list(index))):
            raise StopIteration
        return data
