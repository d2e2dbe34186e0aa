"""All ranks of the world agreeing on a step of set-up (making a group) before they take it, within a time limit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mindtorch.distributed import _leaving
from mindtorch.distributed._checks import CheckedQueue
from mindtorch.distributed._flight import recorder
from mindtorch.distributed._mpi import MPIWork

__all__ = ["Agreement"]


class Agreement:
    """A channel on which the ranks say what they are about to do; MPI's own calls for that wait without a limit.

    Args:
        communicator: of all ranks; used for nothing else.
        module: ``mpi4py.MPI``.
        identity: a name that nothing else in the job has.
    """

    def __init__(self, communicator: Any, module: Any, ranks: list[int], identity: str) -> None:
        self.rank = communicator.rank
        self.size = communicator.size
        self.global_ranks = ranks
        self.group_name = "set-up"
        self.identity = identity
        self.number = 0
        self.timeout = timedelta()
        self._communicator = communicator
        self._queue = CheckedQueue(communicator, module)
        _leaving.groups.append(self)

    def reach(self, call: str, details: tuple[Any, ...], timeout: timedelta) -> None:
        """Wait until all ranks have come to ``call`` with the same ``details``.

        Raises:
            DistBackendError: they came with others, or did not come within ``timeout``.
        """
        self.number += 1
        self.timeout = timeout
        described = f"{call}({', '.join(map(str, details))})"
        record = recorder.add(self.group_name, self.number, described, timeout)
        MPIWork(self, record, list, timeout=timeout, queue=self._queue, key=(call, *details)).wait()

    def close(self) -> None:
        """Give the communicator back."""
        recorder.forget(self.group_name)
        self._communicator.Free()
