"""The Tensor class: data, version counter, graph, views. Operators attach their methods to it (``ops``)."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import _device as devices
from . import _dtype as dtypes
from ._array import Array, cast_numpy, meta_array
from ._size import Size
from ._support import MissingAPIError
from .tape import saved
from .tape.grad_mode import mode
from .tape.node import AccumulateGrad, Edge, Node
from .utils.hooks import RemovableHandle

_new = object.__new__


class ViewMeta:
    """What makes a tensor a view for autograd: its base, how it came about, and the base version its grad_fn is of."""

    __slots__ = ("base", "creation", "version")

    def __init__(self, base: Tensor, creation: str, version: int) -> None:
        self.base = base
        self.creation = creation  # "" | "no_grad" | "multi" | "custom"
        self.version = version


class _TensorMeta(type):
    """The class of tensor classes, as PyTorch's."""


class Tensor(metaclass=_TensorMeta):
    """A multi-dimensional array of one dtype, with PyTorch's semantics.

    ``Tensor(2, 3)`` makes an uninitialised float tensor of that shape, ``Tensor([1, 2])`` one of those values.
    """

    __slots__ = (
        "__dict__", "__weakref__", "_accumulator", "_arr", "_grad", "_grad_fn", "_hooks", "_output_nr",
        "_post_accumulate", "_requires_grad", "_vc", "_view",
    )  # fmt: skip
    __array_priority__ = 1000
    is_sparse = is_quantized = is_mkldnn = is_nested = is_sparse_csr = is_xla = is_mps = is_vulkan = False
    layout = dtypes.strided
    names_ = None

    _arr: Array
    _vc: list[int]
    _requires_grad: bool
    _grad: Tensor | None
    _grad_fn: Node | None
    _output_nr: int
    _view: ViewMeta | None
    _hooks: OrderedDict[int, Callable[..., Any]] | None
    _post_accumulate: OrderedDict[int, Callable[..., Any]] | None
    _accumulator: weakref.ref[AccumulateGrad] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        from .ops.creation import legacy_new

        return legacy_new(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    # ---------------------------------------------------------------- data
    @property
    def shape(self) -> Size:
        return Size(self._arr.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its entry `dim`."""
        if dim is None:
            return Size(self._arr.shape)
        return self._arr.shape[_wrap_dim(dim, len(self._arr.shape))]

    def stride(self, dim: int | None = None) -> Any:
        """The strides in elements, or their entry `dim`."""
        if dim is None:
            return self._arr.strides
        return self._arr.strides[_wrap_dim(dim, len(self._arr.shape))]

    def storage_offset(self) -> int:
        """The position of the first element in the storage, in elements."""
        return self._arr.offset

    def dim(self) -> int:
        return len(self._arr.shape)

    ndimension = dim

    @property
    def ndim(self) -> int:
        return len(self._arr.shape)

    def numel(self) -> int:
        return self._arr.np.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes per element."""
        return self._arr.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self._arr.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self._arr.np.size * self._arr.dtype.itemsize

    @property
    def dtype(self) -> dtypes.dtype:
        return self._arr.dtype

    @property
    def device(self) -> devices.device:
        return self._arr.device

    @property
    def is_cuda(self) -> bool:
        return self._arr.device.type in ("cuda", "npu")

    is_npu = is_cuda

    @property
    def is_cpu(self) -> bool:
        return self._arr.device.type == "cpu"

    @property
    def is_meta(self) -> bool:
        return self._arr.device is devices.META

    def get_device(self) -> int:
        """The device's index; -1 on the CPU and the meta device."""
        return self._arr.device.index or 0 if self.is_cuda else -1

    def data_ptr(self) -> int:
        """The address of the first element."""
        a = self._arr
        if a.device is not devices.CPU and type(a.np) is not np.ndarray:  # no memory, or the device's
            return a.storage.data_ptr + a.offset * a.dtype.itemsize if a.np.size and a.storage.data_ptr else 0
        return a.np.__array_interface__["data"][0] if a.np.size else 0

    def is_contiguous(self, memory_format: Any = dtypes.contiguous_format) -> bool:
        """Whether the elements lie row-major without gaps, or in the order of ``channels_last(_3d)``."""
        if memory_format in (dtypes.channels_last, dtypes.channels_last_3d):
            from .ops.memory_format import in_format

            return in_format(self._arr.shape, self._arr.strides, memory_format)
        return self._arr.is_contiguous

    def is_floating_point(self) -> bool:
        return self._arr.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self._arr.dtype.is_complex

    def is_signed(self) -> bool:
        return self._arr.dtype.is_signed

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def is_shared(self) -> bool:
        return False

    def is_inference(self) -> bool:
        return False

    def is_conj(self) -> bool:
        return False

    def is_neg(self) -> bool:
        return False

    def is_same_size(self, other: Tensor) -> bool:
        return self._arr.shape == other._arr.shape

    def untyped_storage(self) -> Any:
        """The bytes that this tensor is a window on."""
        from .storage import UntypedStorage

        return UntypedStorage._of(self)

    def _typed_storage(self) -> Any:
        from .storage import TypedStorage

        return TypedStorage._of(self)

    storage = _typed_storage

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """A NumPy array over the same memory. Raises RuntimeError if the tensor requires grad (unless `force`)."""
        if force:
            return self.detach().cpu()._arr.np
        if not self.is_cpu:
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                "host memory first."
            )
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._arr.dtype in (dtypes.bfloat16, dtypes.float8_e4m3fn, dtypes.float8_e5m2):
            raise TypeError(f"Got unsupported ScalarType {'BFloat16' if self.dtype is dtypes.bfloat16 else self.dtype}")
        if self._arr.dtype is dtypes.complex32:
            raise TypeError("Got unsupported ScalarType ComplexHalf")
        return self._arr.np

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        a = self.numpy()
        return a if dtype is None else a.astype(dtype, copy=False)

    def __array_wrap__(self, array: np.ndarray, *args: Any) -> Tensor:
        """What NumPy's functions make of tensors is a tensor; truth values come as uint8, as in PyTorch."""
        from .ops.creation import from_numpy

        return from_numpy(np.asarray(array.astype(np.uint8) if array.dtype == np.bool_ else array))

    def item(self) -> Any:
        """The one element as a Python number."""
        a = self._arr.np
        if a.size != 1:
            raise RuntimeError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
        if self._arr.device is devices.META:
            raise RuntimeError("Tensor.item() cannot be called on meta tensors")
        if self._arr.dtype is dtypes.complex32:
            a = cast_numpy(a, dtypes.complex64)
        v = a.reshape(())[()]
        return float(v) if self._arr.dtype.is_low else v.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        a = self._arr.np
        if self._arr.dtype is dtypes.complex32:
            a = cast_numpy(a, dtypes.complex64)
        return (a.astype(np.float32) if self._arr.dtype.is_low else a).tolist()

    def __bool__(self) -> bool:
        a = self._arr.np
        if a.size != 1:
            if a.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(a.reshape(())[()] if self._arr.device is not devices.META else self.item())

    def __float__(self) -> float:
        return float(self._real_item("double"))

    def __int__(self) -> int:
        return int(self._real_item("int64_t"))

    def _real_item(self, kind: str) -> Any:
        value = self.item()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
            return value.real
        return value

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._arr.np.size != 1 or self._arr.dtype.category > dtypes.INTEGRAL:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self._arr.shape:
            raise TypeError("len() of a 0-d tensor")
        return self._arr.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._arr.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, (Tensor, int, float, complex, bool)):
            return bool((element == self).any().item())
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
        )

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        if self.dim() == 0 and not self.is_meta:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        from ._tensor_str import tensor_str

        return tensor_str(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        raise MissingAPIError(
            f"'{type(self).__name__}' object has no attribute '{name}' (mindtorch has no torch.Tensor.{name}; "
            "docs/support.md lists what it has)"
        )

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *self.__dict__})

    # ---------------------------------------------------------------- graph
    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for leaves."""
        v = self._view
        if v is not None and v.version != self._vc[0]:
            self._refresh_view(v)
        return self._grad_fn

    def _refresh_view(self, v: ViewMeta) -> None:
        """The base (or another view) was written to in place: this view's history is now a window on the base's.

        Raises RuntimeError where the kind of view does not allow that.
        """
        if v.base.requires_grad:
            from .ops.complex import window
            from .ops.slices import as_strided_node
            from .tape.grad_mode import enable_grad
            from .tape.inplace import move_history, view_error

            if v.creation:
                raise RuntimeError(view_error(v.creation, indirect=True))
            a, b = self._arr, v.base._arr
            if a.dtype is b.dtype:
                move_history(self, (as_strided_node(v.base, a.shape, a.strides, a.offset), 0))
            else:
                with enable_grad():
                    edge = window(v.base, a.shape, a.strides, a.offset, a.dtype)._gradient_edge()
                assert edge is not None
                move_history(self, edge)
        v.version = self._vc[0]

    @property
    def requires_grad(self) -> bool:
        if self._requires_grad or self._grad_fn is not None:
            return True
        # A view requires grad with its base, even one that was made without recording and so has no history.
        return self._view is not None and self._view.base.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Whether a leaf's gradient is to be computed. Raises RuntimeError for non-leaves and integer tensors."""
        if not self.is_leaf:
            if requires_grad:
                return self
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._arr.dtype.category < dtypes.FLOATING:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        return self._output_nr

    @property
    def grad(self) -> Tensor | None:
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            self._grad = None
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value)}")
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.dtype is not self.dtype:
            raise RuntimeError(
                f"assigned grad has data of a different type: expected {self.type()} but got {value.type()}"
            )
        if value.device is not self.device:
            raise RuntimeError(
                f"assigned grad has data located on a different device: {value.device} instead of {self.device}"
            )
        if value.shape != self.shape:
            raise RuntimeError(
                f"assigned grad has data of a different size: {list(value.shape)} instead of {list(self.shape)}"
            )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory, outside the graph and with a version counter of its own."""
        out = wrap(self._arr)
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self.is_meta != value.is_meta:
            raise RuntimeError(
                "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor "
                "type."
            )
        if self._requires_grad and value._arr.dtype.category < dtypes.FLOATING:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._arr = value._arr

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    @property
    def _version(self) -> int:
        return self._vc[0]

    def _gradient_edge(self) -> Edge | None:
        fn = self.grad_fn
        if fn is not None:
            return fn, self._output_nr
        return (AccumulateGrad.of(self), 0) if self._requires_grad else None

    def _set_edge(self, edge: Edge | None) -> None:
        """Place this fresh tensor in the graph: at the output of a node, or as an alias of a leaf."""
        if edge is not None:
            self._grad_fn, self._output_nr = edge

    def detach(self) -> Tensor:
        """The same memory and version counter, outside the graph."""
        out = wrap(self._arr)
        out._vc = self._vc
        return out

    def detach_(self) -> Tensor:
        """Leave the graph. Raises RuntimeError for views."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._grad_fn, self._output_nr, self._requires_grad = None, 0, False
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate gradients into the leaves (see ``mindtorch.autograd.backward``)."""
        from .autograd import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Run ``hook(grad)`` when this tensor's gradient is there; a returned tensor replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        fn = self.grad_fn
        if fn is None:
            if self._hooks is None:
                self._hooks = OrderedDict()
            table = self._hooks
        else:
            table = fn.tensor_hooks(self._output_nr)
        handle = RemovableHandle(table)
        table[handle.id] = hook
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Run ``hook(self)`` after ``.grad`` has been accumulated. Leaves only."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._post_accumulate is None:
            self._post_accumulate = OrderedDict()
        handle = RemovableHandle(self._post_accumulate)
        self._post_accumulate[handle.id] = hook
        return handle

    def retain_grad(self) -> None:
        """Keep ``.grad`` of this non-leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        fn = self.grad_fn
        if fn is not None:
            fn.retain_grad(self._output_nr, self)

    @property
    def retains_grad(self) -> bool:
        fn = self.grad_fn
        return fn is not None and fn._retains is not None and self._output_nr in fn._retains

    @staticmethod
    def _make_subclass(cls: Any, data: Tensor, requires_grad: bool = False) -> Any:
        """A tensor of class `cls` over the memory of `data`, outside the graph."""
        out = wrap(data._arr, cls)
        if requires_grad:
            out.requires_grad_(True)
        return out

    def as_subclass(self, cls: Any) -> Any:
        """A view of this tensor with another class."""
        out = wrap(self._arr, cls)
        out._vc = self._vc
        out._set_edge(self._gradient_edge())
        return out

    # ---------------------------------------------------------------- copying and pickling
    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        from copy import deepcopy

        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment. If you were attempting to deepcopy a module, this may be because of a torch.nn.utils."
                "weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) in memo:
            return memo[id(self)]
        a = self._arr
        key = ("storage", id(a.storage))
        storage = memo.get(key)  # tensors that share memory share it after the copy, too
        if storage is None:
            if a.device is devices.META:
                storage = meta_array((a.storage.nbytes,), dtypes.uint8)
            else:
                storage = Array(a.storage.data.copy(), a.device)
            memo[key] = storage
        out = wrap(storage.as_strided(a.shape, a.strides, a.offset, a.dtype), type(self))
        out._arr.device = a.device
        memo[id(self)] = out
        out._requires_grad = self._requires_grad
        if self._grad is not None:
            out._grad = deepcopy(self._grad, memo)
        out.__dict__.update(deepcopy(self.__dict__, memo))
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        from .serialization.reduce import reduce_tensor

        return reduce_tensor(self)


def _wrap_dim(dim: int, ndim: int) -> int:
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim


def wrap(array: Array, cls: type[Tensor] = Tensor) -> Any:
    """A leaf tensor over an array, without copying."""
    t = _new(cls)
    t._arr = array
    t._vc = [0]
    t._requires_grad = False
    t._grad = t._grad_fn = t._view = t._hooks = t._post_accumulate = t._accumulator = None
    t._output_nr = 0
    return t


saved.wrap = wrap


def wrap_view(array: Array, of: Tensor, creation: str = "") -> Any:
    """A view tensor: shares the version counter, and the base (a base is never itself a view)."""
    t = wrap(array)
    t._vc = of._vc
    v = of._view
    if v is not None:
        base = v.base
        creation = creation or v.creation
    else:
        base = of
    if not creation and not mode.enabled:
        creation = "no_grad"
    t._view = ViewMeta(base, creation, of._vc[0])
    return t
