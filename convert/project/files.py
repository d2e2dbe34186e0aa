"""Carry out file rules on a tree: which files they add, remove, copy and move, and what stands in their way."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..edits import Left
from ..errors import RuleError
from ..kinds.file import FileRule
from ..outcome import Change, Outcome
from .reading import Identity, identity, read_regular

# Bytes and permission bits that a file of the tree has after the other rules.
Converted = Callable[[str], tuple[bytes, int]]


@dataclass
class FileChanges:
    """What file rules do to a tree, by path relative to its root.

    ``files`` are the new bytes, None where a file is removed. ``modes`` are permission bits. ``seen`` is what there was
    before, ``outcomes`` are for the report.
    """

    files: dict[str, bytes | None] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    seen: dict[str, Identity | None] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass
class Plan:
    """What file rules are about to do. The files in ``claimed`` are theirs: no other rule changes them."""

    root: Path
    rules: Sequence[FileRule]
    changes: FileChanges = field(default_factory=FileChanges)
    claimed: dict[str, FileRule] = field(default_factory=dict)
    transfers: list[FileRule] = field(default_factory=list)

    def carry_out(self, converted: Converted) -> FileChanges:
        """The changes. ``converted`` gives what is to be copied or moved."""
        for rule in self.transfers:
            data, mode = converted(rule.path)
            self._put(rule, data, mode)
            if rule.action == "move" and self.changes.files.get(rule.to) == data:
                self._remove(rule, rule.path)
        return self.changes

    def _outcome(self, path: str) -> Outcome:
        return self.changes.outcomes.setdefault(path, Outcome())

    def _matched(self, rule: FileRule, path: str) -> None:
        self._outcome(path).matches[rule.id] += 1

    def _leave(self, rule: FileRule, path: str, reason: str) -> None:
        self._outcome(path).left.append(Left(reason, 1, rule.id, path))

    def _put(self, rule: FileRule, data: bytes, mode: int) -> None:
        """Make the file ``rule.result``, unless it is there or something else is."""
        path = rule.result
        obstacle = _obstacle(self.root, path)
        if obstacle:
            self._leave(rule, path, obstacle)
            return
        before: bytes | None = None
        seen: Identity | None = None
        if os.path.lexists(self.root / path):
            try:
                before, status = read_regular(self.root / path)
            except OSError as error:
                self._leave(rule, path, f"cannot be replaced: {error.strerror}")
                return
            seen, there = identity(status), stat.S_IMODE(status.st_mode)
            if rule.action == "add" and rule.executable is None:
                mode = there
            if before == data and mode & 0o100 == there & 0o100:
                return
            if before != data and not rule.overwrite:
                self._leave(rule, path, "there is another file of this name; 'overwrite: true' would replace it")
                return
        self.changes.files[path], self.changes.seen[path] = data, seen
        self.changes.modes[path] = mode
        self._outcome(path).changes.append(_change(rule, before, data))

    def _remove(self, rule: FileRule, path: str) -> None:
        obstacle = _obstacle(self.root, path)
        if obstacle:
            self._leave(rule, path, obstacle)
            return
        try:
            before, status = read_regular(self.root / path)
        except OSError as error:
            self._leave(rule, path, f"cannot be removed: {error.strerror}")
            return
        self.changes.files[path], self.changes.seen[path] = None, identity(status)
        self._outcome(path).changes.append(_change(rule, before, b""))


def plan_files(
    root: Path, paths: Collection[str], rules: Sequence[FileRule], removed: Collection[str] = frozenset()
) -> Plan:
    """Decide what ``rules`` do to the tree ``root``, whose files are ``paths``.

    ``removed`` are files that earlier runs removed: they count as matches of a rule that would remove them again.
    Raises :class:`RuleError` if two rules are about the same file, or if names would differ only in case.
    """
    plan = Plan(root, rules)
    there = set(paths)
    for rule in rules:
        if rule.action == "remove":
            for path in sorted(path for path in there if rule.matches_path(path)):
                _claim(plan, rule, path)
                plan._matched(rule, path)
                plan._remove(rule, path)
            for path in removed:
                if path not in there and rule.matches_path(path):
                    plan._matched(rule, path)
            continue
        _check_case(root, rule)
        _claim(plan, rule, rule.result)
        if rule.action == "add":
            plan._matched(rule, rule.path)
            plan._put(rule, rule.content, 0o755 if rule.executable else 0o644)
            if plan.changes.outcomes[rule.path].left:
                del plan.claimed[rule.path]  # it stays an ordinary file of the tree
        elif rule.path in there:
            plan._matched(rule, rule.to)
            plan.transfers.append(rule)
        elif rule.action == "move" and rule.to in there:
            plan._matched(rule, rule.to)  # it has been moved
    for rule in plan.transfers:
        _check_source(plan, rule)
    return plan


def _claim(plan: Plan, rule: FileRule, path: str) -> None:
    other = plan.claimed.setdefault(path, rule)
    if other is not rule:
        raise RuleError(rule.mark, f"{rule.id} and {other.id} ({other.mark}) are both about the file {path}")
    folded = _folded(path)
    for taken, owner in plan.claimed.items():
        if taken != path and rule.result == path and _folded(taken) == folded:
            message = f"{rule.id} makes {path}, and {owner.id} is about {taken}: only their case differs"
            raise RuleError(rule.mark, message)


def _check_source(plan: Plan, rule: FileRule) -> None:
    """Raise :class:`RuleError` if what ``rule`` copies or moves is not there any more after another rule."""
    others = [other for other in plan.transfers if other is not rule and other.path == rule.path]
    other = plan.claimed.get(rule.path) or next(iter(others if rule.action == "move" else ()), None)
    if other is not None:
        raise RuleError(rule.mark, f"{rule.id} and {other.id} ({other.mark}) are both about the file {rule.path}")


def _change(rule: FileRule, before: bytes | None, after: bytes) -> Change:
    old, new = (data.decode(errors="replace") for data in (before or b"", after))
    return Change(rule.id, 1, 1, 0, len(old), old, new)


def _obstacle(root: Path, path: str) -> str | None:
    """Why nothing can be made or removed at ``path``; None if it can."""
    parent = root
    for part in path.split("/")[:-1]:
        parent /= part
        try:
            mode = parent.lstat().st_mode
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"cannot be reached: {error.strerror}"
        if stat.S_ISLNK(mode):
            return f"{parent.relative_to(root)} is a symbolic link; links are not followed"
        if not stat.S_ISDIR(mode):
            return f"{parent.relative_to(root)} is not a directory"
    return None


def _check_case(root: Path, rule: FileRule) -> None:
    """Raise :class:`RuleError` if the tree has a name that differs from the one to be made only in its case."""
    directory = str(root)
    for part in rule.result.split("/"):
        names = _names(directory)
        if part not in names:
            for name in names:
                if _folded(name) == _folded(part):
                    message = f"{rule.id} makes {rule.result}, but the tree has {name}: only the case differs"
                    raise RuleError(rule.mark, message)
            return
        directory = os.path.join(directory, part)


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:  # what is in the way is told where the file is made
        return []


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
