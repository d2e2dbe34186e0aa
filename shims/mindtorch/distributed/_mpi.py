"""Requests to MPI as ``Work``: started at once, tested in a loop, with a limit of time.

Everything is nonblocking in MPI's sense, so that any order of calls that libraries with threads or streams of their own
accept is accepted here. Bytes move whenever this process is inside MPI: when it waits for something, and when it starts
something.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from mindtorch.distributed import _leaving, _progress
from mindtorch.distributed._checks import CheckedQueue, advance_all, checks_everything, mismatch_text, whereabouts
from mindtorch.distributed._flight import Record
from mindtorch.distributed._types import DistBackendError, Work
from mindtorch.futures import Future

_leaving.watch_over()

__all__ = ["MPIWork", "launched_by_mpi", "mpi", "world_from_environment"]

_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("PMIX_RANK", "PMIX_SIZE", "MPI_LOCALRANKID"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
)
_SPIN = 0.5  # seconds of testing without a pause: a collective among busy ranks takes less
_TESTS = 32  # between looks at the clock and at other groups
_PAUSE = 0.0002
_LISTEN = 0.05  # seconds between looks at who has ended
_ON_THE_WAY = 1.0  # seconds for what a rank sent before it ended
_LEAVE = 5.0  # seconds at the end of the process for what was sent and not yet fetched


def world_from_environment() -> tuple[int, int, int] | None:
    """(rank, world size, local rank) that mpiexec gave this process; None when it was not started by one."""
    for rank, size, local in _VARIABLES:
        if rank in os.environ and size in os.environ:
            return int(os.environ[rank]), int(os.environ[size]), int(os.environ.get(local, os.environ[rank]))
    return None


def launched_by_mpi() -> bool:
    """Whether mpiexec started this process."""
    return world_from_environment() is not None


@cache
def mpi() -> Any:
    """``mpi4py.MPI``, initialised; a process that fails takes its peers with it instead of leaving them waiting."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise DistBackendError(
            f"several processes on CPU hosts need MPI: pip install 'mpi4py>=4' 'mpich>=5' ({error})"
        ) from error
    _progress.hooks.append(_reap)
    _leaving.install(MPI)
    return MPI


_pending: list[MPIWork] = []
"""What is not complete: keeps the memory of requests alive that nobody waits for."""


def _reap() -> None:
    if _pending:
        _pending[:] = [work for work in _pending if not work.test()]


def drain() -> list[str]:
    """At the end: let peers fetch what was sent to them, give up receives that nobody answered; what is left."""
    limit = time.monotonic() + _LEAVE
    while _pending and time.monotonic() < limit:
        for work in _pending:
            work.cancel_receives()
        _reap()
        os.sched_yield()
    return [work.what for work in _pending]


class MPIWork(Work):
    """One call.

    Args:
        group: the ``MPIBackend`` it is of.
        record: what the flight recorder keeps of it.
        start: hands it to MPI; returns the requests. Called at once, or by ``queue`` when all ranks agree.
        finish: called once when all requests are complete: brings what arrived to the tensors.
        result: the output tensors.
        keep: what has to live as long as the requests.
        expected: for each request None, or for a receive how many bytes have to come.
        timeout: how long ``wait`` waits (None: the group's).
        queue, key: where it waits for the others, and what has to be the same there.
    """

    def __init__(
        self,
        group: Any,
        record: Record,
        start: Callable[[], list[Any]],
        finish: Callable[[], None] | None = None,
        result: Any = None,
        keep: Any = None,
        expected: list[int | None] | None = None,
        timeout: timedelta | None = None,
        queue: CheckedQueue | None = None,
        key: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(result)
        self._group = group
        self.record = record
        self._start: Callable[[], list[Any]] | None = start
        self._requests: list[Any] | None = None
        self._timeout = timeout or group.timeout
        self._finish = finish
        self._keep = keep
        self._expected = expected
        self._queue = queue
        self._source: int | None = None
        self._done = False
        self._error: BaseException | None = None
        self._futures: list[WorkFuture] = []
        _reap()
        if queue is None:
            self.begin()
        else:
            queue.submit(self, key)
        if not self._done:
            _pending.append(self)
            if queue is not None and checks_everything() and not self.test() and self._requests is None:
                self._until(lambda: self.test() or self._requests is not None, self._timeout)
        if self._error is not None:
            raise self._error

    @property
    def what(self) -> str:
        """The call, for messages."""
        group = self._group
        return f"{self.record.call} on rank {group.rank} of group {group.group_name} ({group.size} ranks)"

    def begin(self) -> None:
        """Hand it to MPI."""
        start, self._start = self._start, None
        self.record.begin()
        try:
            self._requests = start() if start is not None else []
        except mpi().Exception as error:
            self._end(DistBackendError(f"{self.what}: {error}"))

    def disagree(self) -> None:
        """It failed: the ranks have called different things. None of its data has moved."""
        self._end(DistBackendError(mismatch_text(self.record, self.what, self._group.global_ranks)))

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._done = True
        self.record.end(error)
        self._keep = self._finish = self._start = None
        for future in self._futures:
            future.settle()

    def test(self) -> bool:
        """Whether it is complete, with or without an error."""
        if self._done:
            return True
        if self._requests is None:
            advance_all()
            if self._requests is None:
                return self._done
        module = mpi()
        error: BaseException | None = None
        requests = self._requests
        statuses = [module.Status() for _ in requests] if self._expected is not None else None
        try:
            if len(requests) == 1:
                done = requests[0].Test(statuses and statuses[0])
            else:
                done = module.Request.Testall(requests, statuses)
            if not done:
                return False
            if statuses:
                self._check_receives(statuses)
            if self._finish is not None:
                self._finish()
        except module.Exception as raised:
            error = DistBackendError(f"{self.what}: {self._explained(raised, statuses)}")
        except DistBackendError as raised:
            error = raised
        self._end(error)
        return True

    def _explained(self, error: Any, statuses: list[Any] | None) -> str:
        module = mpi()
        for status, expected in zip(statuses or (), self._expected or (), strict=False):
            classes = error.Get_error_class(), module.Get_error_class(status.Get_error())
            if expected is not None and module.ERR_TRUNCATE in classes:
                return f"expected {expected} bytes, got more from rank {status.Get_source()}: {self.record}"
        return str(error)

    def _check_receives(self, statuses: list[Any]) -> None:
        for status, expected in zip(statuses, self._expected or (), strict=True):
            if expected is None:
                continue
            if status.Is_cancelled():
                raise DistBackendError(f"{self.what}: cancelled")
            self._source = status.Get_source()
            got = status.Get_count(mpi().BYTE)
            if got != expected:
                raise DistBackendError(
                    f"{self.what}: expected {expected} bytes, got {got} from rank {self._source}: {self.record}"
                )

    def cancel_receives(self) -> None:
        """Give up waiting for a message."""
        if self.record.p2p and not self._done and self._requests is not None:
            for request, expected in zip(self._requests, self._expected or (), strict=False):
                if expected is not None:
                    request.Cancel()

    def is_completed(self) -> bool:
        """Whether it finished."""
        return self.test()

    def is_success(self) -> bool:
        """Whether it finished without an error."""
        return self.test() and self._error is None

    def exception(self) -> BaseException | None:
        """Its error."""
        return self._error

    def source_rank(self) -> int:
        """Of a receive: the group rank of the sender."""
        if not self.record.p2p or self._expected is None:
            return super().source_rank()
        if self._source is None:
            raise RuntimeError("the receive is not complete: wait() first")
        return self._source

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Block until it finished.

        Raises:
            DistBackendError: it failed, did not finish in time, or a rank ended that it needs.
        """
        if not self.test():
            limit = timeout if timeout is not None and timeout.total_seconds() > 0 else self._timeout
            self._until(self.test, limit)
        if self in _pending:
            _pending.remove(self)
        if self._error is not None:
            raise self._error
        return True

    def _until(self, reached: Callable[[], bool], timeout: timedelta) -> None:
        start = time.monotonic()
        limit = start + timeout.total_seconds()
        gone = 0.0
        while True:
            self._let_mpi_work()
            if reached():
                return
            if self._requests is not None:
                advance_all()  # calls of other groups, which a peer may need before it comes here
            now = time.monotonic()
            if now > limit:
                raise DistBackendError(
                    f"{self.what} timed out after {int(timeout.total_seconds() * 1000)} ms: a rank did not join in, "
                    f"or joined in with another call. This rank waits in {self.record}"
                    f"{whereabouts(self.record, self._group.global_ranks)}"
                )
            if now - start < _SPIN:
                continue
            time.sleep(_PAUSE)
            if now > gone + _LISTEN:
                gone = now
                self._check_departed()

    def _let_mpi_work(self) -> None:
        """Be inside MPI for a short while, or until what this call waits for now has happened."""
        requests = self._requests
        if requests is None:
            requests = [] if self._queue is None else self._queue.first()
        rest, failed = os.sched_yield, mpi().Exception
        try:
            for _ in range(_TESTS):
                for request in requests:
                    if not request.Get_status():  # which leaves the request as it is
                        break
                else:
                    return
                rest()  # peers often share this rank's core
        except failed:
            return  # the next test of the request raises it again

    def _check_departed(self) -> None:
        """Give up if a rank that has to take part has ended."""
        _leaving.hear()
        if not _leaving.departed:
            return
        record, ranks = self.record, self._group.global_ranks
        peers = ranks if not record.p2p else [] if record.peer is None else [ranks[record.peer]]
        absent = _leaving.never_comes(self._group, 0 if record.p2p else record.number, peers)
        if not absent:
            return
        # What they sent before they ended may still be on its way.
        limit = time.monotonic() + _ON_THE_WAY
        while not self.test() and time.monotonic() < limit:
            time.sleep(_PAUSE)
        if not self.test():
            names = f"rank{'s' if len(absent) > 1 else ''} {', '.join(map(str, absent))}"
            self._end(
                DistBackendError(
                    f"{self.what}: {names} ended without taking part. This rank waits in {record}"
                    f"{whereabouts(record, [r for r in ranks if r not in absent])}"
                )
            )

    def get_future(self) -> Future:
        """A future of the output tensors; waiting for it waits for this work."""
        future = WorkFuture(self)
        self._futures.append(future)
        if self.test():
            future.settle()
        return future


class WorkFuture(Future):
    """The future of a work: no other thread completes it, so waiting for it is waiting for the work."""

    def __init__(self, work: MPIWork) -> None:
        super().__init__()
        self._work = work

    def settle(self) -> None:
        """Take over the outcome of the work, which is complete."""
        if self._done:
            return
        error = self._work.exception()
        if error is not None:
            self.set_exception(error)
        else:
            result = self._work.result()
            self.set_result(result if isinstance(result, list) else [result])

    def done(self) -> bool:
        """Whether a value or an error was set."""
        self._work.test()
        return super().done()

    def _drive(self) -> None:
        if not self._done:
            try:
                self._work.wait()
            except DistBackendError:
                if not self._done:  # it is late; an error of the call itself is the future's outcome
                    raise
