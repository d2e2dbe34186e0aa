"""The operators, by family. Importing this declares them all and attaches the methods to Tensor."""

from . import (
    activation,
    attention,
    binary,
    composite,
    convert,
    creation,
    embedding,
    foreach,
    index,
    linalg,
    loss,
    margin_loss,
    nn,
    pointwise,
    random,
    reduce,
    shape,
    softmax,
    sort,
    view,
)
from ._registry import FUNCTIONS, OPERATORS, install

__all__ = ["FUNCTIONS", "OPERATORS", "install"]
