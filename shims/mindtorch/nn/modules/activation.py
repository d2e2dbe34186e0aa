"""Activations (``torch.nn.modules.activation``): settings as attributes, the maths in ``nn.functional``."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.attention import MultiheadAttention
from mindtorch.nn.modules.module import Module
from mindtorch.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip


def _inplace_repr(module: Any) -> str:
    return "inplace=True" if module.inplace else ""


class _Inplace(Module):
    """Base of activations whose only setting is ``inplace``."""

    _function: ClassVar[str]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return getattr(torch.nn.functional, self._function)(input, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return _inplace_repr(self)


class ReLU(_Inplace):
    """``max(x, 0)``."""

    _function = "relu"


class SiLU(_Inplace):
    """``x * sigmoid(x)``."""

    _function = "silu"


class Mish(_Inplace):
    """``x * tanh(softplus(x))``."""

    _function = "mish"


class SELU(_Inplace):
    """Scaled ELU with the self-normalising constants."""

    _function = "selu"


class Hardsigmoid(_Inplace):
    """Piecewise linear sigmoid."""

    _function = "hardsigmoid"

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class Hardswish(_Inplace):
    """``x * hardsigmoid(x)``."""

    _function = "hardswish"

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class _Plain(Module):
    """Base of activations without settings."""

    _function: ClassVar[str]

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return getattr(torch.nn.functional, self._function)(input)


class LogSigmoid(_Plain):
    """``log(sigmoid(x))``."""

    _function = "logsigmoid"


class Softsign(_Plain):
    """``x / (1 + |x|)``."""

    _function = "softsign"


class Tanhshrink(_Plain):
    """``x - tanh(x)``."""

    _function = "tanhshrink"


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.sigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.tanh(input)


class GELU(Module):
    """``x * Phi(x)``; ``approximate='tanh'`` for the approximation."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Settings."""
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """First half times the sigmoid of the second half, along ``dim``."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Half the input's size along ``dim``."""
        return torch.nn.functional.glu(input, self.dim)

    def extra_repr(self) -> str:
        """Settings."""
        return f"dim={self.dim}"


class LeakyReLU(Module):
    """``x`` where positive, else ``negative_slope * x``."""

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""

    _function = "elu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return getattr(torch.nn.functional, self._function)(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(ELU):
    """Continuously differentiable ELU."""

    _function = "celu"


class Hardtanh(Module):
    """Clamp to [min_val, max_val]."""

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False, min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        for old, given, new in (("min_value", min_value, "min_val"), ("max_value", max_value, "max_val")):
            if given is not None:
                warnings.warn(
                    f"keyword argument `{old}` is deprecated and rename to `{new}`", FutureWarning, stacklevel=2
                )
        min_val = min_val if min_value is None else min_value
        max_val = max_val if max_value is None else max_value
        assert max_val > min_val
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """Clamp to [0, 6]."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return _inplace_repr(self)


class Threshold(Module):
    """``x`` where greater than ``threshold``, else ``value``."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class RReLU(Module):
    """Leaky ReLU whose slope is drawn from [lower, upper] in training, and is their mean otherwise."""

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class _Shrink(Module):
    _function: ClassVar[str]

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return getattr(torch.nn.functional, self._function)(input, self.lambd)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.lambd}"


class Hardshrink(_Shrink):
    """``x`` where ``|x| > lambd``, else 0."""

    _function = "hardshrink"


class Softshrink(_Shrink):
    """``x`` moved towards 0 by ``lambd``."""

    _function = "softshrink"


class Softplus(Module):
    """``log(1 + exp(beta * x)) / beta``; the identity above ``threshold``."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class PReLU(Module):
    """Leaky ReLU with a learned slope, one or one a channel."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(torch.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All slopes ``init``."""
        torch.nn.init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Settings."""
        return f"num_parameters={self.num_parameters}"


class _SoftmaxBase(Module):
    _function: ClassVar[str]

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)

    def extra_repr(self) -> str:
        """Settings."""
        return f"dim={self.dim}"

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return getattr(torch.nn.functional, self._function)(input, self.dim, _stacklevel=5)


class Softmax(_SoftmaxBase):
    """Exponentials normalised to sum 1 along ``dim``."""

    _function = "softmax"


class Softmin(_SoftmaxBase):
    """Softmax of ``-x``."""

    _function = "softmin"


class LogSoftmax(_SoftmaxBase):
    """Logarithm of the softmax along ``dim``."""

    _function = "log_softmax"


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return torch.nn.functional.softmax(input, -3, _stacklevel=5)
