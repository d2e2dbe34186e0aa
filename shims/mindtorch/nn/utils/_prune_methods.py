"""The classes of ``torch.nn.utils.prune``: how masks are computed, put on modules and combined."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.module import Module

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured",
]  # fmt: skip


class BasePruningMethod(ABC):
    """One way of pruning one parameter: a forward pre-hook that multiplies by the mask.

    A subclass gives ``PRUNING_TYPE`` ("unstructured", "structured" with an attribute ``dim``, or "global") and
    ``compute_mask``.
    """

    _tensor_name: str
    PRUNING_TYPE: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for ``t``; where ``default_mask`` is 0 already, it stays 0."""

    def apply_mask(self, module: Module) -> Tensor:
        """The product of the original parameter and the mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any) -> Any:
        """Prune a parameter (further, if it is pruned already); returns the hook."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        old = _take_hook(module, name)
        if old is not None:
            container = old if isinstance(old, PruningContainer) else PruningContainer(old)
            container.add_pruning_method(method)
            method = container
        tensor = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != tensor.shape:
            raise AssertionError("importance_scores should have the same shape as parameter")
        scores = tensor if importance_scores is None else importance_scores
        if old is None:
            before = torch.ones_like(tensor)
        else:
            before = getattr(module, name + "_mask").detach().clone(memory_format=torch.contiguous_format)
        # Before the module is changed: a mask that cannot be computed leaves it as it was.
        mask = method.compute_mask(scores, default_mask=before)
        if old is None:
            module.register_parameter(name + "_orig", tensor)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Any = None, importance_scores: Any = None) -> Tensor:
        """The pruned version of a tensor."""
        if importance_scores is not None and importance_scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        before = torch.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(t if importance_scores is None else importance_scores, default_mask=before)

    def remove(self, module: Module) -> None:
        """Put the pruned values in the place of the original parameter."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _take_hook(module: Module, name: str) -> Any:
    """The pruning of this tensor that there is, taken off the module; None if there is none."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            del module._forward_pre_hooks[key]
            return hook
    return None


class PruningContainer(BasePruningMethod):
    """Several methods, one after another on what the ones before left."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        # Methods one by one, or all of them in a list.
        methods = list(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else list(args)
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Append a method for the same tensor."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The last method's mask, of what is not pruned yet."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        left = self._left(method, mask)
        new = mask.clone()
        new[left] = method.compute_mask(t[left], default_mask=mask[left]).to(dtype=mask.dtype)
        return new

    @staticmethod
    def _left(method: BasePruningMethod, mask: Tensor) -> Any:
        """An index of what the earlier methods left."""
        if method.PRUNING_TYPE == "unstructured":
            return mask == 1
        everything: list[Any] = [slice(None)] * mask.dim()
        if method.PRUNING_TYPE == "structured":
            dim = method.dim % mask.dim()
            others = [d for d in range(mask.dim()) if d != dim]
            everything[dim] = mask.sum(dim=others) != 0 if others else mask != 0
        elif method.PRUNING_TYPE != "global":
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        return tuple(everything)


class Identity(BasePruningMethod):
    """No pruning: a mask of ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """As it was."""
        return default_mask


class _ByAmount(BasePruningMethod):
    """Base: ``amount`` is a share (float) or a number (int)."""

    def __init__(self, amount: Any) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        whole = isinstance(amount, numbers.Integral)
        if amount < 0 or (not whole and float(amount) > 1.0):
            raise ValueError(
                f"amount={amount} should either be a float in the range [0.0, 1.0] or a non-negative integer"
            )
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of ``size`` to prune."""
        if not isinstance(self.amount, numbers.Integral):
            return round(self.amount * size)
        if self.amount > size:
            raise ValueError(f"amount={self.amount} should be smaller than the number of parameters to prune={size}")
        return int(self.amount)


class _Unstructured(_ByAmount):
    """Base: the elements that rank lowest (or, drawn, highest)."""

    PRUNING_TYPE = "unstructured"
    _largest = False

    def _rank(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The given mask with more zeros."""
        count = self._count(t.nelement())
        mask = default_mask.clone(memory_format=torch.contiguous_format)
        if count:
            ranked = torch.topk(self._rank(t).reshape(-1), k=count, largest=self._largest)
            mask.view(-1)[ranked.indices] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Elements drawn at random."""

    _largest = True

    def _rank(self, t: Tensor) -> Tensor:
        return torch.rand_like(t)


class L1Unstructured(_Unstructured):
    """The elements nearest to zero."""

    def _rank(self, t: Tensor) -> Tensor:
        return torch.abs(t)


class _Structured(_ByAmount):
    """Base: whole slices along ``dim``."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _kept(self, t: Tensor, count: int) -> Any:
        """An index of the slices to keep."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The given mask with zeros in more slices. Raises IndexError for a dimension that there is not."""
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. "
                f"Found tensor of shape {t.shape} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        count = self._count(t.shape[self.dim])
        if count == 0:
            return default_mask
        mask = torch.zeros_like(t)
        index: list[Any] = [slice(None)] * t.dim()
        index[self.dim] = self._kept(t, count)
        mask[tuple(index)] = 1
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_Structured):
    """Slices drawn at random."""

    def _kept(self, t: Tensor, count: int) -> Any:
        drawn = torch.rand(t.shape[self.dim])
        return drawn > torch.kthvalue(drawn, k=count).values


class LnStructured(_Structured):
    """The slices with the lowest ``n``-norm (as ``torch.norm`` takes it)."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, count: int) -> Any:
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norm = torch.norm(t, p=self.n, dim=others)
        return torch.topk(norm, k=t.shape[self.dim] - count, largest=True).indices


class CustomFromMask(BasePruningMethod):
    """A mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zero where either mask is."""
        return default_mask * self.mask.to(dtype=default_mask.dtype)
