"""What has to go on while this process waits for something else than a collective.

MPI only moves data inside its own calls. A rank that waits for a store's key, while a peer waits for the rest of a
message that this rank sends, has to call MPI now and then; backends that need this register a function here.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["hooks", "progress"]

hooks: list[Callable[[], None]] = []


def progress() -> None:
    """Let every registered backend move its data."""
    for hook in hooks:
        hook()
