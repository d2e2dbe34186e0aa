"""Requirements in ``pyproject.toml``: lists of them (PEP 621, 518, 735, and other tools'), Poetry's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..edits import Span
from . import toml
from .flow import removals
from .model import Child, Document, Node, Path, locate, value_at, walk
from .requirement_place import Place, is_result, normalised, parsed, place, with_marker_of

_LISTS: tuple[tuple[str, ...], ...] = (
    ("build-system", "requires"),
    ("project", "dependencies"),
    ("project", "optional-dependencies", "*"),
    ("dependency-groups", "*"),
    ("tool", "uv", "dev-dependencies"),
    ("tool", "uv", "constraint-dependencies"),
    ("tool", "uv", "override-dependencies"),
    ("tool", "pdm", "dev-dependencies", "*"),
    ("tool", "hatch", "envs", "*", "dependencies"),
    ("tool", "hatch", "envs", "*", "extra-dependencies"),
)
_TABLES: tuple[tuple[str, ...], ...] = (
    ("tool", "poetry", "dependencies"),
    ("tool", "poetry", "dev-dependencies"),
    ("tool", "poetry", "group", "*", "dependencies"),
)


class PyProject:
    """The requirements of a TOML file. See :class:`.requirement_place.Listing`."""

    def __init__(self, text: str) -> None:
        """Raises :class:`.errors.SourceError` if ``text`` is not TOML."""
        self.document: Document = toml.parse(text)
        found = [*self._in_lists(), *self._in_tables()]
        found.sort(key=lambda item: item[1].span)
        self.paths: list[Path] = [path for path, _ in found]
        self.places: list[Place] = [where for _, where in found]

    def _in_lists(self) -> Iterator[tuple[Path, Place]]:
        for pattern in _LISTS:
            for path in walk(self.document.root, (*pattern, "*")):
                container, child = locate(self.document.root, path)
                text = value_at(self.document.data, path)
                # A dependency group may include another one by a table.
                if isinstance(text, str) and not container.is_mapping:
                    yield path, place(text, child.node.span, group=repr(path[:-1]))

    def _in_tables(self) -> Iterator[tuple[Path, Place]]:
        for pattern in _TABLES:
            for path in walk(self.document.root, (*pattern, "*")):
                container, child = locate(self.document.root, path)
                name = str(path[-1])
                if not container.is_mapping or normalised(name) == "python":
                    continue
                value = value_at(self.document.data, path)
                text = f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value!r}"
                fixed = "" if isinstance(value, str) else "is a table; replace it by hand"
                stays = "" if child.node.style != "dotted" else "is spread over an inline table; edit it by hand"
                yield (
                    path,
                    Place(
                        text,
                        child.keys[0],
                        normalised(name),
                        fixed=fixed,
                        stays=stays,
                        group=repr(path[:-1]),
                        is_entry=True,
                    ),
                )

    def is_result(self, where: Place, new: str) -> bool:
        return self._of_table(new) == where.text if where.is_entry else is_result(where.text, new)

    @staticmethod
    def _of_table(new: str) -> str:
        requirement = parsed(new)
        return f'{requirement.name} = "{str(requirement.specifier) or "*"}"' if requirement else new

    def cannot(self, where: Place, new: str) -> str:
        requirement = parsed(new)
        if not where.is_entry or requirement is None:
            return where.fixed
        if requirement.url or requirement.marker or requirement.extras:
            return "a table would have to take its place; replace it by hand"
        name = normalised(requirement.name)
        for other in self.places:
            if other is where or other.group != where.group or other.name != name:
                continue
            if not self.is_result(other, new):
                return f"{other.text} is in the same table; decide by hand"
        return where.fixed

    def replaced(self, where: Place, new: str) -> str:
        return self._of_table(new) if where.is_entry else with_marker_of(where.text, new)

    def edits(self, changes: Mapping[int, str | None]) -> list[tuple[int, Span, str]]:
        text, edits = self.document.text, list[tuple[int, Span, str]]()
        removed: dict[int, tuple[Node, dict[Child, int]]] = {}
        for index, new in changes.items():
            container, child = locate(self.document.root, self.paths[index])
            requirement = parsed(new) if new is not None else None
            old = text[child.node.span.start : child.node.span.end]
            if new is None:
                removed.setdefault(id(container), (container, {}))[1][child] = index
            elif not self.places[index].is_entry or requirement is None:
                value = with_marker_of(self.places[index].text, new)
                edits.append((index, child.node.span, toml.write_value(old, value)))
            else:
                key = text[child.keys[0].start : child.keys[0].end]
                edits.append((index, child.keys[0], toml.write_key(key, requirement.name)))
                version = str(requirement.specifier) or "*"
                edits.append((index, child.node.span, toml.write_value(old, version)))
        for container, children in removed.values():
            if container.style == "flow":
                edits += [(children[child], span, "") for child, span in removals(text, container, children)]
            else:
                edits += [(index, span, "") for child, index in children.items() for span in child.parts]
        return edits
