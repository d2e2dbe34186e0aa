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
