"""``python -m mindtorch script.py``: run a program in which ``import torch`` means mindtorch."""

from __future__ import annotations

import os
import runpy
import sys
from types import ModuleType

from ._alias import install_as_torch
from .version import __version__

USAGE = """usage: python -m mindtorch script.py [argument ...]
       python -m mindtorch -m module [argument ...]
       python -m mindtorch -c code [argument ...]

Runs a Python program in which `import torch` means mindtorch, PyTorch's API on MindSpore.
"""


def main(argv: list[str]) -> int:
    """Run what the arguments name as ``__main__``. Returns 2 for wrong usage, else what comes of the program."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    if argv[0] in ("-V", "--version"):
        print(f"mindtorch, PyTorch API level {__version__}")
        return 0
    option, rest = argv[0], argv[1:]
    if option in ("-m", "-c") and not rest:
        print(f"Argument expected for the {option} option\n{USAGE}", end="", file=sys.stderr)
        return 2
    if option.startswith("-") and option not in ("-m", "-c"):
        print(f"unknown option {option}\n{USAGE}", end="", file=sys.stderr)
        return 2
    install_as_torch()
    if option == "-m":
        # The first entry of the path is the working directory already: python -m put it there.
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.path[0] = ""
        sys.argv = ["-c", *rest[1:]]
        _run_code(rest[0])
    else:
        if not os.path.exists(option):
            print(f"{sys.executable} -m mindtorch: can't open file {option!r}: no such file", file=sys.stderr)
            return 2
        sys.path[0] = os.path.dirname(os.path.abspath(option))
        sys.argv = argv
        runpy.run_path(option, run_name="__main__")
    return 0


def _run_code(code: str) -> None:
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(code, "<string>", "exec"), module.__dict__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
