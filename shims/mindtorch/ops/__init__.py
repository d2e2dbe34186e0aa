"""The operators, by family. Importing this declares them all and attaches the methods to Tensor."""

from . import (
    activation,
    arithmetic,
    aten,
    attention,
    backwards,
    binary,
    calculus,
    complex,
    composite,
    conv,
    convert,
    copies,
    creation,
    ctc,
    dlpack,
    dropout,
    embedding,
    fft,
    foreach,
    grid,
    index,
    linalg,
    linalg_blocks,
    linalg_factor,
    linalg_lowrank,
    linalg_norms,
    linalg_products,
    linalg_qr,
    linalg_rank,
    linalg_solve,
    linalg_spectral,
    loss,
    margin_loss,
    nan_reduce,
    nn,
    norms,
    order,
    padding,
    pixels,
    pointwise,
    pool,
    pool_max,
    positions,
    random,
    reduce,
    resample,
    rnn,
    scan,
    scatter,
    shape,
    slices,
    softmax,
    sort,
    special,
    split,
    statistics,
    stft,
    subscript,
    view,
    windows,
)
from ._registry import FUNCTIONS, OPERATORS, install

__all__ = ["FUNCTIONS", "OPERATORS", "install"]


def __getattr__(name: str) -> object:
    """``torch.ops.namespace``: the operators that users registered in it."""
    import importlib.util

    if name.startswith("__") or importlib.util.find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from ..library import Namespace

    return Namespace(name)
