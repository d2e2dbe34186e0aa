"""The operators, by family. Importing this declares them all and attaches the methods to Tensor."""

from . import (
    arithmetic,
    aten,
    binary,
    calculus,
    complex,
    composite,
    conv,
    convert,
    copies,
    creation,
    dropout,
    fft,
    foreach,
    index,
    linalg,
    nan_reduce,
    nn,
    pointwise,
    random,
    reduce,
    scatter,
    shape,
    sort,
    special,
    split,
    statistics,
    stft,
    view,
    windows,
)
from ._registry import FUNCTIONS, OPERATORS, install

__all__ = ["FUNCTIONS", "OPERATORS", "install"]
