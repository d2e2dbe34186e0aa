"""Anomaly detection, side by side with PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import mindtorch
import pytest

torch = pytest.importorskip("torch")


def forward_line(t: Any, x: Any) -> Any:
    return t.sqrt(x)  # the line that is to be named


@pytest.mark.parametrize("t", [torch, mindtorch], ids=["torch", "mindtorch"])
def test_nan_names_the_forward(t: Any) -> None:
    x = t.tensor([-1.0], requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with t.autograd.detect_anomaly():
            y = forward_line(t, x)
            with pytest.raises(RuntimeError, match=r"Function 'SqrtBackward0' returned nan values in its 0th output\."):
                y.backward()
    texts = [str(w.message) for w in caught]
    assert any("Error detected in SqrtBackward0" in s and "the line that is to be named" in s for s in texts)
    x.grad = None
    forward_line(t, x).backward()
    assert x.grad.isnan().all()


@pytest.mark.parametrize("t", [torch, mindtorch], ids=["torch", "mindtorch"])
def test_switches(t: Any) -> None:
    with t.autograd.set_detect_anomaly(True, check_nan=False):
        x = t.tensor([-1.0], requires_grad=True)
        forward_line(t, x).backward()
    t.autograd.set_detect_anomaly(True)
    t.autograd.set_detect_anomaly(False)
    forward_line(t, t.tensor([-1.0], requires_grad=True)).backward()


def test_without_the_forward() -> None:
    y = forward_line(mindtorch, mindtorch.tensor([-1.0], requires_grad=True))
    with (
        mindtorch.autograd.set_detect_anomaly(True),
        pytest.warns(UserWarning, match="No forward pass information"),
        pytest.raises(RuntimeError, match="nan"),
    ):
        y.backward()
