"""Write docs/kernels.md and docs/support.md from the tables that the code runs on; --check only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from mindtorch.kernels import KERNELS
from mindtorch.kernels.cpu import NATIVE
from mindtorch.kernels.fallbacks import NUMPY_REASONS, PARTIAL_REASONS
from mindtorch.ops import FUNCTIONS, OPERATORS

DOCS = Path(__file__).resolve().parents[1] / "docs"

KERNELS_HEAD = """# Kernels on the CPU

Written by `tools/generate_docs.py` from `mindtorch.kernels`. `mindtorch.backends.kernel_report()` counts the calls of a
run by kernel and kind.

Rules for every kernel:
- An operand without elements goes to NumPy: several MindSpore kernels return garbage for those.
- float16 and bfloat16 are widened to float32, computed there and rounded.
- Dtypes that are not listed go to NumPy.

Work that is not a kernel and is done by NumPy: allocating and filling new tensors, random draws (PyTorch's generator,
bit for bit), copies and in-place writes (MindSpore's in-place methods do not write on the CPU), casts (MindSpore's cast
takes 1.4 to 2.6 ms and leaks).
"""


def kernels_page() -> str:
    """docs/kernels.md."""
    lines = [KERNELS_HEAD, "## MindSpore", "", "| kernel | dtypes | left to NumPy |", "|---|---|---|"]
    for name, native in sorted(NATIVE.items()):
        dtypes = ", ".join(sorted(d.name for d in native.dtypes))
        lines.append(f"| `{name}` | {dtypes} | {PARTIAL_REASONS.get(name, '')} |")
    lines += ["", "## NumPy", "", "| kernel | reason |", "|---|---|"]
    lines += [f"| `{name}` | {NUMPY_REASONS[name]} |" for name in sorted(KERNELS) if name not in NATIVE]
    return "\n".join(lines) + "\n"


def support_page() -> str:
    """docs/support.md."""
    lines = [
        "# Supported operators", "",
        "Written by `tools/generate_docs.py` from the operator registry. A name that is not there raises an error that",
        "names it.", "",
    ]  # fmt: skip
    for module, functions in FUNCTIONS.items():
        if functions:
            lines += [f"## torch.{module}".rstrip("."), "", ", ".join(f"`{n}`" for n in sorted(functions)), ""]
    methods = {n.removeprefix("torch.Tensor.") for o in OPERATORS.values() for n in o.names if ".Tensor." in n}
    lines += ["## torch.Tensor", "", ", ".join(f"`{n}`" for n in sorted(methods)), ""]
    return "\n".join(lines)


PAGES = {"kernels.md": kernels_page, "support.md": support_page}


def main() -> int:
    stale = []
    for name, page in PAGES.items():
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(page())
        elif not path.exists() or path.read_text() != page():
            stale.append(f"docs/{name}")
    if stale:
        print(f"{', '.join(stale)}: out of date, run python tools/generate_docs.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
