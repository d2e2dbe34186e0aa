"""``torch.nn.Module``: the base class of everything that holds parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch._dtype import from_python_type
from mindtorch._tensor import Tensor
from mindtorch.nn.modules._backward_hook import BackwardHook
from mindtorch.nn.modules._hooks import (
    GLOBAL_HOOKS,
    HookMixin,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from mindtorch.nn.modules._registry import RegistryMixin
from mindtorch.nn.modules._state import EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX
from mindtorch.nn.modules._state import IncompatibleKeys as _IncompatibleKeys
from mindtorch.nn.modules._state import StateMixin
from mindtorch.nn.parameter import Parameter

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

__all__ += ["_EXTRA_STATE_KEY_SUFFIX", "_IncompatibleKeys"]


def _addindent(text: str, spaces: int) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line for line in rest)])


def parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Sort the arguments of ``to()``: (device, dtype, non_blocking, memory_format)."""
    rest = list(args)
    device = kwargs.pop("device", None)
    dtype = kwargs.pop("dtype", None)
    if rest and (isinstance(rest[0], Tensor) or "other" in kwargs):
        other = rest.pop(0)
        device, dtype = other.device, other.dtype
    elif "other" in kwargs:
        other = kwargs.pop("other")
        device, dtype = other.device, other.dtype
    else:
        if rest and (rest[0] is None or isinstance(rest[0], (str, int, torch.device))):
            device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], (torch.dtype, type))):
            dtype = rest.pop(0)
    if isinstance(dtype, type):
        dtype = from_python_type(dtype, "to")
    non_blocking = rest.pop(0) if rest else kwargs.pop("non_blocking", False)
    copy = rest.pop(0) if rest else kwargs.pop("copy", False)
    memory_format = kwargs.pop("memory_format", None)
    if copy:
        raise RuntimeError(".to() does not accept copy argument")
    if rest or kwargs:
        raise TypeError(f"to() received an invalid combination of arguments: {(*args, *kwargs)}")
    return None if device is None else torch.device(device), dtype, non_blocking, memory_format


def _forward_unimplemented(self: Any, *input: Any) -> None:
    """What a module without a ``forward`` of its own runs."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(RegistryMixin, StateMixin, HookMixin):
    """Base class of neural network modules: owns parameters, buffers and submodules assigned as attributes."""

    dump_patches: bool = False
    training: bool
    call_super_init: bool = False
    _compiled_call_impl: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        if not self.call_super_init and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        # Straight into __dict__: __setattr__ relies on these registries.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _backward_pre_hooks=OrderedDict(),
            _backward_hooks=OrderedDict(),
            _is_full_backward_hook=None,
            _forward_hooks=OrderedDict(),
            _forward_hooks_with_kwargs=OrderedDict(),
            _forward_hooks_always_called=OrderedDict(),
            _forward_pre_hooks=OrderedDict(),
            _forward_pre_hooks_with_kwargs=OrderedDict(),
            _state_dict_hooks=OrderedDict(),
            _state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_post_hooks=OrderedDict(),
            _modules={},
        )
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward: Callable[..., Any] = _forward_unimplemented

    # ------------------------------------------------------------------ calling

    def _backward_hook_lists(self) -> tuple[list[Any], list[Any], list[Any]]:
        """(full hooks, non-full hooks, pre-hooks), global ones first."""
        full: list[Any] = []
        non_full: list[Any] = []
        if GLOBAL_HOOKS.full is not None:
            (full if GLOBAL_HOOKS.full else non_full).extend(GLOBAL_HOOKS.backward.values())
        if self._is_full_backward_hook is not None:
            (full if self._is_full_backward_hook else non_full).extend(self._backward_hooks.values())
        return full, non_full, [*GLOBAL_HOOKS.backward_pre.values(), *self._backward_pre_hooks.values()]

    def _wrapped_call_impl(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        return self._call_impl(*args, **kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        hooks = GLOBAL_HOOKS
        if not (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or hooks.backward_pre
            or hooks.backward
            or hooks.forward
            or hooks.forward_pre
        ):
            return self.forward(*args, **kwargs)
        called: set[int] = set()
        state: dict[str, Any] = {"args": args, "kwargs": kwargs, "result": None}
        try:
            return self._call_with_hooks(state, called)
        except Exception:
            self._run_always_called_hooks(state, called)
            raise

    __call__: Callable[..., Any] = _wrapped_call_impl

    def _call_with_hooks(self, state: dict[str, Any], called: set[int]) -> Any:
        """Forward with all hooks; ``state`` and ``called`` tell the caller how far it came when something raises."""
        self._run_forward_pre_hooks(state)
        full, non_full, pre = self._backward_hook_lists()
        bw_hook = BackwardHook(self, full, pre) if full or pre else None
        if bw_hook is not None:
            state["args"] = bw_hook.setup_input_hook(state["args"])
        result = self.forward(*state["args"], **state["kwargs"])
        state["result"] = result
        own = self._forward_hooks_with_kwargs
        for hook_id, hook, with_kwargs in [
            *((i, h, i in GLOBAL_HOOKS.forward_with_kwargs) for i, h in GLOBAL_HOOKS.forward.items()),
            *((i, h, i in own) for i, h in self._forward_hooks.items()),
        ]:
            called.add(hook_id)
            extra = (state["args"], state["kwargs"]) if with_kwargs else (state["args"],)
            replaced = hook(self, *extra, state["result"])
            if replaced is not None:
                state["result"] = replaced
        if bw_hook is not None:
            if not isinstance(state["result"], (Tensor, tuple)):
                import warnings

                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                    f"but received {type(state['result'])}",
                    stacklevel=4,
                )
            state["result"] = bw_hook.setup_output_hook(state["result"])
        if non_full:
            self._install_non_full_hooks(non_full, state["args"], state["result"])
        return state["result"]

    def _run_forward_pre_hooks(self, state: dict[str, Any]) -> None:
        for hook_id, hook in [*GLOBAL_HOOKS.forward_pre.items(), *self._forward_pre_hooks.items()]:
            if hook_id in self._forward_pre_hooks_with_kwargs:
                replaced = hook(self, state["args"], state["kwargs"])
                if replaced is None:
                    continue
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                state["args"], state["kwargs"] = replaced
            else:
                replaced = hook(self, state["args"])
                if replaced is not None:
                    state["args"] = replaced if isinstance(replaced, tuple) else (replaced,)

    def _run_always_called_hooks(self, state: dict[str, Any], called: set[int]) -> None:
        """After an exception: the always_call hooks that did not run; their own errors only warn."""
        import warnings

        pending = [
            *(
                (hook, i in GLOBAL_HOOKS.forward_with_kwargs, "global module forward hook")
                for i, hook in GLOBAL_HOOKS.forward.items()
                if i in GLOBAL_HOOKS.forward_always_called and i not in called
            ),
            *(
                (hook, i in self._forward_hooks_with_kwargs, "module forward hook")
                for i, hook in self._forward_hooks.items()
                if i in self._forward_hooks_always_called and i not in called
            ),
        ]
        for hook, with_kwargs, kind in pending:
            extra = (state["args"], state["kwargs"]) if with_kwargs else (state["args"],)
            try:
                replaced = hook(self, *extra, state["result"])
                if replaced is not None:
                    state["result"] = replaced
            except Exception as error:
                warnings.warn(
                    f"{kind} with ``always_call=True`` raised an exception that was silenced as another error was "
                    f"raised in forward: {error}",
                    stacklevel=3,
                )

    def _install_non_full_hooks(self, hooks: list[Any], args: Any, result: Any) -> None:
        """The deprecated flavour: hooks on the node that made the (first) output."""
        var = result
        while not isinstance(var, Tensor):
            var = next(v for v in var.values() if isinstance(v, Tensor)) if isinstance(var, dict) else var[0]
        if var.grad_fn is None:
            return
        for hook in hooks:

            def node_hook(grad_input: Any, grad_output: Any, hook: Any = hook) -> Any:
                return hook(self, grad_input, grad_output)

            var.grad_fn.register_hook(node_hook)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Modules pickled by older versions lack the younger registries.
        for name in (
            "_forward_pre_hooks",
            "_forward_pre_hooks_with_kwargs",
            "_forward_hooks_with_kwargs",
            "_forward_hooks_always_called",
            "_state_dict_hooks",
            "_state_dict_pre_hooks",
            "_load_state_dict_pre_hooks",
            "_load_state_dict_post_hooks",
            "_backward_pre_hooks",
        ):
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    # ------------------------------------------------------------------ conversion

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Module:
        """Replace every parameter's, gradient's and buffer's data by ``fn`` of it; parameters keep their identity."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is None:
                continue
            with torch.no_grad():
                applied = fn(param)
            # Memory on "meta" and on a real device cannot be exchanged under the same tensor.
            swap_data = (
                param.is_meta == applied.is_meta and not torch.__future__.get_overwrite_module_params_on_conversion()
            )
            grad = param.grad
            if swap_data:
                param.data = applied
                target = param
            else:
                target = Parameter(applied, param.requires_grad)
                self._parameters[name] = target
            if grad is not None:
                with torch.no_grad():
                    grad_applied = fn(grad)
                if swap_data:
                    target.grad = None
                    grad.data = grad_applied
                    target.grad = grad
                else:
                    target.grad = grad_applied.requires_grad_(grad.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def apply(self, fn: Callable[[Module], None]) -> Module:
        """Call ``fn`` on every submodule, children first, then on the module itself."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Module:
        """Move and/or cast parameters and buffers: ``to(device, dtype)``, ``to(dtype)``, ``to(tensor)``.

        Only floating point and complex tensors are cast.
        """
        device, dtype, non_blocking, memory_format = parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(t: Tensor) -> Tensor:
            new_dtype = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, new_dtype, non_blocking, memory_format=memory_format)
            try:
                return t.to(device, new_dtype, non_blocking)
            except NotImplementedError as error:
                if str(error) == "Cannot copy out of meta tensor; no data!":
                    raise NotImplementedError(
                        f"{error} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() "
                        "when moving module from meta to a different device."
                    ) from None
                raise

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Module:
        """Move to ``device`` without copying: the values are undefined afterwards."""
        return self._apply(lambda t: torch.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device: Any = None) -> Module:
        """Move to the accelerator."""
        return self._apply(lambda t: t.cuda(device))

    npu = cuda

    def cpu(self) -> Module:
        """Move to the CPU."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type: Any) -> Module:
        """Cast every parameter and buffer, integers too."""
        return self._apply(lambda t: t.type(dst_type))

    def _cast_floating(self, dtype: Any) -> Module:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Module:
        """Cast floating point parameters and buffers to float32."""
        return self._cast_floating(torch.float32)

    def double(self) -> Module:
        """Cast floating point parameters and buffers to float64."""
        return self._cast_floating(torch.float64)

    def half(self) -> Module:
        """Cast floating point parameters and buffers to float16."""
        return self._cast_floating(torch.float16)

    def bfloat16(self) -> Module:
        """Cast floating point parameters and buffers to bfloat16."""
        return self._cast_floating(torch.bfloat16)

    def share_memory(self) -> Module:
        """Move parameters and buffers to shared memory."""
        return self._apply(lambda t: t.share_memory_())

    # ------------------------------------------------------------------ modes

    def train(self, mode: bool = True) -> Module:
        """Set training mode (dropout and the like) here and below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Set ``requires_grad`` of every parameter."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop (or zero) every parameter's gradient."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
                continue
            if param.grad.grad_fn is not None:
                param.grad.detach_()
            else:
                param.grad.requires_grad_(False)
            param.grad.zero_()

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accepted and without effect: there is no graph compiler, the module runs eagerly."""

    # ------------------------------------------------------------------ printing

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """Override: what ``repr`` prints between the parentheses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({key}): {_addindent(repr(module), 2)}" for key, module in self._modules.items()]
        lines = extra_lines + child_lines
        if not lines:
            return self._get_name() + "()"
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra_lines[0]})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"

    def _replicate_for_data_parallel(self) -> Module:
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica._parameters = {}
        replica._buffers = replica._buffers.copy()
        replica._modules = replica._modules.copy()
        replica._is_replica = True
        return replica
