"""What PyTorch asks NVIDIA's libraries about the device: temperature, power, load, clock.

Where the CPU serves as 'cuda', the kernel's files under /proc and /sys tell; what the host does not measure is 0. On an
NPU the functions raise: npu-smi shows these figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import _device as devices
from .._unsupported import raise_unsupported, unsupported_function

_HINT = "npu-smi shows it on the command line"
_CLASSES = Path("/sys/class")
_PROCESSOR = Path("/proc")

memory_usage = unsupported_function("torch.cuda.memory_usage", _HINT)
device_memory_used = unsupported_function("torch.cuda.device_memory_used", _HINT)
list_gpu_processes = unsupported_function("torch.cuda.list_gpu_processes", _HINT)
cudart = unsupported_function("torch.cuda.cudart", "there is no CUDA runtime")
current_blas_handle = unsupported_function("torch.cuda.current_blas_handle", "there is no cuBLAS")


def _on_cpu_only(name: str) -> None:
    if devices.has_npu() or not devices.cuda_alias():
        raise_unsupported(f"torch.cuda.{name}", _HINT)


def _readings(pattern: str) -> list[int]:
    """The numbers in the files of sensors; those that cannot be read are left out."""
    found = []
    for path in sorted(_CLASSES.glob(pattern)):
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # a sensor that is asleep, or not for this user
            continue
    return found


def temperature(device: Any = None) -> int:
    """Degrees Celsius of the hottest sensor of the host."""
    _on_cpu_only("temperature")
    return max(_readings("thermal/thermal_zone*/temp"), default=0) // 1000


def power_draw(device: Any = None) -> int:
    """Milliwatts, of all power sensors of the host together."""
    _on_cpu_only("power_draw")
    return sum(_readings("hwmon/hwmon*/power1_average")) // 1000


def clock_rate(device: Any = None) -> int:
    """MHz, the mean of all cores."""
    _on_cpu_only("clock_rate")
    lines = (_PROCESSOR / "cpuinfo").read_text().splitlines() if (_PROCESSOR / "cpuinfo").exists() else []
    rates = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return round(sum(rates) / len(rates)) if rates else 0


class _Load:
    """Busy and all time of the processors (in ticks) when they were last asked for."""

    busy = 0
    total = 0


def utilization(device: Any = None) -> int:
    """Percent of the time since the last call (at first: since the host started) that the processors were busy."""
    _on_cpu_only("utilization")
    if not (_PROCESSOR / "stat").exists():
        return 0
    # user nice system idle iowait ...
    ticks = [int(n) for n in (_PROCESSOR / "stat").read_text().partition("\n")[0].split()[1:9]]
    total = sum(ticks)
    busy = total - ticks[3] - ticks[4]
    passed, worked = total - _Load.total, busy - _Load.busy
    _Load.total, _Load.busy = total, busy
    return round(100 * worked / passed) if passed > 0 else 0
