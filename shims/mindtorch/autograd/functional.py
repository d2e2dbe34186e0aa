"""``torch.autograd.functional``: derivatives of functions of tensors, by reverse mode.

Products with a Jacobian from the right use the double-backward trick: the vector-Jacobian product is linear in its
vector, and its gradient with respect to that vector is the product from the right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from . import enable_grad, grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]


def _tuple(x: Any, what: str, name: str) -> tuple[bool, Tensors]:
    is_tuple = isinstance(x, tuple)
    out = x if is_tuple else tuple(x) if isinstance(x, list) else (x,)
    for i, t in enumerate(out):
        if not isinstance(t, Tensor):
            where = f"{what} given to {name}" if what == "inputs" else f"{what} of the user-provided function given to"
            one = f"Value at index {i} of the tuple has type {type(t)}." if is_tuple else f"Got type {type(t)}."
            raise TypeError(f"The {where} {name} must be either a Tensor or a tuple of Tensors. {one}")
    return is_tuple, out


def _inputs(inputs: Tensors, create_graph: bool) -> Tensors:
    """Inputs to differentiate with respect to: views of the given ones where the result is differentiated again."""
    if create_graph:
        return tuple(t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs)
    return tuple(t.detach().requires_grad_() for t in inputs)


def _results(x: Tensors, create_graph: bool) -> Tensors:
    return x if create_graph else tuple(t.detach() for t in x)


def _untuple(x: tuple[Any, ...], is_tuple: bool) -> Any:
    return x if is_tuple else x[0]


def _check_vectors(v: Any, of: Tensors, name: str, is_tuple: bool, what: str) -> Tensors:
    if v is None:
        if len(of) != 1 or of[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {what} the user-provided function {name} a single Tensor with a "
                "single element."
            )
        return (of[0].detach().new_ones(of[0].shape),)
    _, vectors = _tuple(v, "v", name)
    if len(vectors) != len(of):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(of)} but got {len(vectors)}."
            if is_tuple else "The given v should contain a single Tensor."
        )  # fmt: skip
    for i, (a, b) in enumerate(zip(vectors, of, strict=True)):
        if a.shape != b.shape:
            raise RuntimeError(
                f"Entry {i} in v has invalid size: should be {b.shape} but got {a.shape}."
                if is_tuple else f"v has invalid size: should be {b.shape} but got {a.shape}."
            )  # fmt: skip
    return vectors


def _gradients(
    outputs: Tensors, inputs: Tensors, vectors: Tensors, strict: bool, what: str, create_graph: bool, keep: bool = False
) -> Tensors:
    """Gradients, with zeros (an error with `strict`) where an output does not depend on an input."""
    live = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o.requires_grad]
    found: tuple[Tensor | None, ...] = (None,) * len(inputs)
    if live:
        found = grad([o for o, _ in live], inputs, [v for _, v in live], retain_graph=keep or create_graph or None,
                     create_graph=create_graph, allow_unused=True)  # fmt: skip
    out = []
    for i, (g, t) in enumerate(zip(found, inputs, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(f"The output of the user-provided function is independent of input {i}. This is not "
                                   f"allowed in strict mode when computing the {what}.")  # fmt: skip
            g = t.detach().new_zeros(t.shape)
        out.append(g)
    return tuple(out)


def _call(func: Callable[..., Any], inputs: Tensors, name: str) -> tuple[bool, Tensors]:
    return _tuple(func(*inputs), "outputs", name)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's outputs, and `v` (of the outputs' shapes) times its Jacobian (of the inputs' shapes)."""
    with enable_grad():
        is_tuple, xs = _tuple(inputs, "inputs", "vjp")
        xs = _inputs(xs, create_graph)
        many, outputs = _call(func, xs, "vjp")
        vectors = _check_vectors(v, outputs, "returns", many, "output of")
        products = _gradients(outputs, xs, vectors, strict, "vjp", create_graph)
    return _untuple(_results(outputs, create_graph), many), _untuple(_results(products, create_graph), is_tuple)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's outputs, and its Jacobian times `v` (of the inputs' shapes; the product has the outputs')."""
    with enable_grad():
        is_tuple, xs = _tuple(inputs, "inputs", "jvp")
        vectors = _check_vectors(v, xs, "has", is_tuple, "input to")
        xs = _inputs(xs, create_graph)
        many, outputs = _call(func, xs, "jvp")
        products = _from_the_right(outputs, xs, vectors, strict, "jvp", create_graph)
    return _untuple(_results(outputs, create_graph), many), _untuple(_results(products, create_graph), many)


def _from_the_right(
    outputs: Tensors, inputs: Tensors, vectors: Tensors, strict: bool, what: str, create_graph: bool
) -> Tensors:
    dummies = tuple(o.detach().new_zeros(o.shape).requires_grad_() for o in outputs)
    linear = _gradients(outputs, inputs, dummies, strict, what, True)
    # Strictness was looked at above: what does not depend on the dummies is a constant Jacobian of zeros.
    return _gradients(linear, dummies, vectors, False, what, create_graph)


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian: for an output of shape O and an input of shape I a tensor of shape (O, I).

    A tuple over inputs, outputs or both where these are tuples. `vectorize` is accepted and computes row by row.
    Raises NotImplementedError for ``strategy='forward-mode'``.
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"torch.autograd.functional.jacobian(strategy={strategy!r}) is not supported")
    with enable_grad():
        is_tuple, xs = _tuple(inputs, "inputs", "jacobian")
        xs = _inputs(xs, create_graph)
        many, outputs = _call(func, xs, "jacobian")
        rows = tuple(_jacobian_of(o, i, xs, strict, create_graph) for i, o in enumerate(outputs))
    return _untuple(tuple(_untuple(row, is_tuple) for row in rows), many)


def _jacobian_of(output: Tensor, place: int, xs: Tensors, strict: bool, create_graph: bool) -> Tensors:
    if strict and not output.requires_grad:
        raise RuntimeError(
            f"Output {place} of the user-provided function does not require gradients. The outputs must be computed in "
            "a differentiable manner from the input when running in strict mode."
        )
    blocks: list[list[Tensor]] = [[] for _ in xs]
    flat = output.reshape(-1)
    for j in range(flat.numel()):
        one = flat.detach().new_zeros(flat.shape)
        one[j] = 1
        for block, g in zip(blocks, _gradients((flat,), xs, (one,), strict, "jacobian", create_graph, True),
                            strict=True):  # fmt: skip
            block.append(g)
    shape = tuple(output.shape)
    return _results(
        tuple(
            (_stacked(block) if block else x.detach().new_zeros((0, *x.shape))).reshape((*shape, *x.shape))
            for block, x in zip(blocks, xs, strict=True)
        ),
        create_graph,
    )


def _stacked(tensors: list[Tensor]) -> Tensor:
    from .. import stack

    return stack(tensors)


def _single(func: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    """`func`, checked to return one number."""

    def checked(*xs: Tensor) -> Tensor:
        many, out = _call(func, xs, name)
        if many or len(out) != 1:
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if out[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single element"
            )
        return out[0].squeeze()

    return checked


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Hessian of a function of one number: for inputs of shapes I and J a tensor of shape (I, J)."""
    is_tuple, xs = _tuple(inputs, "inputs", "hessian")
    checked = _single(func, "hessian")

    def gradients(*ys: Tensor) -> Tensors:
        ys = tuple(y if y.requires_grad else y.requires_grad_() for y in ys)
        return _gradients((checked(*ys),), ys, (checked(*ys).detach().new_ones(()),), strict, "hessian", True)

    rows = jacobian(gradients, xs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return _untuple(tuple(_untuple(row, is_tuple) for row in rows), is_tuple)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's number, and `v` times its Hessian, both from the left."""
    with enable_grad():
        is_tuple, xs = _tuple(inputs, "inputs", "vhp")
        vectors = _check_vectors(v, xs, "has", is_tuple, "input to")
        xs = _inputs(xs, create_graph)
        output = _single(func, "vhp")(*xs)
        first = _gradients((output,), xs, (output.detach().new_ones(()),), strict, "vhp", True)
        products = _gradients(first, xs, vectors, strict, "vhp", create_graph)
    return _results((output,), create_graph)[0], _untuple(_results(products, create_graph), is_tuple)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's number, and its Hessian times `v`."""
    with enable_grad():
        is_tuple, xs = _tuple(inputs, "inputs", "hvp")
        vectors = _check_vectors(v, xs, "has", is_tuple, "input to")
        xs = _inputs(xs, create_graph)
        output = _single(func, "hvp")(*xs)
        first = _gradients((output,), xs, (output.detach().new_ones(()),), strict, "hvp", True)
        products = _from_the_right(first, xs, vectors, strict, "hvp", create_graph)
    return _results((output,), create_graph)[0], _untuple(_results(products, create_graph), is_tuple)
