"""What PyTorch asks NVIDIA's libraries: there are none for this device, and using a name raises."""

from __future__ import annotations

from .._unsupported import unsupported_function

_HINT = "npu-smi shows it on the command line"

utilization = unsupported_function("torch.cuda.utilization", _HINT)
memory_usage = unsupported_function("torch.cuda.memory_usage", _HINT)
device_memory_used = unsupported_function("torch.cuda.device_memory_used", _HINT)
temperature = unsupported_function("torch.cuda.temperature", _HINT)
power_draw = unsupported_function("torch.cuda.power_draw", _HINT)
clock_rate = unsupported_function("torch.cuda.clock_rate", _HINT)
list_gpu_processes = unsupported_function("torch.cuda.list_gpu_processes", _HINT)
cudart = unsupported_function("torch.cuda.cudart", "there is no CUDA runtime")
current_blas_handle = unsupported_function("torch.cuda.current_blas_handle", "there is no cuBLAS")
