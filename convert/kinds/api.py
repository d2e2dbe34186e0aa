"""API rules: functions, classes and values by their qualified names, however a file refers to them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit, Span
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.arguments import NO_CHANGES, ArgumentChanges, Arguments
from ..python.comments import check_fstring, has_comment
from ..python.insertion import add_import, imported_names
from ..python.module import PythonModule
from ..python.names import Use, bound_name, dotted
from ..python.sourcefile import parse
from ..settings import Settings
from .imports import obstacle

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
        _check(head, match, action, where)
        changes = action.get("arguments", {})
        return cls(
            **head,
            name=match["name"],
            signature=tuple(match.get("signature", ())),
            used_as=frozenset(match.get("used_as", ())),
            given=dict(_conditions(match.get("arguments", {}))),
            target=action.get("rename"),
            arguments=ArgumentChanges(
                frozenset(changes.get("drop", ())),
                dict(changes.get("rename", {})),
                {**changes.get("add", {}), **changes.get("defaults", {})},
                tuple(changes.get("order", ())),
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
    def leaves_no_trace(self) -> bool:
        return self.target is None

    @property
    def sought(self) -> str:
        return self.name


def _check(head: Mapping[str, Any], match: Mapping[str, Any], action: Mapping[str, Any], where: Where) -> None:
    """Raise :class:`RuleError` for what contradicts itself, or would not be the same after a second run."""
    package, target = match["name"].partition(".")[0], action.get("rename")
    changes = action.get("arguments", {})

    def wrong(message: str, *place: str | int) -> RuleError:
        return RuleError(where(*place), f"{head['id']}: {message}")

    if target is not None and target.partition(".")[0] == package:
        # The result would match again, or another rule would.
        message = f"the new name is itself in {package}; give the name in the package that takes its place"
        raise wrong(message, "action", "rename")
    for place in (("match", "signature"), ("action", "arguments", "drop"), ("action", "arguments", "order")):
        names = (match if place[0] == "match" else changes).get(place[-1], ())
        for index, name in enumerate(names):
            if name in names[:index]:
                raise wrong(f"{name} is listed twice", *place, index)
    signature, drop, order = (match.get("signature", ()), changes.get("drop", ()), changes.get("order", ()))
    for key, listed in (("drop", drop), ("order", order)):
        for index, name in enumerate(listed):
            if name not in signature and (key == "order" or signature):
                raise wrong(f"{name} is not in match.signature; add it there", "action", "arguments", key, index)
    for key in ("rename", "add", "defaults", "order"):
        for name in changes.get(key, ()):
            if name in drop:
                raise wrong(f"{name} is dropped, and in {key} too; take it out of one", "action", "arguments", key)
    for name in changes.get("defaults", ()):
        if name in changes.get("add", ()):
            raise wrong(f"{name} is in add and in defaults; take it out of one", "action", "arguments", "defaults")
    for key in ("add", "defaults"):
        for name, source in changes.get(key, {}).items():
            if not _is_argument(source):
                raise wrong(f"{source!r} is not a Python expression", "action", "arguments", key, name)
    if (changes or match.get("arguments")) and not {"call", "decorator"}.intersection(match.get("used_as", ["call"])):
        raise wrong("only calls have arguments; add call to used_as", "match", "used_as")
    renamed = changes.get("rename", {})
    if target is None:
        again = "without action.rename a second run could not tell the result; give the name that imports convert to"
        if order or (drop and signature):
            raise wrong(again, "action", "arguments", "order" if order else "drop")
        if not set(renamed).isdisjoint(renamed.values()):
            raise wrong(again, "action", "arguments", "rename")


def _is_argument(source: str) -> bool:
    """Whether ``source`` can stand as the value of a keyword argument, and nothing behind it is swallowed."""
    try:
        (statement,) = parse(f"f(x={source})").body
    except (SourceError, ValueError):
        return False
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and len(call.args) + len(call.keywords) == 1


def _conditions(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, condition in data.items():
        if isinstance(condition, str):
            yield name, condition == "given"
        else:
            yield name, (condition["literal"],)


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every use of a name that an API rule is about."""
    findings = Findings()
    by_name: dict[str, list[ApiRule]] = {}
    results: dict[str, list[ApiRule]] = {}
    for rule in rules.of(ApiRule):
        by_name.setdefault(rule.name, []).append(rule)
        if rule.expect and rule.target:
            results.setdefault(rule.target, []).append(rule)
    names = module.names
    for use in names.uses:
        if not isinstance(use.name.ctx, ast.Load):
            continue
        chain = dotted(use.node)
        assert chain is not None
        below = "".join(f".{attribute}" for attribute in chain[1])
        qualified = names.meaning_of(use.name.id, below, use.scope).qualified
        certain = len(qualified) == 1
        if not qualified:
            # Bound to something else besides: none of our business, unless one of the meanings is.
            home = names.home(use.name.id, use.scope)
            imported = home.imported.get(use.name.id, ()) if home is not None else ()
            qualified = frozenset(name + below for name in imported)
        for name in sorted(qualified):
            for head in _heads(name):
                findings.matches.update(rule.id for rule in results.get(head, ()) if certain)
                for rule in by_name.get(head, ()):
                    node = _cut(use.node, len(name[len(head) :].split(".")) - 1)
                    if node is not None:
                        _convert(module, rule, rules, use, node, head, certain, findings)
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
    """What becomes of ``node``, which stands for ``name`` (perhaps, if that is not ``certain``)."""
    call = module.names.called.get(node)
    # Before Python 3.12 only the position of a whole f-string is right.
    whole = use.fstring or call or node
    if module.ignored(rule.id, whole):
        return
    matched = False
    try:
        if not _applies(module, rule, node, call, use):
            return
        matched = True
        if rule.unsupported is not None:
            findings.left.append(module.left(rule.id, use.fstring or node, rule.unsupported))
        elif not rule.arguments and isinstance(node, ast.Name) and dict(rule.renamed_names()):
            pass  # the import statement that binds it changes
        elif not certain:
            raise SourceError(f"{use.name.id} may stand for something else here: it is bound in several places")
        else:
            findings.edits += _edits(module, rule, rules, use, node, name, call)
    except SourceError as error:
        matched = True
        findings.left.append(module.left(rule.id, whole, error.reason))
    finally:
        findings.matches[rule.id] += matched


def _edits(
    module: PythonModule, rule: ApiRule, rules: RuleSet, use: Use, node: ast.expr, name: str, call: ast.Call | None
) -> list[Edit]:
    stays = _import_that_stays(module, rules, use)
    if stays is not None:
        raise SourceError(f"the import in line {stays} stays as it is, and this with it")
    if rule.arguments and call is None:
        raise SourceError("it is not called here; the arguments that it will get cannot be seen")
    edits = [] if rule.target is None else _rename(module, rule, rules, use, node, name, rule.target)
    if rule.arguments and call is not None:
        edits += Arguments(module, call, rule.signature, use.fstring).edits(rule.id, rule.arguments)
    return edits


def _import_that_stays(module: PythonModule, rules: RuleSet, use: Use) -> int | None:
    """The line of an import statement that binds the name but is not converted, although a rule is about it."""
    home = module.names.home(use.name.id, use.scope)
    for node, scope in module.names.import_scopes.items():
        if scope is home and any(bound_name(node, alias) == use.name.id for alias in node.names):
            new = [rules.renamed(name) for name in imported_names(node)]
            if any(n is not None and n.name is not None and module.ignored(n.rule, node) for n in new):
                return node.lineno
            if isinstance(node, ast.Import) and obstacle(node, rules) is not None:
                return node.lineno
    return None


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
    unclear: SourceError | None = None
    for parameter, wanted in rule.given.items():
        try:
            if not _holds(arguments.given(parameter), parameter, wanted):
                return False
        except SourceError as error:
            unclear = error
    if unclear is not None:
        raise unclear
    return True


def _holds(given: ast.expr | None, parameter: str, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return (given is not None) is wanted
    if given is None:
        return False
    try:
        value = ast.literal_eval(given)
    except (ValueError, TypeError) as error:
        raise SourceError(f"the rule applies if {parameter} is {wanted[0]!r}, which cannot be seen here") from error
    return type(value) is type(wanted[0]) and bool(value == wanted[0])


def _rename(
    module: PythonModule, rule: ApiRule, rules: RuleSet, use: Use, node: ast.expr, name: str, target: str
) -> list[Edit]:
    """Spell ``node``, which stands for ``name``, as ``target``."""
    (bound,) = module.names.meaning_of(use.name.id, "", use.scope).qualified
    if isinstance(node, ast.Name) and dict(rule.renamed_names()):
        return []  # the import statement that binds it changes
    converted = rules.renamed(bound)
    package = converted.name or bound if converted else bound
    span = module.span(node, use.fstring)
    check_fstring(module, use.fstring, node, target)
    if target.startswith(package + ".") and node is not use.name:
        below = target[len(package) :]
        first = module.span(use.name, use.fstring)
        written = module.text[first.end : span.end]
        # What the old and the new name have in common stays as it is written.
        common = 0
        old_parts, new_parts = name[len(bound) :].split("."), below.split(".")
        if old_parts[:-1] == new_parts[:-1] and written.endswith(old_parts[-1]):
            common = len(written) - len(old_parts[-1])
            below = new_parts[-1]
        changed = Span(first.end + common, span.end)
        _check_comments(module, changed)
        if ")" in written[common:]:
            return [module.edit(rule.id, span, first, below)]
        return [module.edit(rule.id, changed, below)]
    _check_comments(module, span)
    added = add_import(module, rules, rule.id, f"import {target.rpartition('.')[0]}", use.scope)
    return [module.edit(rule.id, span, target), *added]


def _check_comments(module: PythonModule, span: Span) -> None:
    if has_comment(module, span):
        raise SourceError("a comment stands inside the name that is to change")
