"""``torch._dynamo``: there is no graph compiler here; switching it off is accepted."""

from __future__ import annotations

from .compiler import allow_in_graph, disable, is_compiling

__all__ = ["allow_in_graph", "disable", "is_compiling"]
