"""The support table of mindtorch as data: what every dotted name of PyTorch's API is in mindtorch.

The converter's coverage report reads it without importing mindtorch. Its form is told in docs/report.md.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from abc import ABC, ABCMeta
from functools import cache
from types import ModuleType
from typing import Any, Generic, Protocol

import mindtorch
from api_support import tiers
from mindtorch._unsupported import unsupported, unsupported_function
from mindtorch.nn import functional

TABLE_VERSION = 1
LEVEL = "2.7"

OWN = frozenset({"kernels", "ops", "settings", "tape"})
"""Modules of mindtorch's machinery, which PyTorch does not have: torch.ops is something else in PyTorch."""

PRIVATE = frozenset({
    "_C", "_C._distributed_c10d", "_dynamo", "_tensor", "_tensor_str", "_utils", "distributed._composable",
    "distributed._composable.fsdp", "distributed._functional_collectives", "distributed._shard",
    "distributed._shard._utils", "distributed._shard.metadata", "distributed._shard.sharded_tensor",
    "distributed._shard.sharded_tensor.api", "distributed._shard.sharded_tensor.metadata",
    "distributed._shard.sharded_tensor.shard", "distributed._tensor", "distributed.checkpoint._dedup_save_plans",
    "distributed.checkpoint._extension", "distributed.checkpoint._nested_dict",
    "distributed.checkpoint._sharded_tensor_utils", "distributed.checkpoint._storage_utils",
    "distributed.checkpoint._traverse", "optim._adafactor", "optim._muon", "testing._comparison", "testing._creation",
    "utils._python_dispatch", "utils._pytree", "utils.data._utils", "utils.data._utils.collate",
    "utils.data._utils.fetch", "utils.data._utils.worker",
})  # fmt: skip
"""The private modules that PyTorch has too. Others below mindtorch are its own affair and not in the table."""

PASSED_ON = frozenset({"mindtorch.multiprocessing"})
"""Modules that offer what the standard library's modules have."""

HELPERS = frozenset({"mindtorch._support", "mindtorch._unsupported"})
"""Modules whose functions others import to say that something is missing."""


def placeholder_hint(value: Any) -> str | None:
    """The way round of a name that only stands there to say that it is not supported; None for any other name.

    A module of ``torch.nn`` is such a name if its forward calls a function that is missing.
    """
    if inspect.isfunction(value):
        if value.__code__ is not unsupported_function("").__code__:
            return None
        return str(inspect.getclosurevars(value).nonlocals["hint"])
    if isinstance(value, type) and issubclass(value, mindtorch.nn.Module):
        called = re.findall(r"\bF\.(\w+)", inspect.getsource(value.forward))
        missing = sorted({f"torch.nn.functional.{name}" for name in called if not hasattr(functional, name)})
        return f"{', '.join(missing)} is missing" if missing else None
    return str(value._unsupported_hint) if isinstance(value, type(unsupported(""))) else None


def modules() -> dict[str, ModuleType]:
    """Every module that PyTorch has too, by the name that it is imported with."""
    names = ["mindtorch"]
    for info in pkgutil.walk_packages(mindtorch.__path__, "mindtorch."):
        name = info.name.removeprefix("mindtorch.")
        private = any(re.match("_(?!_)", part) for part in name.split("."))
        if name.partition(".")[0] not in OWN and (name in PRIVATE or not private):
            names.append(info.name)
    return {name: importlib.import_module(name) for name in sorted(names)}


@cache
def support_table() -> str:
    """``support.json``: one line for each module and class, so that changes to it can be read; then the tiers."""
    found = modules()
    paths = class_paths(found)
    table = {torch_name(name): entry(module, found, paths) for name, module in found.items()}
    classes = {path: class_entry(cls, paths) for cls, path in paths.items()}
    head = {"version": TABLE_VERSION, "package": "mindtorch", "api": "torch", "level": LEVEL}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    parts: dict[str, dict[str, Any]] = {"modules": table, "classes": classes}
    parts["tiers"] = tiers({**head, **parts})
    for key, part in parts.items():
        rows = (f"  {json.dumps(name)}: {json.dumps(row, sort_keys=True)}" for name, row in sorted(part.items()))
        lines.append(f" {json.dumps(key)}: {{\n" + ",\n".join(rows) + "\n }" + ("," if key != "tiers" else ""))
    return "{\n" + "\n".join(lines) + "\n}\n"


def torch_name(name: str) -> str:
    return name.replace("mindtorch", "torch", 1)


def class_paths(found: dict[str, ModuleType]) -> dict[type, str]:
    """For every class of mindtorch that a module offers, the shortest public name that it can be reached by."""
    names: dict[type, list[str]] = {}
    for module_name, module in found.items():
        for name, value in offered(module).items():
            ours = isinstance(value, type) and value.__module__.partition(".")[0] == "mindtorch"
            if ours and placeholder_hint(value) is None:
                names.setdefault(value, []).append(f"{torch_name(module_name)}.{name}")
    return {cls: min(paths, key=lambda path: ("._" in path, len(path), path)) for cls, paths in names.items()}


def offered(module: ModuleType) -> dict[str, Any]:
    """What can be taken from a module, without the modules and what it took from outside mindtorch for itself."""
    listed = getattr(module, "__all__", ())
    names: dict[str, Any] = {}
    for name, value in vars(module).items():
        if inspect.ismodule(value) or name == "annotations" or (name.startswith("__") and name != "__version__"):
            continue  # every module has the other dunders
        home = getattr(value, "__module__", None) or "mindtorch"
        if home in HELPERS and placeholder_hint(value) is None:
            continue
        ours = home.partition(".")[0] == "mindtorch" or getattr(value, "__name__", "") != name
        if ours or name in listed or module.__name__ in PASSED_ON:
            names[name] = value
    return names


def entry(module: ModuleType, found: dict[str, ModuleType], paths: dict[type, str]) -> dict[str, Any]:
    """One module: its names, its classes with their names in the list of classes, its placeholders with the hint.

    ``modules`` are those that it gives names of their own to: ``torch.npu`` is ``torch.cuda``.
    """
    row: dict[str, Any] = {"names": [], "classes": {}, "placeholders": {}, "modules": {}}
    for name, value in offered(module).items():
        hint = placeholder_hint(value)
        if hint is not None:
            row["placeholders"][name] = hint
        elif isinstance(value, type) and value in paths:
            row["classes"][name] = paths[value]
        else:
            row["names"].append(name)
    for name, value in vars(module).items():
        if inspect.ismodule(value) and value.__name__ in found and value.__name__ != f"{module.__name__}.{name}":
            row["modules"][name] = torch_name(value.__name__)
    row["names"] = " ".join(sorted(row["names"]))
    return {key: value for key, value in row.items() if value}


def class_entry(cls: type, paths: dict[type, str]) -> dict[str, Any]:
    """One class: its listed bases, and what it and its instances have beside what those and every class have.

    ``open`` if more may be there: it inherits from a class outside mindtorch, whose members depend on Python's version.
    """
    names: set[str] = set()
    bases: list[str] = []
    is_open = False
    covered: set[type] = {object, Generic, Protocol, ABC}  # type: ignore[arg-type]
    for base in (*cls.__mro__, *type(cls).__mro__):  # the class itself also has what its metaclass has
        if base in covered or base is type or base is ABCMeta:
            continue
        if base in paths and base is not cls:
            bases.append(paths[base])
            covered.update(base.__mro__)
        elif base.__module__.partition(".")[0] != "mindtorch":
            is_open = True
        else:
            names.update(vars(base).get("__annotations__", ()))
            for name, value in vars(base).items():
                # Dunders that are no methods or numbers are Python's own notes, made when they are needed.
                if not name.startswith("__") or callable(value) or isinstance(value, (int, float)):
                    names.add(name)
    names -= {*dir(object), "_abc_impl", "_is_protocol", "_is_runtime_protocol"}
    row = {"bases": bases, "members": " ".join(sorted(names)), "open": is_open}
    return {key: value for key, value in row.items() if value}
