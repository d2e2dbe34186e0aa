"""Write mindtorch's support.json and docs/{kernels,support,api-support}.md from the code; --check only compares."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import api_support
import mindtorch
from mindtorch.kernels import KERNELS
from mindtorch.kernels.ascend import HOST_REASONS, SERVED
from mindtorch.kernels.ascend.stand_in import RUNS_ON_CPU
from mindtorch.kernels.cpu import NATIVE
from mindtorch.kernels.fallbacks import DIFFERENCES, NUMPY_REASONS, PARTIAL_REASONS
from mindtorch.ops import FUNCTIONS, OPERATORS
from support_table import placeholder_hint, support_table

ROOT = Path(__file__).resolve().parents[1]

KERNELS_HEAD = """# Kernels

## On the CPU

Written by `tools/generate_docs.py` from `mindtorch.kernels`. `mindtorch.backends.kernel_report()` counts the calls of a
run by kernel and kind.

Launching a kernel of MindSpore takes some 100 us on a CPU host, NumPy's whole call on a small operand 1 to 30 us. So
MindSpore serves the kernels for which it is the faster one, from the number of elements on (of the largest operand) for
which it is (`benchmarks/bench_kernels.py`, two cores); softmax, layer norm and embeddings always. All else is NumPy's
on the same memory, in blocks that fit the cache and with as many threads as `torch.get_num_threads()` says
(OMP_NUM_THREADS). `MINDTORCH_KERNELS=mindspore-always` has MindSpore serve operands of any size, and
`MINDTORCH_KERNELS=reference` leaves everything to NumPy: checks of one by the other.

Rules for every kernel:
- An operand without elements goes to NumPy: several MindSpore kernels return garbage for those.
- float16 and bfloat16 are widened to float32, computed there and rounded.
- Dtypes that are not listed go to NumPy.

Work that is not a kernel and is done by NumPy: allocating and filling new tensors, random draws (PyTorch's generator,
bit for bit), copies and in-place writes (MindSpore's in-place methods do not write on the CPU), casts (MindSpore's cast
takes 1.4 to 2.6 ms and leaks).
"""

NUMPY_HEAD = """
### NumPy

The reason why MindSpore does not serve the kernel. "Right" means PyTorch's values and dtype, nan, infinities and
negative zero included. Times and leaks are those of `benchmarks/bench_fallbacks.py` on a virtual machine with 2 cores
(AMD EPYC): one float32 call (int32 for bits) until it is done, on 16x16 and on 1024x1024 elements.

| kernel | reason |
|---|---|"""

DIFFERENCES_HEAD = """
### Differences

Values of MindSpore's kernels that are not PyTorch's, known and not mended yet; `MINDTORCH_KERNELS=reference` has
PyTorch's values.

| kernel | difference |
|---|---|"""

ASCEND_HEAD = """
## On Ascend

Which MindSpore functions serve a kernel for tensors on the device, and for which dtypes. Dtypes that are not listed
(float64 and complex numbers: everywhere), operands without elements, and kernels without an entry are computed by NumPy
on the host, with a copy there and back. Tensors stay in device memory; what reads their elements on the host gets a
copy.

This table has not been run on a device. `tests/adapter/test_ascend_table.py` checks every call that it makes against
the installed MindSpore: that the functions exist, are documented for Ascend, and take these arguments and dtypes. Where
MindSpore's CPU backend has a kernel of the function ("CPU" below) the values are compared with NumPy's, too, and
`MINDTORCH_KERNELS=ascend` with `MINDTORCH_CUDA_ALIAS=1` runs those for tensors on 'cuda' on a host without a device.

| kernel | functions | dtypes | left to NumPy | runs on |
|---|---|---|---|---|"""

HOST_HEAD = """
### On the host

| kernel | reason |
|---|---|"""

SUPPORT_HEAD = """# Names that mindtorch offers

Written by `tools/generate_docs.py`. The operators come from the operator registry, the rest from what the modules
export. A name that is missing raises an error that names it, and so do arguments that are not supported. There are
{operators} operators. Modules that only repeat names of the module above them are left out.

A tensor has at most 32 dimensions, NumPy's limit; what would have more raises NotImplementedError. PyTorch's operators
take 64."""

PLACEHOLDERS_HEAD = """
## Placeholders

These can be imported, annotated with and tested against, as upstream does when it is imported. Using one (for a module
of `torch.nn`: calling it) raises `NotImplementedError`."""

INTERNAL = ("kernels", "ops", "tape", "settings", "nn.functional", "linalg", "special", "nn.modules.", "serialization.")
"""Modules below mindtorch that PyTorch does not have, or whose names the operator registry lists."""


def kernels_page() -> str:
    """docs/kernels.md."""
    lines = [KERNELS_HEAD, "### MindSpore", "", "| kernel | dtypes | elements | left to NumPy |", "|---|---|---|---|"]
    for name, native in sorted(NATIVE.items()):
        dtypes = ", ".join(sorted(d.name for d in native.dtypes))
        least = f"from {native.least:,}" if native.least else "any"
        lines.append(f"| `{name}` | {dtypes} | {least} | {PARTIAL_REASONS.get(name, '')} |")
    lines.append(NUMPY_HEAD)
    lines += [f"| `{name}` | {NUMPY_REASONS[name]} |" for name in sorted(KERNELS) if name not in NATIVE]
    if DIFFERENCES:
        lines.append(DIFFERENCES_HEAD)
        lines += [f"| `{name}` | {difference} |" for name, difference in sorted(DIFFERENCES.items())]
    lines += ascend_tables()
    return "\n".join(lines) + "\n"


def ascend_tables() -> list[str]:
    """What the device serves, and what it does not."""
    lines = [ASCEND_HEAD]
    for name, entry in sorted(SERVED.items()):
        functions = ", ".join(f"`{f.removeprefix('mindspore.')}`" for f in entry.functions)
        dtypes = ", ".join(sorted(d.name for d in entry.dtypes))
        where = "Ascend, CPU" if name in RUNS_ON_CPU else "Ascend"
        lines.append(f"| `{name}` | {functions} | {dtypes} | {entry.only} | {where} |")
    lines.append(HOST_HEAD)
    lines += [f"| `{name}` | {reason} |" for name, reason in sorted(HOST_REASONS.items())]
    return lines


def exported(module: str) -> dict[str, Any]:
    """What a module offers: `__all__`, else the functions and classes that it defines."""
    found = vars(importlib.import_module(module))
    names = found.get("__all__") or [n for n, v in found.items() if getattr(v, "__module__", None) == module]
    return {n: found[n] for n in names if not n.startswith("_") and not inspect.ismodule(found[n])}


def modules() -> Iterable[str]:
    """The public modules below mindtorch, but for those whose names the operator registry lists."""
    for info in pkgutil.walk_packages(mindtorch.__path__, "mindtorch."):
        name = info.name.removeprefix("mindtorch.")
        if not any(part.startswith("_") for part in name.split(".")) and not any(
            name == i or name.startswith(i.rstrip(".") + ".") for i in INTERNAL
        ):
            yield name


def section(title: str, names: Iterable[str]) -> list[str]:
    return section_of(f"\n## {title}", names)


def section_of(head: str, names: Iterable[str]) -> list[str]:
    listed = ", ".join(f"`{n}`" for n in sorted(names))
    return [head, "", *textwrap.wrap(listed, 120, break_long_words=False, break_on_hyphens=False)]


def support_page() -> str:
    """docs/support.md."""
    lines = [SUPPORT_HEAD.format(operators=len(OPERATORS))]
    for module, functions in FUNCTIONS.items():
        if functions:
            lines += section(f"torch.{module}".rstrip("."), functions)
    lines += section("torch.Tensor", (n[len(TENSOR) :] for o in OPERATORS.values() for n in o.names if TENSOR in n))
    placeholders: set[str] = set()
    for module in sorted(modules()):
        names = exported(f"mindtorch.{module}")
        above = exported(f"mindtorch.{module}".rpartition(".")[0])
        if all(n in above and above[n] is v for n, v in names.items()):
            continue
        absent = {n for n, v in names.items() if placeholder_hint(v) is not None}
        placeholders |= {f"torch.{module}.{n}" for n in absent}
        if len(absent) < len(names):
            lines += section(f"torch.{module}", names.keys() - absent)
    lines += section_of(PLACEHOLDERS_HEAD, placeholders)
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """docs/api-support.md."""
    return api_support.page(json.loads(support_table()))


TENSOR = "torch.Tensor."
PAGES = {
    "docs/kernels.md": kernels_page,
    "docs/support.md": support_page,
    "docs/api-support.md": api_page,
    "shims/mindtorch/support.json": support_table,
}


def main() -> int:
    stale = []
    for name, page in PAGES.items():
        path = ROOT / name
        content = page()
        if "--check" not in sys.argv:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            stale.append(name)
    if stale:
        print(f"{', '.join(stale)}: out of date, run python tools/generate_docs.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
