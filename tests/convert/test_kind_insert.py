"""Insert rules: statements that a file must have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from convert_checks import convert
from ms_convert.language.ruleset import RuleSet
from rule_checks import TORCH, check, check_left, check_wrong, load, rule


def insert(statement: str, match: dict[str, Any] | None = None, **action: Any) -> RuleSet:
    return load(rule("insert", match, {"statement": statement, **action}, paths=["*.py"]))


TOP = [
    ("", "import x\n"),
    ("a\n", "import x\na\n"),
    ("a", "import x\na"),
    ("'''doc'''\n", "'''doc'''\nimport x\n"),
    ("'''doc'''", "'''doc'''\nimport x\n"),
    ("'''doc'''; a\n", "'''doc'''; import x; a\n"),
    ("'''doc\n'''\n\n\na\n", "'''doc\n'''\n\n\nimport x\na\n"),
    ("'''doc'''\nfrom __future__ import division\n", "'''doc'''\nfrom __future__ import division\nimport x\n"),
    (
        "from __future__ import (\n    division,\n)\nfrom __future__ import annotations; a\n",
        "from __future__ import (\n    division,\n)\nfrom __future__ import annotations; import x; a\n",
    ),
    (
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# Copyright\n\na\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# Copyright\n\nimport x\na\n",
    ),
    ("#!/usr/bin/env python\n# only comments", "#!/usr/bin/env python\n# only comments\nimport x\n"),
    ("'''doc'''\r\na\r\n", "'''doc'''\r\nimport x\r\na\r\n"),
    ("\ufeffa\n", "\ufeffimport x\na\n"),
    ("\ufeff'''doc'''", "\ufeff'''doc'''\nimport x\n"),
    ("@d\nclass A: pass\n", "import x\n@d\nclass A: pass\n"),
    ("if a: b\n", "import x\nif a: b\n"),
    ("a; b\n", "import x\na; b\n"),
    ("f'''no doc'''\n", "import x\nf'''no doc'''\n"),
    ("1\n", "import x\n1\n"),
    ("import x\n", None),
    ("a\nimport  x  # c\n", None),
    ("def f(): import x\n", "import x\ndef f(): import x\n"),
    ("import x as y, z\n", "import x\nimport x as y, z\n"),
]


@pytest.mark.parametrize(("before", "after"), TOP)
def test_at_the_top(before: str, after: str | None) -> None:
    check(insert("import x"), before, after)
    check(insert("import x\n", at="top"), before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "f()\n"),
        ("a", "a\nf()\n"),
        ("a\r\n", "a\r\nf()\r\n"),
        ("if a:\n    b\n    # c\n", "if a:\n    b\n    # c\nf()\n"),
        ("a\n    ", "a\n    \nf()\n"),
        ("f(   )\na\n", None),
    ],
)
def test_at_the_end(before: str, after: str | None) -> None:
    check(insert("f()", at="end"), before, after)


DEFINITIONS = [
    ({"before": "g"}, "a\n@d\ndef g(): pass\nb\n", "a\nf()\n@d\ndef g(): pass\nb\n"),
    ({"after": "g"}, "a\n@d\ndef g(): pass\nb\n", "a\n@d\ndef g(): pass\nf()\nb\n"),
    ({"after": "g"}, "def g():\n    return 1  # why\n\n\nb", "def g():\n    return 1  # why\nf()\n\n\nb"),
    ({"after": "g"}, "async def g(): pass", "async def g(): pass\nf()"),
    ({"after": "C"}, "class C:\r\n  x = 1\r\n", "class C:\r\n  x = 1\r\nf()\r\n"),
    ({"before": "C.m"}, "class C:\n\tdef m(self): pass\n", "class C:\n\tf()\n\tdef m(self): pass\n"),
    (
        {"after": "C.m"},
        "class C:\n\tdef m(self):\n\t\tpass\n\tx = 1\n",
        "class C:\n\tdef m(self):\n\t\tpass\n\tf()\n\tx = 1\n",
    ),
    ({"after": "g"}, "if a:\n    def g(): pass\n", "if a:\n    def g(): pass\n    f()\n"),
    ({"after": "g"}, "x = 1\ndef h():\n    def g(): pass\n", None),
    ({"after": "g"}, "f()\ndef g(): pass\n", None),
]


@pytest.mark.parametrize(("match", "before", "after"), DEFINITIONS)
def test_beside_a_definition(match: dict[str, str], before: str, after: str | None) -> None:
    check(insert("f()", match), before, after)


def test_several_lines() -> None:
    source = "if x:\n    y = '''a\n  b'''\n\n    z = 1  # c\nw()\n"
    check(insert(source), "a\n", source + "a\n")
    check(insert(source, at="end"), "a", "a\n" + source)
    moved = "    if x:\n        y = '''a\n  b'''\n\n        z = 1  # c\n    w()\n"
    check(
        insert(source, {"before": "C.m"}),
        "class C:\n    def m(self): pass\n",
        "class C:\n" + moved + "    def m(self): pass\n",
    )
    check(
        insert(source, {"after": "C.m"}),
        "class C:\n    def m(self): pass\n",
        "class C:\n    def m(self): pass\n" + moved,
    )
    check(insert("a = 1\nb = 2"), "'''doc'''; c\n", "'''doc'''; a = 1; b = 2; c\n")
    check_left(insert(source), "'''doc'''; c\n", "does not start its line")
    # Lines that YAML has left indented.
    check(insert("  a = 1\n  b = 2\n"), "c\n", "a = 1\nb = 2\nc\n")


def test_result_that_other_rules_would_convert_is_left() -> None:
    for statement in ("import torch", "from torch import nn", "torch.x = 1"):
        rules = load(TORCH, rule("insert", None, {"statement": statement}, paths=["*.py"]))
        check_left(rules, "a\n", "torch would convert torch")


def test_rules_for_the_same_place() -> None:
    rules = load(
        rule("insert", None, {"statement": "import a"}, paths=["*.py"], id="one"),
        rule("insert", None, {"statement": "import b"}, paths=["*.py"], id="two"),
        rule("pattern", {"expression": "f()"}, {"replace": "b.f()", "imports": ["import b"]}, id="three"),
    )
    result = convert("f()\n", rules)
    assert result.after is not None
    assert sorted(result.after.decode().splitlines()) == ["b.f()", "import a", "import b"]
    assert convert(result.after, rules).after is None


def test_matches_are_the_same_in_a_second_run() -> None:
    rules = load(rule("insert", {"after": "g"}, {"statement": "f()"}, paths=["*.py"], expect=1))
    first = convert("def g(): pass\n", rules)
    assert first.matches["a-rule"] == 1
    assert first.after is not None
    assert convert(first.after, rules).matches["a-rule"] == 1


WRONG = [
    ("paths: [a.py]\naction: {}", 8, "'statement' is missing"),
    ("paths: [a.py]\naction: {statement: 'x ='}", 8, "the statement is not Python: "),
    ("paths: [a.py]\naction: {statement: '# only this'}", 8, "the statement is empty"),
    ("paths: [a.py]\naction: {statement: x, at: middle}", 8, "'middle' is not one of top, end"),
    ("paths: [a.py]\nmatch: {before: f}\naction: {statement: x, at: end}", 9, "give match.before or at, not both"),
    ("paths: [a.py]\nmatch: {before: f, after: g}\naction: {statement: x}", 8, "match"),
    ("paths: [a.py]\nmatch: {befor: f}\naction: {statement: x}", 8, "'befor' is not known; did you mean 'before'?"),
    ("paths: [a.py]\nmatch: {before: f()}\naction: {statement: x}", 8, "must be a dotted name"),
    ("action: {statement: x}", 3, "'paths' is missing"),
]


@pytest.mark.parametrize(("lines", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, lines: str, line: int, message: str) -> None:
    check_wrong(tmp_path, "kind: insert\n" + lines, line, message)
