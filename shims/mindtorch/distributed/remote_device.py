"""A device of some process (``torch.distributed.remote_device``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch

__all__ = ["_remote_device"]

_FORMS = "The valid format is '<workername>/<device>' or 'rank:<rank>/<device>' or '<device>'"


class _remote_device:
    """A device with the rank or the name of its process: 'rank:0/cpu', 'worker0/cuda:1', or 'cpu' for this one.

    Raises ValueError for text of another form.
    """

    def __init__(self, remote_device: str | Any) -> None:
        text = str(remote_device)
        owner, slash, device = text.rpartition("/")
        kind, colon, number = owner.partition(":")
        if (slash and not owner) or (colon and (kind != "rank" or not number.isdigit())):
            raise ValueError(f"Could not parse remote_device: {text}. {_FORMS}")
        self._remote_device = text
        self._rank = int(number) if colon else None
        self._worker_name = owner if owner and not colon else None
        self._device = torch.device(device)

    def worker_name(self) -> str | None:
        """The process's name, if it was given one."""
        return self._worker_name

    def rank(self) -> int | None:
        """The process's rank, if it was given."""
        return self._rank

    def device(self) -> Any:
        """The device there."""
        return self._device

    def __repr__(self) -> str:
        if self._device is not None and self._worker_name is not None:
            return f"{self._worker_name}/{self._device}"
        return f"rank:{self._rank}/{self._device}" if self._rank is not None else str(self._device)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _remote_device):
            return False
        mine = self._worker_name, self._rank, self._device
        return mine == (other._worker_name, other._rank, other._device)

    def __hash__(self) -> int:
        return hash((self._worker_name, self._rank, self._device))
