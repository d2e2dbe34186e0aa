"""The operators, by family. Importing this declares them all and attaches the methods to Tensor."""

from . import (
    binary,
    composite,
    convert,
    creation,
    dropout,
    foreach,
    index,
    linalg,
    nn,
    pointwise,
    random,
    reduce,
    shape,
    sort,
    view,
)
from ._registry import FUNCTIONS, OPERATORS, install

__all__ = ["FUNCTIONS", "OPERATORS", "install"]
