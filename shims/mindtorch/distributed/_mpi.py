"""Requests to MPI as ``Work``: started at once, tested in a loop, with a limit of time.

Everything is nonblocking in MPI's sense, so that any order of calls that libraries with threads or streams of their own
accept is accepted here. Bytes move whenever this process is inside MPI: when it waits for something, and when it starts
something.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from mindtorch.distributed import _progress
from mindtorch.distributed._types import DistBackendError, Work
from mindtorch.futures import Future

__all__ = ["MPIWork", "launched_by_mpi", "mpi", "world_from_environment"]

_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("PMIX_RANK", "PMIX_SIZE", "MPI_LOCALRANKID"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
)
_SPIN = 0.5  # seconds of testing without a pause: a collective among busy ranks takes less
_PAUSE = 0.0002
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
    previous = sys.excepthook

    def report_and_abort(kind: Any, value: Any, traceback: Any) -> None:
        previous(kind, value, traceback)
        sys.stdout.flush()
        sys.stderr.flush()
        if MPI.COMM_WORLD.size > 1 and not MPI.Is_finalized():
            MPI.COMM_WORLD.Abort(1)

    sys.excepthook = report_and_abort
    atexit.register(_leave)  # after mpi4py's own registration: runs before MPI is finalised
    return MPI


_pending: list[MPIWork] = []
"""What is not complete: keeps the memory of requests alive that nobody waits for."""


def _reap() -> None:
    if _pending:
        _pending[:] = [work for work in _pending if not work.test()]


def _leave() -> None:
    """Let peers fetch what was sent to them; give up receives that nobody answered; never finalise over the rest."""
    limit = time.monotonic() + _LEAVE
    while _pending and time.monotonic() < limit:
        for work in _pending:
            work.cancel_receives()
        _reap()
        os.sched_yield()
    if _pending:
        print(f"mindtorch.distributed: unfinished at exit: {', '.join(w.what for w in _pending)}", file=sys.stderr)
        sys.stderr.flush()
        mpi().COMM_WORLD.Abort(1)


class MPIWork(Work):
    """Requests of one call.

    Args:
        requests: of mpi4py.
        what: the call, for messages.
        timeout: how long ``wait`` waits.
        finish: called once when all requests are complete: brings what arrived to the tensors.
        result: the output tensors.
        keep: what has to live as long as the requests.
        receive: the request is a receive of that many bytes.
    """

    def __init__(
        self,
        requests: list[Any],
        what: str,
        timeout: timedelta,
        finish: Callable[[], None] | None = None,
        result: Any = None,
        keep: Any = None,
        receive: int | None = None,
    ) -> None:
        super().__init__(result)
        self._requests = requests
        self.what = what
        self._timeout = timeout
        self._finish = finish
        self._keep = keep
        self._receive = receive
        self._source: int | None = None
        self._done = False
        self._error: BaseException | None = None
        self._futures: list[WorkFuture] = []
        _reap()
        if not self.test():
            _pending.append(self)

    def test(self) -> bool:
        """Whether it is complete, with or without an error."""
        if self._done:
            return True
        module = mpi()
        statuses = [module.Status() for _ in self._requests] if self._receive is not None else None
        try:
            if not module.Request.Testall(self._requests, statuses):
                return False
            if statuses:
                self._check_receive(statuses[0])
            if self._finish is not None:
                self._finish()
        except module.Exception as error:
            self._error = DistBackendError(f"{self.what}: {error}")
        except DistBackendError as error:
            self._error = error
        self._done = True
        self._keep = self._finish = None
        for future in self._futures:
            future.settle()
        return True

    def _check_receive(self, status: Any) -> None:
        if status.Is_cancelled():
            raise DistBackendError(f"{self.what}: cancelled")
        self._source = status.Get_source()
        got = status.Get_count(mpi().BYTE)
        if got != self._receive:
            raise DistBackendError(f"{self.what}: expected {self._receive} bytes, got {got} from rank {self._source}")

    def cancel_receives(self) -> None:
        """Give up waiting for a message."""
        if self._receive is not None and not self._done:
            for request in self._requests:
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
        if self._receive is None:
            return super().source_rank()
        if self._source is None:
            raise RuntimeError("the receive is not complete: wait() first")
        return self._source

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Block until it finished.

        Raises:
            DistBackendError: it failed, or did not finish in time.
        """
        if not self.test():
            self._wait(timeout if timeout is not None and timeout.total_seconds() > 0 else self._timeout)
        if self in _pending:
            _pending.remove(self)
        if self._error is not None:
            raise self._error
        return True

    def _wait(self, timeout: timedelta) -> None:
        start = time.monotonic()
        limit = start + timeout.total_seconds()
        while not self.test():
            now = time.monotonic()
            if now > limit:
                raise DistBackendError(
                    f"{self.what} timed out after {int(timeout.total_seconds() * 1000)} ms: a rank did not join in, "
                    "or joined in with another call"
                )
            # Peers often share this rank's core: give it up after every test, and rest after a while.
            if now - start < _SPIN:
                os.sched_yield()
            else:
                time.sleep(_PAUSE)

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

    def wait(self) -> Any:
        """Block until it is done; return the value or raise the error."""
        if not self._done:
            self._work.wait()
        return super().wait()

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of ``callback(self)``, waited for in the same way."""
        chained = WorkFuture(self._work)

        def forward(source: Future) -> None:
            chained._finish(source._value, source._error)

        super().then(callback).add_done_callback(forward)
        return chained
