"""A worker process of the data loader: seeds as PyTorch's, and a loop from indices to batches."""

from __future__ import annotations

import os
import queue
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import mindtorch as torch
from mindtorch.utils.data._utils.fetch import Fetcher

__all__ = ["Failure", "Resume", "StreamEnd", "WorkerInfo", "get_worker_info", "worker_loop"]

# Seconds between looks at whether the main process is still there.
CHECK_INTERVAL = 5.0


@dataclass
class WorkerInfo:
    """What a worker knows about itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


@dataclass
class StreamEnd:
    """The worker's copy of an iterable data set has ended."""

    worker_id: int


@dataclass
class Resume:
    """A new epoch begins."""

    epoch: int


class Failure:
    """An exception that travels to the main process as its type and text, tracebacks and all."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.type = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.where = where
        self.key = error.args[0] if isinstance(error, KeyError) and error.args else None

    def reraise(self) -> None:
        """Raise the exception with the worker's traceback in its text."""
        text = f"Caught {self.type.__name__} {self.where}.\nOriginal {self.text}"
        try:
            error = self.type(_Text(text) if self.type is KeyError else text)
        except Exception:
            # An exception class with a constructor of its own.
            raise RuntimeError(text) from None
        raise error


class _Text(str):
    """A text that KeyError shows as it is, not as a literal."""

    def __repr__(self) -> str:
        return str(self)


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """What this worker process knows about itself: id, num_workers, seed, dataset. None in the main process."""
    return _info


def numpy_seed(base_seed: int, worker_id: int) -> np.ndarray:
    """The seed of ``numpy.random`` in a worker: four words mixed from both numbers."""
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4)


def _seed(base_seed: int, worker_id: int) -> None:
    random.seed(base_seed + worker_id)
    torch.manual_seed(base_seed + worker_id)
    np.random.seed(numpy_seed(base_seed, worker_id))


def _next(indices: Any, parent: int) -> Any:
    """The next request, or None when the main process is gone."""
    while True:
        try:
            return indices.get(timeout=CHECK_INTERVAL)
        except queue.Empty:
            if os.getppid() != parent:
                return None


def worker_loop(
    dataset: Any, indices: Any, results: Any, done: Any, batched: bool, collate_fn: Callable[[Any], Any],
    drop_last: bool, base_seed: int, init_fn: Callable[[int], None] | None, worker_id: int, num_workers: int,
    parent: int,
) -> None:  # fmt: skip
    """Answer requests ``(number, index)`` with ``(number, batch)`` until None comes."""
    global _info
    from mindtorch import kernels

    # The threads of the main process's runtime do not come along with a fork: NumPy's kernels need none.
    kernels.NATIVE.clear()
    _seed(base_seed, worker_id)
    _info = WorkerInfo(worker_id, num_workers, base_seed + worker_id, dataset)
    where = f"in DataLoader worker process {worker_id}"
    failure: Failure | None = None
    fetcher: Fetcher | None = None
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetcher = Fetcher(dataset, batched, collate_fn, drop_last)
    except Exception as error:
        failure = Failure(error, where)
    while (request := _next(indices, parent)) is not None:
        if isinstance(request, Resume):
            fetcher, failure = None, None
            try:
                fetcher = Fetcher(dataset, batched, collate_fn, drop_last)
            except Exception as error:
                failure = Failure(error, where)
            results.put((request, None))
            continue
        number, index = request
        answer: Any = failure
        if failure is None and fetcher is not None:
            try:
                answer = fetcher.fetch(index)
            except StopIteration as error:
                streams = isinstance(dataset, torch.utils.data.IterableDataset)
                answer = StreamEnd(worker_id) if streams else Failure(error, where)
            except Exception as error:
                answer = Failure(error, where)
        results.put((number, answer))
    if done.is_set():
        # Nobody reads what is still on its way.
        results.cancel_join_thread()
    results.close()
