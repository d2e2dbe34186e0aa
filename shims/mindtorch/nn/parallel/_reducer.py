"""Gradients of a data-parallel module, reduced bucket by bucket while backward runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch.tape import engine

__all__ = ["GradBucket", "Reducer"]

_FIRST_BUCKET = 1 << 20


class GradBucket:
    """Gradients of one dtype, one after the other in a flat buffer (``torch.distributed.GradBucket``)."""

    def __init__(self, index: int, parameters: list[Any]) -> None:
        self._index = index
        self._parameters = parameters
        self._last = False
        self.missing = len(parameters)
        self.future: Any = None
        first = parameters[0]
        total = sum(p.numel() for p in parameters)
        self._flat = torch.zeros(total, dtype=first.dtype, device=first.device)

    def index(self) -> int:
        """Place in the order of reduction."""
        return self._index

    def is_last(self) -> bool:
        """Whether no bucket comes after it."""
        return self._last

    def buffer(self) -> Any:
        """The flat gradients."""
        return self._flat

    def set_buffer(self, buffer: Any) -> None:
        """Take other memory for the flat gradients."""
        self._flat = buffer

    def parameters(self) -> list[Any]:
        """The parameters, in the buffer's order."""
        return list(self._parameters)

    def gradients(self) -> list[Any]:
        """The parts of the buffer, in the shapes of the parameters."""
        parts, at = [], 0
        for p in self._parameters:
            parts.append(self._flat[at : at + p.numel()].view(p.shape))
            at += p.numel()
        return parts


def make_buckets(parameters: list[Any], limit: int) -> list[GradBucket]:
    """Buckets of about ``limit`` bytes, the last parameters first: backward reaches them first. The first is small."""
    found: list[list[Any]] = []
    open_buckets: dict[Any, list[Any]] = {}
    for p in reversed(parameters):
        members = open_buckets.setdefault((p.dtype, p.device), [])
        if not members:
            found.append(members)
        members.append(p)
        size = sum(m.numel() * m.element_size() for m in members)
        if size >= (limit if len(found) > 1 else min(limit, _FIRST_BUCKET)):
            del open_buckets[(p.dtype, p.device)]
    buckets = [GradBucket(i, members) for i, members in enumerate(found)]
    if buckets:
        buckets[-1]._last = True
    return buckets


class Reducer:
    """Averages the gradients of ``parameters`` over the group.

    Buckets are reduced in the same order on every rank, whatever the order in which gradients come.

    Args:
        unused: parameters may be without a gradient: their buckets are reduced at the end of backward.
        shared_unused: ranks tell each other which parameters got none anywhere; these keep the gradient they have.
        as_view: gradients become views of the buckets.
    """

    def __init__(
        self, parameters: list[Any], group: Any, limit: int, unused: bool, shared_unused: bool, as_view: bool
    ) -> None:
        self.buckets = make_buckets(parameters, limit)
        self._group = group
        self._size = torch.distributed.get_world_size(group)
        self._unused = unused
        self._shared_unused = shared_unused
        self._as_view = as_view
        self._hook: Callable[[GradBucket], Any] | None = None
        self._expecting = False
        self._unfinished = False
        self._queued = False
        self._next = 0
        self._ready: set[int] = set()
        for bucket in self.buckets:
            for p in bucket.parameters():
                p.register_post_accumulate_grad_hook(self._on_gradient(bucket))

    def register(self, hook: Callable[[GradBucket], Any]) -> None:
        """Reduce with ``hook`` (a bucket to a future of its flat gradients) instead of an average."""
        if self._hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self._hook = hook

    def prepare(self, expecting: bool) -> None:
        """A forward begins; ``expecting``: the backward that follows is to reduce.

        Raises:
            RuntimeError: the backward before did not reach all parameters.
        """
        if expecting and self._unfinished and self._ready:
            raise RuntimeError(
                "Expected to have finished reduction in the prior iteration before starting a new one. This error "
                "indicates that your module has parameters that were not used in producing loss. You can enable "
                "unused parameter detection by passing the keyword argument `find_unused_parameters=True` to "
                "`torch.nn.parallel.DistributedDataParallel`, and by making sure all `forward` function outputs "
                "participate in calculating loss."
            )
        self._expecting = expecting
        if expecting:
            self._reset()
            self._unfinished = True

    def _reset(self) -> None:
        self._next = 0
        self._queued = False
        self._ready.clear()
        for bucket in self.buckets:
            bucket.missing = len(bucket.parameters())
            bucket.future = None

    def _on_gradient(self, bucket: GradBucket) -> Callable[[Any], None]:
        def hook(parameter: Any) -> None:
            if not self._expecting:
                return
            if id(parameter) not in self._ready:
                self._ready.add(id(parameter))
                bucket.missing -= 1
            if self._unused:
                # When, and whether, the others come is known at the end only.
                self._at_the_end()
            else:
                self._launch(lambda b: not b.missing)
                if self._next == len(self.buckets):
                    self._at_the_end()

        return hook

    def _at_the_end(self) -> None:
        if not self._queued:
            self._queued = True
            # Of the outermost backward: a checkpointed part has one of its own inside.
            engine._local.tasks[0].callbacks.append(self._finish)

    def _launch(self, ready: Callable[[GradBucket], bool]) -> None:
        while self._next < len(self.buckets) and ready(self.buckets[self._next]):
            bucket = self.buckets[self._next]
            self._next += 1
            with torch.no_grad():
                for p, part in zip(bucket.parameters(), bucket.gradients(), strict=True):
                    if p.grad is None:
                        part.zero_()
                    elif p.grad.data_ptr() != part.data_ptr():
                        part.copy_(p.grad)
            bucket.future = self._hook(bucket) if self._hook is not None else self._average(bucket)

    def _average(self, bucket: GradBucket) -> Any:
        with torch.no_grad():
            bucket.buffer().div_(self._size)
        return torch.distributed.all_reduce(bucket.buffer(), group=self._group, async_op=True).get_future()

    def _used_somewhere(self) -> set[int]:
        """Ids of the parameters that got a gradient on any rank."""
        everything = [p for bucket in self.buckets for p in bucket.parameters()]
        if not self._shared_unused:
            return {id(p) for p in everything if p.grad is not None}
        used = torch.tensor([int(id(p) in self._ready) for p in everything], dtype=torch.int32)
        used = used.to(everything[0].device)
        torch.distributed.all_reduce(used, group=self._group)
        return {id(p) for p, count in zip(everything, used.tolist(), strict=True) if count}

    def _finish(self) -> None:
        self._launch(lambda b: True)
        used = self._used_somewhere()
        with torch.no_grad():
            for bucket in self.buckets:
                value = bucket.future.wait()
                flat = value[0] if isinstance(value, list) else value
                if flat is not bucket.buffer():
                    bucket.buffer().copy_(flat.reshape(-1))
                for p, part in zip(bucket.parameters(), bucket.gradients(), strict=True):
                    if id(p) not in used:
                        continue
                    if self._as_view:
                        p.grad = part
                    elif p.grad is None:
                        p.grad = part.clone()
                    else:
                        p.grad.copy_(part)
        self._unfinished = False
        self._expecting = False
        self._reset()
