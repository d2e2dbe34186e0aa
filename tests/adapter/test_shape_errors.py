"""Operands of wrong shapes are refused with PyTorch's class of exception and PyTorch's words."""

from __future__ import annotations

from typing import Any

import mindtorch
import pytest
import torch

PAIRS = ("add", "sub", "mul", "div", "maximum", "pow", "atan2", "eq", "lt", "logical_and", "fmod")


def _refusals(call: Any) -> list[tuple[str, str]]:
    """Class and first line of what both libraries raise."""
    found = []
    for library in (mindtorch, torch):
        try:
            call(library)
        except Exception as error:
            found.append((type(error).__name__, str(error).splitlines()[0]))
        else:
            found.append(("no exception", library.__name__))
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_operands_that_do_not_broadcast(name: str) -> None:
    mine, theirs = _refusals(lambda lib: getattr(lib, name)(lib.ones(2, 1, 3), lib.ones(5, 4)))
    assert mine == theirs


def test_where_that_does_not_broadcast() -> None:
    mine, theirs = _refusals(lambda lib: lib.where(lib.ones(3, 1) > 0, lib.ones(3, 4), lib.ones(3, 5)))
    assert mine == theirs


def test_masks_that_do_not_broadcast() -> None:
    mine, theirs = _refusals(lambda lib: lib.ones(3, 4).masked_fill(lib.ones(3, 5) > 0, 0.0))
    assert mine == theirs


LAYERS = {
    "linear": lambda lib: lib.nn.functional.linear(lib.ones(2, 3), lib.ones(4, 5)),
    "matmul": lambda lib: lib.ones(2, 2, 3) @ lib.ones(3, 3, 4),
    "conv channels": lambda lib: lib.nn.functional.conv2d(lib.ones(1, 3, 4, 4), lib.ones(2, 4, 3, 3)),
    "conv bias": lambda lib: lib.nn.functional.conv2d(lib.ones(1, 3, 4, 4), lib.ones(2, 3, 3, 3), lib.ones(3)),
    "conv kernel": lambda lib: lib.nn.functional.conv2d(lib.ones(1, 3, 2, 2), lib.ones(2, 3, 3, 3)),
    "conv groups": lambda lib: lib.nn.functional.conv2d(lib.ones(1, 4, 4, 4), lib.ones(3, 2, 3, 3), groups=2),
    "cross_entropy batch": lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 5), lib.zeros(4, dtype=lib.long)),
    "cross_entropy class": lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 5), lib.tensor([0, 5, 1])),
    "cross_entropy int": lambda lib: lib.nn.functional.cross_entropy(lib.ones(3, 5), lib.zeros(3, dtype=lib.int32)),
    "cross_entropy spatial": lambda lib: lib.nn.functional.cross_entropy(
        lib.ones(3, 5, 2), lib.zeros(3, 3, dtype=lib.long)
    ),
    "cross_entropy columns": lambda lib: lib.nn.functional.cross_entropy(
        lib.ones(3, 5), lib.zeros(3, 1, dtype=lib.long)
    ),
    "mse_loss": lambda lib: lib.nn.functional.mse_loss(lib.ones(3, 5), lib.ones(4, 5)),
    "mse_loss reduction": lambda lib: lib.nn.functional.mse_loss(lib.ones(3), lib.ones(3), reduction="x"),
    "huber_loss": lambda lib: lib.nn.functional.huber_loss(lib.ones(3, 5), lib.ones(4, 5)),
    "binary_cross_entropy": lambda lib: lib.nn.functional.binary_cross_entropy(
        lib.ones(3), lib.ones(3, dtype=lib.long)
    ),
    "soft_margin_loss": lambda lib: lib.nn.functional.soft_margin_loss(lib.ones(3, 5), lib.ones(4, 5)),
    "multi_margin_loss": lambda lib: lib.nn.functional.multi_margin_loss(
        lib.ones(3, 5), lib.zeros(4, dtype=lib.long)
    ),
    "cosine_similarity": lambda lib: lib.nn.functional.cosine_similarity(lib.ones(3, 5), lib.ones(4, 5)),
    "layer_norm weight": lambda lib: lib.nn.functional.layer_norm(lib.ones(3, 5), (5,), lib.ones(4)),
    "rms_norm weight": lambda lib: lib.nn.functional.rms_norm(lib.ones(3, 5), (5,), lib.ones(4)),
    "group_norm weight": lambda lib: lib.nn.functional.group_norm(lib.ones(3, 4, 2), 2, lib.ones(3)),
    "attention dropout": lambda lib: lib.nn.functional.scaled_dot_product_attention(
        *[lib.ones(1, 2, 3, 4)] * 3, dropout_p=2.0
    ),
    "attention mask and causal": lambda lib: lib.nn.functional.scaled_dot_product_attention(
        *[lib.ones(2, 3, 4)] * 3, lib.ones(3, 3), is_causal=True
    ),
    "glu": lambda lib: lib.nn.functional.glu(lib.ones(3, 5)),
    "clamp": lambda lib: lib.clamp(lib.ones(2, 3), lib.ones(2, 4)),
    "masked_select": lambda lib: lib.masked_select(lib.ones(3), lib.ones(4) > 0),
    "masked_scatter": lambda lib: lib.ones(3).masked_scatter(lib.ones(3) > 0, lib.ones(2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    mine, theirs = _refusals(LAYERS[name])
    assert mine == theirs
