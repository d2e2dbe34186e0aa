"""Changes as patches that ``git apply`` and ``patch -p1`` understand, in the files' own bytes."""

from __future__ import annotations

import difflib

_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def file_diff(
    path: str, before: bytes | None, after: bytes | None, mode: int = 0o644, new_mode: int | None = None
) -> bytes:
    """The unified diff of the file ``path``; ``before`` is None if it is added, ``after`` if it is removed.

    ``mode`` are its permission bits then; ``new_mode`` are others that it gets. Like git's, the diff of an added or
    removed file with NUL bytes says only that there is one.
    """
    old, new = (b"/dev/null" if data is None else _name(side + path) for side, data in (("a/", before), ("b/", after)))
    head: list[bytes] = []
    git = b"diff --git " + _name(f"a/{path}") + b" " + _name(f"b/{path}") + b"\n"
    if before is None or after is None:
        what = "new" if before is None else "deleted"
        head = [git, f"{what} file mode {_git_mode(mode)}\n".encode()]
        if b"\0" in (before or after or b""):
            return b"".join((*head, b"Binary files " + old + b" and " + new + b" differ\n"))
    elif new_mode is not None and _git_mode(mode) != _git_mode(new_mode):
        head = [git, f"old mode {_git_mode(mode)}\nnew mode {_git_mode(new_mode)}\n".encode()]
    lines = difflib.diff_bytes(difflib.unified_diff, _lines(before), _lines(after), _tabbed(old), _tabbed(new))
    return b"".join((*head, *(line if line.endswith(b"\n") else line + _NO_END for line in lines)))


_NO_END = b"\n\\ No newline at end of file\n"


def _git_mode(mode: int) -> str:
    return "100755" if mode & 0o100 else "100644"


def _lines(data: bytes | None) -> list[bytes]:
    lines = (data or b"").split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _name(path: str) -> bytes:
    """A path as git writes it: in quotes if it has characters that would end it or the line."""
    raw = path.encode(errors="surrogateescape")
    if not any(byte < 32 or byte in (34, 92, 127) for byte in raw):
        return raw
    return b'"' + b"".join(_escaped(byte) for byte in raw) + b'"'


def _escaped(byte: int) -> bytes:
    if byte in _ESCAPES:
        return f"\\{_ESCAPES[byte]}".encode()
    return bytes([byte]) if 32 <= byte < 127 else f"\\{byte:03o}".encode()


def _tabbed(name: bytes) -> bytes:
    """Patch programs take a name with a blank for two things unless a tab ends it."""
    return name + b"\t" if b" " in name and not name.startswith(b'"') else name
