"""``ms-convert explain ID|torch.some.api``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import ConvertError
from ..language.ruleset import RuleSet, load_rules
from ..support import Support
from .common import DEFAULT_RULES, RulesOption, one_line_errors


def explain(
    name: Annotated[
        str,
        typer.Argument(metavar="ID|API", show_default=False, help="Id of a rule, or a name such as torch.cuda.Event."),
    ],
    rules: RulesOption = None,
) -> None:
    """Explain a rule, or tell whether mindtorch supports an API and which rules are about it.

    Exit codes: 0 explained; 1 the API is not supported; 2 there is no such rule.
    """
    from ..language.describe import describe_rule

    with one_line_errors():
        ruleset = load_rules(rules or DEFAULT_RULES)
        found = next((rule for rule in ruleset.rules if rule.id == name), None)
        if found is not None:
            print(describe_rule(found), end="")
            return
        if "." not in name and name not in ruleset.roots:
            ruleset.chosen([name], [])  # tells what is nearest
        raise typer.Exit(_explain_api(name, ruleset))


def _sentence(name: str, support: Support, package: str) -> str:
    below = f" (as part of {support.api})" if support.api not in (name, name.replace("torch", package, 1)) else ""
    if support.supported:
        tiers = {
            "exact": f", exact: {package} passes the samples that PyTorch tests it with",
            "partial": f", in part: {support.differs}",
            "present": ", present: PyTorch has no samples to test it with",
        }
        return f"{name} is supported by {package}{below}{tiers.get(support.tier, '')}"
    reason = {"placeholder": "it can be imported, and raises when it is used", "missing": "it is missing"}
    hint = f"; {support.hint}" if support.hint else ""
    return f"{name} is not supported by {package}{below}: {reason.get(support.status, support.status)}{hint}"


def _explain_api(name: str, rules: RuleSet) -> int:
    from ..kinds.imports import ImportRule
    from ..support import load_support

    new = rules.renamed(name)
    root = name.partition(".")[0]
    code = 0
    for rule in rules.of(ImportRule):
        if rule.module == root and rule.unsupported is not None:
            print(f"{name} is not supported: {rule.unsupported} [{rule.id}]")
            code = 1
    table = load_support()
    spelled = new.name if new is not None and new.name is not None else name
    if spelled.partition(".")[0] in table.roots:
        support = table.lookup(spelled)
        print(_sentence(name, support, table.package))
        code = 0 if support.supported else 1
    elif new is None and not code:
        raise ConvertError(f"{name} is neither the id of a rule nor the name of something that a rule is about")
    if new is not None:
        print(f"becomes {new.name}, by the rule {new.rule}" if new.name else f"stays as it is, by the rule {new.rule}")
    return code
