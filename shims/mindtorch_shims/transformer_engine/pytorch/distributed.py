"""Communication, random number states and recomputation (``transformer_engine.pytorch.distributed``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch import Tensor

from ..._missing import module_getattr
from .recompute import checkpoint

__all__ = ["CudaRNGStatesTracker", "checkpoint"]
__getattr__ = module_getattr(__name__)

Group = Any

# The attributes that tell how a parameter is split over the tensor parallel ranks, with what unsplit ones have.
_SPLIT_ATTRIBUTES = ("tensor_model_parallel", "partition_dim", "partition_stride")


def get_distributed_world_size(group: Group = None) -> int:
    """The size of the group; 1 where nothing is distributed."""
    return dist.get_world_size(group) if dist.is_initialized() else 1


def get_distributed_rank(group: Group = None) -> int:
    """This process's rank in the group."""
    assert dist.is_initialized(), "torch.distributed is not initialized"
    return dist.get_rank(group)


def set_tensor_model_parallel_attributes(tensor: Tensor, is_parallel: bool, dim: int, stride: int) -> None:
    """Note on a parameter that it is a part, split along ``dim``. It must not have a note yet."""
    for name in _SPLIT_ATTRIBUTES:
        assert not hasattr(tensor, name), f"the parameter has {name} already"
    tensor.tensor_model_parallel = is_parallel
    tensor.partition_dim = dim
    tensor.partition_stride = stride


# ------------------------------------------------------------------ along the first dimension
def gather_along_first_dim(inp: Tensor, process_group: Group, async_op: bool = False) -> tuple[Tensor, Any]:
    """All ranks' tensors one after another, [world * n, ...], and the work handle of an ``async_op``."""
    size = get_distributed_world_size(process_group)
    if size == 1:
        return inp, None
    out = inp.new_empty((size * inp.shape[0], *inp.shape[1:]))
    return out, dist.all_gather_into_tensor(out, inp.contiguous(), group=process_group, async_op=async_op)


def reduce_scatter_along_first_dim(inp: Tensor, tp_group: Group, async_op: bool = False) -> tuple[Tensor, Any]:
    """This rank's part of the sum over all ranks, [n / world, ...], and the work handle of an ``async_op``."""
    size = get_distributed_world_size(tp_group)
    if size == 1:
        return inp, None
    if inp.shape[0] % size:
        raise ValueError(f"the first dimension ({inp.shape[0]}) does not divide into {size} parts")
    out = inp.new_empty((inp.shape[0] // size, *inp.shape[1:]))
    return out, dist.reduce_scatter_tensor(out, inp.contiguous(), group=tp_group, async_op=async_op)


def allreduce(inp: Tensor, tp_group: Group = None, async_op: bool = False) -> tuple[Tensor, Any]:
    """The sum over all ranks, in place, and the work handle of an ``async_op``."""
    if get_distributed_world_size(tp_group) == 1:
        return inp, None
    inp = inp.contiguous()
    return inp, dist.all_reduce(inp, group=tp_group, async_op=async_op)


class GatherAlongFirstDim(torch.autograd.Function):
    """Forward :func:`gather_along_first_dim`, backward :func:`reduce_scatter_along_first_dim`."""

    @staticmethod
    def forward(ctx: Any, inp: Tensor, group: Group) -> Tensor:
        ctx.group = group
        return gather_along_first_dim(inp, group)[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return reduce_scatter_along_first_dim(grad, ctx.group)[0], None


# ------------------------------------------------------------------ random number states
_all_states: dict[str, Tensor] = {}


def get_all_rng_states() -> dict[str, Tensor]:
    """The states of the tracker that a layer was made with last, by name."""
    return _all_states


def set_all_rng_states(states: dict[str, Tensor]) -> None:
    """Note a tracker's states."""
    global _all_states
    _all_states = states


class CudaRNGStatesTracker:
    """Named states of the device's generator, to draw the same, or different, numbers on several ranks."""

    def __init__(self) -> None:
        self.states_: dict[str, Tensor] = {}
        self.seeds_: set[int] = set()

    def reset(self) -> None:
        """Forget all states."""
        self.states_ = {}
        self.seeds_ = set()

    def get_states(self) -> dict[str, Tensor]:
        """The states by name; a dictionary of its own."""
        return dict(self.states_)

    def set_states(self, states: dict[str, Tensor]) -> None:
        """Take states that :meth:`get_states` gave."""
        self.states_ = states

    def add(self, name: str, seed: int) -> None:
        """Add a state that begins at ``seed``. Neither a name nor a seed may be used twice."""
        if seed in self.seeds_:
            raise RuntimeError(f"seed {seed} already exists")
        if name in self.states_:
            raise RuntimeError(f"cuda rng state {name} already exists")
        self.seeds_.add(seed)
        before = torch.cuda.get_rng_state()
        torch.cuda.manual_seed(seed)
        self.states_[name] = torch.cuda.get_rng_state()
        torch.cuda.set_rng_state(before)

    @contextmanager
    def fork(self, name: str = "model-parallel-rng") -> Iterator[None]:
        """Draw from the named state inside, and go on where it stopped the next time."""
        if name not in self.states_:
            raise RuntimeError(f"cuda rng state {name} is not added")
        before = torch.cuda.get_rng_state()
        torch.cuda.set_rng_state(self.states_[name])
        try:
            yield
        finally:
            self.states_[name] = torch.cuda.get_rng_state()
            torch.cuda.set_rng_state(before)


def forked(get_rng_state_tracker: Callable[[], Any] | None, name: str | None = None) -> Any:
    """The context to draw from a tracker's state in; nothing without a tracker."""
    if get_rng_state_tracker is None:
        return nullcontext()
    tracker = get_rng_state_tracker()
    return tracker.fork(name) if name else tracker.fork()
