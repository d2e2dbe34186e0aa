"""Python's number types where PyTorch takes a dtype, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import caught, same  # noqa: E402


def x(lib: Any) -> Any:
    return lib.arange(6).reshape(2, 3).float()


PROGRAMS = {
    "ones": lambda lib, d: lib.ones(2, dtype=d),
    "zeros_like": lambda lib, d: lib.zeros_like(x(lib), dtype=d),
    "new_full": lambda lib, d: x(lib).new_full((2,), 1, dtype=d),
    "full": lambda lib, d: lib.full((2,), 1, dtype=d),
    "tensor": lambda lib, d: lib.tensor([0.0, 1.0], dtype=d),
    "as_tensor": lambda lib, d: lib.as_tensor([0.0, 1.0], dtype=d),
    "asarray": lambda lib, d: lib.asarray([1, 2], dtype=d),
    "eye": lambda lib, d: lib.eye(2, dtype=d),
    "scalar_tensor": lambda lib, d: lib.scalar_tensor(1, dtype=d),
    "empty_strided": lambda lib, d: lib.empty_strided((2,), (1,), dtype=d).dtype,
    "to": lambda lib, d: x(lib).to(d),
    "to by name": lambda lib, d: x(lib).to(dtype=d),
    "to device": lambda lib, d: x(lib).to("cpu", d),
    "view": lambda lib, d: lib.zeros(2, 8, dtype=lib.uint8).view(d),
    "sum": lambda lib, d: x(lib).sum(dtype=d),
    "nansum": lambda lib, d: lib.nansum(x(lib).abs(), dtype=d) if d is not complex else None,
    "prod": lambda lib, d: x(lib).prod(dtype=d),
    "softmax": lambda lib, d: lib.softmax(x(lib), 0, dtype=d) if d is float else None,
    "rand": lambda lib, d: lib.rand(2, dtype=d).dtype if d in (float, complex) else None,
    "Linear": lambda lib, d: lib.nn.Linear(2, 2, dtype=d).weight.dtype if d in (float, complex) else None,
    "Module.to": lambda lib, d: lib.nn.Linear(2, 2).to(d).weight.dtype if d in (float, complex) else None,
    "promote_types": lambda lib, d: lib.promote_types(d, lib.float32),
    "can_cast": lambda lib, d: (lib.can_cast(d, lib.int32), lib.can_cast(lib.float32, d)),
    "finfo": lambda lib, d: lib.finfo(d).max if d in (float, complex) else None,
    "iinfo": lambda lib, d: lib.iinfo(d).max if d is int else None,
}


@pytest.mark.parametrize("kind", [bool, int, float, complex])
@pytest.mark.parametrize("name", PROGRAMS)
def test_python_type_is_a_dtype(name: str, kind: type) -> None:
    if name == "view" and kind is complex:
        pytest.skip("8 bytes are half a complex128")
    same(lambda lib: str(PROGRAMS[name](lib, kind)).replace("mindtorch", "torch"))


@pytest.mark.parametrize("name", ["ones", "to by name", "sum"])
def test_other_types_are_refused(name: str) -> None:
    for lib in (torch, mindtorch):
        assert isinstance(caught(lambda lib: PROGRAMS[name](lib, str), lib), TypeError)


def test_module_to_takes_floating_types_only() -> None:
    for lib in (torch, mindtorch):
        assert isinstance(caught(lambda lib: lib.nn.Linear(1, 1).to(int), lib), TypeError)


def test_can_cast() -> None:
    names = ("bool", "uint8", "int64", "float16", "float64", "complex64")
    same(lambda lib: [lib.can_cast(getattr(lib, a), getattr(lib, b)) for a in names for b in names])
