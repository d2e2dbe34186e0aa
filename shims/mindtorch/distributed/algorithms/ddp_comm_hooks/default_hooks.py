"""Hooks for ``DistributedDataParallel.register_comm_hook``. ``process_group`` None: the default group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch

__all__ = [
    "allreduce_hook", "bf16_compress_hook", "bf16_compress_wrapper", "fp16_compress_hook", "fp16_compress_wrapper",
]  # fmt: skip

Hook = Callable[[Any, Any], Any]


def _mean(process_group: Any, tensor: Any) -> Any:
    group = torch.distributed.group.WORLD if process_group is None else process_group
    tensor.div_(group.size())
    return torch.distributed.all_reduce(tensor, group=group, async_op=True).get_future()


def allreduce_hook(process_group: Any, bucket: Any) -> Any:
    """The mean over the group."""
    return _mean(process_group, bucket.buffer()).then(lambda future: future.value()[0])


def _compressed(dtype: Any, process_group: Any, bucket: Any) -> Any:
    buffer = bucket.buffer()
    return _mean(process_group, buffer.to(dtype)).then(lambda future: buffer.copy_(future.value()[0]))


def fp16_compress_hook(process_group: Any, bucket: Any) -> Any:
    """The mean over the group, computed and sent in float16."""
    return _compressed(torch.float16, process_group, bucket)


def bf16_compress_hook(process_group: Any, bucket: Any) -> Any:
    """The mean over the group, computed and sent in bfloat16."""
    return _compressed(torch.bfloat16, process_group, bucket)


def _wrapper(dtype: Any, hook: Hook) -> Hook:
    def wrapped(state: Any, bucket: Any) -> Any:
        given = bucket.buffer()
        bucket.set_buffer(given.to(dtype))

        def restore(future: Any) -> Any:
            value = future.value()
            bucket.set_buffer(given)
            return given.copy_(value[0] if isinstance(value, list) else value)

        return hook(state, bucket).then(restore)

    return wrapped


def fp16_compress_wrapper(hook: Hook) -> Hook:
    """``hook`` on gradients cast to float16."""
    return _wrapper(torch.float16, hook)


def bf16_compress_wrapper(hook: Hook) -> Hook:
    """``hook`` on gradients cast to bfloat16."""
    return _wrapper(torch.bfloat16, hook)
