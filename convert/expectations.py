"""Whether each rule matched as often as it expects; if not, the place that looks most like what it looks for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from keyword import iskeyword
from pathlib import Path

from .errors import RuleError, SourceError
from .language.model import Rule
from .language.ruleset import RuleSet
from .textfile import LINE_END, TextFile

# What a failing run may spend on looking for a near miss.
_MOST_BYTES = 200_000_000
_LIKE_ENOUGH = 0.55
_NAME = re.compile(r"[^\W\d][\w.]*")


def check_expectations(rules: RuleSet, matches: Mapping[str, int], root: Path, files: Iterable[str]) -> None:
    """Raise :class:`RuleError` for the first rule of which ``matches`` has fewer or more than it expects.

    ``files`` are those of the tree ``root`` in which a near miss is looked for.
    """
    for rule in rules.rules:
        if rule.expect is None:
            continue
        least, most = rule.expect
        found = matches.get(rule.id, 0)
        if found < least or (most is not None and found > most):
            wanted = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
            message = f"{rule.id} expects {wanted} matches but found {found}; nothing was written"
            near = nearest(rule, root, files) if found < least else None
            hint = f"; the nearest is {near}" if near else ""
            raise RuleError(rule.mark, message + hint)


def nearest(rule: Rule, root: Path, files: Iterable[str]) -> str | None:
    """``file:line: text`` of the line that looks most like what ``rule`` looks for; None if none looks like it."""
    globs = RuleSet((rule,)).globs[0]
    sought = " ".join(rule.sought.split())
    name = max((word for word in _NAME.findall(sought) if not iskeyword(word)), key=len, default=sought)
    last = name.rpartition(".")[2].lower()
    pairs = {last[i : i + 3] for i in range(max(1, len(last) - 2))}
    best, best_score, budget = None, _LIKE_ENOUGH, _MOST_BYTES
    for path in files:
        if not globs.match(path) or budget <= 0:
            continue
        try:
            raw = (root / path).read_bytes()
            text = TextFile.from_bytes(raw).text
        except (OSError, SourceError):
            continue  # the report tells about it
        budget -= len(raw)
        for number, line in enumerate(LINE_END.split(text), 1):
            lower = line.lower()
            if len(line) > 1000 or not any(pair in lower for pair in pairs):
                continue
            score = _score(" ".join(line.split()), sought, name, best_score)
            if score > best_score:
                best, best_score = f"{path}:{number}: {line.strip()[:120]}", score
    return best


def _score(line: str, sought: str, name: str, floor: float) -> float:
    candidates = [(line, sought), *((found, name) for found in _NAME.findall(line))]
    score = 0.0
    for text, wanted in candidates:
        matcher = SequenceMatcher(None, text, wanted, autojunk=False)
        if matcher.real_quick_ratio() > max(score, floor) and matcher.quick_ratio() > max(score, floor):
            score = max(score, matcher.ratio())
    return score


def total(matches: Iterable[Mapping[str, int]]) -> Counter[str]:
    """The sum of the counts of several files."""
    result: Counter[str] = Counter()
    for counts in matches:
        result.update(counts)
    return result
