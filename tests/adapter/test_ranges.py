"""``arange`` and ``range`` beside PyTorch's: bounds, steps, dtypes, errors."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402

INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = (None, "float16", "bfloat16", "float32", "float64")
pytestmark = pytest.mark.filterwarnings("ignore:torch.range is deprecated")


def outcome(lib: Any, name: str, bounds: tuple[Any, ...], dtype: str | None, **options: Any) -> Any:
    try:
        made = getattr(lib, name)(*bounds, dtype=dtype and getattr(lib, dtype), **options)
    except Exception as error:  # the result: compared
        return type(error).__name__, str(error)
    return str(made.dtype), made.requires_grad, tuple(made.shape), str(made.device), made.double().tolist()


@pytest.mark.parametrize("name", ["arange", "range"])
@given(
    st.one_of(
        st.tuples(
            st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 7)), st.sampled_from((*INTEGERS, *FLOATS))
        ),
        st.tuples(
            st.tuples(st.integers(-60, 60), st.integers(-60, 60), st.integers(-7, 7)),
            st.sampled_from((*INTEGERS[1:], *FLOATS)),
        ),
        st.tuples(
            st.tuples(st.floats(-30, 30), st.floats(-30, 30), st.sampled_from((0.1, -0.25, 1.5, 1, -3.0))),
            st.sampled_from(FLOATS),
        ),
    )
)
def test_ranges(name: str, case: tuple[tuple[Any, ...], str | None]) -> None:
    *ours, values = outcome(mindtorch, name, *case)
    *theirs, wanted = outcome(torch, name, *case)
    assert ours == theirs
    if not isinstance(values, list):
        assert values == wanted
        return
    # PyTorch counts from the first element of each vector register, rounded: how wide that is depends on the host.
    dtype = getattr(torch, case[1] or "float32")
    allowed = torch.finfo(dtype).eps * max(map(abs, case[0])) if dtype.is_floating_point else 0
    assert values == pytest.approx(wanted, rel=0, abs=allowed)


@pytest.mark.parametrize("name", ["arange", "range"])
@pytest.mark.parametrize(
    ("bounds", "dtype"),
    [((0, 3, 0), None), ((0, float("inf")), None), ((float("nan"), 2), None), ((3, 0), "int64"), ((True, 3), None)],
)
def test_edges(name: str, bounds: tuple[Any, ...], dtype: str | None) -> None:
    assert outcome(mindtorch, name, bounds, dtype) == outcome(torch, name, bounds, dtype)


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_dtypes_without_an_order(dtype: str) -> None:
    assert outcome(mindtorch, "range", (0, 2), dtype) == outcome(torch, "range", (0, 2), dtype)


@pytest.mark.parametrize("name", ["arange", "range"])
@pytest.mark.parametrize("options", [{"device": "meta"}, {}])
def test_devices(name: str, options: dict[str, str]) -> None:
    """PyTorch's contexts of a device do not concern ``range``."""

    def device(lib: Any) -> tuple[str, Any]:
        with lib.device("meta"):
            made = getattr(lib, name)(0, 5, 2, **options)
        return str(made.device), tuple(made.shape)

    assert device(mindtorch) == device(torch)


def test_range_is_deprecated() -> None:
    with pytest.warns(UserWarning, match="torch.range is deprecated"):
        ours = mindtorch.range(1, 2.5, requires_grad=True)
    assert ours.requires_grad
