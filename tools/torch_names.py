"""Write tools/torch_names.json: PyTorch's public names at mindtorch's level, and the databases that test them.

    python tools/torch_names.py TREE

It runs with the PyTorch that the tests compare with, which is newer. TREE is an unpacked wheel of the level's release
(any platform's); names that it does not have came later and are left out. The list is data that is kept, so that the
pages made from it depend on no installed version.
"""

from __future__ import annotations

import importlib
import inspect
import json
import multiprocessing
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAMES = Path(__file__).with_suffix(".json")
sys.path.insert(0, str(ROOT / "tests" / "parity"))

import torch  # noqa: E402

LEFT_OUT = re.compile(r"torch\.(testing\._internal|utils\.benchmark\.examples|contrib|distributed\.run|.*\.__main__)\b")
C_SOURCES = ("_C/_VariableFunctions.pyi", "_C/__init__.pyi", "_C/_nn.pyi", "_torch_docs.py", "_tensor_docs.py")
"""Where the names are that PyTorch makes in C++."""


def modules() -> Iterator[ModuleType]:
    """Every public module of PyTorch that can be imported here."""
    yield torch
    for info in pkgutil.walk_packages(torch.__path__, "torch.", onerror=lambda name: None):
        if LEFT_OUT.match(info.name) or any(part.startswith("_") for part in info.name.split(".")):
            continue
        try:
            yield importlib.import_module(info.name)
        except (ImportError, RuntimeError, AttributeError, AssertionError) as error:
            print(f"{info.name} is left out: {error}", file=sys.stderr)


def offered(module: ModuleType) -> dict[str, Any]:
    """What a module lists; without a list, what it defines, and the functions of PyTorch's C++ part that it names."""
    found = {n: v for n, v in vars(module).items() if not n.startswith("_") and not inspect.ismodule(v)}
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return {n: getattr(module, n) for n in listed if not n.startswith("_") and hasattr(module, n)}
    return {n: v for n, v in found.items() if home(v) == module.__name__ or isinstance(v, BuiltinFunctionType)}


def home(value: Any) -> str:
    return getattr(value, "__module__", None) or ""


def above(module: ModuleType) -> Iterator[ModuleType]:
    name = module.__name__
    while "." in name:
        name = name.rpartition(".")[0]
        yield sys.modules[name]


@cache
def words(path: Path) -> frozenset[str]:
    """The identifiers of the sources at a path (a file, or everything in a directory)."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.suffix in (".py", ".pyi")]
    return frozenset(word for file in files for word in re.findall(r"\w+", file.read_text(errors="replace")))


def was_there(tree: Path, module: str, name: str) -> bool:
    """Whether the release in `tree` has a name of a module."""
    base = tree.joinpath(*module.split("."))
    if module == "torch.multiprocessing" and hasattr(multiprocessing, name):  # it passes on what Python's has
        return True
    if module in ("torch", "torch.Tensor"):
        places = [tree / "torch" / source for source in (*C_SOURCES, "__init__.py", "functional.py", "_tensor.py")]
        places += [tree / "torch" / "autograd", tree / "torch" / "serialization.py", tree / "torch" / "storage.py"]
    elif module == "torch.nn.functional":
        places = [base.with_suffix(".py"), tree / "torch" / "_C" / "_nn.pyi", tree / "torch" / "_C" / "__init__.pyi"]
    elif module == "torch.return_types":
        places = [tree / "torch" / "return_types.pyi"]
    else:
        places = [base if base.is_dir() else base.with_suffix(".py")]
    return any(name in words(place) for place in places if place.exists())


def public_names(tree: Path) -> dict[str, list[str]]:
    """By module (and for ``torch.Tensor``) the names; one that a package above offers too is told there."""
    found = list(modules())
    table: dict[str, set[str]] = {"torch.Tensor": {n for n in dir(torch.Tensor) if not n.startswith("_")}}
    given = {module.__name__: offered(module) for module in found}
    for module in found:
        for name, value in given[module.__name__].items():
            higher = [parent for parent in above(module) if vars(parent).get(name, table) is value]
            for parent in higher:
                if "__all__" not in vars(parent):
                    table.setdefault(parent.__name__, set()).add(name)
            if not higher:
                table.setdefault(module.__name__, set()).add(name)
    kept = {}
    for module_name, names in sorted(table.items()):
        there = sorted(name for name in names if was_there(tree, module_name, name))
        later = sorted(names.difference(there))
        if later:
            print(f"{module_name}: later than the level: {' '.join(later)}", file=sys.stderr)
        if there:
            kept[module_name] = there
    return kept


def operators() -> dict[str, str]:
    """For every function and method that the operator database tests, its entry there."""
    import checks
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, str] = {}
    for entry in checks.applicable(op_db):
        for variant in (entry, *entry.aliases):
            methods = [getattr(variant, kind, None) for kind in ("method_variant", "inplace_variant")]
            names = [f"torch.{variant.name}", *(f"torch.Tensor.{getattr(m, '__name__', '')}" for m in methods if m)]
            for name in (*names, f"torch.Tensor.{variant.name}"):
                if reachable(name):
                    found.setdefault(name, entry.name)
    return dict(sorted(found.items()))


def reachable(name: str) -> bool:
    """Whether a dotted name of PyTorch is a function or a method."""
    value: Any = torch
    for part in name.split(".")[1:]:
        value = getattr(value, part, None)
    return callable(value)  # there are dtypes called as the conversions to them


def module_entries() -> dict[str, str]:
    """For every class that the module database tests, its entry there."""
    from torch.testing._internal.common_modules import module_db

    return {f"torch.{info.name}": info.name for info in module_db}


def optimizers() -> dict[str, str]:
    """For every class that the optimizer database tests, its entry there."""
    from torch.testing._internal.common_optimizers import optim_db

    return {f"torch.optim.{info.optim_cls.__name__}": info.optim_cls.__name__ for info in optim_db}


def main() -> int:
    warnings.simplefilter("ignore")
    tree = Path(sys.argv[1])
    version = re.search(r"__version__ = '(\d+\.\d+)", (tree / "torch" / "version.py").read_text())
    assert version is not None
    data = {
        "level": version[1],
        "names": {module: " ".join(names) for module, names in public_names(tree).items()},
        "operators": operators(),
        "modules": module_entries(),
        "optimizers": optimizers(),
    }
    NAMES.write_text(json.dumps(data, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
