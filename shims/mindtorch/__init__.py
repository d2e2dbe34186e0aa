"""mindtorch: PyTorch's API on MindSpore kernels. Converted code says ``import mindtorch as torch``."""

# The order matters: operators first, then the modules that are written with them.
# ruff: noqa: E402, I001

from __future__ import annotations

import importlib.util as _util
import os as _os
from typing import Any

_needed = ["numpy", "scipy", "ml_dtypes"]
if _os.environ.get("MINDTORCH_KERNELS") != "reference":
    _needed.append("mindspore")
if _missing := [m for m in _needed if _util.find_spec(m) is None]:
    raise ImportError(f"mindtorch needs {', '.join(_missing)}: pip install 'ms-convert[runtime]'")

from . import _dtype as _dtypes
from ._device import device, get_default_device, set_default_device
from ._dtype import (
    bfloat16,
    bool,
    can_cast,
    cdouble,
    cfloat,
    chalf,
    channels_last,
    channels_last_3d,
    complex32,
    complex64,
    complex128,
    contiguous_format,
    double,
    dtype,
    finfo,
    float,
    float8_e4m3fn,
    float8_e5m2,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    layout,
    legacy_contiguous_format,
    long,
    memory_format,
    preserve_format,
    promote_types,
    set_default_dtype,
    short,
    sparse_coo,
    sparse_csr,
    strided,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ._alias import install_as_torch
from ._size import Size
from ._support import missing_attribute as _missing_attribute
from ._tensor import Tensor
from ._tensor_str import set_printoptions
from ._typename import typename
from .tape.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .ops import install as _install

_install(globals(), "")

from . import autograd, backends, fft, linalg, signal, special, types
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .storage import TypedStorage, UntypedStorage
from .types import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from .version import __version__

from . import random
from . import utils
from . import nn
from . import cuda
from . import accelerator, mps, xpu
from . import optim, distributed, serialization, amp, jit, compiler, multiprocessing, profiler, futures
from . import __future__ as __future__
from . import distributions, func, hub, library, onnx, testing
from .autograd import functional as _autograd_functional
from .func import vmap
from . import _C, _dynamo, _utils, overrides, return_types, version
from .amp import autocast, get_autocast_dtype, get_autocast_gpu_dtype, is_autocast_enabled
from .compiler import compile
from .functional import einsum
from .serialization import load, save
from .settings import (
    are_deterministic_algorithms_enabled,
    get_num_threads,
    set_num_threads,
    use_deterministic_algorithms,
)

npu = cuda
inf = _dtypes._pyfloat("inf")
nan = _dtypes._pyfloat("nan")
pi = 3.141592653589793
e = 2.718281828459045


def __getattr__(name: str) -> Any:
    raise _missing_attribute(__name__, name)
