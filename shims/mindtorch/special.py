"""``torch.special``: the functions are declared with the operators (``mindtorch.ops``); some are those of ``torch``."""

from __future__ import annotations

from ._support import missing_attribute
from .ops import FUNCTIONS, OPERATORS, install

_IN_TORCH = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2", "expit": "sigmoid",
    "expm1": "expm1", "gammainc": "igamma", "gammaincc": "igammac", "gammaln": "lgamma", "i0": "i0", "log1p": "log1p",
    "log_softmax": "log_softmax", "logit": "logit", "logsumexp": "logsumexp", "multigammaln": "mvlgamma",
    "polygamma": "polygamma", "psi": "digamma", "round": "round", "sinc": "sinc", "softmax": "softmax",
    "xlogy": "xlogy",
}  # fmt: skip
"""Names here, and the functions of ``torch`` that they are."""


def _install() -> list[str]:
    for name, of in _IN_TORCH.items():
        FUNCTIONS["special"][name] = FUNCTIONS[""][of]
        OPERATORS[f".{of}"].names.append(f"torch.special.{name}")
    return install(globals(), "special")


__all__ = _install()


def __getattr__(name: str) -> object:
    raise missing_attribute(__name__, name)
