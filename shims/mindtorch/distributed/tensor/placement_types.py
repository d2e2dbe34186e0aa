"""How a tensor lies on the ranks of a mesh (``torch.distributed.tensor.placement_types``)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """Base of the placements along one mesh dimension."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether it is a ``Shard`` (of ``dim``)."""
        return isinstance(self, Shard) and (dim is None or self.dim == dim)

    def is_replicate(self) -> bool:
        """Whether it is a ``Replicate``."""
        return isinstance(self, Replicate)

    def is_partial(self) -> bool:
        """Whether it is a ``Partial``."""
        return isinstance(self, Partial)


@dataclass(frozen=True)
class Shard(Placement):
    """Each rank holds a part along ``dim``."""

    dim: int


@dataclass(frozen=True)
class Replicate(Placement):
    """Each rank holds all of it."""


@dataclass(frozen=True)
class Partial(Placement):
    """Each rank holds a summand of it."""

    reduce_op: str = "sum"
