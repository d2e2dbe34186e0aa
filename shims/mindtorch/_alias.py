"""``import torch`` means mindtorch: for code that is not converted.

While the alias is installed, ``torch`` and every module below it are the very module objects of mindtorch, a PyTorch
that is installed beside it is out of sight, and ``importlib.metadata`` answers the API level for ``torch``. It belongs
to this process and to those forked from it; a new interpreter needs it installed again.
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


def _ours(name: str) -> str:
    return _OURS + name[len(_NAME) :]


class _Finder(MetaPathFinder, Loader):
    """Finds ``torch`` and ``torch.x``, and gives mindtorch's modules for them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _NAME and not fullname.startswith(_NAME + "."):
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
        """The distribution ``torch``, when it is asked for or all are."""
        if context is None or context.name is None or context.name.lower() == _NAME:
            yield _Distribution()


class _Distribution(Distribution):
    """What ``importlib.metadata`` says about ``torch``."""

    def read_text(self, filename: str) -> str | None:
        return {
            "METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {__version__}\n"
            "Summary: PyTorch's API on MindSpore, by mindtorch\n",
            "top_level.txt": "torch\n",
        }.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(f"{path}: the distribution torch is an alias of mindtorch and has no files")


class Alias:
    """The installed alias; a context manager that removes it at its end."""

    def __init__(self, finder: _Finder) -> None:
        self._finder = finder

    def remove(self) -> None:
        """Let ``torch`` be found as before. Names that code has already bound stay mindtorch's."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        for name in [n for n in sys.modules if n == _NAME or n.startswith(_NAME + ".")]:
            if sys.modules[name] is sys.modules.get(_ours(name)):
                del sys.modules[name]
        importlib.invalidate_caches()

    def __enter__(self) -> Alias:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def install_as_torch() -> Alias:
    """From now on ``import torch``, and ``import torch.anything``, import mindtorch. A second call changes nothing.

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
    for name in [n for n in sys.modules if n.startswith(_NAME + ".")]:
        raise RuntimeError(f"{name} is already imported: call mindtorch.install_as_torch() before")
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    return Alias(finder)
