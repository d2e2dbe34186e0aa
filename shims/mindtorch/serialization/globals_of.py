"""Which globals a pickle names, without loading it."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections.abc import Iterator
from typing import IO, Any

from . import legacy
from .archive import ArchiveReader
from .safe_globals import find_allowed

__all__ = ["get_unsafe_globals_in_checkpoint"]


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike[str] | IO[bytes]) -> list[str]:
    """The full names of the classes and functions that ``load(weights_only=True)`` would refuse.

    Raises ValueError for a file in the format before PyTorch 1.6, RuntimeError for a damaged one.
    """
    from .io import _opened_for_reading

    with _opened_for_reading(f) as (stream, label):
        if legacy.is_legacy(stream):
            raise ValueError("Expected input to be a checkpoint returned by torch.save but got a legacy file")
        pickled = ArchiveReader(stream, label).read("data.pkl")
    names = dict.fromkeys(_python3(*name) for name in _globals(pickled))
    return [".".join(name) for name in names if find_allowed(*name) is None]


def _python3(module: str, name: str) -> tuple[str, str]:
    from .pickling import _python3_name

    return _python3_name(module, name)


def _globals(data: bytes) -> Iterator[tuple[str, str]]:
    """Module and name of each global, in the order of the pickle. Raises pickle.UnpicklingError for a broken one."""
    memo: dict[int, Any] = {}
    texts: list[Any] = [None, None]
    last: Any = None
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            if opcode.name == "GLOBAL":
                module, _, name = argument.partition(" ")
                yield module, name
            elif opcode.name == "STACK_GLOBAL":
                yield str(texts[-2]), str(texts[-1])
            elif opcode.name in ("BINPUT", "LONG_BINPUT", "PUT"):
                memo[argument] = last
                continue
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = last
                continue
            last = memo.get(argument) if "GET" in opcode.name else argument
            if isinstance(last, str):
                texts = [texts[-1], last]
    except ValueError as error:
        raise pickle.UnpicklingError(f"the pickle is broken: {error}") from None
