"""``torch.utils._pytree``: nested containers as lists of leaves and a description of their structure."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Flatten = Callable[[Any], tuple[list[Any], Any]]
Unflatten = Callable[[Iterable[Any], Any], Any]


@dataclass
class TreeSpec:
    """A container type, its context (keys, field names ...) and its children's specifications."""

    type: Any
    context: Any
    children_specs: list[TreeSpec] = field(default_factory=list)

    @property
    def num_leaves(self) -> int:
        return 1 if self.type is None else sum(s.num_leaves for s in self.children_specs)

    num_nodes = property(lambda self: 1 + sum(s.num_nodes for s in self.children_specs))
    num_children = property(lambda self: len(self.children_specs))

    def is_leaf(self) -> bool:
        return self.type is None


class LeafSpec(TreeSpec):
    """The specification of anything that is not a known container."""

    def __init__(self) -> None:
        super().__init__(None, None, [])


SUPPORTED_NODES: dict[Any, tuple[Flatten, Unflatten]] = {
    dict: (lambda d: (list(d.values()), list(d)), lambda v, c: dict(zip(c, v, strict=True))),
    OrderedDict: (lambda d: (list(d.values()), list(d)), lambda v, c: OrderedDict(zip(c, v, strict=True))),
    defaultdict: (
        lambda d: (list(d.values()), (d.default_factory, list(d))),
        lambda v, c: defaultdict(c[0], zip(c[1], v, strict=True)),
    ),
    list: (lambda x: (list(x), None), lambda v, c: list(v)),
    tuple: (lambda x: (list(x), None), lambda v, c: tuple(v)),
    deque: (lambda x: (list(x), x.maxlen), lambda v, c: deque(v, maxlen=c)),
}


def register_pytree_node(cls: Any, flatten_fn: Flatten, unflatten_fn: Unflatten, **kwargs: Any) -> None:
    """Make `cls` a container. Raises ValueError if it is one."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = (flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _handler(x: Any) -> Any:
    if isinstance(x, tuple) and hasattr(x, "_fields") and type(x) not in SUPPORTED_NODES:
        return type(x), (lambda t: (list(t), type(t)), lambda v, c: c(*v))
    return type(x), SUPPORTED_NODES.get(type(x))


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves and the structure."""
    kind, handler = _handler(tree)
    if handler is None or (is_leaf is not None and is_leaf(tree)):
        return [tree], LeafSpec()
    children, context = handler[0](tree)
    leaves: list[Any] = []
    specs = []
    for child in children:
        some, spec = tree_flatten(child, is_leaf)
        leaves += some
        specs.append(spec)
    return leaves, TreeSpec(kind, context, specs)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of that structure with those leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
            f"holds {treespec.num_leaves} items ({treespec})."
        )
    if treespec.is_leaf():
        return leaves[0]
    children, start = [], 0
    for spec in treespec.children_specs:
        end = start + spec.num_leaves
        children.append(tree_unflatten(leaves[start:end], spec))
        start = end
    registered = SUPPORTED_NODES.get(treespec.type)
    return registered[1](children, treespec.context) if registered else treespec.context(*children)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`func` of each leaf (and of the leaves of further trees of the same structure)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(r, is_leaf)[0] for r in rests]
    return tree_unflatten([func(*xs) for xs in zip(leaves, *others, strict=True)], spec)


def tree_map_only(kinds: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Any = None) -> Any:
    """`func` of the leaves of some types, the others unchanged."""
    return tree_map(lambda x: func(x) if isinstance(x, kinds) else x, tree, is_leaf=is_leaf)


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    return any(pred(x) for x in tree_leaves(tree))


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    return all(pred(x) for x in tree_leaves(tree))
