"""A cache of outcomes: a file that has been converted with the same rules before need not be parsed again.

The key is a hash of all that an outcome depends on: the bytes of the file, its path (rules are limited by it), the
rules, the settings, and the version of the converter and of Python. The cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..language.ruleset import RuleSet
from ..outcome import Outcome
from ..settings import Settings

# Old entries go when there are more than this; transformers has 2,200 files.
_MOST_ENTRIES = 50_000
_KEPT_ENTRIES = 30_000
_SOURCES = Path(__file__).resolve().parents[1]


class Cache:
    """Outcomes by key. A cache that cannot be used (disk full, damaged, locked) is the same as an empty one."""

    def __init__(self, directory: Path, rules: RuleSet, settings: Settings) -> None:
        self._context = _context(rules, settings)
        self._database = _open(directory / "outcomes.sqlite3")

    def get(self, contents: Mapping[str, bytes]) -> dict[str, Outcome]:
        """The known outcomes of files, given by path with their bytes."""
        if self._database is None:
            return {}
        keys = {self._key(path, raw): path for path, raw in contents.items()}
        found: dict[str, Outcome] = {}
        try:
            for chunk in _chunks(list(keys), 500):
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key, outcome FROM outcomes WHERE key IN ({marks})"
                for key, outcome in self._database.execute(query, chunk):
                    found[keys[key]] = Outcome.from_json(json.loads(outcome))
        except (sqlite3.Error, ValueError, KeyError, TypeError):
            return {}
        return found

    def put(self, contents: Mapping[str, bytes], outcomes: Mapping[str, Outcome]) -> None:
        """Remember the outcomes of files."""
        if self._database is None:
            return
        rows = [
            (self._key(path, contents[path]), json.dumps(outcome.as_json(), separators=(",", ":")))
            for path, outcome in outcomes.items()
            if path in contents
        ]
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO outcomes (key, outcome) VALUES (?, ?)", rows)
                (count,) = self._database.execute("SELECT count(*) FROM outcomes").fetchone()
                if count > _MOST_ENTRIES:
                    newest = "SELECT rowid FROM outcomes ORDER BY rowid DESC LIMIT ?"
                    self._database.execute(f"DELETE FROM outcomes WHERE rowid NOT IN ({newest})", (_KEPT_ENTRIES,))
        except sqlite3.Error:
            self.close()

    def close(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _key(self, path: str, raw: bytes) -> bytes:
        digest = self._context.copy()
        digest.update(path.encode(errors="surrogateescape") + b"\0")
        digest.update(raw)
        result: bytes = digest.digest()
        return result


def _open(path: Path) -> sqlite3.Connection | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=2)
        database.execute("PRAGMA synchronous = OFF")  # losing it costs a second, not data
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS outcomes (key BLOB PRIMARY KEY, outcome TEXT NOT NULL)")
    except (OSError, sqlite3.Error):
        return None
    return database


def _context(rules: RuleSet, settings: Settings) -> Any:
    digest = hashlib.blake2b(digest_size=20)
    seen = sorted(map(repr, settings.seen_names))
    parts = [__version__, *_own_files(), sys.version, rules.fingerprint, settings.style, *seen]
    digest.update("\0".join(parts).encode())
    return digest


def _own_files() -> list[str]:
    """Names, sizes and times of the converter's own files: what it does may change without a new version."""
    found: list[str] = []
    for path in sorted(_SOURCES.rglob("*.py")):
        status = path.stat()
        found.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    return found


def _chunks(items: list[bytes], size: int) -> list[list[bytes]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
