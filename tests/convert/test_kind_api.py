"""API rules: functions, classes and values by their qualified names."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from convert_checks import convert
from ms_convert.edits import Conflict
from ms_convert.language.ruleset import RuleSet
from rule_checks import STYLES, TORCH, check, check_left, check_wrong, load, rule

FOO = rule("api", {"name": "torch.cuda.foo"}, {"rename": "mindtorch.cuda.bar"})
INSIDE = load(TORCH, FOO)
OUTSIDE = load(TORCH, rule("api", {"name": "torch.cuda.foo"}, {"rename": "shims.ops.bar"}))
IMPORT = "import mindtorch as torch\n"
SHIM = "import shims.ops\n"

# before, after in alias style, after in rename style (None: the same)
RENAMED = [
    ("import torch\ntorch.cuda.foo(1)\n", IMPORT + "torch.cuda.bar(1)\n", "import mindtorch\nmindtorch.cuda.bar(1)\n"),
    ("import torch as th\nth.cuda.foo\n", "import mindtorch as th\nth.cuda.bar\n", None),
    ("import torch.cuda as c\nc.foo()\n", "import mindtorch.cuda as c\nc.bar()\n", None),
    ("from torch import cuda\ncuda.foo()\n", "from mindtorch import cuda\ncuda.bar()\n", None),
    ("from torch import cuda as c\nc.foo()\n", "from mindtorch import cuda as c\nc.bar()\n", None),
    ("from torch.cuda import foo\nfoo()\n", "from mindtorch.cuda import bar as foo\nfoo()\n", None),
    ("from torch.cuda import foo as f\nf()\n", "from mindtorch.cuda import bar as f\nf()\n", None),
    ("from torch.cuda import foo, amp\n", "from mindtorch.cuda import bar as foo, amp\n", None),
    ("from torch.cuda.foo import x\n", "from mindtorch.cuda.bar import x\n", None),
    ("from torch.cuda import *\n", "from mindtorch.cuda import *\n", None),
    (
        "import torch.cuda\ntorch.cuda.foo()\n",
        "import mindtorch.cuda as torch, mindtorch as torch\ntorch.cuda.bar()\n",
        "import mindtorch.cuda\nmindtorch.cuda.bar()\n",
    ),
    ("from torch import cuda\ncuda.foo.x.y\n", "from mindtorch import cuda\ncuda.bar.x.y\n", None),
    (
        "from torch import cuda\ncuda.foobar, cuda.x.foo, x.cuda.foo\n",
        "from mindtorch import cuda\ncuda.foobar, cuda.x.foo, x.cuda.foo\n",
        None,
    ),
    ("from torch import cuda\n(cuda).foo\n", "from mindtorch import cuda\n(cuda).bar\n", None),
    ("from torch import cuda\n(cuda\n  .foo)\n", "from mindtorch import cuda\n(cuda\n  .bar)\n", None),
    ("from torch import cuda\ncuda . foo\n", "from mindtorch import cuda\ncuda . bar\n", None),
    ("import torch as t\n((t).cuda).foo\n", "import mindtorch as t\n((t).cuda).bar\n", None),
    ("import torch as t\n(t  # why\n .cuda.foo)\n", "import mindtorch as t\n(t  # why\n .cuda.bar)\n", None),
    (
        "import torch as t\nt.cuda.foo(t.cuda.foo(1), t.cuda.foo)\n",
        "import mindtorch as t\nt.cuda.bar(t.cuda.bar(1), t.cuda.bar)\n",
        None,
    ),
    (
        "import torch as t\n@t.cuda.foo\n@t.cuda.foo(1)\ndef f(x: t.cuda.foo = t.cuda.foo): pass\n",
        "import mindtorch as t\n@t.cuda.bar\n@t.cuda.bar(1)\ndef f(x: t.cuda.bar = t.cuda.bar): pass\n",
        None,
    ),
    (
        "import torch as t\nclass A(t.cuda.foo, m=t.cuda.foo):\n    x = t.cuda.foo\n",
        "import mindtorch as t\nclass A(t.cuda.bar, m=t.cuda.bar):\n    x = t.cuda.bar\n",
        None,
    ),
    (
        "import torch as t\n[t.cuda.foo for t.x in y], {i: t.cuda.foo for i in t.cuda.foo}\n",
        "import mindtorch as t\n[t.cuda.bar for t.x in y], {i: t.cuda.bar for i in t.cuda.bar}\n",
        None,
    ),
    (
        "def f():\n    import torch as t\n    def g(): return t.cuda.foo\n",
        "def f():\n    import mindtorch as t\n    def g(): return t.cuda.bar\n",
        None,
    ),
    (
        "import torch as t\nt.cuda.foo = 1\ndel t.cuda.foo\nt.cuda.foo += 1\n",
        "import mindtorch as t\nt.cuda.bar = 1\ndel t.cuda.bar\nt.cuda.bar += 1\n",
        None,
    ),
    (
        "import torch as t\nmatch x:\n    case t.cuda.foo: pass\n    case t.cuda.foo(a=1): pass\n",
        "import mindtorch as t\nmatch x:\n    case t.cuda.bar: pass\n    case t.cuda.bar(a=1): pass\n",
        None,
    ),
    (
        "try:\n    import torch as t\nexcept ImportError:\n    t = None\nt.cuda.foo\n",
        "try:\n    import mindtorch as t\nexcept ImportError:\n    t = None\nt.cuda.bar\n",
        None,
    ),
    (
        "try:\n    from torch.cuda import foo\nexcept ImportError:\n    def foo(): pass\nfoo()\n",
        "try:\n    from mindtorch.cuda import bar as foo\nexcept ImportError:\n    def foo(): pass\nfoo()\n",
        None,
    ),
    ("from torch.cuda import foo\nfoo()\ndel foo\n", "from mindtorch.cuda import bar as foo\nfoo()\ndel foo\n", None),
    # f-strings, whose positions are wrong before Python 3.12
    (
        "import torch as t\nf'{t.cuda.foo}' f'é {x}{t.cuda.foo(1)!r:{t.cuda.foo}}'\n",
        "import mindtorch as t\nf'{t.cuda.bar}' f'é {x}{t.cuda.bar(1)!r:{t.cuda.bar}}'\n",
        None,
    ),
    (
        "import torch as t\nx = f'''é\n  {t.cuda.foo}\n{ t.cuda.foo(a[1]) }'''\n",
        "import mindtorch as t\nx = f'''é\n  {t.cuda.bar}\n{ t.cuda.bar(a[1]) }'''\n",
        None,
    ),
]

UNTOUCHED = [
    "def f(torch): torch.cuda.foo\n",
    "def f():\n    torch = 1\n    torch.cuda.foo\n",
    "[torch.cuda.foo for torch in x]\n",
    "lambda torch: torch.cuda.foo\n",
    "class torch:\n    pass\ntorch.cuda.foo\n",
    "from .torch import cuda\ncuda.foo\n",
    "import numpy as torch\ntorch.cuda.foo\n",
    "from torch_npu.cuda import foo\nfoo()\n",
    "x.torch.cuda.foo, 'torch.cuda.foo'  # torch.cuda.foo\n",
]


@pytest.mark.parametrize(("before", "after", "renamed"), RENAMED)
@pytest.mark.parametrize("style", STYLES)
def test_renamed_in_its_package(before: str, after: str, renamed: str | None, style: str) -> None:
    check(INSIDE, before, renamed if renamed is not None and style == "rename" else after, style)


@pytest.mark.parametrize("before", UNTOUCHED)
@pytest.mark.parametrize("style", STYLES)
def test_other_names_are_untouched(before: str, style: str) -> None:
    check(INSIDE, before, None, style)
    check(OUTSIDE, before, None, style)


# Without the import lines, which differ between the styles.
MOVED = [
    ("import torch as t\nt.cuda.foo(1)\n", SHIM + "import mindtorch as t\nshims.ops.bar(1)\n"),
    (
        "'''doc'''\nfrom __future__ import division\nimport torch as t\nt.cuda.foo, t.cuda.foo\n",
        "'''doc'''\nfrom __future__ import division\n" + SHIM + "import mindtorch as t\nshims.ops.bar, shims.ops.bar\n",
    ),
    ("import shims.ops\nimport torch as t\nt.cuda.foo\n", SHIM + "import mindtorch as t\nshims.ops.bar\n"),
    ("from torch.cuda import foo\nfoo()\n", "from shims.ops import bar as foo\nfoo()\n"),
    ("from torch.cuda import foo as bar, amp\n", "from mindtorch.cuda import amp\nfrom shims.ops import bar\n"),
    (
        "import torch as t\nclass A((t).cuda.foo):\n    def f(self, x=t.cuda.foo): return f'{t.cuda.foo}'\n",
        SHIM + "import mindtorch as t\nclass A(shims.ops.bar):\n"
        "    def f(self, x=shims.ops.bar): return f'{shims.ops.bar}'\n",
    ),
    (
        "def f():\n    from torch import cuda\n    return cuda.foo(cuda.foo)\n",
        SHIM + "def f():\n    from mindtorch import cuda\n    return shims.ops.bar(shims.ops.bar)\n",
    ),
    ("import torch as t\nt.cuda.foo.x(t.cuda.amp)\n", SHIM + "import mindtorch as t\nshims.ops.bar.x(t.cuda.amp)\n"),
]


@pytest.mark.parametrize(("before", "after"), MOVED)
@pytest.mark.parametrize("style", STYLES)
def test_renamed_into_another_package(before: str, after: str, style: str) -> None:
    check(OUTSIDE, before, after, style)


LEFT = [
    (INSIDE, "import torch\nif x: torch = fake()\ntorch.cuda.foo\n", "is bound in several places"),
    (
        INSIDE,
        "try: import torch as t\nexcept ImportError: import fake as t\nt.cuda.foo\n",
        "is bound in several places",
    ),
    (OUTSIDE, "import torch as t\nshims = 1\nt.cuda.foo\n", "shims is the name of something else in this file"),
    (OUTSIDE, "import torch as t\ndef f(shims): t.cuda.foo\n", "shims is the name of something else in this file"),
    (OUTSIDE, "import torch as t\nshims = None\nt.cuda.foo\n", "shims is the name of something else in this file"),
    (OUTSIDE, "import torch as t\nfrom x import shims\nt.cuda.foo\n", "shims is the name of something else"),
    (OUTSIDE, "import torch as t\n(t.  # why\n cuda.foo)\n", "a comment stands inside the name"),
    (INSIDE, "import torch as t  # ms-convert: ignore[torch]\nt.cuda.foo\n", "the import in line 1 stays as it is"),
    (INSIDE, "import torch as t\nf'{t.cuda.foo=}'\n", "an f-string that prints its source"),
]


@pytest.mark.parametrize(("rules", "source", "reason"), LEFT)
def test_left(rules: RuleSet, source: str, reason: str) -> None:
    check_left(rules, source, reason)


def test_other_scopes_may_have_the_name_of_the_package() -> None:
    check(
        OUTSIDE,
        "import torch as t\ndef f(shims): pass\nt.cuda.foo\n",
        SHIM + "import mindtorch as t\ndef f(shims): pass\nshims.ops.bar\n",
    )


def test_ignored_use_stays_altogether() -> None:
    rules = load(
        rule(
            "api",
            {"name": "torch.foo", "signature": ["a", "b"]},
            {"rename": "shims.bar", "arguments": {"drop": ["a"], "add": {"c": "1"}}},
        )
    )
    check(rules, "import torch\ntorch.foo(\n    1,  # ms-convert: ignore\n    2)\n", None)


def changed(signature: list[str] | None = None, **arguments: object) -> RuleSet:
    match = {"name": "torch.foo"} | ({"signature": signature} if signature else {})
    return load(rule("api", match, {"rename": "new.foo", "arguments": arguments}))


DROP = changed(["a", "b", "c"], drop=["b"])
RENAME = changed(["a", "b"], rename={"b": "z"})
ADD = changed(["a", "b"], add={"z": "1"})
DEFAULT = changed(["a", "b"], defaults={"b": "(1, 2)"})
ORDER = changed(["a", "b", "c"], order=["b", "a", "c"])
ALL = changed(["a", "b", "c"], drop=["c"], rename={"a": "x"}, add={"z": "None"}, order=["b", "a"])

ARGUMENTS = [
    # drop
    (DROP, "(1, 2, 3)", "(1, 3)"),
    (DROP, "(1, 2)", "(1)"),
    (DROP, "(1, 2,)", "(1,)"),
    (DROP, "(1)", "(1)"),
    (DROP, "()", "()"),
    (DROP, "( )", "( )"),
    (DROP, "(b=2)", "()"),
    (DROP, "(b=2,)", "()"),
    (DROP, "(b=2, a=1)", "(a=1)"),
    (DROP, "(1, b=2, c=3)", "(1, c=3)"),
    (DROP, "(1, c=3, b=2)", "(1, c=3)"),
    (DROP, "(1, c=3, b=2, )", "(1, c=3, )"),
    (DROP, "(1, (2), 3)", "(1, 3)"),
    (DROP, "(\n    1,\n    2,\n    3,\n)", "(\n    1,\n    3,\n)"),
    (DROP, "(\n    1,  # one\n    2,\n    3,  # three\n)", "(\n    1,  # one\n    3,  # three\n)"),
    (DROP, "(\n    1,  # one\n    b=2,\n)", "(\n    1,  # one\n    )"),
    (DROP, "(1, '#', 3)", "(1, 3)"),
    (DROP, "(b=torch.foo(1, 2))", "()"),
    (DROP, "(torch.foo(1, 2), torch.foo(3, 4), torch.foo(5, 6))", "(new.foo(1), new.foo(5))"),
    (DROP, "(x for x in y)", "(x for x in y)"),
    (DROP, "(1, [y for y in 2], 3)", "(1, 3)"),
    # rename
    (RENAME, "(1, b=2)", "(1, z=2)"),
    (RENAME, "(b = 2, a=1)", "(z = 2, a=1)"),
    (RENAME, "(1, 2)", "(1, 2)"),
    (RENAME, "(b=torch.foo(b=(b)))", "(z=new.foo(z=(b)))"),
    (RENAME, "(\n    b=2,  # why\n)", "(\n    z=2,  # why\n)"),
    # add
    (ADD, "()", "(z=1)"),
    (ADD, "( )", "( z=1)"),
    (ADD, "(1)", "(1, z=1)"),
    (ADD, "(1, )", "(1, z=1, )"),
    (ADD, "(1, z=2)", "(1, z=2)"),
    (ADD, "(x for x in y)", "((x for x in y), z=1)"),
    (ADD, "((x) for x in y)", "(((x) for x in y), z=1)"),
    (ADD, "((x for x in y))", "((x for x in y), z=1)"),
    (ADD, "(torch.foo(torch.foo()))", "(new.foo(new.foo(z=1), z=1), z=1)"),
    (ADD, "(\n    1,  # one\n    2  # two\n)", "(\n    1,  # one\n    2, z=1  # two\n)"),
    (ADD, "(  # none\n)", "(  # none\nz=1)"),
    (DEFAULT, "(1)", "(1, b=(1, 2))"),
    (DEFAULT, "(1, 3)", "(1, 3)"),
    (DEFAULT, "(1, b=3)", "(1, b=3)"),
    # order
    (ORDER, "(1, 2)", "(2, 1)"),
    (ORDER, "(1, 2, 3)", "(2, 1, 3)"),
    (ORDER, "(1)", "(a=1)"),
    (ORDER, "(1, b=2)", "(a=1, b=2)"),
    (ORDER, "(b=2, a=1)", "(b=2, a=1)"),
    (ORDER, "(1,2,)", "(2,1,)"),
    (ORDER, "((1), (2))", "((2), (1))"),
    (ORDER, "(\n    1,\n    2\n)", "(\n    2,\n    1\n)"),
    (ORDER, "(torch.foo(1, 2), 3)", "(3, new.foo(2, 1))"),
    (ORDER, "(x for x in y)", "(a=(x for x in y))"),
    (ORDER, "()", "()"),
    # all of them
    (ALL, "(1, 2, 3)", "(2, 1, z=None)"),
    (ALL, "(1, b=2)", "(x=1, b=2, z=None)"),
    (ALL, "(c=3)", "(z=None)"),
    (ALL, "(1, c=torch.foo(1))", "(x=1, z=None)"),
    (changed(None, rename={"b": "z"}, add={"z": "1"}), "(b=2)", "(z=2)"),
    (changed(None, rename={"b": "z"}, add={"z": "1"}), "(c=2)", "(c=2, z=1)"),
    (changed(None, rename={"a": "b", "b": "a"}), "(a=1, b=2)", "(b=1, a=2)"),
    (changed(None, drop=["b"], rename={"a": "c"}), "(1, b=2, a=3)", "(1, c=3)"),
]


@pytest.mark.parametrize(("rules", "before", "after"), ARGUMENTS)
def test_arguments(rules: RuleSet, before: str, after: str) -> None:
    ending = f"\n@torch.foo{before}\ndef f(): return x[torch.foo{before}]\n"
    expected = ending.replace("torch.foo" + before, "new.foo" + after)
    check(rules, f"import torch{ending}", f"import new\nimport torch{expected}")
    text = f"x = f'''{{torch.foo{before}}} é {{torch.foo{before}:{{torch.foo{before}}}}}'''\n"
    if not set("'\n") & set(before):
        expected = text.replace("torch.foo" + before, "new.foo" + after)
        check(rules, f"import torch\n{text}", f"import new\nimport torch\n{expected}")


ARGUMENTS_LEFT = [
    (DROP, "(*x)", "* or ** is used"),
    (DROP, "(1, **x)", "* or ** is used"),
    (RENAME, "(1, **x)", "* or ** is used"),
    (ORDER, "(*x)", "* or ** is used"),
    (ADD, "(*x)", "whether z is given depends on"),
    (ADD, "(**x)", "whether z is given depends on"),
    (DROP, "(1, 2  # two\n)", "a comment stands beside the argument"),
    (DROP, "(1, [  # two\n  2], 3)", "a comment stands in the argument"),
    (DROP, "(1, (b := 2), 3)", "what is given as b does something besides"),
    (ORDER, "(1,  # one\n  2)", "a comment stands between the arguments"),
    (ORDER, "(1, 2, 3, 4)", "an argument has no place in the signature"),
    (
        changed(["a", "b", "c"], drop=["c"], order=["b", "a"]),
        "(1, 2, [ # why\n  3])",
        "a comment stands in the argument",
    ),
    (RENAME, "(b=1, z=2)", "z would be given twice"),
]


@pytest.mark.parametrize(("rules", "arguments", "reason"), ARGUMENTS_LEFT)
def test_arguments_left(rules: RuleSet, arguments: str, reason: str) -> None:
    source = f"import torch\ntorch.foo{arguments}\n"
    check_left(rules, source, reason)
    assert convert(source, rules).after is None


def test_value_without_call_is_left() -> None:
    check_left(ADD, "import torch\nf = torch.foo\n", "the arguments that it will get cannot be seen")


def test_await_and_yield_are_not_dropped() -> None:
    source = "import torch\nasync def f():\n    torch.foo(1, await x)\n    torch.foo(b=(yield))\n"
    check_left(DROP, source, "does something besides", "does something besides")


@pytest.mark.parametrize("added", ["'x'", '"x"', "b'\\\\n'"])
def test_quotes_are_not_added_inside_of_fstrings(added: str) -> None:
    rules = changed(None, add={"z": added})
    check_left(rules, "import torch\nx = f'{torch.foo()}'\n", "quotes, backslashes")
    check(rules, "import torch\nx = torch.foo()\n", f"import new\nimport torch\nx = new.foo(z={added})\n")


def conditional(match: dict[str, object]) -> RuleSet:
    return load(TORCH, rule("api", {"name": "torch.foo", "signature": ["a", "b"], **match}, {"rename": "new.foo"}))


CONDITIONS = [
    ({"arguments": {"b": "given"}}, "(1, 2)", True),
    ({"arguments": {"b": "given"}}, "(b=2)", True),
    ({"arguments": {"b": "given"}}, "(1)", False),
    ({"arguments": {"b": "absent"}}, "(1)", True),
    ({"arguments": {"b": "absent"}}, "(1, 2)", False),
    ({"arguments": {"z": "absent"}}, "(1, 2)", True),
    ({"arguments": {"b": {"literal": 3}}}, "(1, 3)", True),
    ({"arguments": {"b": {"literal": 3}}}, "(1, b=(3))", True),
    ({"arguments": {"b": {"literal": 3}}}, "(1, 3.0)", False),
    ({"arguments": {"b": {"literal": -3}}}, "(1, -3)", True),
    ({"arguments": {"b": {"literal": "x"}}}, "(1, 'x')", True),
    ({"arguments": {"b": {"literal": "x"}}}, "(1, [])", False),
    ({"arguments": {"b": {"literal": True}}}, "(1, 1)", False),
    ({"arguments": {"b": {"literal": True}}}, "(1, True)", True),
    ({"arguments": {"b": {"literal": None}}}, "(1, None)", True),
    ({"arguments": {"b": {"literal": None}}}, "(1)", False),
    ({"arguments": {"a": {"literal": 2}, "b": {"literal": 1}}}, "(1, x)", False),
    ({"arguments": {"a": {"literal": 2}, "b": {"literal": 1}}}, "(x, 2)", False),
    ({"used_as": ["call"]}, "(1)", True),
    ({"used_as": ["call"]}, "", False),
    ({"used_as": ["value"]}, "", True),
    ({"used_as": ["value"]}, "(1)", False),
]


@pytest.mark.parametrize(("match", "call", "applies"), CONDITIONS)
@pytest.mark.parametrize("style", STYLES)
def test_conditions(match: dict[str, object], call: str, applies: bool, style: str) -> None:
    rules = conditional(match)
    new, old = "import new\n", ("mindtorch" if style == "rename" else "torch")
    package = "import mindtorch\n" if style == "rename" else "import mindtorch as torch\n"
    after = f"{new}{package}x = new.foo{call}\n" if applies else f"{package}x = {old}.foo{call}\n"
    check(rules, f"import torch\nx = torch.foo{call}\n", after, style)
    # The name itself stays what it is: it may be used otherwise elsewhere.
    after = f"from mindtorch import foo\nx = {'new.' if applies else ''}foo{call}\n"
    check(rules, f"from torch import foo\nx = foo{call}\n", new * applies + after, style)


def test_used_as() -> None:
    source = "import torch as t\n@t.foo\n@t.foo(1)\nclass A(t.foo, t.foo[1]): x = t.foo, t.foo(2)\n"
    for place, text in {
        "decorator": "@new.foo\n@new.foo(1)\nclass A(t.foo, t.foo[1]): x = t.foo, t.foo(2)\n",
        "base": "@t.foo\n@t.foo(1)\nclass A(new.foo, t.foo[1]): x = t.foo, t.foo(2)\n",
        "value": "@t.foo\n@t.foo(1)\nclass A(t.foo, new.foo[1]): x = new.foo, t.foo(2)\n",
        "call": "@t.foo\n@new.foo(1)\nclass A(t.foo, t.foo[1]): x = t.foo, new.foo(2)\n",
    }.items():
        rules = conditional({"used_as": [place]})
        check(rules, source, f"import new\nimport mindtorch as t\n{text}")


@pytest.mark.parametrize("given", ["b", "f'{b}'", "{[]: 1}", "-b"])
def test_condition_that_cannot_be_seen(given: str) -> None:
    rules = conditional({"arguments": {"b": {"literal": 3}}})
    check_left(rules, f"import torch\ntorch.foo(1, {given})\n", "the rule applies if b is 3")
    check_left(rules, "import torch\ntorch.foo(*x)\n", "whether b is given depends on")


def test_unsupported() -> None:
    rules = load(TORCH, rule("api", {"name": "torch.foo"}, {"unsupported": "use bar\n"}))
    check_left(rules, "import torch\nx = f'{torch.foo}', torch.foo(1)\n", "use bar", "use bar")
    result = convert("import torch\n\nx = torch.foo(1)\n", rules)
    assert [(left.line, left.rule, left.text) for left in result.left] == [(3, "a-rule", "torch.foo")]


def test_two_rules_on_one_call() -> None:
    rename = {"name": "torch.foo"}
    rules = load(rule("api", rename, {"rename": "a.x"}, id="one"), rule("api", rename, {"rename": "a.y"}, id="two"))
    with pytest.raises(Conflict, match="rules one and two both rewrite line 2"):
        convert("import torch\ntorch.foo(1)\n", rules)
    dropped = load(
        rule("api", rename | {"signature": ["a"]}, {"rename": "a.x", "arguments": {"drop": ["a"]}}, id="one"),
        rule("api", rename, {"rename": "a.x", "arguments": {"rename": {"a": "b"}}}, id="two"),
    )
    check(dropped, "import torch\ntorch.foo(1)\n", "import a\nimport torch\na.x()\n")


def test_rules_about_different_cases_of_one_api() -> None:
    rules = load(
        rule("api", {"name": "torch.foo", "arguments": {"a": "given"}}, {"rename": "n.given"}, id="one"),
        rule("api", {"name": "torch.foo", "arguments": {"a": "absent"}}, {"rename": "n.absent"}, id="two"),
    )
    check(rules, "import torch\ntorch.foo(a=torch.foo())\n", "import n\nimport torch\nn.given(a=n.absent())\n")


def test_one_import_for_two_rules() -> None:
    rules = load(
        rule("api", {"name": "torch.foo"}, {"rename": "n.a"}, id="one"),
        rule("api", {"name": "torch.bar"}, {"rename": "n.b"}, id="two"),
    )
    check(rules, "import torch\ntorch.foo(torch.bar)\n", "import n\nimport torch\nn.a(n.b)\n")


def test_chained_rules_are_told() -> None:
    apex = {"id": "apex", "kind": "import", "match": {"module": "apex"}, "action": {"module": "shims.apex"}}
    rules = load(apex, rule("api", {"name": "torch.foo"}, {"rename": "apex.foo"}))
    check_left(rules, "import torch\ntorch.foo(1)\n", "apex would convert apex in the new 'import apex'")


@pytest.mark.parametrize("style", STYLES)
def test_matches_are_the_same_in_a_second_run(style: str) -> None:
    rules = load(TORCH, rule("api", {"name": "torch.cuda.foo"}, {"rename": "mindtorch.cuda.bar"}, expect=3))
    source = "import torch\nfrom torch.cuda import foo\ntorch.cuda.foo(foo(1), torch.cuda.foo)\n"
    first = convert(source, rules, style)
    assert first.matches["a-rule"] == 3
    assert first.after is not None
    assert convert(first.after, rules, style).matches["a-rule"] == 3
    # Where imports stay, a match is counted once, too.
    left = convert("import torch\nif x: torch = 1\ntorch.cuda.foo\n", rules, style)
    assert left.matches["a-rule"] == 1


WRONG = [
    ("kind: api\nmatch: {}\naction: {rename: a.b}", 7, "match: 'name' is missing"),
    ("kind: api\naction: {rename: a.b}", 3, "'match' is missing"),
    ("kind: api\nmatch: {name: torch}\naction: {rename: a.b}", 7, "must be a qualified name, such as torch.nn.Linear"),
    ("kind: api\nmatch: {nam: torch.x}\naction: {rename: a.b}", 7, "'nam' is not known; did you mean 'name'?"),
    ("kind: api\nmatch: {name: torch.x}\naction: {}", 8, "must have rename and/or arguments, or unsupported"),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, unsupported: x}",
        8,
        "must have rename and/or arguments",
    ),
    ("kind: api\nmatch: {name: torch.x}\naction: {rename: a-b}", 8, "must be a qualified name"),
    ("kind: api\nmatch: {name: torch.x}\naction: {rename: torch.y}", 8, "the new name is itself in torch; give"),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {arguments: {}}",
        8,
        "must have drop, rename, add, defaults and/or order",
    ),
    (
        "kind: api\nmatch: {name: torch.x, used_as: [foo]}\naction: {rename: a.b}",
        7,
        "'foo' is not one of call, decorator",
    ),
    ("kind: api\nmatch: {name: torch.x, used_as: []}\naction: {rename: a.b}", 7, "used_as"),
    (
        "kind: api\nmatch: {name: torch.x, arguments: {a: no}}\naction: {rename: a.b}",
        7,
        "must be given, absent, or {literal",
    ),
    (
        "kind: api\nmatch: {name: torch.x, arguments: {}}\naction: {rename: a.b}",
        7,
        "must say for parameters: given, absent",
    ),
    (
        "kind: api\nmatch: {name: torch.x, used_as: [base], arguments: {a: given}}\naction: {rename: a.b}",
        7,
        "only calls have",
    ),
    (
        "kind: api\nmatch: {name: torch.x, used_as: [value]}\naction: {arguments: {add: {a: '1'}}}",
        7,
        "only calls have arguments",
    ),
    ("kind: api\nmatch: {name: torch.x, signature: [a, a]}\naction: {rename: a.b}", 7, "a is listed twice"),
    ("kind: api\nmatch: {name: torch.x, signature: [a b]}\naction: {rename: a.b}", 7, "must be one identifier"),
    (
        "kind: api\nmatch: {name: torch.x, signature: [a]}\naction:\n  rename: a.b\n  arguments:\n    drop: [b]",
        11,
        "b is not in match.signature; add it there",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {order: [b]}}",
        8,
        "b is not in match.signature",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {add: {z: '1 +'}}}",
        8,
        "'1 +' is not a Python expression",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {add: {z: '1  # why'}}}",
        8,
        "is not a Python expression",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {defaults: {z: '1, y=2'}}}",
        8,
        "is not a Python expression",
    ),
    ("kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {add: {z: 1}}}", 8, "must be text"),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {drop: [z], add: {z: '1'}}}",
        8,
        "z is dropped, and in add too",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {drop: [z], rename: {z: y}}}",
        8,
        "z is dropped, and in rename",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {rename: a.b, arguments: {defaults: {z: '1'}, add: {z: '1'}}}",
        8,
        "z is in add and in defaults",
    ),
    (
        "kind: api\nmatch: {name: torch.x, signature: [a, b]}\naction: {arguments: {order: [b, a]}}",
        8,
        "without action.rename a second run",
    ),
    (
        "kind: api\nmatch: {name: torch.x, signature: [a, b]}\naction: {arguments: {drop: [b]}}",
        8,
        "without action.rename a second run",
    ),
    (
        "kind: api\nmatch: {name: torch.x}\naction: {arguments: {rename: {a: b, b: a}}}",
        8,
        "without action.rename a second run",
    ),
]


@pytest.mark.parametrize(("lines", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, lines: str, line: int, message: str) -> None:
    check_wrong(tmp_path, lines, line, message)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="quotes inside of f-strings")
def test_nested_quotes_in_fstrings() -> None:
    check(DROP, "import torch\nf'{torch.foo('a', 'b')}'\n", "import new\nimport torch\nf'{new.foo('a')}'\n")


def test_what_leaves_no_trace() -> None:
    assert not load(FOO).rules[0].leaves_no_trace
    assert load(rule("api", {"name": "a.b"}, {"arguments": {"add": {"z": "1"}}})).rules[0].leaves_no_trace


def test_tables_are_python() -> None:
    for before, after, renamed in RENAMED:
        for text in (before, after, renamed or ""):
            ast.parse(text)
