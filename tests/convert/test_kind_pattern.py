"""Pattern rules: code with metavariables, and what takes its place."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from convert_checks import convert
from hypothesis import given, settings
from hypothesis import strategies as st
from ms_convert.language.ruleset import RuleSet
from rule_checks import STYLES, TORCH, check, check_left, check_wrong, load, rule


def expression(pattern: str, replacement: str, *imports: str, **head: Any) -> RuleSet:
    action: dict[str, Any] = {"replace": replacement} | ({"imports": list(imports)} if imports else {})
    return load(rule("pattern", {"expression": pattern}, action, **head))


def statement(pattern: str, replacement: str, **head: Any) -> RuleSet:
    return load(rule("pattern", {"statement": pattern}, {"replace": replacement}, **head))


EXPRESSIONS = [
    # what matches
    (
        "f($X)",
        "g($X)",
        "f(1), f( (2) ), x.f(3), f(), f(1, 2), f(x=1), f(*x), f(**x)",
        "g(1), g(2), x.f(3), f(), f(1, 2), f(x=1), f(*x), f(**x)",
    ),
    ("f($X, $X)", "g($X)", "f(a, a), f(a, b), f(a.b[0], a . b[ 0 ]), f(1, 1.0)", "g(a), f(a, b), g(a.b[0]), f(1, 1.0)"),
    ("f(a=$X, b=$Y)", "g($X, $Y)", "f(b=1, a=2), f(1, 2), f(a=1)", "g(2, 1), f(1, 2), f(a=1)"),
    ("f('x')", "y", "f('x'), f(\"x\"), f('''x'''), f('' 'x'), f(b'x')", "y, y, y, y, f(b'x')"),
    ("f(1)", "y", "f(1), f((1)), f(0x1), f(True), f(1.0)", "y, y, y, f(True), f(1.0)"),
    (
        "x.shape[$I]",
        "size(x, $I)",
        "x.shape[0], x.shape[1:2], x.shape[-1], x.shape[a, b]",
        "size(x, 0), x.shape[1:2], size(x, -1), size(x, (a, b))",
    ),
    ("$X + 0", "$X", "a + 0, a*b + 0, (a + b + 0) * c, 2 * (a + b + 0)", "a, a*b, (a + b) * c, 2 * (a + b)"),
    ("$X if $C else $X", "$X", "a if b else a, a if b else c", "a, a if b else c"),
    ("[$*A, 0]", "h([$*A])", "[1, 0], [0], [1, 2, 0], [0, 1]", "h([1]), h([]), h([1, 2]), [0, 1]"),
    (
        "$X.data",
        "$X.detach()",
        "p.data.x, f(1).data, 1 .data, (a + b).data",
        "p.detach().x, f(1).detach(), (1).detach(), (a + b).detach()",
    ),
    # $* in arguments
    (
        "f($*R)",
        "g($*R)",
        "f(), f(1), f(1, *a, k=2, **kw), f(x for x in y)",
        "g(), g(1), g(1, *a, k=2, **kw), g((x for x in y))",
    ),
    ("f($*R)", "g(0, $*R)", "f(), f(1,), f(k=1)", "g(0), g(0, 1), g(0, k=1)"),
    ("f($*R)", "g($*R, z=0)", "f(), f(1, k=2), f(**k)", "g(z=0), g(1, k=2, z=0), g(**k, z=0)"),
    ("f($X, $*R)", "g($X, $*R)", "f(1), f(1, 2, k=3), f(k=3), f(*a)", "g(1), g(1, 2, k=3), f(k=3), f(*a)"),
    ("f($*R, $X)", "g($X, $*R)", "f(1), f(1, 2, 3), f(1, 2, k=3)", "g(1), g(3, 1, 2), g(2, 1, k=3)"),
    ("f($X, $*R, $Y)", "g($Y, $X, $*R)", "f(1, 2), f(1, 2, 3, k=4), f(1)", "g(2, 1), g(3, 1, 2, k=4), f(1)"),
    (
        "f($X, $*R, dev=$D)",
        "g($D, $*R, size=$X)",
        "f(1, 2, a=3, dev=4, b=5), f(dev=1)",
        "g(4, 2, a=3, b=5, size=1), f(dev=1)",
    ),
    ("f($*R, cpu=True)", "g(z=1, $*R)", "f(cpu=True, a=1, b=2)", "g(z=1, a=1, b=2)"),
    # parentheses
    (
        "mul($X, $Y)",
        "$X * $Y",
        "mul(a, b), mul(a + b, c), mul(a, b + c), mul(a * b, c), mul(a, b * c)",
        "a * b, (a + b) * c, a * (b + c), a * b * c, a * (b * c)",
    ),
    (
        "mul($X, $Y)",
        "$X * $Y",
        "mul(a, b) ** 2, -mul(a, b), mul(a, b).c, mul(a, b)(), [mul(a, b)], x[mul(a, b)], k(mul(a, b), c=mul(a, b))",
        "(a * b) ** 2, -(a * b), (a * b).c, (a * b)(), [a * b], x[a * b], k(a * b, c=a * b)",
    ),
    (
        "mul($X, $Y)",
        "$X * $Y",
        "mul(a if b else c, lambda: d), mul(mul(a, b), mul(c, d))",
        "(a if b else c) * (lambda: d), (a * b) * (c * d)",
    ),
    (
        "first($X)",
        "$X",
        "first(a + b) * c, first((a, b)), k(first((a, b))), first(a)[0], first(1).x",
        "(a + b) * c, (a, b), k((a, b)), a[0], (1).x",
    ),
    ("pair($X)", "$X, 1", "k(pair(a)), [pair(a)], pair(a)[0]", "k((a, 1)), [(a, 1)], (a, 1)[0]"),
    ("pair($X)", "($X, 1)", "k(pair(a)), pair(a)[0]", "k((a, 1)), (a, 1)[0]"),
    ("first($X)", "($X + 1)", "first(a) * 2", "(a + 1) * 2"),
    ("not_($X)", "not $X", "not_(a) == b, not_(a == b), not_(a or b)", "(not a) == b, not a == b, not (a or b)"),
    ("w($X)", "await $X", "w(a).b, w(a + b)", "(await a).b, await (a + b)"),
    (
        "first($X)",
        "$X",
        "[*first(a or b), *c], {**first(a or b)}, {first(a): b}",
        "[*(a or b), *c], {**(a or b)}, {a: b}",
    ),
    (
        "first($X)",
        "$X",
        "[i for i in first(a or b) if first(a or b)], f'{first(a + b)}'",
        "[i for i in (a or b) if (a or b)], f'{(a + b)}'",
    ),
    (
        "first($X)",
        "$X",
        "first({1: 2}), f'{first({1: 2})}', f'{first(a)!r:>{first(b)}}'",
        "{1: 2}, f'{({1: 2})}', f'{a!r:>{b}}'",
    ),
    # comments and lines inside of captures
    ("f($X)", "g($X)", "f((1 +  # one\n   2))", "g(1 +  # one\n   2)"),
    ("f($X)", "$X + 1", "(f((1\n  + 2)))", "(1\n  + 2 + 1)"),
    ("f($X, $*R)", "g($*R, x=$X)", "f(0,\n  1,  # one\n  2)", "g(1,  # one\n  2, x=0)"),
    # the same pattern inside of itself
    ("f($X)", "g($X)", "f(f(x)), f([f(f(1)), f])", "g(g(x)), g([g(g(1)), f])"),
    ("f($X)", "g($X, $X)", "f(f(x))", "g(g(x, x), g(x, x))"),
    ("f($X, $Y)", "g($X)", "f(f(1, 2), f(3, 4))", "g(g(1))"),
    ("a.b($X)", "c.d($X)", "a.b(a.b), a.b(1), x.a.b(1)", "c.d(a.b), c.d(1), x.a.b(1)"),
]


@pytest.mark.parametrize(("pattern", "replacement", "before", "after"), EXPRESSIONS)
def test_expression(pattern: str, replacement: str, before: str, after: str) -> None:
    for head, tail in (("x = [", "]"), ("return (", ")")):
        start = f"async def q():\n    {head}"
        check(expression(pattern, replacement), f"{start}{before}{tail}\n", f"{start}{after}{tail}\n")


# The parentheses that a place needs.
PLACES = [
    ("x = f(a)\n", "x = a or 1\n"),
    ("x += f(a)\n", "x += a or 1\n"),
    ("x: int = f(a)\n", "x: int = a or 1\n"),
    ("f(a)\n", "a or 1\n"),
    ("if f(a): pass\n", "if a or 1: pass\n"),
    ("while f(a): pass\n", "while a or 1: pass\n"),
    ("for i in f(a): pass\n", "for i in (a or 1): pass\n"),
    ("with f(a): pass\n", "with (a or 1): pass\n"),
    ("assert f(a), f(a)\n", "assert a or 1, a or 1\n"),
    ("x = (\n    f(a)\n    + 2\n)\n", "x = (\n    (a or 1)\n    + 2\n)\n"),
    ("x = k(a=f(a)\n  + 2)\n", "x = k(a=(a or 1)\n  + 2)\n"),
    ("x = f(a), 2\n", "x = a or 1, 2\n"),
    ("x = y = f(a); z\n", "x = y = a or 1; z\n"),
    ("x = f(a) if f(a) else f(a)\n", "x = (a or 1) if (a or 1) else (a or 1)\n"),
    (
        "@f(a)\ndef g(x=f(a), *, y: f(a)=f(a)) -> f(a): return f(a)\n",
        "@(a or 1)\ndef g(x=a or 1, *, y: (a or 1)=a or 1) -> (a or 1): return a or 1\n",
    ),
    ("class A(f(a), m=f(a)): pass\n", "class A((a or 1), m=a or 1): pass\n"),
    ("x[f(a):f(a)], {f(a): f(a)}\n", "x[(a or 1):(a or 1)], {(a or 1): (a or 1)}\n"),
    ("lambda x=f(a): f(a)\n", "lambda x=a or 1: a or 1\n"),
    ("(x := f(a)), (f(a) for y in z)\n", "(x := a or 1), ((a or 1) for y in z)\n"),
    ("f'{f(a)}'\n", "f'{(a or 1)}'\n"),
]


@pytest.mark.parametrize(("before", "after"), PLACES)
def test_parentheses_by_place(before: str, after: str) -> None:
    check(expression("f(a)", "a or 1"), before, after)


STATEMENTS = [
    ("f($X)", "g($X)", "f(1); f(2)\nx = f(3)\nif x: f(4)\n", "g(1); g(2)\nx = f(3)\nif x: g(4)\n"),
    (
        "$X.data = $Y",
        "$X.copy_($Y)",
        "a.b.data = c\na, b = c.data\nx = a.data = 1\n",
        "a.b.copy_(c)\na, b = c.data\nx = a.data = 1\n",
    ),
    ("$X = f($Y)", "$X = g($Y)", "a, b = f(1)\na = b = f(1)\n", "a, b = g(1)\na = b = f(1)\n"),
    ("f()\ng()", "h()", "f()\n\ng()\nf(); g()\nf()\nx\n", "h()\nh()\nf()\nx\n"),
    ("f()\nf()", "h()", "f()\nf()\nf()\n", "h()\nf()\n"),
    (
        "f($X)",
        "g($X)\nh($X)",
        "if x:\n    f(1)  # why\nelse:\n\tf(2)\n",
        "if x:\n    g(1)\n    h(1)  # why\nelse:\n\tg(2)\n\th(2)\n",
    ),
    ("f($X)", "g('''a\n b''')\n\nh($X)", "if x:\n    f(1)\n", "if x:\n    g('''a\n b''')\n\n    h(1)\n"),
    ("del $X", "pass", "del a\nif x: del b\n", "pass\nif x: pass\n"),
    ("import a", "import b", "import a; import c\nimport a as d\n", "import b; import c\nimport a as d\n"),
    ("return f($X)", "return $X", "def g():\n    return f(a + b)\n", "def g():\n    return a + b\n"),
    # blocks
    ("with f():\n    $*B", "$*B", "with f():\n    a\n    b\nc\n", "a\nb\nc\n"),
    ("with f():\n    $*B", "$*B", "with f(): a; b\n", "a; b\n"),
    (
        "with f():\n    $*B",
        "$*B",
        "if x:\n\twith f():\n\t\ta\n\n\t\tb(\n\t\t\tc,\n  d)\n",
        "if x:\n\ta\n\n\tb(\n\t\tc,\n  d)\n",
    ),
    (
        "with f():\n    $*B",
        "$*B",
        "with f():\n    # one\n    # two\n    a  # three\n    # four\n    b\n",
        "# one\n# two\na  # three\n# four\nb\n",
    ),
    (
        "with f():\n    $*B",
        "$*B",
        "with f():\n    '''a\n    b'''\n    x = 'c' \\\n        'd'\n",
        "'''a\n    b'''\nx = 'c' \\\n        'd'\n",
    ),
    (
        "with f():\n    $*B",
        "$*B",
        "with f():\n    @d\n    def g():\n        '''doc\n        '''\n",
        "@d\ndef g():\n    '''doc\n        '''\n",
    ),
    ("with f():\n    $*B", "$*B", "with f():\r\n    a\r\n    b\r\n", "a\r\nb\r\n"),
    (
        "with f():\n    $*B",
        "$*B",
        "with f():\n    with f():\n        a\n        with f():\n            b\n            c\n    d\n",
        "a\nb\nc\nd\n",
    ),
    (
        "with f($*A):\n    $*B",
        "with g($*A), h():\n    k()\n    $*B",
        "with f(1):\n  a\n  b\n",
        "with g(1), h():\n    k()\n    a\n    b\n",
    ),
    (
        "with f():\n    $*B",
        "if g:\n    with h():\n        $*B",
        "if y:\n    with f():\n        a\n        b\n",
        "if y:\n    if g:\n        with h():\n            a\n            b\n",
    ),
    (
        "with f():\n    $*B",
        "with g():\n    with h():\n        $*B",
        "with f():\n    with f():\n        a\n        b\n",
        "with g():\n    with h():\n        with g():\n            with h():\n                a\n                b\n",
    ),
    (
        "if f():\n    $*A\nelse:\n    $*B",
        "$*B",
        "if f():\n    a\nelse:\n    b\n    c\nif f():\n    a\n",
        "b\nc\nif f():\n    a\n",
    ),
    (
        "if f():\n    $*A",
        "$*A",
        "if f():\n    a\nif f():\n    a\nelse:\n    b\nif f():\n    a\nelif c:\n    b\n",
        "a\nif f():\n    a\nelse:\n    b\nif f():\n    a\nelif c:\n    b\n",
    ),
    (
        "for $I in f($X):\n    $*B",
        "for $I in g($X):\n    $*B",
        "for a, b in f(x):\n  c\n  d\n",
        "for a, b in g(x):\n    c\n    d\n",
    ),
    ("try:\n    $*A\nfinally:\n    f()", "$*A", "try:\n    a\n    b\nfinally:\n    f()\n", "a\nb\n"),
    (
        "with f():\n    x\n    $*B",
        "with g():\n    $*B\n    y",
        "with f():\n    x\n    a\n    b\n",
        "with g():\n    a\n    b\n    y\n",
    ),
    # parameters
    (
        "def f($*P):\n    $*B",
        "def g($*P):\n    $*B",
        "def f(a, /, b: int = 1, *c, d=(2, 3), **e):\n    x\n    y\n",
        "def g(a, /, b: int = 1, *c, d=(2, 3), **e):\n    x\n    y\n",
    ),
    (
        "def f($*P):\n    $*B",
        "def g($*P):\n    $*B",
        "def f(): x\nclass A:\n    def f( self,\n      a):\n        x\n",
        "def g():\n    x\nclass A:\n    def g(self,\n      a):\n        x\n",
    ),
    (
        "f = lambda $*P: 0",
        "g = lambda $*P: 1",
        "f = lambda: 0\nf = lambda a, b=(c, d): 0\n",
        "g = lambda : 1\ng = lambda a, b=(c, d): 1\n",
    ),
    ("@d\ndef f($*P):\n    $*B", "def f($*P):\n    $*B", "@d\ndef f(x):\n    y\n", "def f(x):\n    y\n"),
    (
        "async def f($*P):\n    $*B",
        "def f($*P):\n    $*B",
        "async def f(x):\n    y\n",
        "def f(x):\n    y\n",
    ),
]


@pytest.mark.parametrize(("pattern", "replacement", "before", "after"), STATEMENTS)
def test_statement(pattern: str, replacement: str, before: str, after: str) -> None:
    check(statement(pattern, replacement), before, after)


LEFT = [
    ("f($X)", "g($X)", "f(  # why\n 1)\n", "a comment stands in what is to be replaced"),
    ("f($X, $Y)", "g($X)", "f(1, [  # why\n 2])\n", "a comment stands in what is to be replaced"),
    ("f($X, $Y)", "g($Y, $X)", "f(1,  # why\n 2)\n", "a comment stands in what is to be replaced"),
    ("f($*R, $X)", "g($*R, $X)", "f(1, 2, k=3)\n", "is not Python here"),
    ("f($X)", "g($X, 'x')", "x = f'{f(1)}'\n", "inside an f-string, where quotes"),
    ("f($X)", "g($X)", "x = f'{f(a)=}'\n", "inside an f-string that prints its source"),
    ("f($X)", "g($X)", "x = f'{f(1) = !r:>5}'\n", "inside an f-string that prints its source"),
]


@pytest.mark.parametrize(("pattern", "replacement", "source", "reason"), LEFT)
def test_expression_left(pattern: str, replacement: str, source: str, reason: str) -> None:
    check_left(expression(pattern, replacement), source, reason)
    assert convert(source, expression(pattern, replacement)).after is None


STATEMENTS_LEFT = [
    ("if f():\n    $*B", "$*B", "if a:\n    b\nelif f():\n    c\n", "an elif cannot be replaced without the if"),
    ("with f():\n    $*B", "$*B", "with f():  # why\n    a\n", "a comment stands in what is to be replaced"),
    ("f()", "g()\nh()", "x; f()\n", "does not start its line"),
    ("f()", "g()\nh()", "f(); x\n", "shares its line with another one"),
    ("f()", "g()\nh()", "if x: f()\n", "does not start its line"),
    ("f()", "if x:\n    h()", "y; f()\n", "does not start its line"),
    ("f()", "g()  # new", "f()  # old\n", "a comment stands behind the statement"),
    ("with f():\n    $*B", "if x: $*B", "with f():\n    a\n    b\n", "does not mean what the rule says"),
]


@pytest.mark.parametrize(("pattern", "replacement", "source", "reason"), STATEMENTS_LEFT)
def test_statement_left(pattern: str, replacement: str, source: str, reason: str) -> None:
    check_left(statement(pattern, replacement), source, reason)
    assert convert(source, statement(pattern, replacement)).after is None


MODULES = [
    ("import torch\ntorch.empty(1)\n", "import new\nimport mindtorch as torch\nnew.e(1)\n"),
    ("import torch as t\nt.empty(1)\n", "import new\nimport mindtorch as t\nnew.e(1)\n"),
    ("from torch import empty as e\ne(1)\n", "import new\nfrom mindtorch import empty as e\nnew.e(1)\n"),
    ("def f(torch): torch.empty(1)\n", None),
    ("from .torch import empty\nempty(1)\n", None),
    ("x.torch.empty(1)\n", None),
]


@pytest.mark.parametrize(("before", "after"), MODULES)
def test_modules_are_matched_by_what_they_are(before: str, after: str | None) -> None:
    own = rule("pattern", {"expression": "torch.empty($X)"}, {"replace": "new.e($X)", "imports": ["import new"]})
    check(load(TORCH, own), before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from apex import amp as a\na.init(1)\n", "from apex import amp as a\nnew(1)\n"),
        ("import apex\napex.amp.init(1)\n", "import apex\nnew(1)\n"),
        ("apex.amp.init(1)\n", "new(1)\n"),
        ("from apex.amp import init\ninit(1)\n", "from apex.amp import init\nnew(1)\n"),
    ],
)
def test_other_modules_as_they_are_spelled_too(before: str, after: str) -> None:
    check(expression("apex.amp.init($X)", "new($X)"), before, after)


@pytest.mark.parametrize("style", STYLES)
def test_result_with_names_of_a_converted_package(style: str) -> None:
    rules = load(TORCH, rule("pattern", {"expression": "torch.empty($X, pin=True)"}, {"replace": "torch.pinned($X)"}))
    name, package = ("mindtorch", "mindtorch") if style == "rename" else ("torch", "mindtorch as torch")
    check(rules, "import torch\ntorch.empty(1, pin=True)\n", f"import {package}\n{name}.pinned(1)\n", style)
    check(rules, "import torch as t\nt.empty(1, pin=True)\n", "import mindtorch as t\nt.pinned(1)\n", style)
    source = "from torch import empty\nempty(1, pin=True)\n"
    check_left(rules, source, "torch is not a name here; the rule must import", style=style)
    check_left(rules, source + "torch = 1\n", "torch is", style=style)


@pytest.mark.parametrize("style", STYLES)
def test_rules_of_several_kinds_in_one_expression(style: str) -> None:
    rules = load(
        TORCH,
        rule("api", {"name": "torch.foo"}, {"rename": "mindtorch.bar", "arguments": {"add": {"z": "1"}}}, id="api"),
        rule(
            "pattern",
            {"expression": "torch.wrap($X, $Y)"},
            {"replace": "w($X)", "imports": ["from n import w"]},
            id="one",
        ),
        rule("pattern", {"expression": "twice($X)"}, {"replace": "$X * 2"}, id="two"),
    )
    name, package = ("mindtorch", "mindtorch") if style == "rename" else ("torch", "mindtorch as torch")
    check(
        rules,
        "import torch\ntorch.foo(torch.wrap(twice(torch.foo(torch.x)), torch.foo(torch.y)))\n",
        f"from n import w\nimport {package}\n{name}.bar(w({name}.bar({name}.x, z=1) * 2), z=1)\n",
        style,
    )
    # What moves may change on its way, over several lines too.
    check(
        load(
            TORCH,
            rule(
                "api",
                {"name": "torch.foo", "signature": ["a", "b"]},
                {"rename": "mindtorch.foo", "arguments": {"order": ["b", "a"]}},
                id="api",
            ),
            rule("pattern", {"statement": "with cuda():\n    $*B"}, {"replace": "$*B"}, id="one"),
            rule("pattern", {"statement": "go($X)"}, {"replace": "stop()\nwait($X)"}, id="two"),
        ),
        (
            "import torch as t\nwith cuda():\n    t.foo(\n        1,\n        [2,\n         3])\n    if x:\n"
            "        go(\n          4)\n"
        ),
        "import mindtorch as t\nt.foo(\n    [2,\n     3],\n    1)\nif x:\n    stop()\n    wait(4)\n",
        style,
    )


def test_imports() -> None:
    rules = expression("f($X)", "g($X)", "from n import g", "import m.k")
    check(rules, "'''doc'''\nf(1)\n", "'''doc'''\nfrom n import g\nimport m.k\ng(1)\n")
    check(rules, "import m.k\nfrom n import g\nf(1)\n", "import m.k\nfrom n import g\ng(1)\n")
    check_left(rules, "def h(g): f(1)\n", "g is the name of something else in this file")
    check_left(rules, "g = 1\nf(1)\n", "g is the name of something else in this file")
    check_left(rules, "from o import g\nf(1)\n", "g is the name of something else in this file")
    check(rules, "def h(g): pass\nf(1)\n", "from n import g\nimport m.k\ndef h(g): pass\ng(1)\n")


def test_unsupported() -> None:
    rules = load(rule("pattern", {"statement": "assert $X.is_cuda"}, {"unsupported": "ask for the device\n"}))
    check_left(rules, "if x:\n    assert y[0].is_cuda\nassert z\n", "ask for the device")


def test_ignored() -> None:
    rules = statement("with f():\n    $*B", "$*B")
    check(rules, "with f():\n    a\n    b  # ms-convert: ignore\n", None)


def test_targets_are_no_expressions() -> None:
    check(expression("$X.data", "$X.detach()"), "a.data = b.data\ndel a.data\n", "a.data = b.detach()\ndel a.data\n")


@pytest.mark.parametrize("count", [1, 3])
def test_matches_are_the_same_in_a_second_run(count: int) -> None:
    rules = expression("f($X)", "g($X)", expect=count)
    first = convert("f(1)\n" * count, rules)
    assert first.matches["a-rule"] == count
    assert first.after is not None
    assert convert(first.after, rules).matches["a-rule"] == count


def test_what_leaves_no_trace() -> None:
    assert expression("f($X)", "$X").rules[0].leaves_no_trace
    assert not expression("f($X)", "g($X)").rules[0].leaves_no_trace


WRONG = [
    ("match: {}\naction: {replace: a}", 7, "must have expression or statement"),
    ("match: {expression: f(), statement: f()}\naction: {replace: a}", 7, "must have expression or statement"),
    ("match: {expresion: f()}\naction: {replace: a}", 7, "'expresion' is not known; did you mean 'expression'?"),
    ("match: {expression: f()}\naction: {}", 8, "must have replace, or unsupported"),
    ("match: {expression: f()}\naction: {replace: a, unsupported: b}", 8, "must have replace, or unsupported"),
    (
        "match: {expression: f()}\naction: {unsupported: b, imports: [import x]}",
        8,
        "imports are for what takes the place",
    ),
    ("match: {expression: f(}\naction: {replace: a}", 7, "'f(' is not Python with metavariables such as $X and $*ARGS"),
    ("match: {expression: f($x)}\naction: {replace: a}", 7, "is not Python with metavariables such as $X and $*ARGS"),
    ("match: {expression: x = 1}\naction: {replace: a}", 7, "is not an expression; put statements under 'statement'"),
    ("match: {expression: f()}\naction: {replace: x = 1}", 8, "is not an expression; put statements under 'statement'"),
    ("match: {expression: f()}\naction: {replace: 'g()  # why'}", 8, "has a comment, which would swallow"),
    ("match: {expression: '# why'}\naction: {replace: 'g()'}", 7, "is empty"),
    ("match: {expression: $X}\naction: {replace: f($X)}", 7, "would match anything"),
    ("match: {statement: $X}\naction: {replace: f($X)}", 7, "would match anything"),
    ("match: {expression: $*X}\naction: {replace: f($*X)}", 7, "is no expression but any number of them"),
    ("match: {statement: $*X}\naction: {replace: pass}", 7, "has $*... among the outermost statements"),
    ('match: {statement: "f()\\n$*X"}\naction: {replace: pass}', 7, "has $*... among the outermost statements"),
    ("match: {expression: f($X)}\naction: {replace: g($Y)}", 8, "$Y does not occur in what is matched"),
    ("match: {expression: f($X)}\naction: {replace: g($*X)}", 8, "$*X does not occur in what is matched"),
    ("match: {expression: 'f($*X, $*Y)'}\naction: {replace: g($*Y)}", 7, "has $*... twice in the same list"),
    ("match: {expression: '($*X, 1)'}\naction: {replace: g($*X)}", 7, "has $*... where it cannot stand; it stands for"),
    ("match: {statement: x = $*X}\naction: {replace: g($*X)}", 7, "has $*... where it cannot stand"),
    ('match: {statement: "class A($*X):\\n    $*B"}\naction: {replace: pass}', 7, "has $*... where it cannot stand"),
    (
        'match: {statement: "def f(self, $*P):\\n    $*B"}\naction: {replace: pass}',
        7,
        "has $*... beside other parameters",
    ),
    (
        'match: {statement: "def $F($*P):\\n    $*B"}\naction: {replace: pass}',
        7,
        "has a metavariable in place of a name",
    ),
    ("match: {expression: 'f($X=1)'}\naction: {replace: a}", 7, "has a metavariable in place of a name"),
    ("match: {expression: x.$X}\naction: {replace: a}", 7, "has a metavariable in place of a name"),
    (
        "match: {expression: f(**$X)}\naction: {replace: g($X)}",
        7,
        "has ** in a call, which nothing matches; use $*ARGS",
    ),
    (
        'match: {statement: "def f($*P):\\n    $*B"}\naction: {replace: g($*P)}',
        8,
        "$*P stands for parameters, and cannot be arguments",
    ),
    ('match: {statement: "with f($*A):\\n    $*A"}\naction: {replace: pass}', 7, "use two metavariables"),
    ("match: {expression: f($X)}\naction: {replace: 'f($X)'}", 8, "the result would match again"),
    ("match: {expression: f($X)}\naction: {replace: 'g(f($X))'}", 8, "the result would match again"),
    ("match: {expression: torch.f($X)}\naction: {replace: 'torch.f($X).g()'}", 8, "the result would match again"),
    ("match: {expression: f($X)}\naction: {replace: g($X), imports: [x = 1]}", 8, "'x = 1' is not an import statement"),
    ("match: {expression: f($X)}\naction: {replace: g($X), imports: ['']}", 8, "imports[0]"),
    (
        "match: {expression: f($X)}\naction: {replace: g($X), imports: [import]}",
        8,
        "'import' is not an import statement",
    ),
]


@pytest.mark.parametrize(("lines", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, lines: str, line: int, message: str) -> None:
    check_wrong(tmp_path, "kind: pattern\n" + lines, line, message)


# Whatever is captured, and wherever it stands, the result means the template with the captures in it.
ATOMS = ["a", "1", "'s'", "x.y", "f(b)", "[1]", "{2: 3}", "(a, b)", "f(a, f(b))"]
FORMS = [
    "{} + {}",
    "{} * {}",
    "-{}",
    "not {}",
    "{} if {} else {}",
    "lambda: {}",
    "{}.y",
    "{}[{}]",
    "(n := 1, {})[1]",
    "f({})",
    "f({}, k={})",
    "f(*{}, {})",
    "[{}, {}]",
    "{}, {}",
    "({},)",
    "{} ** {}",
    "{} < {} < {}",
    "[{} for i in {}]",
    "{} and {} or {}",
    "await {}",
    "(yield {})",
    "f'{{{}}}'",
]
TEMPLATES = [
    "$X + 1",
    "g($X, 0)",
    "$X",
    "$X.z",
    "-$X",
    "$X, 2",
    "[$X]",
    "$X ** $X",
    "lambda: $X",
    "0 if $X else 1",
    "await $X",
]


@st.composite
def code(draw: st.DrawFn, depth: int = 0) -> str:
    if depth > 3 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(ATOMS))
    form = draw(st.sampled_from(FORMS))
    parts = [f"({draw(code(depth=depth + 1))})" for _ in range(form.replace("{{", "").replace("}}", "").count("{}"))]
    return form.format(*parts)


class _Fill(ast.NodeTransformer):
    def __init__(self, template: str) -> None:
        self.template = template

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        plain = isinstance(node.func, ast.Name) and node.func.id == "f" and len(node.args) == 1 and not node.keywords
        if not plain or isinstance(node.args[0], ast.Starred):
            return node
        tree = ast.parse(re.sub(r"\$X", f"({ast.unparse(node.args[0])})", self.template), mode="eval")
        return tree.body


@settings(max_examples=300)
@given(code(), st.sampled_from(TEMPLATES))
def test_result_means_the_template_with_what_was_captured(source: str, template: str) -> None:
    text = f"async def q():\n    x = {source}\n"
    try:
        tree = ast.parse(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "is not callable", and the like
            compile(text, "x", "exec")
    except SyntaxError:
        return
    result = convert(text, expression("f($X)", template))
    if result.skipped is not None:
        # Inside a lambda, nothing can be awaited: the file stays.
        assert "'await' outside" in result.skipped.reason
        assert result.after is None
        return
    if result.left:
        assert all("f-string" in left.reason for left in result.left)
        return
    after = text if result.after is None else result.after.decode()
    wanted = _Fill(template).visit(tree)
    assert ast.unparse(ast.parse(after)) == ast.unparse(ast.parse(ast.unparse(wanted)))
    if result.after is not None and "f(" not in template:
        assert convert(after, expression("f($X)", template)).after is None


def test_the_same_statements_at_two_depths_are_left() -> None:
    rules = statement("with f():\n    $*B", "if x:\n    $*B\n$*B")
    check_left(rules, "with f():\n    a\n    b\n", "the same statements would stand at two depths")
