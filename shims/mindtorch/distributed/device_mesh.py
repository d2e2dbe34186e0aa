"""``torch.distributed.device_mesh``: ranks as an array, with a process group along each of its dimensions."""

from __future__ import annotations

import math
from typing import Any

import mindtorch as torch
from mindtorch.distributed._group import get_process_group_ranks, get_rank, get_world_size
from mindtorch.distributed._setup import init_process_group, is_initialized, new_group

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """An array of global ranks. Every rank of the world makes it, with the same arguments.

    Args:
        device_type: 'cuda', 'cpu', ...
        mesh: the ranks, as nested lists or an integer tensor.
        mesh_dim_names: names of its dimensions.

    Raises:
        RuntimeError: a rank stands in it twice.
    """

    def __init__(
        self,
        device_type: str,
        mesh: Any,
        *,
        mesh_dim_names: tuple[str, ...] | None = None,
        backend_override: Any = None,
        _init_backend: bool = True,
    ) -> None:
        self.device_type = device_type
        self.mesh = (mesh.detach().cpu() if isinstance(mesh, torch.Tensor) else torch.tensor(mesh)).to(torch.int32)
        self.mesh_dim_names = tuple(mesh_dim_names) if mesh_dim_names is not None else None
        ranks = self.mesh.flatten().tolist()
        if len(set(ranks)) != len(ranks):
            raise RuntimeError(f"DeviceMesh cannot have duplicate values, but found {ranks}")
        if self.mesh_dim_names is not None and len(self.mesh_dim_names) != self.mesh.dim():
            raise RuntimeError("mesh_dim_names provided must match the number of dimensions of the mesh.")
        self._root: DeviceMesh = self
        self._dims = tuple(range(self.mesh.dim()))  # of the root
        self._groups: list[Any] = []
        self._flattened: dict[str, DeviceMesh] = {}
        if _init_backend:
            if not is_initialized():
                init_process_group()
            if max(ranks) >= get_world_size():
                raise RuntimeError(
                    f"Mesh should not be bigger than default world size {get_world_size()}, but found ranks {ranks}!"
                )
            self._groups = [self._make_group((dim,), self._name_of(dim)) for dim in range(self.mesh.dim())]

    def _name_of(self, dim: int) -> str:
        return f"mesh_{self.mesh_dim_names[dim] if self.mesh_dim_names else f'dim_{dim}'}"

    def _rows(self, dims: tuple[int, ...]) -> list[list[int]]:
        """The ranks along some dimensions, for every place in the others."""
        others = [d for d in range(self.mesh.dim()) if d not in dims]
        return self.mesh.permute(*others, *dims).reshape(-1, math.prod(self.mesh.shape[d] for d in dims)).tolist()

    def _make_group(self, dims: tuple[int, ...], desc: str) -> Any:
        rows = self._rows(dims)
        if rows == [list(range(get_world_size()))]:
            return torch.distributed.group.WORLD
        mine = None
        for row in rows:
            group = new_group(row, group_desc=desc)
            if get_rank() in row:
                mine = group
        return mine

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self.mesh.dim()

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return tuple(self.mesh.shape)

    def size(self, mesh_dim: int | None = None) -> int:
        """How many ranks it has (along a dimension)."""
        return self.mesh.numel() if mesh_dim is None else self.mesh.shape[mesh_dim]

    def get_rank(self) -> int:
        """This process's global rank."""
        return get_rank()

    def get_coordinate(self) -> list[int] | None:
        """Where this rank stands; None if it does not."""
        found = (self.mesh == get_rank()).nonzero()
        return found[0].tolist() if found.shape[0] else None

    def _dim(self, mesh_dim: int | str | None) -> int:
        if mesh_dim is None:
            if self.mesh.dim() != 1:
                raise RuntimeError(
                    f"Found the DeviceMesh have {self.mesh.dim()} dimensions. Optional kwarg `mesh_dim` needs to be "
                    "specified when device_mesh.ndim > 1."
                )
            return 0
        if isinstance(mesh_dim, str):
            if not self.mesh_dim_names or mesh_dim not in self.mesh_dim_names:
                raise KeyError(f"Mesh dimension {mesh_dim!r} is not one of {self.mesh_dim_names}")
            return self.mesh_dim_names.index(mesh_dim)
        return mesh_dim

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """This rank's place along a dimension."""
        coordinate = self.get_coordinate()
        if coordinate is None:
            raise RuntimeError(f"rank {get_rank()} is not in {self}")
        return coordinate[self._dim(mesh_dim)]

    def get_group(self, mesh_dim: int | str | None = None) -> Any:
        """The process group along a dimension that this rank is in."""
        return self._groups[self._dim(mesh_dim)]

    def get_all_groups(self) -> list[Any]:
        """The groups along all dimensions."""
        return list(self._groups)

    def __getitem__(self, names: str | tuple[str, ...]) -> DeviceMesh:
        """The part of the mesh along some dimensions that this rank is in."""
        wanted = (names,) if isinstance(names, str) else tuple(names)
        if not self.mesh_dim_names:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        if wanted == self.mesh_dim_names:
            return self
        if len(wanted) == 1 and wanted[0] in self._flattened:
            return self._flattened[wanted[0]]
        unknown = [name for name in wanted if name not in self.mesh_dim_names]
        if unknown:
            raise KeyError(f"Invalid mesh_dim_names {wanted} specified. Valid ones are {self.mesh_dim_names}.")
        dims = tuple(self.mesh_dim_names.index(name) for name in wanted)
        row = next((row for row in self._rows(dims) if get_rank() in row), self._rows(dims)[0])
        part = DeviceMesh(
            self.device_type,
            torch.tensor(row).view(*(self.mesh.shape[d] for d in dims)),
            mesh_dim_names=wanted,
            _init_backend=False,
        )
        part._groups = [self._groups[d] for d in dims]
        part._root, part._dims = self._root, tuple(self._dims[d] for d in dims)
        return part

    def _flatten(self, mesh_dim_name: str | None = None) -> DeviceMesh:
        """One dimension of all of its ranks, called ``mesh_dim_name``; the root mesh knows it by that name too."""
        name = mesh_dim_name or "_".join(self.mesh_dim_names or ())
        if name not in self._root._flattened:
            flat = DeviceMesh(self.device_type, self.mesh.flatten(), mesh_dim_names=(name,), _init_backend=False)
            flat._groups = [self._root._make_group(self._dims, f"mesh_{name}")]
            flat._root, flat._dims = self._root, self._dims
            self._root._flattened[name] = flat
        return self._root._flattened[name]

    @classmethod
    def from_group(
        cls, group: Any, device_type: str, mesh: Any = None, *, mesh_dim_names: tuple[str, ...] | None = None
    ) -> DeviceMesh:
        """The mesh of a group, or of a list of groups along the dimensions of ``mesh``."""
        groups = list(group) if isinstance(group, (list, tuple)) else [group]
        if mesh is None:
            if len(groups) != 1:
                raise ValueError("Must pass mesh if passing multiple ProcessGroups")
            mesh = get_process_group_ranks(groups[0])
        made = cls(device_type, mesh, mesh_dim_names=mesh_dim_names, _init_backend=False)
        if made.ndim != len(groups):
            raise ValueError("Expects mesh with ndim equal to number of ProcessGroups but got mesh "
                             f"{made.mesh.tolist()} and {len(groups)} ProcessGroups")  # fmt: skip
        made._groups = groups
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeviceMesh):
            return False
        return self is other or (
            self.shape == other.shape
            and self.mesh.flatten().tolist() == other.mesh.flatten().tolist()
            and self.device_type == other.device_type
            and self.mesh_dim_names == other.mesh_dim_names
        )

    def __hash__(self) -> int:
        return hash((tuple(self.mesh.flatten().tolist()), self.shape, self.device_type, self.mesh_dim_names))

    def __repr__(self) -> str:
        names = f", mesh_dim_names={self.mesh_dim_names}" if self.mesh_dim_names else ""
        return f"DeviceMesh({self.device_type!r}, {self.mesh.tolist()}{names})"


def init_device_mesh(
    device_type: str,
    mesh_shape: tuple[int, ...],
    *,
    mesh_dim_names: tuple[str, ...] | None = None,
    backend_override: Any = None,
) -> DeviceMesh:
    """The mesh of all ranks in row-major order. Makes the default process group if there is none."""
    if mesh_dim_names is not None:
        if len(set(mesh_dim_names)) != len(mesh_dim_names):
            raise RuntimeError(
                "Each mesh_dim_name must be unique.",
                f"Found repeated mesh_dim_name in mesh_dim_names {mesh_dim_names}",
            )
        if len(mesh_shape) != len(mesh_dim_names):
            raise RuntimeError(
                "mesh_shape and mesh_dim_names should have same length!",
                f"Found len(mesh_dim_names): {len(mesh_dim_names)} and len(mesh_shape):{len(mesh_shape)}.",
            )
    mesh = torch.arange(math.prod(mesh_shape), dtype=torch.int32).view(*mesh_shape)
    return DeviceMesh(device_type, mesh, mesh_dim_names=mesh_dim_names)
