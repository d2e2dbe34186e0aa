"""What mindtorch supports, told by the table that ships with it, without importing mindtorch or MindSpore."""

from __future__ import annotations

import json
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from .errors import ConvertError

PACKAGE = "mindtorch"
TABLE_VERSION = 1

# What every module and every class has, whatever it is.
_OF_MODULES = frozenset(
    ["__all__", "__dict__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"]
)
_MADE_LATER = (
    "__annotations__", "__module__", "__orig_bases__", "__slotnames__", "__slots__", "__weakref__",
    "__torch_function__",
)  # fmt: skip
_OF_CLASSES = frozenset({*dir(type), *_MADE_LATER})


class Support(NamedTuple):
    """What a dotted name is. ``api`` is the part of it that the table knows, or that is missing in what it knows.

    ``status``: supported; module (supported, and nothing but a module); placeholder (importing it works, using it
    raises); missing. ``hint`` is a way round, where the table has one.

    ``tier`` is how far a supported name agrees with PyTorch: exact (PyTorch's own database of samples passes), partial
    (``differs`` says what differs), present (not in such a database), or empty where the table does not tell.
    """

    api: str
    status: str
    hint: str = ""
    tier: str = ""
    differs: str = ""

    @property
    def supported(self) -> bool:
        """Whether code that uses the name works as far as the name goes."""
        return self.status in ("supported", "module")


class NoSupportTable(ConvertError):
    """There is no table to tell what is supported."""


class SupportTable:
    """The names of ``api`` (torch) that ``package`` (mindtorch) has; ``data`` is the content of its support.json."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.package: str = data["package"]
        self.api: str = data["api"]
        self.level: str = data["level"]
        self._modules: dict[str, dict[str, Any]] = data["modules"]
        self._classes: dict[str, dict[str, Any]] = data["classes"]
        self._tiers: dict[str, dict[str, Any]] = data.get("tiers", {})
        self._exact: dict[str, frozenset[str]] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._members: dict[str, frozenset[str]] = {}
        self._found: dict[str, Support] = {}

    @cached_property
    def roots(self) -> frozenset[str]:
        """The top-level modules whose names the table tells about: before and after conversion."""
        return frozenset({self.api, self.package})

    def lookup(self, name: str) -> Support:
        """What ``name`` is, a dotted name below one of :attr:`roots`; it is told by its name in PyTorch.

        The longest known part decides: below a function or a value everything counts as supported, below a module or a
        class only what it has.
        """
        found = self._found.get(name)
        if found is None:
            root, dot, below = name.partition(".")
            if root not in self.roots:
                raise ValueError(f"{name} is not below {' or '.join(sorted(self.roots))}")
            found = self._found[name] = self._with_tier(self._resolve(below.split(".") if dot else []))
        return found

    def _with_tier(self, found: Support) -> Support:
        if found.status != "supported" or not self._tiers:
            return found
        module, _, name = found.api.rpartition(".")
        row = self._tiers.get(module, {})
        if name in row.get("partial", ()):
            return found._replace(tier="partial", differs=row["partial"][name])
        exact = self._exact.get(module)
        if exact is None:
            exact = self._exact[module] = frozenset(row.get("exact", "").split())
        return found._replace(tier="exact" if name in exact else "present")

    def _resolve(self, parts: list[str]) -> Support:
        module = self.api
        for index, part in enumerate(parts):
            path = f"{module}.{part}"
            entry = self._modules[module]
            if part in entry.get("placeholders", ()):
                return Support(path, "placeholder", entry["placeholders"][part])
            below = parts[index + 1 :]
            if part in entry.get("classes", ()):
                found = self._in_class(path, entry["classes"][part], below)
                if found.supported or path not in self._modules:  # a class may have the name of its module
                    return found
            elif part in self._names_of(module) or part in _OF_MODULES:
                return Support(path, "supported")
            elif path not in self._modules and part not in entry.get("modules", ()):
                return Support(path, "missing")
            module = entry.get("modules", {}).get(part, path)
        return Support(module, "module")

    def _in_class(self, path: str, name: str, below: list[str]) -> Support:
        if not below:
            return Support(path, "supported")
        member = below[0]
        known = self._members_of(name)
        if member in known or "*" in known or member in _OF_CLASSES:
            # Methods count for themselves, so that the report tells them apart.
            return Support(f"{path}.{member}", "supported")
        return Support(f"{path}.{member}", "missing")

    def _names_of(self, module: str) -> frozenset[str]:
        names = self._names.get(module)
        if names is None:
            names = self._names[module] = frozenset(self._modules[module].get("names", "").split())
        return names

    def _members_of(self, name: str) -> frozenset[str]:
        """The members of a class, those of its bases included; ``*`` among them: any."""
        members = self._members.get(name)
        if members is None:
            entry = self._classes[name]
            found = {*entry.get("members", "").split(), *("*" if entry.get("open") else "")}
            for base in entry.get("bases", ()):
                found |= self._members_of(base)
            members = self._members[name] = frozenset(found)
        return members


def load_support(package: str = PACKAGE) -> SupportTable:
    """The table of the installed ``package``, which is not imported.

    Raises :class:`NoSupportTable` if it is not installed or has no table that can be read.
    """
    try:
        spec = find_spec(package)
    except ValueError:  # something without a spec stands in sys.modules
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise NoSupportTable(f"{package} is not installed here, so what it supports is not known")
    path = Path(places[0]) / "support.json"
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise NoSupportTable(f"{path} cannot be read ({error}), so what {package} supports is not known") from error
    if data.get("version") != TABLE_VERSION:
        raise NoSupportTable(
            f"{path} has version {data.get('version')} and this is for version {TABLE_VERSION}: install ms-convert and "
            f"{package} from the same release"
        )
    return SupportTable(data)
