"""Shell rules: launchers of training scripts, and environment variables, in shell scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import check_disjoint, splice
from ..errors import RuleError
from ..findings import Findings
from ..language.model import Rule, Where
from ..settings import Settings
from ..textfile import TextFile

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


def flag_key(flag: str) -> str:
    """A flag as it is compared: launchers take dashes for underscores."""
    return flag.replace("_", "-")


@dataclass(frozen=True)
class ShellRule(Rule):
    """Launchers that become another one, or environment variables that do.

    ``launchers``: programs, modules (with a dot) and programs with a subcommand. ``target``: the program, and
    ``module`` the same for ``python -m``. ``flags`` with a value and ``switches`` without have other names for the
    target, "" if they go. Flags besides these stay if ``other_flags``, or else the command is left alone. The value of
    a flag in ``divide`` is divided by that of another. ``required`` and ``advice``: what to say if a flag is missing.

    ``variables``: names, with ``*`` for any letters. One of: the new name ``rename``; ``remove``; a hint for the user
    ``unsupported``; why it may stay ``keep``.
    """

    kind: ClassVar[str] = "shell"
    file_names: ClassVar[tuple[str, ...]] = ("*.sh", "*.bash")
    example_path: ClassVar[str] = "example.sh"

    launchers: frozenset[str] = frozenset()
    target: str = ""
    module: str | None = None
    flags: Mapping[str, str] = field(default_factory=dict, hash=False)
    switches: Mapping[str, str] = field(default_factory=dict, hash=False)
    other_flags: bool = True
    divide: Mapping[str, str] = field(default_factory=dict, hash=False)
    required: Mapping[str, str] = field(default_factory=dict, hash=False)
    advice: Mapping[str, str] = field(default_factory=dict, hash=False)
    variables: frozenset[str] = frozenset()
    rename: str | None = None
    remove: bool = False
    unsupported: str | None = None
    keep: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> ShellRule:
        if "variable" in match:
            return cls._of_variables(head, match, action, where)
        if "launcher" not in action:
            raise RuleError(where("action"), f"{head['id']}: say which launcher takes the place with action.launcher")
        if action["launcher"] in match["launcher"] or action.get("module") in match["launcher"]:
            raise RuleError(where("action"), f"{head['id']}: the result is itself one of the launchers that match")
        tables: dict[str, Any] = {
            name: {flag_key(flag): value for flag, value in action.get(name, {}).items()}
            for name in ("flags", "switches", "divide", "required", "advice")
        }
        for flag, by in tables["divide"].items():
            if not {flag, flag_key(by)} <= tables["flags"].keys():
                raise RuleError(where("action", "divide"), f"{head['id']}: flags do not have both {flag} and {by}")
        return cls(
            **head,
            launchers=frozenset(match["launcher"]),
            target=action["launcher"],
            module=action.get("module"),
            other_flags=action.get("other_flags", "same") == "same",
            **tables,
        )

    @classmethod
    def _of_variables(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> ShellRule:
        new = action.get("rename")
        if "launcher" in action:
            message = f"{head['id']}: a variable cannot become a launcher; use rename, remove, unsupported or keep"
            raise RuleError(where("action"), message)
        if new is not None and (len(match["variable"]) > 1 or "*" in match["variable"][0]):
            raise RuleError(where("match", "variable"), f"{head['id']}: one name can be renamed, not several")
        if new in match["variable"]:
            raise RuleError(where("action", "rename"), f"{head['id']}: that is the name that it has already")
        if action.get("remove") and head["expect"] is not None and head["expect"][0] > 0:
            message = f"{head['id']}: a second run finds nothing to remove; leave out the minimum"
            raise RuleError(where("expect"), message)
        fields = {name: action[name] for name in ("rename", "remove", "unsupported", "keep") if name in action}
        return cls(**head, variables=frozenset(match["variable"]), **fields)

    def kind_of_files(self) -> tuple[str, ...]:
        # A script need not be called *.sh, but then the rule has to name it.
        named = (path.rstrip("/").rpartition("/")[2] for path in self.paths)
        return (*self.file_names, *(name for name in named if name and not set("*?[!") & set(name)))

    def words(self) -> Iterable[str] | None:
        if any("*" in name for name in self.variables):
            return None
        found = {name.partition(" ")[0] for name in self.launchers} | self.variables
        return found | {self.target, self.module or self.target} if self.target else found | {self.rename or self.id}

    def claims(self) -> Iterator[tuple[str, ...]]:
        yield from (("launcher", name) for name in sorted(self.launchers))
        yield from (("variable", name) for name in sorted(self.variables))

    @property
    def sought(self) -> str:
        return min(self.launchers | self.variables)


def find(file: TextFile, path: str, rules: RuleSet, settings: Settings) -> Findings:
    """The launchers that the script runs, and the environment variables that it sets."""
    from ..shell.code import Code, errors  # the parser is for runs that have scripts
    from ..shell.commands import Script
    from ..shell.environment import find_variables
    from ..shell.launchers import find_launchers
    from ..shell.names import Names

    chosen = rules.of(ShellRule)
    if not chosen:
        return Findings()
    of_launchers = tuple(rule for rule in chosen if rule.launchers)
    script = Script(file.text, Names.of(name for rule in of_launchers for name in names_of(rule)))
    findings = find_launchers(file, script, of_launchers)
    findings.add(find_variables(file, script, tuple(rule for rule in chosen if rule.variables)))
    if findings.edits:
        after = splice(file.text, check_disjoint(file.text, findings.edits))
        if errors(Code(after, range(len(after) + 1)).tree) > errors(script.reader.root.tree):
            reason = "the script would not be understood after conversion"
            findings.left += [file.left(edit.rule, edit.start, edit.end, reason) for edit in findings.edits]
            findings.edits = []
    return findings


def names_of(rule: ShellRule) -> Iterator[str]:
    """What to look for: the launchers of a rule, and its results."""
    yield from rule.launchers
    yield rule.target
    if rule.module:
        yield rule.module
