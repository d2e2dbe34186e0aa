"""Run one program on PyTorch and on mindtorch and compare what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import torch

Program = Callable[[Any], Any]


def plain(x: Any) -> Any:
    """Tensors of either library as (dtype, shape, NumPy array), containers kept."""
    if isinstance(x, (torch.Tensor, mindtorch.Tensor)):
        x = x.detach()
        name = str(x.dtype).rsplit(".", 1)[-1]
        array = x.float().numpy() if name in ("bfloat16", "float16") else x.numpy()
        return name, tuple(x.shape), np.array(array)
    if isinstance(x, (torch.Size, mindtorch.Size)):
        return tuple(x)
    if isinstance(x, (torch.dtype, mindtorch.dtype, torch.device, mindtorch.device)):
        return str(x).rsplit(".", 1)[-1]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        return [plain(v) for v in x]
    return x


def assert_same(ours: Any, theirs: Any, rtol: float = 1e-5, atol: float = 1e-6, path: str = "result") -> None:
    """Both plain results are equal: exactly, or within the tolerance for arrays."""
    if isinstance(theirs, np.ndarray):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True, err_msg=path)
        return
    if isinstance(theirs, (list, tuple)):
        assert isinstance(ours, type(theirs)), f"{path}: {ours!r} != {theirs!r}"
        assert len(ours) == len(theirs), f"{path}: {ours!r} != {theirs!r}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, rtol, atol, f"{path}[{i}]")
        return
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for k in theirs:
            assert_same(ours[k], theirs[k], rtol, atol, f"{path}[{k!r}]")
        return
    if isinstance(theirs, float):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=path)
        return
    assert ours == theirs, f"{path}: {ours!r} != {theirs!r}"


def same(program: Program, rtol: float = 1e-5, atol: float = 1e-6) -> Any:
    """`program(lib)` gives the same with both libraries; PyTorch's plain result is returned."""
    theirs = plain(program(torch))
    ours = plain(program(mindtorch))
    assert_same(ours, theirs, rtol, atol)
    return theirs


def caught(program: Program, lib: Any) -> Exception | None:
    """The exception that the program raises."""
    try:
        program(lib)
    except Exception as exc:
        return exc
    return None


def same_error(program: Program, text: str, kind: type[Exception] = RuntimeError) -> None:
    """`program(lib)` raises `kind` with both libraries, and both messages contain `text`."""
    for lib in (torch, mindtorch):
        exc = caught(program, lib)
        assert isinstance(exc, kind), f"{lib.__name__}: {exc!r}"
        assert text in str(exc), f"{lib.__name__}: {exc}"


def leaf(lib: Any, *shape: int, seed: int = 0, requires_grad: bool = True) -> Any:
    """A float leaf of normal values, the same for both libraries."""
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return lib.tensor(values.tolist() if shape else float(values), requires_grad=requires_grad)
