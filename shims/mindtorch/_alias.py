"""``import torch`` means mindtorch: for code that is not converted.

While the alias is installed, ``torch`` and every module below it are the very module objects of mindtorch, a PyTorch
that is installed beside it is out of sight, and ``importlib.metadata`` answers the API level for ``torch``. The same
holds for the packages built on PyTorch that mindtorch_shims has stand-ins for, as it does for converted code. It
belongs to this process and to those forked from it; a new interpreter needs it installed again.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from types import ModuleType
from typing import Any

from .version import __version__

__all__ = ["Alias", "install_as_torch"]

_NAME, _OURS = "torch", "mindtorch"

# What stands for which top-level module.
_MODULES = {_NAME: _OURS} | {
    name: f"mindtorch_shims.{name}"
    for name in (
        "amp_C", "apex", "fused_weight_gradient_mlp_cuda", "scaled_masked_softmax_cuda", "scaled_softmax_cuda",
        "scaled_upper_triang_masked_softmax_cuda", "transformer_engine", "transformer_engine_torch",
    )
}  # fmt: skip

# The versions of the distributions whose interfaces these are; apex has had no other.
_VERSIONS = {"torch": __version__, "apex": "0.1", "transformer-engine": "2.2.0"}


def _ours(name: str) -> str:
    root, dot, below = name.partition(".")
    return _MODULES[root] + dot + below


class _Finder(MetaPathFinder, Loader):
    """Finds ``torch`` and ``torch.x``, and gives mindtorch's modules for them; so for the packages with stand-ins."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _MODULES:
            return None
        name = _ours(fullname)
        # Asking for a module imports the packages above it, and nothing else.
        found = sys.modules[name].__spec__ if name in sys.modules else importlib.util.find_spec(name)
        if found is None:
            return None
        spec = ModuleSpec(fullname, self, origin=found.origin, is_package=found.submodule_search_locations is not None)
        if found.submodule_search_locations is not None:
            spec.submodule_search_locations = list(found.submodule_search_locations)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_ours(spec.name))
        # The import system now writes the spec of the other name into the module.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterator[Distribution]:
        """The distributions whose modules are found, those that are asked for."""
        wanted = None if context is None or context.name is None else context.name.lower().replace("_", "-")
        for name in _VERSIONS:
            if wanted in (None, name):
                yield _Distribution(name)


class _Distribution(Distribution):
    """What ``importlib.metadata`` says about a distribution that is none."""

    def __init__(self, name: str) -> None:
        self._alias = name

    def read_text(self, filename: str) -> str | None:
        return {
            "METADATA": f"Metadata-Version: 2.1\nName: {self._alias}\nVersion: {_VERSIONS[self._alias]}\n"
            f"Summary: the interface of {self._alias} on MindSpore, by mindtorch\n",
            "top_level.txt": self._alias.replace("-", "_") + "\n",
        }.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(f"{path}: the distribution {self._alias} is an alias of mindtorch and has no files")


class Alias:
    """The installed alias; a context manager that removes it at its end."""

    def __init__(self, finder: _Finder) -> None:
        self._finder = finder

    def remove(self) -> None:
        """Let ``torch`` and the others be found as before. Names that code has already bound stay mindtorch's."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        for name in [n for n in sys.modules if n.partition(".")[0] in _MODULES]:
            if sys.modules[name] is sys.modules.get(_ours(name)):
                del sys.modules[name]
        importlib.invalidate_caches()

    def __enter__(self) -> Alias:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def install_as_torch() -> Alias:
    """From now on ``import torch``, and ``import torch.anything``, import mindtorch. A second call changes nothing.

    ``import apex`` and ``import transformer_engine``, with their extension modules, import the stand-ins.
    Raises RuntimeError when PyTorch itself has been imported in this process: what holds its objects would go on with
    them, and the two do not mix. Returns the alias, whose ``remove()`` undoes this.
    """
    for finder in sys.meta_path:
        if isinstance(finder, _Finder):
            return Alias(finder)
    loaded = sys.modules.get(_NAME)
    if loaded is not None and loaded is not sys.modules[_OURS]:
        raise RuntimeError(
            f"PyTorch is already imported, from {getattr(loaded, '__file__', 'an unknown place')}: call "
            "mindtorch.install_as_torch() before the first `import torch`, or start with `python -m mindtorch`"
        )
    for name in [n for n in sys.modules if n != _NAME and n.partition(".")[0] in _MODULES]:
        raise RuntimeError(f"{name} is already imported: call mindtorch.install_as_torch() before")
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    return Alias(finder)
