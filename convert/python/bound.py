"""What an import statement is to bind."""

from __future__ import annotations

from typing import NamedTuple


class Bound(NamedTuple):
    """What one module of an ``import`` statement becomes.

    ``module`` takes its place and ``package`` that of its top-level package. ``name`` is what the statement goes on to
    bind where it has no ``as``; None lets it bind the new package's own name.
    """

    module: str
    package: str
    name: str | None
