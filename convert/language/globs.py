"""Which files a rule is about."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import Mark, RuleError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# Each further star in a part of a path multiplies the time that matching can take by the length of that part.
_MOST_STARS = 3


def check_glob(glob: str, mark: Mark) -> None:
    """Raise :class:`RuleError` for a glob that could take long to match, or that leads out of the tree."""
    parts = glob.split("/")
    if ".." in parts:
        raise RuleError(mark, f"{glob!r} leads out of the tree: leave out '..'")
    if any(part.count("*") > _MOST_STARS for part in parts if part != "**") or parts.count("**") > _MOST_STARS:
        raise RuleError(mark, f"{glob!r} has too many stars: at most {_MOST_STARS} in a part of a path")


class Globs:
    """Files whose names match one of ``names`` and whose paths match one of ``paths`` (if any) but none of ``exclude``.

    ``names`` are shell globs for the last part of the path; the others are as in ``.gitignore``.
    """

    def __init__(self, names: Sequence[str], paths: Sequence[str], exclude: Sequence[str]) -> None:
        self._names = names
        self._suffixes = tuple(name[1:] for name in names if name[:1] == "*" and not set("*?[") & set(name[1:]))
        self._patterns = [name for name in names if name[1:] not in self._suffixes]
        self._paths = _spec(paths)
        self._exclude = _spec(exclude)

    def match(self, path: str) -> bool:
        """Whether the file ``path``, relative to the root of the tree, is one of them."""
        if not path.endswith(self._suffixes):
            name = path.rpartition("/")[2]
            if not any(fnmatchcase(name, pattern) for pattern in self._patterns):
                return False
        if self._paths is not None and not self._paths.match_file(path):
            return False
        return self._exclude is None or not self._exclude.match_file(path)


def _spec(globs: Sequence[str]) -> GitIgnoreSpec | None:
    if not globs:
        return None
    from pathspec import GitIgnoreSpec  # not needed for most rule sets

    return GitIgnoreSpec.from_lines(globs)
