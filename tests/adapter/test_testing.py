"""``torch.testing``, side by side with PyTorch: the same things are close, and the texts say the same."""

from __future__ import annotations

from typing import Any

import mindtorch
import mindtorch.testing
import numpy as np
import pytest

torch = pytest.importorskip("torch")

CASES: list[Any] = [
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0])),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0 + 1e-6])),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.1])),
    lambda t: (t.tensor([[1.0, 2.0], [3.0, 5.0]]), t.tensor([[1.0, 2.0], [4.0, 4.0]])),
    lambda t: (t.tensor([1, 2]), t.tensor([1, 3])),
    lambda t: (t.tensor(1.0), t.tensor(1.5)),
    lambda t: (t.tensor([1.0]), t.tensor([1.0], dtype=t.float64)),
    lambda t: (t.tensor([1.0]), t.tensor([[1.0]])),
    lambda t: (t.tensor([float("nan")]), t.tensor([float("nan")])),
    lambda t: (t.tensor([float("inf")]), t.tensor([float("inf")])),
    lambda t: (t.tensor([True, False]), t.tensor([True, True])),
    lambda t: (1.0, 1.0 + 1e-9), lambda t: (1.0, 1.1), lambda t: (1, 1.0), lambda t: (True, False),
    lambda t: (None, None), lambda t: (None, 1.0),
    lambda t: ([t.ones(2), 1.0], [t.ones(2), 2.0]),
    lambda t: ([1.0], [1.0, 2.0]),
    lambda t: ({"a": t.ones(2)}, {"a": t.zeros(2)}),
    lambda t: ({"a": 1.0}, {"b": 1.0}),
    lambda t: (t.ones(2), 1.0), lambda t: (t.ones(2), np.ones(2, np.float32)),
    lambda t: (np.ones(2), np.ones(2)),
    lambda t: (t.ones(2, dtype=t.bfloat16), t.full((2,), 1.01, dtype=t.bfloat16)),
]  # fmt: skip


def outcome(t: Any, case: Any, **options: Any) -> tuple[str, str]:
    try:
        t.testing.assert_close(*case(t), **options)
    except (AssertionError, TypeError, ValueError) as error:
        return type(error).__name__, str(error).replace("mindtorch._tensor.Tensor", "torch.Tensor")
    return "close", ""


@pytest.mark.parametrize("case", CASES)
def test_assert_close(case: Any) -> None:
    for options in ({}, {"equal_nan": True}, {"rtol": 0.5, "atol": 0.0}, {"check_dtype": False}, {"msg": "no"}):
        found, expected = outcome(mindtorch, case, **options), outcome(torch, case, **options)
        assert found[0] == expected[0]
        for line in ("Mismatched elements", "Greatest absolute", "Greatest relative", "The failure occurred"):
            assert (line in found[1]) == (line in expected[1])


def test_texts() -> None:
    for case in CASES[2:5]:
        found, expected = (outcome(t, case)[1].split("Greatest relative")[0] for t in (mindtorch, torch))
        assert found == expected
    assert outcome(mindtorch, CASES[2], msg=lambda text: "x" + text)[1].startswith("xTensor-likes are not close!")


def test_half_a_tolerance() -> None:
    with pytest.raises(ValueError, match="rtol and atol must both be specified"):
        mindtorch.testing.assert_close(1.0, 1.0, rtol=0.1)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "bfloat16", "float16", "int64", "int8", "uint8", "bool", "complex64"]
)
@pytest.mark.parametrize("options", [{}, {"noncontiguous": True}, {"exclude_zero": True}])
def test_make_tensor(dtype: str, options: dict[str, Any]) -> None:
    if options.get("exclude_zero") and dtype == "bool":
        options = {}
    for t in (torch, mindtorch):
        t.manual_seed(4)
    expected = torch.testing.make_tensor(3, 40, dtype=getattr(torch, dtype), device="cpu", **options)
    found = mindtorch.testing.make_tensor(3, 40, dtype=getattr(mindtorch, dtype), device="cpu", **options)
    assert str(found.dtype) == str(expected.dtype)
    assert (tuple(found.shape), found.stride()) == (tuple(expected.shape), expected.stride())
    a, b = (x.float() if dtype == "bfloat16" else x for x in (found, expected))
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_make_tensor_options() -> None:
    t = mindtorch.testing.make_tensor((2, 3), dtype=mindtorch.float32, device="cpu", low=2, high=3, requires_grad=True)
    assert t.requires_grad
    assert bool(((t >= 2) & (t < 3)).all())
    with pytest.raises(ValueError, match="requires_grad"):
        mindtorch.testing.make_tensor(2, dtype=mindtorch.int64, device="cpu", requires_grad=True)
    with pytest.raises(ValueError, match="low"):
        mindtorch.testing.make_tensor(2, dtype=mindtorch.int64, device="cpu", low=3, high=1)
