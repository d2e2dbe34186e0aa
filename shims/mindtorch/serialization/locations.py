"""Where the storages of a checkpoint go: ``map_location``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _device as devices
from .._array import Storage
from .storages import StorageRef, as_ref, public_storage

__all__ = ["MapLocation", "default_restore_location", "location_tag", "placer", "register_package"]

MapLocation = Callable[[Any, str], Any] | devices.device | str | dict[str, Any] | None


def placer(map_location: MapLocation) -> Callable[[Storage, str], None]:
    """A function that puts a freshly read storage where ``map_location`` wants what was saved at a location.

    None keeps the saved location; a device or its name takes all there; a dict maps saved locations; a function gets
    an untyped storage (on the CPU) and the saved location and returns the storage to use, or None for the default.
    """
    if map_location is None:
        return _keep
    if isinstance(map_location, dict):
        table = {str(key): value for key, value in map_location.items()}
        return lambda storage, location: _put(storage, str(table.get(location, location)))
    if isinstance(map_location, (str, devices.device)):
        target = str(map_location)
        return lambda storage, location: _put(storage, target)
    if callable(map_location):
        return lambda storage, location: _ask(map_location, storage, location)
    raise TypeError(f"map_location has to be a device, a string, a dict or a function, but got {map_location!r}")


def _keep(storage: Storage, location: str) -> None:
    _put(storage, location)


_packages: list[tuple[int, Callable[[Any], str | None], Callable[[Any, str], Any]]] = []


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Add a kind of device; those of lower priority are asked first, and all before the built-in ones.

    ``tagger(storage)`` returns the location that ``save`` writes, ``deserializer(storage, location)`` the storage that
    ``load`` uses for it; both return None when it is not theirs.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: Any) -> str:
    """The location under which a storage is saved."""
    for _, tagger, _ in _packages:
        location = tagger(storage)
        if location is not None:
            return location
    return str(as_ref(storage).storage.device)


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage, put where the location says. Raises RuntimeError for a location that this host does not have."""
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    _put_on_device(as_ref(storage).storage, location)
    return storage


def _put(storage: Storage, location: str) -> None:
    if not _packages:
        _put_on_device(storage, location)
        return
    handle = public_storage(StorageRef(storage, None))
    chosen = default_restore_location(handle, location)
    if chosen is not handle:
        _put_on_device(storage, str(chosen.device))


def _put_on_device(storage: Storage, location: str) -> None:
    target = devices.device(location)
    if target.type in ("cuda", "npu") and not devices.cuda_alias():
        raise RuntimeError(
            f"a storage of the checkpoint is to go to {location}, but this host has no such device. Load it with "
            "map_location='cpu', or set MINDTORCH_CUDA_ALIAS=1 to let the CPU kernels serve it"
        )
    if target.type in ("cuda", "npu") and (target.index or 0) >= devices.device_count():
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {target.index} but torch.cuda.device_count() is "
            f"{devices.device_count()}. Please use torch.load with map_location to map your storages to an existing "
            "device."
        )
    storage.device = devices.resolve(target)


def _ask(map_location: Callable[[Any, str], Any], storage: Storage, location: str) -> None:
    handle = public_storage(StorageRef(storage, None))
    chosen = map_location(handle, location)
    if chosen is None:
        _put(storage, location)
    elif chosen is not handle:
        _put(storage, str(chosen.device))
