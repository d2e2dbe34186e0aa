"""Which rules of a rule set are about a tree: by upstream project, its version, and modules of the tree's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import RuleError
from .ruleset import RuleSet
from .upstream import Upstream, in_range


def for_tree(rules: RuleSet, root: Path, version: str | None = None) -> RuleSet:
    """The rules that apply to the tree ``root``: those of its upstream project, in its version.

    Rules whose file names no upstream apply to every tree. ``version`` overrides what the tree says. Raises
    :class:`RuleError` if a rule depends on the version and nobody knows it.
    """
    dropped: set[str] = set()
    found: dict[str, tuple[Upstream, str | None]] = {}
    for upstream in rules.upstreams:
        if not upstream.is_in(root):
            dropped |= upstream.rules
        else:
            found.update(dict.fromkeys(upstream.rules, (upstream, version or upstream.version(root))))
    for rule in rules.rules:
        if rule.when is None or rule.id not in found:
            continue
        upstream, known = found[rule.id]
        if known is None:
            where = f" in {upstream.version_file}" if upstream.version_file else ""
            message = f"{rule.id} depends on the version of {upstream.name}, which cannot be found{where}"
            raise RuleError(rule.mark, f"{message}; give it with --upstream-version")
        if not in_range(known, rule.when):
            dropped.add(rule.id)
    return rules.without_ids(dropped)


def check_version(version: str | None) -> None:
    """Raise :class:`.errors.ConvertError` if ``version``, given by the user, is not one."""
    if version is not None:
        in_range(version, ">=0")


def own_notes(own: dict[str, str]) -> Iterable[str]:
    """What to tell the user about modules of the tree's own (by name, with the path) that rules are about."""
    for module, where in own.items():
        yield f"{where}: this tree has a top-level module {module} of its own; rules for {module} were not applied"

