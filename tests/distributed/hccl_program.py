"""The HCCL backend on the Ascend kernel table, with MindSpore's CPU backend for a device and stand-ins for collectives.

A stand-in binds its arguments to the signature of MindSpore's own function, checks what MindSpore checks of them, and
does what the collective does in a group of two ranks whose data are the same. Prints what came out as JSON.
"""

from __future__ import annotations

import inspect
import json
import os
from datetime import timedelta
from typing import Any

os.environ.update(MINDTORCH_KERNELS="ascend", MINDTORCH_CUDA_ALIAS="1")

import mindspore
import mindspore.mint.distributed as mint
import mindtorch as torch
import numpy as np
from mindtorch.distributed import ReduceOp, _make_nccl_premul_sum
from mindtorch.distributed._flight import recorder
from mindtorch.distributed.hccl_backend import HCCLBackend

SIZE = 2
calls: list[str] = []


class Handle:
    """What MindSpore gives for an asynchronous call: it can be waited for."""

    def wait(self) -> None:
        calls.append("wait")


def memory(tensor: Any) -> np.ndarray:
    """The memory of a MindSpore tensor, which it must be."""
    assert isinstance(tensor, mindspore.Tensor), type(tensor)
    return tensor.asnumpy()


def reduced(op: str, x: np.ndarray) -> np.ndarray:
    assert op in ("sum", "prod", "min", "max", "avg")
    return {"sum": x + x, "prod": x * x}.get(op, x).astype(x.dtype)


def all_reduce(tensor: Any, op: str, **_: Any) -> None:
    memory(tensor)[...] = reduced(op, memory(tensor))


def all_gather_into_tensor(output_tensor: Any, input_tensor: Any, **_: Any) -> None:
    memory(output_tensor)[...] = np.concatenate([memory(input_tensor)] * SIZE)


def all_gather_into_tensor_uneven(output: Any, input: Any, output_split_sizes: list[int], **_: Any) -> None:
    first, second = output_split_sizes
    x = memory(input)
    assert x.shape == (first,)
    memory(output)[...] = np.concatenate([x, np.resize(x, second)])


def reduce_scatter_tensor(output: Any, input: Any, op: str, **_: Any) -> None:
    memory(output)[...] = np.split(reduced(op, memory(input)), SIZE)[0]


def reduce_scatter_tensor_uneven(output: Any, input: Any, input_split_sizes: list[int], op: str, **_: Any) -> None:
    assert op != "prod"
    memory(output)[...] = reduced(op, memory(input))[: input_split_sizes[0]]


def all_to_all_single(output: Any, input: Any, output_split_sizes: Any, input_split_sizes: Any, **_: Any) -> None:
    x, out = memory(input), memory(output)
    first = len(x) // SIZE if input_split_sizes is None else input_split_sizes[0]
    sizes = [first, len(out) - first] if output_split_sizes is None else output_split_sizes
    out[...] = np.concatenate([x[:first], np.resize(x[:first], (sizes[1], *x.shape[1:]))])


def irecv(tensor: Any, src: int, **_: Any) -> None:
    assert src == 1
    memory(tensor)[...] = 7


def nothing(**_: Any) -> None:
    """A send, a barrier, a broadcast from this rank."""


STAND_INS: dict[str, Any] = {
    function.__name__: function
    for function in (
        all_reduce, all_gather_into_tensor, all_gather_into_tensor_uneven, reduce_scatter_tensor,
        reduce_scatter_tensor_uneven, all_to_all_single, irecv,
    )
}  # fmt: skip
STAND_INS |= {"isend": nothing, "barrier": nothing, "broadcast": nothing, "reduce": all_reduce}
RETURNS = {
    "is_initialized": False, "init_process_group": None, "get_rank": 0, "get_world_size": SIZE,
    "new_group": "hccl_2_group", "destroy_process_group": None,
}  # fmt: skip


def stand_in(name: str) -> Any:
    signature = inspect.signature(getattr(mint, name))

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)  # TypeError where MindSpore would raise one
        bound.apply_defaults()
        calls.append(name)
        if name in RETURNS:
            return RETURNS[name]
        assert isinstance(bound.arguments["group"], str)
        if name not in ("isend", "irecv"):
            assert bound.arguments["async_op"] is True
        STAND_INS[name](**bound.arguments)
        return Handle()

    return call


def batch(operations: list[Any]) -> list[Any]:
    calls.append("batch_isend_irecv")
    for operation in operations:
        kind = operation.op if isinstance(operation.op, str) else operation.op.__name__
        STAND_INS[kind](tensor=operation.tensor, src=operation.peer)
    return [Handle()]


for known in (*STAND_INS, *RETURNS):
    setattr(mint, known, stand_in(known))
inspect.signature(mint.batch_isend_irecv).bind([])
mint.batch_isend_irecv = batch


def main() -> None:
    """Every call of the backend; results by name."""
    backend = HCCLBackend.of_world(0, SIZE, timedelta(minutes=1))
    out: dict[str, Any] = {}

    def new(*values: float, dtype: Any = torch.float32) -> Any:
        return torch.tensor(values, dtype=dtype, device="cuda")

    for dtype in (torch.float32, torch.float64, torch.int32, torch.uint8, torch.bool):
        for op in ("SUM", "PRODUCT", "MIN", "MAX", "AVG", "BAND", "BXOR"):
            floating = dtype.is_floating_point
            if (op == "AVG" and dtype is torch.bool) or (op[0] == "B" and floating):
                continue
            x = new(1, 2, 0, dtype=dtype)
            backend.allreduce(x, getattr(ReduceOp, op)).wait()
            out[f"all_reduce {op} {dtype}"] = x.tolist()
    x = new(1, 2, 3)
    backend.allreduce(x, _make_nccl_premul_sum(3.0)).wait()
    out["premul"] = x.tolist()
    x = new(1, 2, 3)
    backend.reduce(x, 1, ReduceOp.SUM).wait()
    out["reduce elsewhere"] = x.tolist()
    backend.reduce(x, 0, ReduceOp.SUM).wait()
    out["reduce"] = x.tolist()
    wide = torch.zeros(2, 3, device="cuda")
    backend.allreduce(wide[:, 1].copy_(new(4, 5)), ReduceOp.SUM).wait()
    out["strided"] = wide.tolist()
    host = torch.ones(2)
    backend.allreduce(host, ReduceOp.SUM).wait()
    out["host"] = host.tolist()
    backend.broadcast(x, 0).wait()
    gathered = new(0, 0, 0, 0)
    backend.allgather_into(gathered, new(1, 2)).wait()
    out["all_gather_into"] = gathered.tolist()
    parts = [new(0, 0), new(0, 0)]
    backend.allgather(parts, new(1, 2)).wait()
    out["all_gather"] = [p.tolist() for p in parts]
    parts = [new(0, 0), new(0, 0, 0)]
    backend.allgather(parts, new(1, 2)).wait()
    out["all_gather uneven"] = [p.tolist() for p in parts]
    part = new(0, 0)
    backend.reduce_scatter_into(part, new(1, 2, 3, 4), ReduceOp.AVG).wait()
    out["reduce_scatter_into"] = part.tolist()
    backend.reduce_scatter(part, [new(1, 2), new(3, 4, 5)], ReduceOp.SUM).wait()
    out["reduce_scatter uneven"] = part.tolist()
    exchanged = new(0, 0, 0, 0)
    backend.alltoall_into(exchanged, new(1, 2, 3, 4), [], []).wait()
    out["all_to_all_single"] = exchanged.tolist()
    parts = [new(0), new(0, 0)]
    backend.alltoall(parts, [new(1), new(2, 3)]).wait()
    out["all_to_all"] = [p.tolist() for p in parts]
    backend.barrier().wait()
    backend.send(x, 1, 0).wait()
    backend.recv(x, 1, 0).wait()
    out["receive"] = x.tolist()
    y = new(0, 0)
    backend.start_coalescing()
    works = [backend.send(x, 1, 0, buffered=True), backend.recv(y, 1, 0)]
    backend.end_coalescing()
    for work in works:
        work.wait()
    out["batch"] = y.tolist()
    out["recorded"] = [f"{r.call} {r.state}" for r in list(recorder.records)[-5:]]
    out["bytes"] = [payload.decode() for payload in backend.allgather_bytes(b"abc")]
    out["broadcast bytes"] = backend.broadcast_bytes(b"xyz", 0).decode()
    first, second = backend.new_group(0, [0, 1]), backend.new_group(0, [0, 1])
    out["group"] = [first._name, second._name, type(backend.new_group(0, [0])).__name__]
    for group in (first, second, backend):
        group.shutdown()
    out["calls"] = {name: calls.count(name) for name in sorted(set(calls))}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
