"""``torch.utils.checkpoint``: activations recomputed in the backward instead of kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.autograd.function import Function
from mindtorch.tape.saved import saved_tensors_hooks


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs outside the graph, leaves where they required grad."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: " + type(inputs).__name__
        )
    return tuple(t.detach().requires_grad_(t.requires_grad) if isinstance(t, Tensor) else t for t in inputs)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn when no input requires grad."""
    if not any(isinstance(t, Tensor) and t.requires_grad for t in inputs):
        import warnings

        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The devices of the tensor arguments and the states of their generators."""
    indices = sorted({a.get_device() for a in args if isinstance(a, Tensor) and a.is_cuda})
    return indices, [torch.cuda.get_rng_state(i) for i in indices]


def set_device_states(devices: list[int], states: list[Tensor], *, device_type: str | None = None) -> None:
    """Set the states that ``get_device_states`` gave."""
    for i, state in zip(devices, states, strict=True):
        torch.cuda.set_rng_state(state, i)


class _RandomState:
    """The generators' states at the forward, set again while it is recomputed."""

    def __init__(self, preserve: bool, args: tuple[Any, ...]) -> None:
        self.preserve = preserve
        if preserve:
            self.cpu = torch.get_rng_state()
            self.devices, self.states = get_device_states(*args)

    @contextlib.contextmanager
    def restored(self) -> Any:
        if not self.preserve:
            yield
            return
        with torch.random.fork_rng(devices=self.devices):
            torch.set_rng_state(self.cpu)
            set_device_states(self.devices, self.states)
            yield


class CheckpointFunction(Function):
    """The re-entrant variant: the backward runs the forward again, and a backward through that."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random = _RandomState(preserve_rng_state, args)
        ctx.inputs = [None if isinstance(a, Tensor) else a for a in args]
        ctx.tensor_places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.tensor_places])
        with torch.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if not torch.autograd._is_checkpoint_valid():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        inputs = list(ctx.inputs)
        for place, t in zip(ctx.tensor_places, ctx.saved_tensors, strict=True):
            inputs[place] = t
        with ctx.random.restored():
            detached = detach_variable(tuple(inputs))
            with torch.enable_grad():
                outputs = ctx.run_function(*detached)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        pairs = [
            (o, g) for o, g in zip(outputs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        torch.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(t.grad if isinstance(t, Tensor) else None for t in detached))


class CheckpointError(RuntimeError):
    """The recomputation did not save the tensors that the forward saved."""


class _Frame:
    """One checkpointed region: how to run it again, and what that saved."""

    def __init__(self, recompute: Callable[[], None]) -> None:
        self.recompute = recompute
        self.count = 0
        self.saved: list[Tensor] | None = None

    def unpack(self, place: int) -> Tensor:
        if self.saved is None:
            self.saved = []
            saved = self.saved

            def keep(t: Tensor) -> Tensor:
                saved.append(t)
                return t

            with saved_tensors_hooks(keep, lambda t: t), torch.enable_grad():
                self.recompute()
            if len(saved) != self.count:
                raise CheckpointError(
                    "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                    f"recomputation.\nNumber of tensors saved during forward: {self.count}\nNumber of tensors saved "
                    f"during recomputation: {len(saved)}."
                )
        return self.saved[place]


def _without_reentry(
    function: Callable[..., Any], preserve: bool, context_fn: Callable[[], Any] | None, args: Any, kwargs: Any
) -> Any:
    forward_context, recompute_context = (
        (contextlib.nullcontext(), contextlib.nullcontext()) if context_fn is None else context_fn()
    )
    state = _RandomState(preserve, (*args, *kwargs.values()))

    def recompute() -> None:
        with state.restored(), recompute_context:
            function(*args, **kwargs)

    frame = _Frame(recompute)

    def pack(t: Tensor) -> int:
        frame.count += 1
        return frame.count - 1

    with saved_tensors_hooks(pack, frame.unpack), forward_context:
        return function(*args, **kwargs)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Any] | None = None,
    determinism_check: str = "default",
    debug: bool = False,
    **kwargs: Any,
) -> Any:
    """Run `function` without keeping its activations; the backward computes them again, from the same random state."""
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant is None:
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not None or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    return _without_reentry(function, preserve, context_fn, args, kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run a sequence of functions (or an ``nn.Sequential``) in `segments` parts, each but the last a checkpoint."""
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def part(start: int, stop: int) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            for step in steps[start:stop]:
                value = step(value)
            return value

        return run

    size = len(steps) // segments
    for i in range(segments - 1):
        run = part(i * size, (i + 1) * size)
        input = checkpoint(run, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(size * (segments - 1), len(steps))(input)
