"""Import rules: which package takes the place of which, in every form of the import statement."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.bound import Bound
from ..python.module import PythonModule
from ..python.names import ImportNode
from ..settings import Settings
from . import renaming

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


@dataclass(frozen=True)
class ImportRule(Rule):
    """``import module`` and everything below it.

    ``targets`` maps the module, and modules below it that go elsewhere, to what takes their place; None stays as it is.
    ``unsupported`` is what to tell the user where nothing takes the place of the package; then there are no targets.
    """

    kind: ClassVar[str] = "import"

    module: str = ""
    targets: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    unsupported: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> ImportRule:
        module = match["module"]
        if "unsupported" in action:
            for path in (("match", "except"), ("action", "submodules")):
                if path[1] in (match if path[0] == "match" else action):
                    message = f"{path[1]} says what becomes of parts, unsupported that nothing does; take one out"
                    raise RuleError(where(*path), f"{head['id']}: {message}")
            return cls(**head, module=module, unsupported=action["unsupported"].strip())
        targets: dict[str, str | None] = {module: action["module"]}
        below = action.get("submodules", {})
        for name, target in (*((name, None) for name in match.get("except", ())), *below.items()):
            place = where("action", "submodules", name) if name in below else where("match", "except")
            if not name.startswith(module + "."):
                raise RuleError(place, f"{head['id']}: {name} is not below {module}")
            if name in targets:
                raise RuleError(place, f"{head['id']}: {name} is given twice")
            targets[name] = target
        for name, target in targets.items():
            if target is not None and target.partition(".")[0] == module:
                # The result would match again: no second run could be without effect.
                place = where("action", "module") if name == module else where("action", "submodules", name)
                raise RuleError(place, f"{head['id']}: the target is itself in {module}")
        return cls(**head, module=module, targets=targets)

    def words(self) -> Iterable[str]:
        return self.roots()

    def roots(self) -> Iterable[str]:
        # Also of what is converted already: the report tells what it uses.
        yield self.module
        yield from {target.partition(".")[0] for target in self.targets.values() if target}

    def modules(self) -> Iterable[str]:
        return (self.module,)

    def claims(self) -> Iterator[tuple[str, ...]]:
        yield "import", self.module

    @property
    def sought(self) -> str:
        return f"import {self.module}"

    def renamed_names(self) -> Iterable[tuple[str, str | None]]:
        return self.targets.items()

    def is_result(self, name: str) -> bool:
        """Whether ``name`` is what this rule makes of a name."""
        targets = (target for target in self.targets.values() if target is not None)
        return any(name == target or name.startswith(target + ".") for target in targets)


def imported_modules(node: ImportNode) -> list[str]:
    """The absolute module paths that a statement imports; nothing for a relative import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if node.level == 0 and node.module else []


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every import statement that a rule is about; in rename style also every use of what it binds.

    Of packages that are ``unsupported`` the coverage tells, which counts all uses (see :mod:`..report.coverage`).
    """
    findings = Findings()
    by_module = {rule.module: rule for rule in rules.of(ImportRule)}
    counted = [rule for rule in by_module.values() if rule.expect]
    renamed = renaming.symbols(module, by_module, rules, settings, findings) if settings.style == "rename" else {}
    for node in module.imports:
        for name in imported_modules(node):
            findings.matches.update(rule.id for rule in counted if rule.is_result(name))
            rule = by_module.get(name.partition(".")[0])
            if rule is not None:
                findings.matches[rule.id] += 1
        try:
            if isinstance(node, ast.Import):
                _plain(module, node, by_module, rules, renamed, findings)
            else:
                _from(module, node, rules, findings)
        except SourceError as error:
            rules_here = ",".join(by_module[n.partition(".")[0]].id for n in imported_modules(node))
            findings.left.append(module.left(rules_here, node, error.reason))
    return findings


def obstacle(node: ast.Import, rules: RuleSet) -> tuple[str, str] | None:
    """Why a statement cannot be converted, with the id of the rule: one name would have to be two packages."""
    for alias in node.names:
        root = alias.name.partition(".")[0]
        new, package = rules.renamed(alias.name), rules.renamed(root)
        if new is None or alias.asname is not None:
            continue
        if package is None or package.name is None or new.head != root:
            fate = "is not to be converted" if new.name is None else f"becomes {new.name}"
            return f"binds the name {root}, but {alias.name} {fate}; import it with 'as'", new.rule
    return None


def _plain(
    module: PythonModule,
    node: ast.Import,
    by_module: Mapping[str, ImportRule],
    rules: RuleSet,
    renamed: renaming.Renamed,
    findings: Findings,
) -> None:
    plan: list[Bound | None] = []
    ids: list[str] = []
    reason = obstacle(node, rules)
    if reason is not None:
        findings.left.append(module.left(reason[1], node, reason[0]))
        return
    for alias in node.names:
        root = alias.name.partition(".")[0]
        rule = by_module.get(root)
        plan.append(None)
        new, package = rules.renamed(alias.name), rules.renamed(root)
        if new is None or new.name is None or (rule is not None and module.ignored(rule.id, node)):
            continue
        home = module.names.home(root, module.names.import_scopes[node]) if renamed else None
        keep = home is None or (home, root) not in renamed
        plan[-1] = Bound(new.name, package.name or "" if package else "", root if keep else None)
        ids.append(new.rule)
    if ids:
        from ..python.rewrite import rewrite_import  # LibCST takes longer to import than a run with a warm cache takes

        span = module.span(node)
        text = rewrite_import(module.text[span.start : span.end], plan)
        findings.edits.append(module.edit(",".join(dict.fromkeys(ids)), span, text))


def _from(module: PythonModule, node: ast.ImportFrom, rules: RuleSet, findings: Findings) -> None:
    source = node.module or ""
    if node.level:
        return
    ids: list[str] = []
    plan: list[tuple[str, str]] = []
    for alias in node.names:
        new = rules.renamed(source if alias.name == "*" else f"{source}.{alias.name}")
        plan.append((source, alias.name))
        if new is None or new.name is None:
            continue
        package, _, name = new.name.rpartition(".")
        if not package and alias.name != "*":
            raise SourceError(f"{source}.{alias.name} becomes {new.name}, a top-level module; use 'import ... as'")
        plan[-1] = (new.name, "*") if alias.name == "*" else (package, name)
        ids.append(new.rule)
    if ids:
        from ..python.rewrite import rewrite_from_import

        span = module.span(node)
        text = rewrite_from_import(module.text[span.start : span.end], plan, module.new_line(span))
        findings.edits.append(module.edit(",".join(dict.fromkeys(ids)), span, text))
