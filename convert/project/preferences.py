"""What a tree prefers: ``[tool.ms-convert]`` in its ``pyproject.toml``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import ConvertError
from ..settings import STYLES


@dataclass(frozen=True)
class Preferences:
    """Defaults of the options of the same names.

    ``exclude`` are globs, as in ``.gitignore``, of files to leave alone.
    """

    rules: str | None = None
    style: str = "alias"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    jobs: int = 0
    coverage_min: float | None = None


_KINDS: dict[str, str] = {
    "rules": "text",
    "style": f"one of {', '.join(STYLES)}",
    "select": "a list of texts",
    "ignore": "a list of texts",
    "exclude": "a list of texts",
    "jobs": "a whole number, 0 or more",
    "coverage-min": "a number from 0 to 100",
}


def read_preferences(path: Path) -> Preferences:
    """The preferences of the tree ``path``; the defaults if it has none, or is a file.

    Raises :class:`ConvertError` for unknown keys and wrong values. A ``pyproject.toml`` that cannot be read at all is
    somebody else's problem, unless it mentions ms-convert.
    """
    file = path / "pyproject.toml"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return Preferences()
    if "ms-convert" not in text:
        return Preferences()
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(text).get("tool", {}).get("ms-convert", {})
    except tomllib.TOMLDecodeError as error:
        raise ConvertError(f"{file}: not valid TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KINDS:
            close = get_close_matches(key, _KINDS, 1)
            hint = f"did you mean {close[0]}?" if close else f"known there: {', '.join(_KINDS)}"
            raise ConvertError(f"{file}: [tool.ms-convert] does not know {key}; {hint}")
        if not _valid(key, value):
            raise ConvertError(f"{file}: [tool.ms-convert] {key} must be {_KINDS[key]}, not {value!r}")
        values[key.replace("-", "_")] = tuple(value) if isinstance(value, list) else value
    rules = values.get("rules")
    if rules is not None and (path / rules).is_file():
        values["rules"] = str(path / rules)
    return Preferences(**values)


def _valid(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if key in ("select", "ignore", "exclude"):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if key == "jobs":
        return isinstance(value, int) and value >= 0
    if key == "coverage-min":
        return isinstance(value, (int, float)) and 0 <= value <= 100
    return isinstance(value, str) and (key != "style" or value in STYLES)
