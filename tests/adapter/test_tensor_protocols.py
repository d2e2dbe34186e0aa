"""How tensors print, and how they are exchanged with NumPy, DLPack, storages, copy and pickle: as PyTorch's are."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from side_by_side import caught

DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
SHAPES: tuple[tuple[int, ...], ...] = (
    (), (1,), (3,), (2, 3), (2, 2, 2), (0,), (0, 3), (2, 0, 3), (1100,), (40, 40), (7, 1, 1),
)  # fmt: skip
INF, NAN = float("inf"), float("nan")
VALUES = (
    [1.0, INF], [NAN, 1.5], [NAN], [INF] * 3, [-INF, 2.0], [1e10, 1.0], [1e-10, 1.0], [1e-5], [1e5, 2e5], [0.0, 0.0],
    [123456789.0, 1.0], [-0.0, 1.0], [1e8], [1e-4, 1.0], [0.1, 1000.0], [1e3, 1e-3], [3.0, 4.0], [1e38], [5e-324],
    [1.5, INF, NAN, -2.25], [99999.0, 1.5], [1000000.0, 2.0],
)  # fmt: skip


def _text(program: Any, lib: Any) -> str:
    return repr(program(lib)).replace("mindtorch", "torch")


def _same_text(program: Any) -> None:
    assert _text(program, mindtorch) == _text(program, torch)


@pytest.mark.parametrize("dtype", DTYPES)
def test_printed_dtypes_and_shapes(dtype: str) -> None:
    draws = np.random.RandomState(0)
    for shape in SHAPES:
        values = np.asarray(draws.randn(*shape) * 3)
        _same_text(lambda t, values=values: t.tensor(values).to(getattr(t, dtype)))
    _same_text(lambda t: t.ones(1, dtype=getattr(t, dtype)).type())


@pytest.mark.parametrize("values", VALUES)
def test_printed_values(values: list[float]) -> None:
    for dtype in ("float32", "float64", "float16"):
        _same_text(lambda t, dtype=dtype: t.tensor(values, dtype=getattr(t, dtype)))
        _same_text(lambda t, dtype=dtype: t.tensor(values[0], dtype=getattr(t, dtype)))


@pytest.mark.filterwarnings("ignore:TypedStorage")
@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.tensor([1.0], requires_grad=True), lambda t: t.ones(2, requires_grad=True) * 2,
        lambda t: t.ones(3, requires_grad=True)[1:], lambda t: t.ones(2, 3, requires_grad=True).t(),
        lambda t: t.ones(2, requires_grad=True).clone().add_(1), lambda t: t.nn.Parameter(t.ones(2)),
        lambda t: t.ones(2, requires_grad=True).clone().copy_(t.zeros(2)), lambda t: t.ones(2, 3).max(0),
        lambda t: t.tensor([2.0, 1.0]).sort(), lambda t: t.ones(2, 3, requires_grad=True).median(0),
        lambda t: t.ones(2, dtype=t.float64, requires_grad=True), lambda t: t.empty(0, requires_grad=True),
        lambda t: t.arange(3.0).untyped_storage(), lambda t: t.arange(3.0).storage(), lambda t: t.ones(2, 3).shape,
        lambda t: format(t.tensor(3.14159), ".2f"), lambda t: [t.device("cuda:0"), t.float32, t.channels_last],
    ],
)  # fmt: skip
def test_printed_history(program: Any) -> None:
    _same_text(program)


def test_numpy_shares_memory() -> None:
    for lib in (torch, mindtorch):
        t = lib.arange(6.0).view(2, 3)
        np.asarray(t)[0, 0] = 9
        assert t[0, 0].item() == 9
        assert np.asarray(t.t()).strides == (4, 12)
        assert np.array(t, dtype=np.int64).tolist() == [[9, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_dlpack(dtype: str) -> None:
    theirs = torch.arange(6).view(2, 3).to(getattr(torch, dtype)).t()
    ours = mindtorch.from_dlpack(theirs)
    assert (str(ours.dtype), ours.stride(), ours.tolist()) == (str(theirs.dtype), theirs.stride(), theirs.tolist())
    ours[0, 0] = 1
    assert theirs[0, 0].item() == 1
    back = torch.from_dlpack(ours)
    assert back.data_ptr() == theirs.data_ptr()
    assert np.from_dlpack(ours).tolist() == theirs.tolist()
    assert tuple(ours.__dlpack_device__()) == (1, 0)


def test_dlpack_capsules_and_refusals() -> None:
    from mindtorch.utils.dlpack import from_dlpack, to_dlpack

    t = mindtorch.ones(3)
    from_dlpack(to_dlpack(t))[0] = 4
    assert t.tolist() == [4, 1, 1]
    for lib in (torch, mindtorch):
        assert type(caught(lambda lib: lib.ones(2, requires_grad=True).__dlpack__(), lib)) is BufferError


STORAGES = (
    lambda t: (lambda s: [s.nbytes(), len(s), s[7], s.tolist(), s.element_size()])(t.arange(4.0).untyped_storage()),
    lambda t: (lambda s: [s.tolist(), s.size(), s[2], len(s), list(s), s.float().tolist(), s.int().tolist()])(
        t.arange(4.0)[1:].storage()
    ),
    lambda t: (lambda x: [x.storage().fill_(3).size(), x.tolist(), x.untyped_storage().fill_(0).size(), x.tolist()])(
        t.zeros(4)
    ),
    lambda t: (lambda s: [t.UntypedStorage(16).copy_(s).tolist(), s[2:6].tolist(), s.clone() == s])(
        t.arange(4.0).untyped_storage()
    ),
    lambda t: (lambda x, s: [t.empty(0).set_(s).tolist(), s == x[1:].untyped_storage(), s == t.UntypedStorage(4)])(
        *(lambda x: (x, x.untyped_storage()))(t.arange(4.0))
    ),
)


@pytest.mark.filterwarnings("ignore:TypedStorage")
@pytest.mark.parametrize("program", STORAGES)
def test_storages(program: Any) -> None:
    assert program(mindtorch) == program(torch)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles(again: Any) -> None:
    def program(t: Any) -> Any:
        x = t.arange(6.0).view(2, 3).t().requires_grad_()
        a = t.arange(6.0)
        p, q = again([a, a[2:]])
        p[2] = 100
        y = again(x)
        r = again(t.ones(2, 3).max(0)) if again is not copy.deepcopy else t.ones(2, 3).max(0)
        kept = [type(again(t.nn.Parameter(t.ones(2)))).__name__, type(r).__name__, q.tolist(), q.storage_offset()]
        return [*kept, y.stride(), y.requires_grad, y.tolist(), str(again(t.ones(1, dtype=t.bfloat16)).dtype)]

    assert program(mindtorch) == program(torch)
