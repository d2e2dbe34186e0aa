"""Ready-made parametrizations (``torch.nn.utils.parametrizations``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.module import Module
from mindtorch.nn.utils import parametrize
from mindtorch.nn.utils._power import as_matrix, iterate, norm_except_dim, unit

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """``g * v / |v|``: length and direction apart (Salimans and Kingma, 2016)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The weight."""
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Parametrize a weight by its lengths along `dim` (None: one length) and its direction."""
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def compatible(
        state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: Any, unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:  # fmt: skip
        # States saved with the older weight_norm hold <name>_g and <name>_v.
        for old, new in ((f"{prefix}{name}_g", 0), (f"{prefix}{name}_v", 1)):
            if old in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.original{new}"] = state_dict.pop(old)

    module._register_load_state_dict_pre_hook(compatible)
    return module


class _SpectralNorm(Module):
    """The weight divided by its largest singular value (Miyato et al., 2018)."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            with torch.no_grad():
                matrix = as_matrix(weight, self.dim)
                rows, columns = matrix.size()
                u = matrix.new_empty(rows).normal_(0, 1)
                v = matrix.new_empty(columns).normal_(0, 1)
                u, v = iterate(matrix, unit(u, eps), unit(v, eps), 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        """The normalised weight; in training the singular vectors are brought up to date."""
        if weight.ndim == 1:
            return unit(weight, self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            u, v = iterate(matrix, self._u, self._v, self.n_power_iterations, self.eps)
            with torch.no_grad():
                self._u.copy_(u)
                self._v.copy_(v)
        u, v = self._u.clone(), self._v.clone()
        return weight / torch.vdot(u, torch.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value: it is taken to be normalised."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Parametrize a weight by one that is divided by its largest singular value."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        nn = torch.nn
        transposed = tuple(getattr(nn, f"ConvTranspose{i}d") for i in (1, 2, 3) if hasattr(nn, f"ConvTranspose{i}d"))
        dim = 1 if isinstance(module, transposed) else 0
    parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module


def _orthonormal(matrix: Tensor) -> Tensor:
    """The orthogonal factor whose triangular one has a positive diagonal."""
    q, r = torch.linalg.qr(matrix)
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, where those are fewer), from a free one.

    The free matrix' lower triangle makes a skew-symmetric matrix, and that an orthogonal one by its exponential or its
    Cayley transform; or its columns are those of Householder reflections. With a `base` the result is turned by it.
    """

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool = True) -> None:
        super().__init__()
        self.orthogonal_map = orthogonal_map
        self.shape = tuple(weight.shape)
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """The matrix (n, k)."""
        wide = x.shape[-2] < x.shape[-1]
        if wide:
            x = x.mT
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            below = x.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (below * below).sum(-2))
            q = torch.linalg.householder_product(below, tau)
            q = q * x.diagonal(dim1=-2, dim2=-1).detach().trunc().unsqueeze(-2)  # 1 and -1: which way it points
        else:
            lower = x.tril()
            if n != k:
                lower = torch.cat([lower, lower.new_zeros((*lower.shape[:-1], n - k))], -1)
            skew = lower - lower.mT
            if self.orthogonal_map == "matrix_exp":
                q = torch.matrix_exp(skew)
            else:
                eye = torch.eye(n, dtype=skew.dtype, device=skew.device)
                q = torch.linalg.solve(eye - skew * 0.5, eye + skew * 0.5)
            q = q[..., :k]
        if "base" in self._buffers:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, value: Tensor) -> Tensor:
        """The free matrix of an orthogonal one. Raises ValueError for another shape."""
        if tuple(value.shape) != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape "
                f"{tuple(value.shape)}."
            )
        tall = value.mT if value.shape[-2] < value.shape[-1] else value
        n, k = tall.shape[-2:]
        if "base" not in self._buffers:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            free, tau = torch.geqrf(tall)
            signs = free.diagonal(dim1=-2, dim2=-1).sign()
            signs = torch.where(tau == 0, -signs, signs)
            free = free.tril(-1) + free.triu(1) + torch.diag_embed(signs, dim1=-2, dim2=-1)[..., :k]
            return free.mT if value.shape[-2] < value.shape[-1] else free
        q = tall
        if n != k:
            rest = torch.randn(*q.shape[:-2], n, n - k, dtype=q.dtype, device=q.device)
            q = _orthonormal(torch.cat([q, rest], -1))
        self.base = q.detach().clone()
        # The reflections of -1 on the diagonal are the identity; so are exponential and Cayley transform of 0.
        free = torch.zeros_like(value)
        free.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return free


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Parametrize a matrix by an orthogonal one; `orthogonal_map` is 'matrix_exp', 'cayley' or 'householder'.

    `use_trivialization`: the result is turned by the matrix that was last assigned, which starts the free one at rest.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization)
    with torch.no_grad():
        wide = weight.shape[-2] < weight.shape[-1]
        start = _orthonormal(weight.detach().mT if wide else weight.detach())
        if use_trivialization or orthogonal_map == "householder":
            weight.copy_(start.mT if wide else start)
        if not use_trivialization and orthogonal_map != "householder":
            # Nothing maps back to the free matrix: it starts with the values that are there.
            parametrization.right_inverse = lambda value: value  # type: ignore[method-assign]
    parametrize.register_parametrization(module, name, parametrization, unsafe=True)
    if "right_inverse" in parametrization.__dict__:
        del parametrization.right_inverse
    return module
