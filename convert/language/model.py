"""What every rule has, whatever its kind, and what a kind of rule has to bring along."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import Mark

# The place in the rule file of what stands below a rule: where("match", "module").
Where = Callable[..., Mark]


@dataclass(frozen=True)
class Example:
    """What a rule does to the text of a file called ``path``. ``after`` equals ``before`` where it must not touch it.

    ``after`` is None where the rule removes the file, ``before`` where it adds it.
    """

    before: str | None
    after: str | None
    mark: Mark
    path: str = "example.py"


@dataclass(frozen=True)
class Rule:
    """The head that all kinds of rules have in common.

    ``paths`` and ``exclude`` are globs as in ``.gitignore``, relative to the root of the tree; no ``paths`` means every
    file that the kind is about. ``when`` is a range of upstream versions (PEP 440). ``expect`` is the least and the
    greatest number of matches in a whole tree (None: no bound); a place that already has the rule's result counts as a
    match, so that a second run expects the same.
    """

    kind: ClassVar[str]
    # Globs for the names of the files that the kind is about.
    file_names: ClassVar[tuple[str, ...]] = ("*.py", "*.pyi", "*.pyw")
    # What the file of an example is called if the example does not say.
    example_path: ClassVar[str] = "example.py"

    id: str
    why: str
    mark: Mark
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    when: str | None = None
    expect: tuple[int, int | None] | None = None
    examples: tuple[Example, ...] = field(default=(), compare=False)

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> Rule:
        """The rule that ``match`` and ``action`` of a rule file describe; ``head`` has the fields of :class:`Rule`.

        The schema has been checked. Raises :class:`.errors.RuleError` for what a schema cannot check.
        """
        raise NotImplementedError

    def words(self) -> Iterable[str] | None:
        """Words of which a file must have one for the rule to match anything in it; None: it may match any file."""
        return None

    def kind_of_files(self) -> tuple[str, ...]:
        """Globs for the names of the files that the rule may be about."""
        return self.file_names

    def check(self, rules: Sequence[Rule]) -> None:
        """Raise :class:`.errors.RuleError` if the rule does not go with ``rules``, which are all that were read."""

    def for_file(self, path: str, rules: Sequence[Rule]) -> Rule:
        """The rule as it is about the file ``path``; ``rules`` are all rules of the run."""
        return self

    def roots(self) -> Iterable[str]:
        """Top-level modules whose names in a file the rule has to know the meaning of."""
        return ()

    def modules(self) -> Iterable[str]:
        """Top-level modules that the rule is about; it does not apply to a tree that has one of its own."""
        return self.roots()

    def node_types(self) -> Iterable[type[ast.AST]]:
        """Types of syntax nodes that the rule wants to see all of."""
        return ()

    def renamed_names(self) -> Iterable[tuple[str, str | None]]:
        """Modules and other qualified names that the rule gives other names, with these; None: it stays as it is."""
        return ()

    def claims(self) -> Iterable[tuple[str, ...]]:
        """What the rule lays claim to: no two rules may have a claim in common."""
        return ()

    @property
    def leaves_no_trace(self) -> bool:
        """Whether nobody can see in a converted file that the rule has been applied to it."""
        return False

    @property
    def sought(self) -> str:
        """What the rule looks for, as text; the place that looks most like it is named when ``expect`` fails."""
        return self.id
