"""Where things are kept that are only there to save time; they may be deleted at any time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def cache_directory() -> Path:
    """``MS_CONVERT_CACHE_DIR``, or the user's cache directory."""
    given = os.environ.get("MS_CONVERT_CACHE_DIR")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("ms-convert", appauthor=False)


class Known:
    """Whether ``text`` has been remembered in an earlier run. True if so."""

    def __init__(self, text: str) -> None:
        self._path = cache_directory() / "known" / hashlib.sha256(text.encode()).hexdigest()

    def __bool__(self) -> bool:
        return self._path.exists()

    def remember(self) -> None:
        """Remember it for later runs, if the cache can be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        except OSError:
            return
