"""Copies of the commits that have been fetched, for the next workspace, and for machines without a network."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..caching import cache_directory
from ..errors import ConvertError
from .git import Wanted, commit_of, fetch, new_repository, open_bare

# Git wants a branch to fetch a commit from.
_BRANCH = "refs/heads/"


def stored_at(name: str, url: str) -> Path:
    """Where the commits of the repository ``name`` at ``url`` are kept: a bare repository, which may not be there."""
    return cache_directory() / "repositories" / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:12]}.git"


def store(place: Path, source: Path, ref: str, commit: str, name: str) -> None:
    """Keep ``commit`` of the repository ``source`` in the bare repository ``place``, as the branch ``ref``.

    Its history is not kept. Raises :class:`ConvertError`.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        repo = open_bare(place) or new_repository(place, bare=True)
    except OSError as error:
        raise ConvertError(f"cannot keep a copy in {place}: {error.strerror or error}") from error
    with repo:
        if commit_of(repo, f"{_BRANCH}{ref}") == commit:
            return
        wanted = Wanted(name, ref, commit)
        fetch(repo, wanted, [source.resolve().as_uri()], lambda text: None, into=f"{_BRANCH}{ref}")
