"""Lets megatron.core, which asks for CUDA devices by name, run under PyTorch's CPU build.

Every request for a 'cuda' device is served on the CPU, and torch.cuda's generator is the CPU's. Under a torch that has
the device (a GPU, or mindtorch with MINDTORCH_CUDA_ALIAS=1) nothing of this is wanted.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


def _on_cpu(device: Any) -> Any:
    return "cpu" if str(device).startswith("cuda") else device


class _CudaNamesOnCpu(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if "device" in kwargs:
            kwargs["device"] = _on_cpu(kwargs["device"])
        if func is torch.Tensor.cuda:
            return args[0]
        if func is torch.Tensor.to:
            args = (args[0], *(_on_cpu(a) if isinstance(a, (str, torch.device)) else a for a in args[1:]))
        if func == torch.Tensor.is_cuda.__get__:  # asked before sizes are taken to the host as an array
            return True
        out = func(*args, **kwargs)
        if func is torch.Tensor.type and isinstance(out, str):
            return out.replace("torch.", "torch.cuda.", 1)  # Megatron's optimizer looks for the CUDA type names
        return out


class _Stream:
    """The only one: everything is done in the order of the program."""

    def synchronize(self) -> None:
        """Nothing to wait for."""


class _Generators:
    def __getitem__(self, index: int) -> torch.Generator:
        return torch.default_generator


def install() -> None:
    """Serve CUDA names on the CPU for the rest of the process."""
    cuda: Any = torch.cuda
    cuda.current_device = lambda: torch.device("cpu")
    cuda.device_count = lambda: 1
    cuda.set_device = lambda device: None
    cuda.get_rng_state = cuda.random.get_rng_state = lambda device=None: torch.get_rng_state()
    cuda.set_rng_state = cuda.random.set_rng_state = lambda state, device=None: torch.set_rng_state(state)
    cuda.manual_seed = cuda.manual_seed_all = lambda seed: torch.default_generator.manual_seed(seed)
    cuda._lazy_call = lambda fn, **kwargs: fn()
    cuda.default_generators = _Generators()
    stream = _Stream()
    cuda.Stream = cuda.current_stream = lambda device=None: stream
    cuda.stream = lambda stream: contextlib.nullcontext()
    _CudaNamesOnCpu().__enter__()
