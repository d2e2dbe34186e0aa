"""``torch.return_types``: the named tuples that operators with several results return."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def named(name: str, fields: tuple[str, ...]) -> Any:
    """The result type of an operator, made when it is first asked for. A type's fields never change."""
    found = globals().get(name)
    if found is not None:
        return found
    plain = namedtuple(name, fields)  # type: ignore[misc]

    def represent(self: Any) -> str:
        parts = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    made = type(name, (plain,), {"__slots__": (), "__module__": __name__, "__repr__": represent})
    globals()[name] = made
    return made
