"""API rules: functions, classes and values by their qualified names, however a file refers to them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Span
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.arguments import NO_CHANGES, ArgumentChanges, Arguments
from ..python.insertion import add_import
from ..python.module import PythonModule
from ..python.names import Use, dotted
from ..python.sourcefile import parse
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


@dataclass(frozen=True)
class ApiRule(Rule):
    """A name such as ``torch.cuda.amp.autocast``, and what becomes of it.

    ``used_as`` limits the rule to calls, decorators, base classes or other values. ``given`` are conditions on
    arguments by parameter: True (given), False (not given), or ``(value,)`` (given as that literal). ``signature``
    names the positional parameters. ``target`` is the new qualified name.
    """

    kind: ClassVar[str] = "api"

    name: str = ""
    signature: tuple[str, ...] = ()
    used_as: frozenset[str] = frozenset()
    given: Mapping[str, Any] = field(default_factory=dict, hash=False)
    target: str | None = None
    arguments: ArgumentChanges = NO_CHANGES
    unsupported: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> ApiRule:
        changes = action.get("arguments", {})
        add = {**changes.get("add", {}), **changes.get("defaults", {})}
        for name, source in add.items():
            key = "add" if name in changes.get("add", {}) else "defaults"
            try:
                (statement,) = parse(source).body
                valid = isinstance(statement, ast.Expr)
            except (SourceError, ValueError):
                valid = False
            if not valid:
                message = f"{head['id']}: {source!r} is not a Python expression"
                raise RuleError(where("action", "arguments", key, name), message)
        signature = tuple(match.get("signature", ()))
        order = tuple(changes.get("order", ()))
        for key in ("drop", "order"):
            for index, name in enumerate(changes.get(key, ())):
                if name not in signature and (key == "order" or signature):
                    place = where("action", "arguments", key, index)
                    raise RuleError(place, f"{head['id']}: {name} is not in match.signature")
        if action.get("rename", "").partition(".")[0] == match["name"].partition(".")[0]:
            # The result would match again, or another rule would: no second run could be without effect.
            place = where("action", "rename")
            raise RuleError(place, f"{head['id']}: the new name is itself in {match['name'].partition('.')[0]}")
        return cls(
            **head,
            name=match["name"],
            signature=signature,
            used_as=frozenset(match.get("used_as", ())),
            given=dict(_conditions(match.get("arguments", {}))),
            target=action.get("rename"),
            arguments=ArgumentChanges(
                frozenset(changes.get("drop", ())), dict(changes.get("rename", {})), add, order
            ),
            unsupported=action["unsupported"].strip() if "unsupported" in action else None,
        )

    def words(self) -> Iterable[str]:
        yield self.name.partition(".")[0]
        if self.expect and self.target:
            yield self.target.partition(".")[0]

    def roots(self) -> Iterable[str]:
        return self.words()

    def modules(self) -> Iterable[str]:
        return (self.name.partition(".")[0],)

    def renamed_names(self) -> Iterable[tuple[str, str]]:
        # Under a condition, the name that an import binds must stay what it is.
        if self.target is not None and not self.used_as and not self.given:
            yield self.name, self.target

    @property
    def sought(self) -> str:
        return self.name


def _conditions(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, condition in data.items():
        if isinstance(condition, str):
            yield name, condition == "given"
        else:
            yield name, (condition["literal"],)


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every use of a name that an API rule is about."""
    findings = Findings()
    by_first: dict[str, list[ApiRule]] = {}
    results: dict[str, list[ApiRule]] = {}
    for rule in rules.of(ApiRule):
        by_first.setdefault(rule.name, []).append(rule)
        if rule.expect and rule.target:
            results.setdefault(rule.target, []).append(rule)
    for use in module.names.uses:
        if not isinstance(use.name.ctx, ast.Load):
            continue
        chain = dotted(use.node)
        assert chain is not None
        below = "".join(f".{attribute}" for attribute in chain[1])
        qualified = module.names.meaning_of(use.name.id, below, use.scope).qualified
        for name in qualified:
            for head in _heads(name):
                findings.matches.update(rule.id for rule in results.get(head, ()))
                for rule in by_first.get(head, ()):
                    node = _cut(use.node, len(name[len(head) :].split(".")) - 1)
                    if node is not None:
                        _convert(module, rule, rules, use, node, name[: len(head)], len(qualified) == 1, findings)
    return findings


def _heads(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _cut(node: ast.expr, attributes: int) -> ast.expr | None:
    """``node`` without its last ``attributes``; None if it has fewer (the name itself is below what is looked for)."""
    for _ in range(attributes):
        if not isinstance(node, ast.Attribute):
            return None
        node = node.value
    return node


def _convert(
    module: PythonModule,
    rule: ApiRule,
    rules: RuleSet,
    use: Use,
    node: ast.expr,
    name: str,
    certain: bool,
    findings: Findings,
) -> None:
    call = module.names.called.get(node)
    try:
        if not _applies(module, rule, node, call, use):
            return
        findings.matches[rule.id] += 1
        if rule.unsupported is not None:
            findings.left.append(module.left(rule.id, node, rule.unsupported))
            return
        if not certain:
            raise SourceError("the name may stand for something else here: it is imported from several places")
        if rule.target is not None:
            _rename(module, rule, rules, use, node, name, findings)
        if rule.arguments:
            if call is None:
                raise SourceError("it is not called here; the arguments that it will get cannot be seen")
            findings.edits += Arguments(module, call, rule.signature, use.fstring).edits(rule.id, rule.arguments)
    except SourceError as error:
        findings.matches[rule.id] += 1
        findings.left.append(module.left(rule.id, call or node, error.reason))


def _applies(module: PythonModule, rule: ApiRule, node: ast.expr, call: ast.Call | None, use: Use) -> bool:
    if rule.used_as:
        places = {
            "call": call is not None,
            "decorator": node in module.names.decorators or (call is not None and call in module.names.decorators),
            "base": node in module.names.bases,
        }
        places["value"] = not any(places.values())
        if not any(places[place] for place in rule.used_as):
            return False
    if not rule.given:
        return True
    if call is None:
        return False
    arguments = Arguments(module, call, rule.signature, use.fstring)
    return all(_holds(arguments.given(parameter), parameter, wanted) for parameter, wanted in rule.given.items())


def _holds(given: ast.expr | None, parameter: str, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return (given is not None) is wanted
    if given is None:
        return False
    try:
        value = ast.literal_eval(given)
    except ValueError as error:
        raise SourceError(f"the rule applies if {parameter} is {wanted[0]!r}, which cannot be seen here") from error
    return type(value) is type(wanted[0]) and bool(value == wanted[0])


def _rename(
    module: PythonModule, rule: ApiRule, rules: RuleSet, use: Use, node: ast.expr, name: str, findings: Findings
) -> None:
    """Spell ``node``, which stands for ``name``, as the rule's target."""
    assert rule.target is not None
    (bound,) = module.names.meaning_of(use.name.id, "", use.scope).qualified
    if name == bound and dict(rule.renamed_names()) and isinstance(node, ast.Name):
        return  # the import statement that binds it changes
    converted = rules.renamed(bound)
    package = converted.name or bound if converted else bound
    span = module.span(node, use.fstring)
    if rule.target.startswith(package + ".") and node is not use.name:
        below = rule.target[len(package) :]
        start = module.span(use.name, use.fstring).end
        written = module.text[start : span.end]
        # What the old and the new name have in common stays as it is written.
        common = 0
        old_parts, new_parts = name[len(bound) :].split("."), below.split(".")
        if len(old_parts) == len(new_parts) and old_parts[:-1] == new_parts[:-1]:
            common = len(written) - len(old_parts[-1])
            below = new_parts[-1]
        if "#" in written[common:]:
            raise SourceError("a comment stands inside the name that is to change")
        findings.edits.append(module.edit(rule.id, Span(start + common, span.end), below))
        return
    parent = rule.target.rpartition(".")[0]
    root = rule.target.partition(".")[0]
    for scope in module.names.scopes:
        if root in scope.opaque or root in scope.parameters or root in scope.aliased:
            raise SourceError(f"{root} is the name of something else in this file")
    if "#" in module.text[span.start : span.end]:
        raise SourceError("a comment stands inside the name that is to change")
    findings.edits.append(module.edit(rule.id, span, rule.target))
    findings.edits += add_import(module, rule.id, f"import {parent}")
