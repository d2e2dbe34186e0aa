"""The pickler and the unpicklers of checkpoints: PyTorch's global names, storages by persistent id."""

from __future__ import annotations

import _compat_pickle
import pickle
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import IO, Any, ClassVar

from .. import _dtype
from .._array import Storage
from ..storage import TypedStorage, UntypedStorage
from .locations import _packages, location_tag
from .names import UNTYPED, StorageType, find_global, storage_type, torch_name
from .safe_globals import find_allowed, is_added
from .storages import StorageRef, as_ref, public_storage

__all__ = ["CheckpointPickler", "FullUnpickler", "WeightsUnpickler"]

_STORAGE_CLASSES = (StorageRef, TypedStorage, UntypedStorage)
LoadStorage = Callable[..., StorageRef]
"""Called with type, key, location and number of elements of a storage, and what else the persistent id has."""


class CheckpointPickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes mindtorch's globals under PyTorch's names and collects the storages.

    The Python implementation of pickle's pickler: the one in C cannot be told another name for a global.
    ``storages`` maps a storage's key in the archive to it, in the order of first use.
    """

    # The standard library's own: dill, which MindSpore imports, puts functions into the class's table that write other
    # pickles than PyTorch's, also in place of the one for dictionaries.
    dispatch: ClassVar[dict[type, Callable[..., None]]] = {
        t: f for t, f in pickle._Pickler.dispatch.items() if f.__module__ == "pickle"  # type: ignore[attr-defined]
    } | {dict: pickle._Pickler.save_dict}  # type: ignore[attr-defined]

    def __init__(self, stream: IO[bytes], protocol: int) -> None:
        super().__init__(stream, protocol)
        self.storages: dict[str, Storage] = {}
        self._known: dict[int, tuple[str, StorageType, str, int]] = {}
        # The same object each time, so that the pickle refers back to it.
        self._locations: dict[str, str] = {}

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _STORAGE_CLASSES):
            return None
        ref = as_ref(obj)
        storage = ref.storage
        kind = UNTYPED if ref.dtype is None else storage_type(ref.dtype)
        known = self._known.get(id(storage))
        if known is None:
            location = location_tag(public_storage(ref)) if _packages else str(storage.device)
            item = 1 if kind.dtype is None else kind.dtype.itemsize
            key = str(len(self.storages))
            known = key, kind, self._locations.setdefault(location, location), storage.nbytes // item
            self._known[id(storage)] = known
            self.storages[key] = storage
        key, first_kind, location, numel = known
        if first_kind is not kind:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types "
                f"({first_kind} and {kind}): clone one of them"
            )
        return "storage", kind, key, location, numel

    def save_global(self, obj: Any, name: str | None = None) -> None:
        home = torch_name(obj, name)
        if home is None:
            super().save_global(obj, name)
            return
        module, qualname = home
        if self.proto >= 4:
            self.save(module)
            self.save(qualname)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + module.encode() + b"\n" + qualname.encode() + b"\n")
        self.memoize(obj)

    def save_type(self, obj: Any) -> None:
        if obj in (type(None), type(NotImplemented), type(...)):
            super().save_type(obj)
        else:
            self.save_global(obj)

    # Singletons that PyTorch pickles as globals.
    dispatch[_dtype.dtype] = dispatch[_dtype.layout] = dispatch[_dtype.memory_format] = save_global
    dispatch[StorageType] = save_global
    dispatch[type] = save_type
    dispatch[FunctionType] = save_global


def _storage_from(pid: Any, load_storage: LoadStorage) -> TypedStorage | UntypedStorage:
    # The sixth entry is of the format before PyTorch 1.6.
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
        raise pickle.UnpicklingError(f"unknown persistent id in checkpoint: {pid!r}")
    if not all(isinstance(part, kind) for part, kind in zip(pid[1:], (StorageType, str, str, int), strict=False)):
        raise pickle.UnpicklingError(f"invalid persistent id in checkpoint: {pid!r}")
    return public_storage(load_storage(*pid[1:]))


def _python3_name(module: str, name: str) -> tuple[str, str]:
    """Protocols below 3 spell the standard library's names as Python 2 did."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


class FullUnpickler(pickle.Unpickler):
    """Reads any pickle, with whatever code it names: for files from a trusted source."""

    def __init__(self, stream: IO[bytes], load_storage: LoadStorage, **kwargs: Any) -> None:
        super().__init__(stream, **kwargs)
        self._load_storage = load_storage

    def persistent_load(self, pid: Any) -> TypedStorage | UntypedStorage:
        return _storage_from(pid, self._load_storage)

    def find_class(self, module: str, name: str) -> Any:
        return find_global(*_python3_name(module, name))


# Opcodes that build containers, numbers and strings, move between stack and memo, or are checked below.
_DATA_OPCODES = (
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "MEMOIZE",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS",
    "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS", "FROZENSET",
    "GLOBAL", "STACK_GLOBAL", "BINPERSID",
)  # fmt: skip


def _subset(dispatch: dict[int, Any], names: tuple[str, ...]) -> dict[int, Any]:
    opcodes = [getattr(pickle, name)[0] for name in names]
    return {opcode: dispatch[opcode] for opcode in opcodes}


class WeightsUnpickler(pickle._Unpickler):  # type: ignore[name-defined]
    """Reads tensors, containers and numbers, and of classes and functions only those that are allowed.

    The Python implementation of pickle's unpickler, without the opcodes that could do more, and with calls and state
    changes restricted to allowed objects. Raises pickle.UnpicklingError that names what was refused.
    """

    dispatch = _subset(pickle._Unpickler.dispatch, _DATA_OPCODES)  # type: ignore[attr-defined]

    def __init__(self, stream: IO[bytes], load_storage: LoadStorage, **kwargs: Any) -> None:
        super().__init__(stream, **kwargs)
        self._load_storage = load_storage
        self._granted: dict[int, Any] = {}

    def persistent_load(self, pid: Any) -> TypedStorage | UntypedStorage:
        return _storage_from(pid, self._load_storage)

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:
            opcode = error.args[0] if error.args else None
            if not isinstance(opcode, int) or opcode in self.dispatch:
                raise
            raise pickle.UnpicklingError(f"opcode {bytes([opcode])!r} is not allowed with weights_only=True") from None

    def find_class(self, module: str, name: str) -> Any:
        module, name = _python3_name(module, name)
        found = find_allowed(module, name)
        if found is None:
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL {module}.{name} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{module}.{name}])` or the context manager "
                f"`torch.serialization.safe_globals([{module}.{name}])` to allow it, if you trust it"
            )
        self._granted[id(found)] = found
        return found

    def _require(self, callee: Any, what: str) -> None:
        if id(callee) not in self._granted:
            raise pickle.UnpicklingError(f"{what} {callee!r} is not allowed with weights_only=True")

    def load_reduce(self) -> None:
        args = self.stack.pop()
        function = self.stack[-1]
        self._require(function, "calling")
        self.stack[-1] = function(*args)

    def load_newobj(self) -> None:
        args = self.stack.pop()
        cls = self.stack.pop()
        self._require(cls, "making an instance of")
        if not isinstance(cls, type):
            raise pickle.UnpicklingError(f"{cls!r} is not a class")
        self.append(cls.__new__(cls, *args))

    def load_build(self) -> None:
        state = self.stack[-1]
        instance = self.stack[-2]
        if type(instance) is OrderedDict:
            # Attributes of a state_dict, such as _metadata.
            instance.__dict__.update(self.stack.pop())
            return
        if not is_added(type(instance)):
            raise pickle.UnpicklingError(
                f"setting the state of a {type(instance).__name__} ({type(state).__name__}) is not allowed with "
                "weights_only=True"
            )
        super().load_build()

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build
