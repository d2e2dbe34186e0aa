"""Definition rules: functions, classes and methods by qualified name."""

from __future__ import annotations

from pathlib import Path

import pytest
from convert_checks import convert
from ms_convert.errors import RuleError
from ms_convert.language.ruleset import RuleSet
from rule_checks import TORCH, check, check_left, check_wrong, load, rule

PATH = "pkg/mod.py"


def definition(name: str, **action: object) -> RuleSet:
    return load(rule("definition", {"name": name}, dict(action)))


SHIM = "import shims.x\n"
CASES = [
    # import
    ("f", {"import": "shims.x.f"}, "def f(a):\n    return a\n", "from shims.x import f\n"),
    ("f", {"import": "shims.x.g"}, "def f(a): return a\nx = 1\n", "from shims.x import g as f\nx = 1\n"),
    (
        "f",
        {"import": "shims.x.f"},
        "@a\n@b(1)\nasync def f(a):\n    return a  # why\n\ny\n",
        "from shims.x import f\n\ny\n",
    ),
    (
        "C",
        {"import": "shims.x.C"},
        "# above\nclass C(B):\n    '''doc'''\n    x = 1\n# below\n",
        "# above\nfrom shims.x import C\n# below\n",
    ),
    ("C.m", {"import": "shims.x.m"}, "class C:\n    def m(self): pass\n", "class C:\n    from shims.x import m\n"),
    (
        "f",
        {"import": "shims.x.f"},
        "if a:\n    def f(): pass\nelse:\n    def f(): pass\n",
        "if a:\n    from shims.x import f\nelse:\n    from shims.x import f\n",
    ),
    (
        "f",
        {"import": "shims.x.f"},
        "try:\n\tdef f(): pass\nexcept E:\n\tpass\n",
        "try:\n\tfrom shims.x import f\nexcept E:\n\tpass\n",
    ),
    ("f", {"import": "shims.x.f"}, "def f(): pass", "from shims.x import f"),
    # wrap
    ("f", {"wrap": "shims.x.w"}, "def f(a):\n    return a\n", SHIM + "def f(a):\n    return a\nf = shims.x.w(f)\n"),
    (
        "f",
        {"wrap": "shims.x.w"},
        "def f(a): return a  # why\n\ny\n",
        SHIM + "def f(a): return a  # why\nf = shims.x.w(f)\n\ny\n",
    ),
    (
        "f",
        {"wrap": "shims.x.w"},
        "'''doc'''\nfrom __future__ import annotations\n@a\ndef f(): pass;\n",
        "'''doc'''\nfrom __future__ import annotations\n" + SHIM + "@a\ndef f(): pass;\nf = shims.x.w(f)\n",
    ),
    (
        "C.D.m",
        {"wrap": "shims.x.w"},
        "class C:\r\n  class D:\r\n    def m(self):\r\n      pass\r\n",
        "import shims.x\r\nclass C:\r\n  class D:\r\n    def m(self):\r\n      pass\r\n    m = shims.x.w(m)\r\n",
    ),
    ("C", {"wrap": "shims.x.w"}, "class C: pass", SHIM + "class C: pass\nC = shims.x.w(C)"),
    # decorate
    ("f", {"decorate": "shims.x.d"}, "def f(): pass\n", SHIM + "@shims.x.d\ndef f(): pass\n"),
    ("f", {"decorate": "shims.x.d"}, "@a  # why\ndef f(): pass\n", SHIM + "@shims.x.d\n@a  # why\ndef f(): pass\n"),
    (
        "C.m",
        {"decorate": "shims.x.d"},
        "import a\nclass C:\n\tasync def m(self): pass\n",
        SHIM + "import a\nclass C:\n\t@shims.x.d\n\tasync def m(self): pass\n",
    ),
    ("f", {"decorate": "shims.x.d"}, "import shims.x\n@ shims.x.d\ndef f(): pass\n", None),
    # drop
    ("f", {"drop": True}, "a\n\ndef f():\n    return 1  # why\n\nb\n", "a\n\n\nb\n"),
    ("f", {"drop": True}, "def f(): pass\n", ""),
    ("f", {"drop": True}, "if a:\n    def f(): pass\n", "if a:\n    pass\n"),
    ("f", {"drop": True}, "if a:\n    def f(): pass\n    def f(b): pass\n", "if a:\n    pass\n"),
    (
        "C.m",
        {"drop": True},
        "class C:\n    @a\n    def m(self): pass\n    @b\n    def m(self): pass\n    x = 1\n",
        "class C:\n    x = 1\n",
    ),
    # others
    ("f", {"drop": True}, "class C:\n    def f(self): pass\ndef g():\n    def f(): pass\nf = 1\n", None),
    ("C.f", {"drop": True}, "def f(): pass\nclass D:\n    def f(self): pass\n", None),
]


@pytest.mark.parametrize(("name", "action", "before", "after"), CASES)
def test_definition(name: str, action: dict[str, object], before: str, after: str | None) -> None:
    check(definition(f"pkg.mod.{name}", **action), before, after, path=PATH)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("pkg/mod.py", True),
        ("src/pkg/mod.py", True),
        ("a/b/pkg/mod.pyi", True),
        ("pkg/mod/__init__.py", True),
        ("src/pkg/mod/__init__.py", True),
        ("mod.py", False),
        ("pkg/mod/f.py", False),
        ("pkg/mod2.py", False),
        ("xpkg/mod.py", False),
        ("pkg/__init__.py", False),
        ("pkg.py", False),
    ],
)
def test_files(path: str, meant: bool) -> None:
    check(definition("pkg.mod.f", drop=True), "def f(): pass\nx = 1\n", "x = 1\n" if meant else None, path=path)


def test_class_in_the_file_of_its_package() -> None:
    check(
        definition("pkg.C.m", drop=True),
        "class C:\n    def m(self): pass\n    x = 1\n",
        "class C:\n    x = 1\n",
        path="pkg/__init__.py",
    )


def test_two_rules_that_empty_a_block() -> None:
    rules = load(
        rule("definition", {"name": "m.C.f"}, {"drop": True}, id="one"),
        rule("definition", {"name": "m.C.g"}, {"drop": True}, id="two"),
    )
    check(rules, "class C:\n    def f(self): pass\n\n    def g(self): pass\n", "class C:\n    pass\n\n", path="m.py")


def test_other_rules_inside_of_what_goes() -> None:
    rules = load(
        TORCH,
        rule("api", {"name": "torch.foo"}, {"rename": "mindtorch.bar"}, id="api"),
        rule("definition", {"name": "m.f"}, {"drop": True}, id="drop"),
        rule("definition", {"name": "m.g"}, {"wrap": "s.w"}, id="wrap"),
    )
    source = "import torch as t\ndef f(): t.foo(1)\n@t.foo\ndef g(): t.foo()\n"
    check(rules, source, "import s\nimport mindtorch as t\n@t.bar\ndef g(): t.bar()\ng = s.w(g)\n", path="m.py")


def test_left() -> None:
    rules = definition("m.f", wrap="shims.x.w")
    check_left(rules, "shims = 1\ndef f(): pass\n", "shims is the name of something else", path="m.py")
    apex = {"id": "apex", "kind": "import", "match": {"module": "apex"}, "action": {"module": "shims.apex"}}
    for action in ("import", "wrap", "decorate"):
        rules = load(apex, rule("definition", {"name": "m.f"}, {action: "apex.x.f"}))
        check_left(rules, "def f(): pass\n", "apex would convert", path="m.py")


def test_ignored() -> None:
    rules = definition("m.f", wrap="shims.x.w")
    check(rules, "def f():\n    pass  # ms-convert: ignore[a-rule]\n", None, path="m.py")


@pytest.mark.parametrize("action", [{"import": "s.x.f"}, {"wrap": "s.w"}, {"decorate": "s.w"}])
def test_matches_are_the_same_in_a_second_run(action: dict[str, object]) -> None:
    rules = load(rule("definition", {"name": "m.f"}, action, expect=1))
    first = convert("def f(): pass\nx = 1\n", rules, path="m.py")
    assert first.matches["a-rule"] == 1
    assert first.after is not None
    again = convert(first.after, rules, path="m.py")
    assert (again.after, again.matches["a-rule"]) == (None, 1)


WRONG = [
    ("match: {}\naction: {drop: true}", 7, "match: 'name' is missing"),
    ("match: {name: f}\naction: {drop: true}", 7, "must be a qualified name, such as torch.nn.Linear"),
    ("match: {name: m.f()}\naction: {drop: true}", 7, "must be a qualified name"),
    ("match: {name: m.f}\naction: {}", 8, "must have one of import, wrap, decorate and drop"),
    ("match: {name: m.f}\naction: {drop: true, wrap: a.b}", 8, "must have one of import, wrap, decorate and drop"),
    ("match: {name: m.f}\naction: {drop: false}", 8, "drop"),
    ("match: {name: m.f}\naction: {wrap: w}", 8, "must be a qualified name"),
    ("match: {name: m.f}\naction: {decorat: a.w}", 8, "'decorat' is not known; did you mean 'decorate'?"),
    ("match: {name: m.f}\naction: {import: m.f}", 8, "m.f would import itself"),
]


@pytest.mark.parametrize(("lines", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, lines: str, line: int, message: str) -> None:
    check_wrong(tmp_path, "kind: definition\n" + lines, line, message)


def test_two_rules_for_one_definition() -> None:
    with pytest.raises(RuleError, match=r"b-rule and a-rule \(.*\) both rewrite definition, m\.f"):
        load(
            rule("definition", {"name": "m.f"}, {"drop": True}),
            rule("definition", {"name": "m.f"}, {"wrap": "a.b"}, id="b-rule"),
        )
