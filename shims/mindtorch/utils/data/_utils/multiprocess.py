"""The data loader's iterator with worker processes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import queue
import time
from typing import Any

from mindtorch.utils.data._utils.worker import CHECK_INTERVAL, Failure, Resume, StreamEnd, worker_loop

__all__ = ["WorkerBatches"]


class WorkerBatches:
    """Batches that worker processes make; by default in the order of the sampler.

    Each worker has a queue of requests, all share one of answers. ``prefetch_factor`` requests a worker are on their
    way; they are handed out in turn to the workers whose data has not ended.
    """

    def __init__(self, loader: Any, base_seed: int) -> None:
        self._loader = loader
        self._epoch = 0
        context = loader.multiprocessing_context or multiprocessing.get_context(
            "fork" if "fork" in multiprocessing.get_all_start_methods() else None
        )
        self._results = context.Queue()
        self._done = context.Event()
        self._requests: list[Any] = []
        self._workers: list[Any] = []
        for worker_id in range(loader.num_workers):
            requests = context.Queue()
            # Whoever leaves early must not wait for a worker to read the rest.
            requests.cancel_join_thread()
            worker = context.Process(
                target=worker_loop,
                args=(loader.dataset, requests, self._results, self._done, loader._auto_collation, loader.collate_fn,
                      loader.drop_last, base_seed, loader.worker_init_fn, worker_id, loader.num_workers, os.getpid()),
                daemon=True,
            )  # fmt: skip
            worker.start()
            self._requests.append(requests)
            self._workers.append(worker)
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._indices = iter(self._loader._index_sampler)
        self._sent = self._next = 0
        self._owner: dict[int, int] = {}
        self._ready: dict[int, Any] = {}
        self._active = [True] * len(self._workers)
        self._turn = itertools.cycle(range(len(self._workers)))
        for _ in range(self._loader.prefetch_factor * len(self._workers)):
            self._send()

    def reset(self) -> None:
        """Begin a new epoch with the same workers."""
        while self._owner.keys() - self._ready.keys():
            self._take(self._receive())
        self._epoch += 1
        for requests in self._requests:
            requests.put(Resume(self._epoch))
        waiting = len(self._workers)
        while waiting:
            what, _ = self._receive()
            waiting -= isinstance(what, Resume) and what.epoch == self._epoch
        self._begin()

    def __iter__(self) -> WorkerBatches:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def _send(self) -> None:
        """Ask the next worker that still has data for the next batch."""
        for _ in self._workers:
            worker = next(self._turn)
            if self._active[worker]:
                break
        else:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        self._requests[worker].put((self._sent, index))
        self._owner[self._sent] = worker
        self._sent += 1

    def _receive(self) -> Any:
        """The next answer of any worker. Raises RuntimeError after the loader's timeout or when a worker died."""
        timeout = self._loader.timeout
        until = time.monotonic() + timeout if timeout else None
        while True:
            try:
                left = CHECK_INTERVAL if until is None else min(CHECK_INTERVAL, max(until - time.monotonic(), 0.001))
                return self._results.get(timeout=left)
            except queue.Empty:
                dead = [str(w.pid) for w, active in zip(self._workers, self._active, strict=True)
                        if active and not w.is_alive()]  # fmt: skip
                if dead:
                    self.close()
                    raise RuntimeError(
                        f"DataLoader worker (pid(s) {', '.join(dead)}) exited unexpectedly"
                    ) from None
                if until is not None and time.monotonic() >= until:
                    self.close()
                    raise RuntimeError(f"DataLoader timed out after {timeout} seconds") from None

    def _take(self, answer: Any) -> None:
        number, data = answer
        self._ready[number] = data

    def __next__(self) -> Any:
        while True:
            number = self._next_number()
            if number is None:
                if not self._loader.persistent_workers:
                    self.close()
                raise StopIteration
            data = self._ready.pop(number)
            worker = self._owner.pop(number)
            if isinstance(data, StreamEnd):
                self._active[worker] = False
                self._send()
                continue
            self._send()
            if isinstance(data, Failure):
                if not self._loader.persistent_workers:
                    self.close()
                data.reraise()
            return data

    def _next_number(self) -> int | None:
        """The number of the batch to hand out next, which has arrived; None at the end."""
        if not self._owner:
            return None
        if not self._loader.in_order:
            while not self._ready:
                self._take(self._receive())
            return next(iter(self._ready))
        first = min(self._owner)
        while first not in self._ready:
            self._take(self._receive())
        return first

    def close(self) -> None:
        """End the workers."""
        if self._closed:
            return
        self._closed = True
        self._done.set()
        for requests in self._requests:
            requests.put(None)
        for worker in self._workers:
            worker.join(timeout=CHECK_INTERVAL)
            if worker.is_alive():
                worker.terminate()
                worker.join()
        for q in (*self._requests, self._results):
            q.close()

    def __del__(self) -> None:
        if getattr(self, "_closed", True) is False:
            self.close()
