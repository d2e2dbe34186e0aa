"""``torch.utils.cpp_extension``: where the CUDA toolkit is; building extensions is refused.

Extensions written for PyTorch are compiled against its C++ classes. There are none to compile against: whatever
builds one raises ``NotImplementedError``, so that packages that try and fall back to Python do so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from mindtorch._support import missing_attribute
from mindtorch._unsupported import raise_unsupported, unsupported

__all__ = [
    "CUDA_HOME", "BuildExtension", "CUDAExtension", "CppExtension", "check_compiler_is_gcc", "get_cxx_compiler",
    "get_default_build_root", "include_paths", "is_ninja_available", "library_paths", "load", "load_inline",
    "verify_ninja_availability",
]  # fmt: skip

_HINT = "there is no PyTorch C++ library to compile against; write it with supported operators"


def _find_cuda_home() -> str | None:
    """CUDA_HOME, CUDA_PATH, the folder above nvcc's, /usr/local/cuda: the first that is there."""
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if named:
        return named
    nvcc = shutil.which("nvcc")
    if nvcc:
        return str(Path(nvcc).parent.parent)
    usual = Path("/usr/local/cuda")
    return str(usual) if usual.exists() else None


CUDA_HOME: str | None = _find_cuda_home()
"""Folder of the CUDA toolkit, or None."""

ROCM_HOME: str | None = None
CUDNN_HOME: str | None = os.environ.get("CUDNN_HOME") or os.environ.get("CUDNN_PATH")
SYCL_HOME: str | None = os.environ.get("SYCL_HOME")
IS_HIP_EXTENSION = False
IS_WINDOWS = sys.platform == "win32"
IS_LINUX = sys.platform.startswith("linux")
IS_MACOS = sys.platform.startswith("darwin")

BuildExtension = unsupported("torch.utils.cpp_extension.BuildExtension", _HINT)


def CppExtension(name: str, sources: list[str], *args: object, **kwargs: object) -> NoReturn:
    """Raise ``NotImplementedError``: the extension could not be built."""
    raise_unsupported("torch.utils.cpp_extension.CppExtension", _HINT)


def CUDAExtension(name: str, sources: list[str], *args: object, **kwargs: object) -> NoReturn:
    """Raise ``NotImplementedError``: the extension could not be built."""
    raise_unsupported("torch.utils.cpp_extension.CUDAExtension", _HINT)


def load(name: str, sources: str | list[str], *args: object, **kwargs: object) -> NoReturn:
    """Raise ``NotImplementedError``: the extension could not be built."""
    raise_unsupported("torch.utils.cpp_extension.load", _HINT)


def load_inline(name: str, cpp_sources: str | list[str], *args: object, **kwargs: object) -> NoReturn:
    """Raise ``NotImplementedError``: the extension could not be built."""
    raise_unsupported("torch.utils.cpp_extension.load_inline", _HINT)


def include_paths(device_type: str = "cpu", *args: object) -> NoReturn:
    """Raise ``NotImplementedError``: there are no headers of PyTorch's."""
    raise_unsupported("torch.utils.cpp_extension.include_paths", _HINT)


def library_paths(device_type: str = "cpu", *args: object) -> NoReturn:
    """Raise ``NotImplementedError``: there are no libraries of PyTorch's."""
    raise_unsupported("torch.utils.cpp_extension.library_paths", _HINT)


def get_default_build_root() -> str:
    """Where extensions would be built: ``torch_extensions`` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return os.path.realpath(os.path.join(cache, "torch_extensions"))


def get_cxx_compiler() -> str:
    """The C++ compiler: the environment's CXX, else the platform's usual one."""
    return os.environ.get("CXX", "cl" if IS_WINDOWS else "c++")


def check_compiler_is_gcc(compiler: str) -> bool:
    """Whether ``compiler`` says that it is GCC."""
    try:
        text = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return "Free Software Foundation" in text


def is_ninja_available() -> bool:
    """Whether the ``ninja`` build tool can be started."""
    return shutil.which("ninja") is not None


def verify_ninja_availability() -> None:
    """Raise ``RuntimeError`` unless ``ninja`` can be started."""
    if not is_ninja_available():
        raise RuntimeError("Ninja is required to load C++ extensions (pip install ninja to get it)")


def __getattr__(name: str) -> object:
    raise missing_attribute(__name__, name)
