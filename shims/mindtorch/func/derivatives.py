"""``grad``, ``vjp``, ``jvp`` and Jacobians of functions of nested tensors; each may be applied to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch.utils import _pytree as pytree

__all__ = ["functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp"]


def _fresh(tree: Any) -> tuple[list[Any], Any]:
    """The tensors of a tree as new places to differentiate with respect to (outer derivatives go through)."""
    leaves, spec = pytree.tree_flatten(tree)
    out = []
    for x in leaves:
        if not isinstance(x, torch.Tensor):
            raise ValueError(f"Expected a tensor to differentiate with respect to, got {type(x)}")
        out.append(x.view_as(x) if x.requires_grad else x.detach().requires_grad_())
    return out, spec


def _gradients(outputs: list[Any], inputs: list[Any], vectors: list[Any]) -> list[Any]:
    live = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o.requires_grad]
    found: Any = [None] * len(inputs)
    if live:
        found = torch.autograd.grad(
            [o for o, _ in live], inputs, [v for _, v in live], create_graph=True, allow_unused=True
        )
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def _settled(tree: Any, recorded: bool) -> Any:
    """Results cut off the graph, unless an outer derivative or a tensor of the caller wants them in it."""
    return tree if recorded else pytree.tree_map(lambda t: t.detach() if isinstance(t, torch.Tensor) else t, tree)


_depth = 0


class _Level:
    """One application of a derivative; results stay in the graph when another is around it."""

    def __enter__(self) -> bool:
        global _depth
        _depth += 1
        return _depth > 1

    def __exit__(self, *exc: Any) -> None:
        global _depth
        _depth -= 1


def _recorded(*trees: Any) -> bool:
    return torch.is_grad_enabled() and any(
        isinstance(t, torch.Tensor) and t.requires_grad for t in pytree.tree_flatten(trees)[0]
    )


def _opened(
    func: Callable[..., Any], argnums: Any, has_aux: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], Any, Any, Any]:
    """Call `func` with fresh tensors for `argnums`: those, their tree, the output and what comes with it."""
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    leaves, spec = _fresh([args[i] for i in positions])
    replaced = list(args)
    for i, value in zip(positions, pytree.tree_unflatten(leaves, spec), strict=True):
        replaced[i] = value
    output = func(*replaced, **kwargs)
    output, aux = output if has_aux else (output, None)
    return leaves, spec, output, aux


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function of ``(gradient, value)`` of `func`, which returns one number (with `has_aux`, and something else)."""

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        outer = _recorded(args, kwargs)
        with _Level() as inner, torch.enable_grad():
            leaves, spec, output, aux = _opened(func, argnums, has_aux, args, kwargs)
            if not isinstance(output, torch.Tensor) or output.dim():
                raise RuntimeError("grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor")
            found = pytree.tree_unflatten(_gradients([output], leaves, [torch.ones_like(output)]), spec)
        gradient = found[0] if isinstance(argnums, int) else tuple(found)
        keep = inner or outer
        gradient, output, aux = _settled(gradient, keep), _settled(output, keep), _settled(aux, keep)
        return (gradient, (output, aux)) if has_aux else (gradient, output)

    return differentiated


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function that returns one number, with respect to the arguments `argnums`."""

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        found, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return differentiated


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """``(outputs, f)`` where ``f(cotangents)`` gives the products with the Jacobian from the left, for each primal."""
    with torch.enable_grad():
        leaves, spec = _fresh(list(primals))
        outputs = func(*pytree.tree_unflatten(leaves, spec))
        aux = None
        if has_aux:
            outputs, aux = outputs
    flat, out_spec = pytree.tree_flatten(outputs)
    outer = _recorded(primals)

    def product(cotangents: Any) -> Any:
        vectors, given = pytree.tree_flatten(cotangents)
        if given != out_spec:
            raise RuntimeError("Expected pytree structure of cotangents to be the same as pytree structure of outputs")
        with torch.enable_grad():
            live = [(o, v) for o, v in zip(flat, vectors, strict=True) if o.requires_grad]
            found: Any = [None] * len(leaves)
            if live:
                found = torch.autograd.grad([o for o, _ in live], leaves, [v for _, v in live], retain_graph=True,
                                            create_graph=True, allow_unused=True)  # fmt: skip
        full = [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]
        keep = outer or _depth > 0 or _recorded(cotangents)
        return tuple(_settled(pytree.tree_unflatten(full, spec), keep))

    settled = _settled(outputs, outer or _depth > 0)
    return (settled, product, aux) if has_aux else (settled, product)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """``(outputs, products)`` with the Jacobian from the right, by differentiating the product from the left."""
    outer = _recorded(primals, tangents)
    with _Level() as inner, torch.enable_grad():
        leaves, spec = _fresh(list(primals))
        outputs = func(*pytree.tree_unflatten(leaves, spec))
        aux = None
        if has_aux:
            outputs, aux = outputs
        flat, out_spec = pytree.tree_flatten(outputs)
        dummies = [torch.zeros_like(o).detach().requires_grad_() for o in flat]
        linear = _gradients(flat, leaves, dummies)
        products = _gradients(linear, dummies, pytree.tree_flatten(list(tangents))[0])
    keep = inner or outer
    result = _settled(outputs, keep), _settled(pytree.tree_unflatten(products, out_spec), keep)
    return (*result, aux) if has_aux else result


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``(outputs, f)`` where ``f(*tangents)`` gives the products with the Jacobian at `primals` from the right."""
    return func(*primals), lambda *tangents: jvp(func, primals, tangents)[1]


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func` itself: what it computes is the same with views and in-place writes."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(f"functionalize(f, remove='mutations'): Valid options for inputs are: got remove={remove}")
    return func


def jacrev(
    func: Callable[..., Any], argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The Jacobian with respect to `argnums`: an output of shape O and an input of shape I give (O, I)."""

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        outer = _recorded(args, kwargs)
        with _Level() as inner, torch.enable_grad():
            leaves, spec, outputs, aux = _opened(func, argnums, has_aux, args, kwargs)
            flat, out_spec = pytree.tree_flatten(outputs)
            blocks = []
            for output in flat:
                tree = pytree.tree_unflatten(_rows(output, leaves), spec)
                blocks.append(tree[0] if isinstance(argnums, int) else tuple(tree))
        result = _settled(pytree.tree_unflatten(blocks, out_spec), inner or outer)
        return (result, aux) if has_aux else result

    return differentiated


def _rows(output: Any, leaves: list[Any]) -> list[Any]:
    rows = []
    flat = output.reshape(-1)
    for i in range(flat.numel()):
        one = torch.zeros_like(flat).detach()
        one[i] = 1
        rows.append(_gradients([flat], leaves, [one]))
    return [
        torch.stack([row[k] for row in rows]).reshape((*output.shape, *x.shape)) if rows
        else x.new_zeros((*output.shape, *x.shape))
        for k, x in enumerate(leaves)
    ]  # fmt: skip


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The Jacobian, as ``jacrev`` computes it: there is no forward mode here."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The Jacobian of the Jacobian."""
    return jacrev(jacrev(func, argnums), argnums)
