"""``torch.autograd.gradcheck``: the tape's derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..tape.grad_mode import enable_grad, no_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """The derivatives do not agree."""


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _differentiable(outputs: Any) -> list[Tensor]:
    return [o for o in _listed(outputs) if isinstance(o, Tensor) and (o.is_floating_point() or o.is_complex())]


def _moved(run: Callable[[], Any], x: Tensor, place: int, step: complex) -> list[np.ndarray]:
    """The outputs after one element of `x` was moved; it is put back."""
    where = np.unravel_index(place, tuple(x.shape)) if x.dim() else ()
    memory = x.detach().numpy()  # the tensor's own memory: the function may depend on it in any way
    before = memory[where]
    memory[where] = before + (step if x.is_complex() else step.real)
    try:
        with no_grad():
            return [np.array(o.detach().numpy()) for o in _differentiable(run())]
    finally:
        memory[where] = before


def _gradients(output: Tensor, x: Tensor) -> list[np.ndarray]:
    """The gradients of every element of an output, of its real part and its imaginary part where it has one."""
    from . import grad

    found = []
    for place in range(output.numel()):
        for part in (1, 1j) if output.is_complex() else (1,):
            g = None
            if output.requires_grad:
                vector = output.detach().clone().zero_()
                vector.numpy().reshape(-1)[place] = part
                (g,) = grad(output, x, vector, True, allow_unused=True)
            found.append((x.detach().clone().zero_() if g is None else g.detach()).numpy().reshape(-1))
    return found


def _parts(slopes: np.ndarray) -> Iterator[float]:
    for slope in slopes.reshape(-1):
        yield float(np.real(slope))
        if np.iscomplexobj(slopes):
            yield float(np.imag(slope))


def _check(run: Callable[[], Any], x: Tensor, position: int, eps: float, atol: float, rtol: float) -> None:
    """Compare the whole Jacobian with respect to one input. Raises GradcheckError."""
    rows = [_gradients(output, x) for output in _differentiable(run())]
    for place in range(x.numel()):
        for direction in (1, 1j) if x.is_complex() else (1,):
            ahead, behind = (_moved(run, x, place, sign * eps * complex(direction)) for sign in (1, -1))
            for nr, (high, low) in enumerate(zip(ahead, behind, strict=True)):
                for row, slope in zip(rows[nr], _parts((high - low) / (2 * eps)), strict=True):
                    # The gradient of a real number is dL/da + i dL/db: along d it grows by Re(conj(g) d).
                    analytical = float(np.real(np.conj(row[place]) * direction))
                    if not np.isclose(slope, analytical, rtol=rtol, atol=atol):
                        raise GradcheckError(
                            f"Jacobian mismatch for output {nr} with respect to input {position},\n"
                            f"numerical:{slope}\nanalytical:{analytical}"
                        )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the derivatives of `func` are what central differences give, element by element.

    Inputs should be float64. `fast_mode` and the checks of batches and of undefined gradients change nothing: the full
    Jacobian is compared. Raises GradcheckError where they differ (with `raise_exception` False the answer is False),
    ValueError when no input requires grad, NotImplementedError for forward mode.
    """
    if check_forward_ad or check_batched_forward_grad:
        raise NotImplementedError("torch.autograd.gradcheck(check_forward_ad=True) is not supported by mindtorch")
    given = _listed(inputs)
    if not any(isinstance(x, Tensor) and x.requires_grad for x in given):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    try:
        for position, x in enumerate(given):
            if isinstance(x, Tensor) and x.requires_grad:
                _check(lambda: func(*given), x, position, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, gen_non_contig_grad_outputs: bool = False,
    **options: Any,
) -> bool:  # fmt: skip
    """``gradcheck`` of the first derivatives. `grad_outputs` are drawn from a normal distribution when missing."""
    from . import grad

    given = _listed(inputs)
    outputs = [o for o in _differentiable(func(*given)) if o.requires_grad]
    if grad_outputs is None:
        weights = [o.detach().clone().normal_().requires_grad_() for o in outputs]
    else:
        weights = _listed(grad_outputs)
    leaves = [x for x in given if isinstance(x, Tensor) and x.requires_grad]

    def first(*args: Any) -> tuple[Any, ...]:
        with enable_grad():
            found = [o for o in _differentiable(func(*args[: len(given)])) if o.requires_grad]
            grads = grad(found, leaves, args[len(given) :], create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(first, (*given, *weights), **options)
