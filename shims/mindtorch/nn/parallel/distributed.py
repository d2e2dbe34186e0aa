"""``DistributedDataParallel`` (``torch.nn.parallel.distributed``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mindtorch as torch
from mindtorch.nn.modules.module import Module
from mindtorch.nn.parallel._reducer import Reducer

__all__ = ["DistributedDataParallel"]

_MEGABYTE = 1 << 20


class DistributedDataParallel(Module):
    """Wraps ``module`` for data-parallel training: backward leaves in every rank the mean of all ranks' gradients.

    Gradients are reduced in buckets of ``bucket_cap_mb`` megabytes (25) as soon as backward has filled one. Parameters
    and buffers of rank 0 are taken over by the others at the start, buffers before every forward too.

    Raises:
        RuntimeError: no parameter requires a gradient, or the ranks' parameters have different shapes.
        NotImplementedError: ``mixed_precision`` or hooks for single parameters.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (
            ("mixed_precision", mixed_precision),
            ("delay_all_reduce_named_params", delay_all_reduce_named_params),
            ("param_to_hook_all_reduce", param_to_hook_all_reduce),
        ):
            if value is not None:
                raise NotImplementedError(f"torch.nn.parallel.DistributedDataParallel({name}=...) is not supported")
        if device_mesh is not None:
            if process_group is not None:
                raise RuntimeError("Cannot specify both process_group and device_mesh arguments.")
            process_group = device_mesh.get_group(mesh_dim=0)
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        self.module = module
        self.process_group = process_group
        self.device_ids = device_ids
        self.output_device = output_device
        self.dim = dim
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.static_graph = static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.require_backward_grad_sync = True
        self.require_forward_param_sync = True
        self.bucket_bytes_cap = int((25 if bucket_cap_mb is None else bucket_cap_mb) * _MEGABYTE)
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self._kept_parameters = [p for name, p in module.named_parameters() if name not in ignored]
        self._kept_buffers = [b for name, b in module.named_buffers() if name not in ignored]
        self._check_shapes()
        if init_sync:
            self._from_rank_0([*self._kept_parameters, *self._kept_buffers])
        self.reducer = self._make_reducer()

    def _make_reducer(self) -> Reducer:
        return Reducer(
            [p for p in self._kept_parameters if p.requires_grad],
            self.process_group,
            self.bucket_bytes_cap,
            unused=self.find_unused_parameters or self.static_graph,
            shared_unused=self.find_unused_parameters or self.static_graph,
            as_view=self.gradient_as_bucket_view,
        )

    def _check_shapes(self) -> None:
        mine = [(tuple(p.shape), str(p.dtype)) for p in self._kept_parameters]
        everybody: list[Any] = [None] * torch.distributed.get_world_size(self.process_group)
        torch.distributed.all_gather_object(everybody, mine, self.process_group)
        for rank, theirs in enumerate(everybody):
            if len(theirs) != len(mine):
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank {rank} has {len(theirs)} params, while rank "
                    f"{everybody.index(mine)} has inconsistent {len(mine)} params."
                )
            for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
                if a != b:
                    raise RuntimeError(
                        f"[{everybody.index(mine)}]: params[{i}] in this process with sizes {list(a[0])} appears not "
                        f"to match sizes of the same param in process {rank}: {list(b[0])}"
                    )

    def _from_rank_0(self, tensors: list[Any]) -> None:
        works = [
            torch.distributed.broadcast(t.detach(), group=self.process_group, group_src=0, async_op=True)
            for t in tensors
        ]
        for work in works:
            work.wait()

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Run the wrapped module."""
        sync = torch.is_grad_enabled() and self.require_backward_grad_sync
        self.reducer.prepare(sync)
        if self.broadcast_buffers and self.require_forward_param_sync and self._kept_buffers:
            self._from_rank_0(self._kept_buffers)
        # Buffers may differ after a forward whose gradients are reduced; the one after it takes those of rank 0.
        self.require_forward_param_sync = sync
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients of forwards and backwards inside are accumulated without reduction."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Callable[[Any, Any], Any]) -> None:
        """Let ``hook(state, bucket)``, which returns a future of the bucket's flat gradients, reduce the buckets."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        self.reducer.register(lambda bucket: hook(state, bucket))

    def _set_static_graph(self) -> None:
        """The graph of every iteration is the same: as ``static_graph=True``."""
        self.static_graph = True
        self.reducer._unused = self.reducer._shared_unused = True

    def join(self, *args: Any, **kwargs: Any) -> Any:
        """Uneven numbers of batches are not supported: NotImplementedError."""
        raise NotImplementedError(
            "torch.nn.parallel.DistributedDataParallel.join is not supported: give every rank as many batches "
            "(DistributedSampler does)"
        )
