"""What a kind of rule finds in a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .edits import Edit, Left
from .outcome import ApiUse


@dataclass
class Findings:
    """What is to be done in a file, and what cannot be.

    ``matches`` counts by rule the places that matched or already have the rule's result. ``kept`` are places that stay
    as they are on purpose, with the reason; ``left`` should change and cannot. ``uses`` are names of watched packages.
    """

    edits: list[Edit] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    kept: list[Left] = field(default_factory=list)
    matches: Counter[str] = field(default_factory=Counter)
    uses: list[ApiUse] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take over what another kind of rule found in the same file."""
        self.edits += other.edits
        self.left += other.left
        self.kept += other.kept
        self.matches.update(other.matches)
        self.uses += other.uses
