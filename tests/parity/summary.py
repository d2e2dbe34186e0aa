"""Shares of entries that pass, plain and weighted by how often the stacks use them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any


@cache
def census() -> dict[str, int]:
    """How often each API is used in the stacks."""
    data: dict[str, int] = json.loads((Path(__file__).parent / "census.json").read_text())
    return data


@cache
def _aliases() -> dict[str, tuple[str, ...]]:
    from torch.testing._internal.common_methods_invocations import op_db

    return {entry.name: tuple(alias.name for alias in entry.aliases) for entry in op_db}


def weight(entry: str) -> float:
    """Uses of the API that an entry (with its variant) is about; each at least counts a little."""
    names = [name for name in _aliases() if entry == name or entry.startswith(name + ".")]
    name = max(names, key=len) if names else entry
    uses = sum(census().get(f"torch.{spelled}", 0) for spelled in (name, *_aliases().get(name, ())))
    return max(uses, 0.1)


def rates(results: Iterable[Any]) -> tuple[int, int, float]:
    """How many pass, of how many that had something to compare, and the weighted share of passing ones."""
    counted = [result for result in results if result.status != "none"]
    passed = [result for result in counted if result.status == "pass"]
    total = sum(weight(result.entry) for result in counted)
    share = sum(weight(result.entry) for result in passed) / total if total else 1.0
    return len(passed), len(counted), share


def summarize(results: list[Any]) -> Iterator[str]:
    """One line for each check and dtype."""
    groups: dict[tuple[str, str | None], list[Any]] = {}
    for result in results:
        groups.setdefault((result.check, result.dtype), []).append(result)
    for (check, dtype), group in groups.items():
        passed, counted, share = rates(group)
        plain = 100 * passed / counted if counted else 100.0
        yield f"{check} {dtype or ''}: {passed} of {counted} entries pass, {plain:.1f} %; weighted {100 * share:.2f} %"
