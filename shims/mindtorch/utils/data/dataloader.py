"""Batches of a data set (``torch.utils.data.dataloader``), read in this process or by workers."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import mindtorch as torch
from mindtorch.utils.data._utils.collate import default_collate, default_convert
from mindtorch.utils.data._utils.fetch import Fetcher
from mindtorch.utils.data._utils.multiprocess import WorkerBatches
from mindtorch.utils.data._utils.worker import WorkerInfo, get_worker_info
from mindtorch.utils.data.dataset import IterableDataset
from mindtorch.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "WorkerInfo", "default_collate", "default_convert", "get_worker_info"]


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
        num_workers: processes that read entries ahead; 0: they are read in this one. Workers are forked, compute with
            NumPy's kernels, and have random numbers of their own, from PyTorch's seeds.
        collate_fn: list of entries to batch; by default ``default_collate``.
        timeout: seconds to wait for a batch of a worker; 0: for ever.
        worker_init_fn: called in each worker with its number.
        generator: where the random order and the workers' seeds come from.
        prefetch_factor: batches that each worker is ahead (2).
        persistent_workers: keep the workers from epoch to epoch.
        in_order: False hands out batches as they arrive.
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
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        if isinstance(multiprocessing_context, str):
            if multiprocessing_context not in multiprocessing.get_all_start_methods():
                raise ValueError(
                    "multiprocessing_context option should specify a valid start method in "
                    f"{multiprocessing.get_all_start_methods()!r}, but got "
                    f"multiprocessing_context={multiprocessing_context!r}"
                )
            multiprocessing_context = multiprocessing.get_context(multiprocessing_context)
        self.multiprocessing_context = multiprocessing_context
        self._iterator: WorkerBatches | None = None
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
            if prefetch is not None and prefetch < 0:
                raise ValueError("prefetch_factor option should be non-negative")
            return
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
        if self._iterator is not None:
            self._iterator.reset()
            return _Pinned(self._iterator, self)
        # Drawn for the workers' seeds, also without any: the global stream moves on as PyTorch's does.
        base_seed = int(torch.empty((), dtype=torch.int64).random_(generator=self.generator).item())
        if not self.num_workers:
            return _Pinned(_Batches(self), self)
        batches = WorkerBatches(self, base_seed)
        if self.persistent_workers:
            self._iterator = batches
        return _Pinned(batches, self)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warns when there are more workers than processors."""
        import os

        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.num_workers > processors:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number "
                f"of worker in current system is {processors}, which is smaller than what this DataLoader is going to "
                "create.",
                stacklevel=2,
            )


class _Batches:
    """One epoch, read in this process."""

    def __init__(self, loader: DataLoader) -> None:
        self._indices = iter(loader._index_sampler)
        self._fetcher = Fetcher(loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last)

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> Any:
        return self._fetcher.fetch(next(self._indices))


class _Pinned:
    """The iterator that users get: batches, in page-locked memory where that was asked for and means something."""

    def __init__(self, batches: Any, loader: DataLoader) -> None:
        self._batches, self._loader = batches, loader
        self._pin = loader.pin_memory and torch.cuda.is_available()

    def __iter__(self) -> _Pinned:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __next__(self) -> Any:
        data = next(self._batches)
        return _pinned(data) if self._pin else data
