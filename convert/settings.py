"""What holds for every file of a run, besides the rules."""

from __future__ import annotations

from dataclasses import dataclass

STYLES = ("alias", "rename")


@dataclass(frozen=True)
class Settings:
    """``style``: whether ``import torch`` becomes ``import mindtorch as torch`` (alias), or the name changes too.

    ``seen_names`` pairs a name with the last part of the module that other files take it from: there it must stay. The
    name ``*`` is a star import, the module ``*`` any module.
    """

    style: str = "alias"
    seen_names: frozenset[tuple[str, str]] = frozenset()
