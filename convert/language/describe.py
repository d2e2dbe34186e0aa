"""Rules to be read by people: ``ms-convert rules list``, ``show`` and ``validate``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml

from ..errors import ConvertError, Mark
from .model import Example, Rule
from .rulefile import locate, read_document
from .ruleset import RuleSet, load_rules

_WIDTH = 100


class RuleRow(NamedTuple):
    """One rule in a list. ``summary`` is the first sentence of its ``why``; ``upstream`` is empty if it has none."""

    id: str
    kind: str
    summary: str
    upstream: str
    examples: int
    mark: Mark


def list_rules(rules: RuleSet) -> list[RuleRow]:
    """All rules, in the order of their files."""
    upstream = {name: about.name for about in rules.upstreams for name in about.rules}
    return [
        RuleRow(rule.id, rule.kind, _first_sentence(rule.why), upstream.get(rule.id, ""), len(rule.examples), rule.mark)
        for rule in rules.rules
    ]


def describe_rule(rule: Rule) -> str:
    """Everything that the rule file says about ``rule``, in plain text.

    Raises :class:`.errors.ConvertError` if the file cannot be read any more.
    """
    data = _data(rule)
    parts = [f"{rule.id} ({rule.kind}), {rule.mark}", textwrap.fill(" ".join(rule.why.split()), _WIDTH)]
    keys = ("when", "paths", "exclude", "expect", "match", "action")
    shown = {key: data[key] for key in keys if key in data}
    parts.append(yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH).rstrip())
    parts += (_example(number, example) for number, example in enumerate(rule.examples, 1))
    return "\n\n".join(parts) + "\n"


def validate_rules(names: Iterable[str]) -> list[ConvertError]:
    """What is wrong with each of the rule files ``names``: the first error of each that has one."""
    errors: list[ConvertError] = []
    for name in names:
        try:
            load_rules(name)
        except ConvertError as error:
            errors.append(error)
    return errors


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, the way that rule files do."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _first_sentence(why: str) -> str:
    text = " ".join(why.split())
    sentence, dot, _ = text.partition(". ")
    return sentence + dot.rstrip()


def _data(rule: Rule) -> dict[str, Any]:
    """The rule as plain data."""
    file, raw = locate(rule.mark.file)
    found = [data for data in read_document(file, raw).data.get("rules", ()) if data["id"] == rule.id]
    if not found:
        raise ConvertError(f"{file} has no rule {rule.id} any more; run the command again")
    data: dict[str, Any] = found[0]
    return data


def _example(number: int, example: Example) -> str:
    head = f"example {number}, {example.path}"
    if example.before == example.after:
        return f"{head}\n  unchanged:\n{_block(example.before)}"
    return f"{head}\n  before:\n{_block(example.before)}\n  after:\n{_block(example.after)}"


def _block(text: str | None) -> str:
    if text is None:
        return "    (no file)"
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return "\n".join(f"    {line}".rstrip(" ") for line in lines)
