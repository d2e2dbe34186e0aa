"""Write keys and values as YAML that versions 1.1 and 1.2 read the same."""

from __future__ import annotations

import math
import re
from typing import Any

# Words that need no quotes: nothing that some version takes for a number, a date, true, false or null.
_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*")
_NOT_TEXT = re.compile(r"y|n|yes|no|on|off|true|false|null|[.]?(inf|nan)|[0-9.+-][0-9_.eE+-]*|0[xo].*", re.IGNORECASE)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_key(old: str, key: str) -> str:
    """``key`` with the quotes of ``old``, or with none if it can do without."""
    return _string(old, key)


def write_value(old: str, value: Any) -> str:
    """``value`` in one line; text has the quotes of ``old``, or none if it can do without."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _string(old, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list):
        return f"[{', '.join(write_value('', item) for item in value)}]"
    if isinstance(value, dict):
        entries = (f"{_string('', key)}: {write_value('', item)}" for key, item in value.items())
        return "{" + ", ".join(entries) + "}"
    return str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, e, exponent = repr(value).partition("e")
    # YAML 1.1 takes a number without a point, or without a sign of the exponent, for text.
    return digits + (".0" if e and "." not in digits else "") + e + exponent


def _string(old: str, value: str) -> str:
    if old[:1] not in "\"'" or not old:
        if _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
            return value
    elif old[0] == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"
