"""Where a repository is really taken from: its own URL, mirrors in the user's network, local copies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import ConvertError

VARIABLE = "MS_CONVERT_MIRROR"
# Whatever else git takes for a URL (ext::command) may start programs.
_URL = re.compile(r"(?:https?|ssh|git|file)://\S+|[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9.-]+:[^\s:]\S*")


class Mirrors:
    """Beginnings of URLs, and what stands in their place. The longest one that fits a URL decides."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self.pairs = dict(pairs)

    @classmethod
    def of(cls, given: Iterable[str], environment: Mapping[str, str] = os.environ) -> Mirrors:
        """From the values of ``--mirror`` (``FROM=TO``, or a file with a line of that kind for each), which go before
        those of the environment variable.

        Raises :class:`ConvertError` for a value that is neither, and for a TO that is no URL and no directory.
        """
        pairs: dict[str, str] = {}
        for value in environment.get(VARIABLE, "").split():
            pairs.update(_entries(value, VARIABLE))
        for value in given:
            pairs.update(_entries(value, "--mirror"))
        return cls(pairs)

    def apply(self, url: str) -> str | None:
        """What ``url`` becomes; None if no mirror is about it."""
        for start in sorted(self.pairs, key=len, reverse=True):
            if url.startswith(start):
                return self.pairs[start] + url[len(start) :]
            if start in (url.removesuffix(".git"), f"{url}.git"):
                return self.pairs[start]
        return None

    def candidates(self, url: str, others: Iterable[str] = (), *, offline: bool = False) -> list[str]:
        """Where to ask for the repository at ``url``, best first: mirrors of it, itself, then ``others``, which may be
        mirrored too. Directories are given as ``file://`` URLs. Only local ones if ``offline``.
        """
        found: list[str] = []
        for one in (url, *others):
            mirror = self.apply(one)
            found += [as_url(mirror)] if mirror is not None else []
            found.append(one)
        return [one for one in dict.fromkeys(found) if not offline or is_local(one)]


def as_url(place: str) -> str:
    """``place``, a URL or a directory, as a URL: git makes no shallow clones of plain paths."""
    return place if _URL.fullmatch(place) else Path(place).resolve().as_uri()


def is_local(url: str) -> bool:
    """Whether ``url`` needs no network."""
    return url.startswith("file://")


def _entries(value: str, origin: str) -> dict[str, str]:
    if "=" in value:
        return dict([_pair(value, origin)])
    try:
        lines = Path(value).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        message = f"{origin}: {value!r} is neither FROM=TO nor a file of such lines ({reason})"
        raise ConvertError(f"{message}; write https://github.com/=https://mirror.example/ for instance") from error
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            pairs.update([_pair(text, f"{value}:{number}")])
    return pairs


def _pair(text: str, origin: str) -> tuple[str, str]:
    start, equals, place = (part.strip() for part in text.partition("="))
    if not (equals and start and place):
        raise ConvertError(f"{origin}: {text!r} must be FROM=TO, a URL or the beginning of one, and what replaces it")
    if not _URL.fullmatch(start):
        raise ConvertError(f"{origin}: {start!r} is no URL, nor the beginning of one, such as https://github.com/")
    if not _URL.fullmatch(place) and not Path(place).is_dir():
        raise ConvertError(f"{origin}: {place!r} is neither a URL (https, ssh, git, file) nor a directory")
    return start, place
