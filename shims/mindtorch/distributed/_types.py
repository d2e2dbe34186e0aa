"""Vocabulary of ``torch.distributed``: reduce operations, work handles, errors, backend names, options."""

from __future__ import annotations

import enum
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from mindtorch.futures import Future

__all__ = [
    "Backend", "DebugLevel", "DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "ReduceOp", "Work",
    "default_pg_timeout",
]  # fmt: skip

default_pg_timeout = timedelta(minutes=30)
default_pg_nccl_timeout = timedelta(minutes=10)


class DistError(RuntimeError):
    """Base of errors of this package."""


class DistBackendError(DistError):
    """A backend failed."""


class DistNetworkError(DistError):
    """The network failed."""


class DistStoreError(DistError):
    """A store failed."""


class DebugLevel(enum.Enum):
    """What TORCH_DISTRIBUTED_DEBUG can be set to."""

    OFF = 0
    INFO = 1
    DETAIL = 2


class RedOpType(enum.Enum):
    """Kinds of reduction."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8
    UNUSED = 9


class ReduceOp:
    """A reduction: a kind, and for PREMUL_SUM the factor. Equal to its kind: ``ReduceOp.SUM == ReduceOp(SUM)``."""

    RedOpType = RedOpType
    SUM: Any
    AVG: Any
    PRODUCT: Any
    MIN: Any
    MAX: Any
    BAND: Any
    BOR: Any
    BXOR: Any
    PREMUL_SUM: Any
    UNUSED: Any

    def __init__(self, op: Any = RedOpType.SUM, factor: Any = None) -> None:
        self.op: RedOpType = op.op if isinstance(op, ReduceOp) else RedOpType(op)
        self.factor = factor

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RedOpType):
            return self.op is other
        if isinstance(other, ReduceOp):
            return self.op is other.op and self.factor is other.factor
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.op)

    @property
    def name(self) -> str:
        """The kind's name."""
        return self.op.name

    def __repr__(self) -> str:
        return f"<RedOpType.{self.op.name}: {self.op.value}>"

    def __str__(self) -> str:
        return f"RedOpType.{self.op.name}"


for _kind in RedOpType:
    setattr(ReduceOp, _kind.name, ReduceOp(_kind))


def make_premul_sum(factor: Any) -> ReduceOp:
    """The reduction that multiplies each input by ``factor`` (number or 1-element tensor) and sums."""
    return ReduceOp(RedOpType.PREMUL_SUM, factor)


class _DeprecatedReduceOp:
    """``torch.distributed.reduce_op``: the old spelling of ``ReduceOp``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(ReduceOp, name)


reduce_op = _DeprecatedReduceOp()


class Work:
    """Handle of a collective. This base is one that is complete when it is made."""

    def __init__(self, result: Any = None) -> None:
        self._result = result

    def is_completed(self) -> bool:
        """Whether it finished."""
        return True

    def is_success(self) -> bool:
        """Whether it finished without an error."""
        return True

    def exception(self) -> BaseException | None:
        """Its error."""
        return None

    def source_rank(self) -> int:
        """Of a receive from anywhere: the group rank of the sender."""
        raise RuntimeError("sourceRank() may only be called on work objects that correspond to a recv or recv-from-any")

    def result(self) -> Any:
        """The output tensors."""
        return self._result

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Block until it finished (for a device: until the current stream may use the outputs)."""
        return True

    def block_current_stream(self) -> None:
        """Make the current stream wait for it."""
        self.wait()

    def synchronize(self) -> None:
        """Make the current stream wait for it."""
        self.wait()

    def get_future(self) -> Future:
        """A future of the output tensors."""
        future = Future()
        self.wait()
        future.set_result(self._result)
        return future


class Backend(str):
    """A backend's name, in lower case."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    HCCL = "hccl"

    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, HCCL]  # noqa: RUF012 (PyTorch's users append to it)

    def __new__(cls, name: str) -> Any:
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish: {name}")
        return str.__new__(cls, name.lower())

    @classmethod
    def register_backend(cls, name: str, func: Any, extended_api: bool = False, devices: Any = None) -> None:
        """Third-party backends written for PyTorch's C++ interface cannot be used."""
        raise NotImplementedError(
            "torch.distributed.Backend.register_backend is not supported: implement "
            "mindtorch.distributed.backend.CollectiveBackend"
        )


class _GroupOptions:
    """Options of a process group; a backend reads what it knows and ignores the rest."""

    def __init__(self, backend: str, timeout: timedelta = default_pg_timeout) -> None:
        self.backend = backend
        self._timeout = timeout
        self.global_ranks_in_group: list[int] = []
        self.group_name = ""


class ProcessGroupNCCL:
    """Only a carrier of ``Options``: groups are made by ``new_group``."""

    class Options(_GroupOptions):
        """NCCL's options; accepted, and without effect on the backends there are."""

        def __init__(self, is_high_priority_stream: bool = False) -> None:
            super().__init__("nccl", default_pg_nccl_timeout)
            self.is_high_priority_stream = is_high_priority_stream
            self.split_from: Any = None
            self.split_color = 0
            self.config = SimpleNamespace(
                blocking=0, cga_cluster_size=0, min_ctas=0, max_ctas=0, net_name=None, split_share=0, trafficClass=-1
            )


class ProcessGroupGloo:
    """Only a carrier of ``_Options``: groups are made by ``new_group``."""

    class _Options(_GroupOptions):
        """Gloo's options; accepted, and without effect on the backends there are."""

        def __init__(self) -> None:
            super().__init__("gloo")
            self._devices: list[Any] = []
            self._threads = 2
