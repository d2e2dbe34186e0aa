"""How far mindtorch has each public name of PyTorch: the tiers in support.json and docs/api-support.md.

The names and the databases' entries are those of torch_names.json, what the databases found is in tests/parity
(``failing*.json``), and differences.yaml says in words what differs.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from mindtorch.kernels.cpu import NATIVE
from mindtorch.ops import FUNCTIONS, OPERATORS
from ms_convert.support import SupportTable
from operator_kernels import kernels_of

HERE = Path(__file__).resolve().parent
PARITY = HERE.parent / "tests" / "parity"
TIERS = ("exact", "partial", "present", "missing")

HEAD = """# How far mindtorch has PyTorch's API

Written by `tools/generate_docs.py`. It lists the {count} public names of PyTorch {level} (functions, classes, constants
and the methods and attributes of `torch.Tensor`; not the members of other classes), each once, in one of these tiers:

| tier | names | meaning |
|---|---|---|
| exact | {exact} | one of PyTorch's own databases tests it, and mindtorch passes every check that is recorded |
| partial | {partial} | it is there, and something of it differs; the table says what |
| present | {present} | it is there, and none of the databases has it: mindtorch's own tests are all that tries it |
| missing | {missing} | using it raises an error that names it |

{counted}

Methods and in-place forms count with the function that they are declared with. `ms-convert explain torch.add` tells the
tier of one name."""

APART = ("ao", "fx", "jit", "onnx", "quantization", "export", "package", "xpu", "mps", "mtia", "sparse")
"""Modules about other devices, quantized or sparse tensors, and ways to run without Python."""

KERNELS_HEAD = """
## Where operators run

The kernels that an operator's own code calls, and what serves them: MindSpore, NumPy (on the host), or both (one
kernel by this, another by that). Operators that are not listed are composed of others, are views, draw random
numbers or copy; what an operator does by calling others is not told either. `docs/kernels.md`
tells about the kernels one by one.

| operator | kernels | CPU | Ascend |
|---|---|---|---|"""


class Tier(NamedTuple):
    """Where a name stands; what differs, for a name that is partial."""

    name: str
    differs: str = ""


@cache
def _names() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((HERE / "torch_names.json").read_text())
    return data


@cache
def _differences() -> dict[str, str]:
    data: dict[str, str] = yaml.safe_load((HERE / "differences.yaml").read_text())
    return data


@cache
def _failing(record: str) -> dict[str, dict[str, str]] | None:
    """By check the entries that fail; None if the database was not run."""
    path = PARITY / record
    return json.loads(path.read_text()) if path.exists() else None


RECORDS = {"operators": "failing.json", "modules": "failing_modules.json", "optimizers": "failing_optimizers.json"}


@cache
def _tested() -> dict[str, tuple[str, ...]]:
    """For every name that a database tests, the checks that fail. Names of one declaration count together."""
    found: dict[str, tuple[str, ...]] = {}
    for database, record in RECORDS.items():
        failing = _failing(record)
        if failing is not None:
            for name, entry in _names()[database].items():
                found[name] = tuple(check for check, entries in failing.items() if _is_in(entry, entries))
    for operator in OPERATORS.values():
        checks = [found[name] for name in operator.names if name in found]
        for name in operator.names if checks else ():
            found.setdefault(name, max(checks, key=len))
            module, _, method = name.rpartition(".")
            if module == "torch.Tensor" and method in FUNCTIONS[""]:  # torch.abs_ is Tensor.abs_
                found.setdefault(f"torch.{method}", found[name])
    return found


def _is_in(entry: str, entries: Iterable[str]) -> bool:
    """Whether a database's entry, in any of its variants, is listed."""
    known = set(_names()["operators"].values())
    return any(e == entry or (e.startswith(entry + ".") and e not in known) for e in entries)


def tier(name: str, table: SupportTable) -> Tier:
    """The tier of a dotted name of PyTorch, by the table of what mindtorch has."""
    found = table.lookup(name)
    if not found.supported or found.api != name:
        return Tier("missing")
    if name in _differences():
        return Tier("partial", _differences()[name])
    checks = _tested().get(name)
    if checks is None:
        return Tier("present")
    return Tier("partial", f"{' and '.join(checks)}: some samples differ") if checks else Tier("exact")


def dotted() -> Iterator[tuple[str, str]]:
    """Every public name: the module (or ``torch.Tensor``), and the name in it."""
    for module, names in _names()["names"].items():
        for name in names.split():
            yield module, name


def tiers(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The part ``tiers`` of support.json, made for the rest of it: by module what is exact and what is partial."""
    table = SupportTable(data)
    found: dict[str, dict[str, Any]] = {}
    for module, name in dotted():
        how = tier(f"{module}.{name}", table)
        row = found.setdefault(module, {"exact": [], "partial": {}})
        if how.name == "exact":
            row["exact"].append(name)
        elif how.name == "partial":
            row["partial"][name] = how.differs
    return {
        module: {k: " ".join(v) if k == "exact" else v for k, v in row.items() if v}
        for module, row in sorted(found.items())
        if any(row.values())
    }


def page(data: dict[str, Any]) -> str:
    """docs/api-support.md, for the content of support.json."""
    table = SupportTable(data)
    by_module: dict[str, dict[str, list[str]]] = {}
    counts: Counter[str] = Counter()
    core: Counter[str] = Counter()
    for module, name in dotted():
        how = tier(f"{module}.{name}", table)
        by_module.setdefault(module, {}).setdefault(how.name, []).append(name)
        counts[how.name] += 1
        core[how.name] += module.split(".")[1:2] not in [[part] for part in APART]
    checks = sorted({c for record in RECORDS.values() for c in _failing(record) or ()})
    lines = [
        HEAD.format(
            count=counts.total(),
            level=_names()["level"],
            counted=_filled(
                f"The databases are those of operators, modules and optimizers; the checks: {', '.join(checks)}. Of "
                f"the {core.total()} names outside of {', '.join(f'`torch.{part}`' for part in APART)} there are "
                f"{', '.join(f'{core[t]} {t}' for t in TIERS)}."
            ),
            **{t: counts[t] for t in TIERS},
        )
    ]
    lines += _overview(by_module)
    for module, rows in by_module.items():
        if set(rows) != {"missing"}:
            lines += _module(module, rows)
    lines += ["\n## Modules of which nothing is there", ""]
    absent = [f"`{m}` ({len(rows['missing'])})" for m, rows in by_module.items() if set(rows) == {"missing"}]
    lines.append(_filled(", ".join(absent)))
    return "\n".join([*lines, *_kernels()]) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _overview(by_module: dict[str, dict[str, list[str]]]) -> list[str]:
    lines = ["\n## By module", "", "| module | exact | partial | present | missing |", "|---|---|---|---|---|"]
    for module, rows in by_module.items():
        if set(rows) != {"missing"}:
            lines.append(f"| `{module}` | " + " | ".join(str(len(rows.get(t, ()))) for t in TIERS) + " |")
    return lines


def _module(module: str, rows: dict[str, list[str]]) -> list[str]:
    lines = [f"\n## {module}"]
    for how in TIERS:
        names = rows.get(how, [])
        if not names:
            continue
        if how == "partial":
            lines += ["", "| partial | what differs |", "|---|---|"]
            lines += [f"| `{n}` | {_phrase(f'{module}.{n}')} |" for n in names]
        else:
            listed = f"{how.capitalize()}: " + ", ".join(f"`{n}`" for n in names)
            lines += ["", _filled(listed)]
    return lines


def _phrase(name: str) -> str:
    return _differences().get(name) or f"{' and '.join(_tested()[name])}: some samples differ"


def _kernels() -> list[str]:
    cpu = dict.fromkeys(NATIVE, "MindSpore")
    ascend: dict[str, str] | None = None
    if find_spec("mindtorch.kernels.ascend") is not None:
        ascend = dict.fromkeys(import_module("mindtorch.kernels.ascend").SERVED, "MindSpore")
    lines = [KERNELS_HEAD]
    for operator in sorted(OPERATORS.values(), key=lambda o: min(o.names, default="")):
        public = [n for n in operator.names if not n.rpartition(".")[2].startswith("_")]
        used = kernels_of(operator.impl)
        if public and used:
            shown = ", ".join(f"`{kernel}`" for kernel in sorted(used))
            sources = (_source(used, cpu), "-" if ascend is None else _source(used, ascend))
            lines.append(f"| `{public[0]}` | {shown} | {sources[0]} | {sources[1]} |")
    return lines


def _source(used: frozenset[str], served: dict[str, str]) -> str:
    sources = {served.get(kernel, "NumPy") for kernel in used}
    return "both" if len(sources) > 1 else sources.pop()


def unknown_differences() -> list[str]:
    """The names of differences.yaml that PyTorch does not have."""
    return sorted(set(_differences()) - {f"{module}.{name}" for module, name in dotted()})
