"""Every kind of scope and binding, with the exact result in both styles.

In each case ``$`` stands where the name of the module is spelled anew by ``--style rename``; everywhere else ``torch``
stays. In alias style nothing but the import changes.
"""

from __future__ import annotations

import pytest
from convert_checks import check_transformed, convert

RENAMED = {
    "module": "$.a\nx = $\n",
    "function": "def f():\n    return $.a\n",
    "nested function": "def f():\n    def g():\n        return $.a\n    return g\n",
    "async function": "async def f():\n    async with $.a as b:\n        await $.c\n",
    "lambda": "f = lambda x: $.a(x)\n",
    "class body": "class C($.Base, metaclass=$.Meta):\n    x = $.a\n    def f(self):\n        return $.b\n",
    "class in a class": "class C:\n    class D:\n        x = $.a\n",
    "decorator": "@$.no_grad()\ndef f(): ...\n\n@$.jit.script\nclass C: ...\n",
    "default arguments": "def f(x=$.a, *, y=$.b): ...\ng = lambda z=$.c: z\n",
    "comprehensions": "x = [$.a for i in $.b if $.c]\ny = {$.d: $.e for i in x}\nz = {$.f for i in x}\n",
    "generator": "x = sum($.a(i) for i in $.b for j in $.c)\n",
    "comprehension in a class": "class C:\n    x = [$.a for i in $.b]\n",
    "comprehension target": "x = [torch.a for torch in $.b]\ny = $.c\n",
    "comprehension targets": "x = [(torch, i) for i, torch in $.b if torch]\n",
    "second generator of a comprehension": "x = [torch for i in $.a for torch in i]\n",
    "walrus": "if (x := $.a): $.b\n",
    "walrus in a comprehension": "x = [(y := $.a) for i in z]\n",
    "walrus that binds the name": "if ($ := $.a): $.b\n",
    "walrus in a comprehension that binds the name": "x = [($ := $.a) for i in z]\n$.b\n",
    "global": "def f():\n    global $\n    $ = $.a\n",
    "global among others": "def f():\n    global x, $, torchy\n    $.a\n",
    "local besides a global": "def f():\n    global $\n    del $\n\ndef g():\n    torch = 1\n    torch.a\n",
    "repeated binding": "$ = $.a\n$ = b\nfor $ in $.c: $\n",
    "set to None": "$ = None\nif $ is None: pass\nif $ is not None and $.a: pass\n",
    "local set to None": "def f():\n    torch = None\n    return torch\n$.a\n",
    "deleted": "del $\n",
    "deleted attribute": "del $.a, x.torch, $\n",
    "augmented": "$ += $.a\n",
    "attribute assignment": "$.a = $.b\n$.c.torch = 1\n",
    "unpacking": "x, [$, *y] = $.a\n",
    "for target": "for $ in x:\n    $.a\nelse:\n    $.b\n",
    "with target": "with x as $, $.a as (y, $):\n    $.b\n",
    "parameter": "def f(torch): return torch.a\n$.b\n",
    "keyword-only parameter": "def f(*, torch=$.a): return torch.b\n",
    "star parameters": "def f(*torch): return torch\ndef g(**torch): return torch\n",
    "positional-only parameter": "def f(torch, /): return torch.a\n",
    "parameter of a lambda": "f = lambda torch: torch.a(torch)\n",
    "default of a parameter of that name": "f = lambda torch=$: torch\n",
    "parameter of an outer function": "def f(torch):\n    def g():\n        return torch.a\n    return g\n$.b\n",
    "local of an outer function": "def f():\n  torch = 1\n  def g():\n    nonlocal torch\n    torch.a\n$.b\n",
    "local bound after its use": "def f():\n    torch.a\n    torch = 1\n",
    "local by for": "def f():\n    for torch in torch: pass\n",
    "local by except": "def f():\n    try: pass\n    except E as torch: torch.a\n$.b\n",
    "local by pattern": "def f(x):\n    match x:\n        case [torch]: torch.a\n$.b\n",
    "local by definition": "def f():\n    def torch(): ...\n    return torch\n$.b\n",
    "local by import": "def f():\n    from x import torch\n    return torch.a\n$.b\n",
    "pattern that reads": "match x:\n    case $.a: pass\n    case $.B(torch=y): pass\n    case {$.c: 1}: pass\n",
    "except that reads": "try: pass\nexcept ($.A, $.B) as e: pass\n",
    "keyword argument": "f(torch=$.a, x=$)\nf(torch=1, **{'torch': $})\n",
    "attribute of something else": "self.torch.a\nx.torch(torch=$.torch)\nsafetensors.torch.save\n",
    "dictionary": "x = {'torch': $}\nx['torch'].a\n",
    "annotations": "x: $.A = $.b\ndef f(y: $.C, *z: $.D) -> $.E: ...\n",
    "string annotations": "x: \"$.A\" = 1\ndef f(y: '$.C | None') -> \"Dict[str, $.E]\": ...\n",
    "string in Optional": 'x: Optional["$.A"] = None\ny: List[Union["$.A", "$.B"]]\n',
    "string in Callable": 'x: Callable[["$.A"], "$.B"]\n',
    "Literal is data": 'x: Literal["torch.a", \'torch\'] = "torch.a"\n',
    "Literal under another name": 'from typing import Literal as L\nx: L["torch.a"]\n',
    "Annotated is data behind the type": 'x: Annotated["$.A", "torch.a", f("torch.b")]\n',
    "dimensions are data": 'x: Float[$.Tensor, "batch torch"]\ny: Float[$.Tensor, "torch"]\n',
    "annotation without a value": "$: $.A\n",
    "type alias": "A = $.Tensor\nB: TypeAlias = $.B\n",
    "f-string": "x = f'{$.a} torch {$!r} {{torch}}'\n",
    "f-string with a format": "x = f'{$.a:>{$.b}} {x:torch} {$.c!s:torch}'\n",
    "nested f-string": "x = f\"{f'{$.a} torch'} {'torch'}\"\n",
    "f-string of several lines": "x = f'''torch\n{$.a}\n  é {\n$.b}'''\n",
    "f-strings side by side": "x = ('torch' f'{$.a}'\n     'torch.b' f'é{$.c}')\n",
    "raw f-string": "x = rf'\\d{$.a}\\torch' + Rb'torch'.decode()\n",
    "f-string with equal signs that print nothing": "x = f'torch={$.a}, torch == {$ == 1}'\n",
    "strings": "x = 'torch', \"torch.nn\", b'torch', r'torch', 'torch_dist'\n$.a('torch')\n",
    "comments and docstrings": "'''torch.a'''\n# torch.a\ndef f():  # torch\n    '''torch.b'''\n    $.c  # torch.d\n",
    "names that only look like it": "torch_npu.a\nmytorch.b\ntorch2 = Torch.torch\n$.a\n",
    "attribute over several lines": "x = ($\n     . a  # torch\n     .b)\n$ \\\n  .c\n",
    "not ASCII": "x = 'é', $.a; y = '\U0001f600' + $.b  # ü\n",
    "semicolons": "$.a; x = 1; $.b ;\n",
    "one line": "if $: $.a\nelse: $.b\nclass C: x = $.c\ndef f(): return $.d\n",
    "conditional expression": "x = $.a if $ else $.b\n",
    "star expressions": "f(*$.a, **$.b)\nx = [*$.c]\n",
    "subscript": "x[$.a:$.b, $[$.c]]\n",
    "assert and raise": "assert $.a, 'torch'\nraise $.E from $.f\n",
    "yield and await": "async def f():\n    yield $.a\n    await $.b\n",
    "tabs": "if 1:\n\tif 2:\n\t\t$.a\t#\ttorch\n",
    "eval of something else": "model.eval()\neval(x, {'torch': $})\nvars(args)\n",
}

# What follows keeps the old name for the module, with the reason that the report gives.
KEPT = {
    "class attribute that is read": ("class C:\n    torch = torch\n", "class body"),
    "class attribute of the same name": ("class C:\n    torch = None\n    x = torch\n", "class body"),
    "augmented class attribute": ("class C:\n    torch += 1\n", "class body"),
    "f-string that prints its source": ("x = f'{torch.a=}'\n", "prints it"),
    "f-string in an f-string that prints its source": ("x = f\"{f'{torch=!r}'}\"\n", "prints it"),
    "function of that name": ("def torch(): ...\n", "something else is bound"),
    "class of that name": ("class torch: ...\n", "something else is bound"),
    "exception of that name": ("try: pass\nexcept E as torch: torch.a\n", "something else is bound"),
    "pattern of that name": ("match x:\n    case {'a': torch}: pass\n", "something else is bound"),
    "rest of a pattern": ("match x:\n    case {**torch}: pass\n", "something else is bound"),
    "another import of that name": ("from x import torch\n", "something else is bound"),
    "a module below it under that name": ("if x:\n    import os as torch\n", "something else is bound"),
    "star import": ("from .x import *\n", "star import"),
    "new name is a variable": ("mindtorch = 1\n", "already"),
    "new name is a parameter": ("def f(mindtorch): return torch.a\n", "already"),
    "new name is imported": ("import mindtorch\n", "already"),
    "new name is used": ("mindtorch.a\n", "already"),
    "new name is global": ("def f():\n    global mindtorch\n    mindtorch = 1\n", "already"),
    "locals": ("def f(): return locals()['torch']\n", "calls locals"),
    "globals": ("globals()['torch'].a\n", "calls globals"),
    "vars": ("vars()['torch'].a\n", "calls vars"),
    "eval": ("eval('torch.a')\n", "calls eval"),
    "exec": ("exec(code)\n", "calls exec"),
    "eval as a value": ("x = list(map(eval, y))\n", "eval,"),
    "the module's own namespace": ("getattr(sys.modules[__name__], x)\n", "modules[__name__]"),
    "namespace of a frame": ("sys._getframe(1).f_globals['torch']\n", "f_globals"),
    "__all__": ("__all__ = ['torch', 'x']\n", "__all__"),
    "doctest": ("def f():\n    '''\n    >>> torch.a\n    '''\n", "doctest"),
    "type comment": ("x = y  # type: torch.Tensor\n", "type: torch"),
    "cast": ("x = cast('torch.Tensor', y)\n", "may be a type"),
    "type variable": ("T = TypeVar('T', bound='torch.Module')\n", "may be a type"),
    "alias of types": ("A = Optional['torch.Tensor']\n", "may be a type"),
    "alias of callables": ("A = Callable[['torch.Tensor'], None]\n", "may be a type"),
    "named tuple": ("A = NamedTuple('A', [('x', 'torch.Tensor')])\n", "may be a type"),
    "typed dictionary": ("A = TypedDict('A', {'x': 'torch.Tensor'})\n", "may be a type"),
    "annotation in pieces": ("x: 'torch.' 'Tensor'\n", "not spelled out"),
    "string in a string annotation": ("x: \"List['torch.Tensor']\"\n", "string in a string"),
    "other characters": ("\uff54orch.a\n", "other characters"),
}


@pytest.mark.parametrize("place", ["import torch\n%s", "import os\nimport torch  # torch\n\n%s"])
@pytest.mark.parametrize("name", RENAMED)
def test_renamed(name: str, place: str) -> None:
    text = RENAMED[name]
    before = place % text.replace("$", "torch")
    alias = before.replace("import torch", "import mindtorch as torch", 1)
    rename = (place % text.replace("$", "mindtorch")).replace("import torch", "import mindtorch", 1)
    check_transformed(before, alias)
    check_transformed(before, rename, style="rename")
    assert convert(before, style="rename").kept == []


@pytest.mark.parametrize("name", KEPT)
def test_kept(name: str) -> None:
    text, reason = KEPT[name]
    before = f"import torch\n{text}torch.z\n"
    after = before.replace("import torch", "import mindtorch as torch", 1)
    check_transformed(before, after)
    check_transformed(before, after, style="rename")
    (kept, *_) = convert(before, style="rename").kept
    assert "keeps the name torch" in kept.reason
    assert reason in kept.reason
    assert kept.line == 1


FUNCTIONS = {
    "in a function": ("def f():\n    import torch\n    return torch.a\n", "def f():\n    import $\n    return $.a\n"),
    "shadows the module's": (
        "import torch\ndef f():\n    import torch\n    torch.a\ntorch.b\n",
        "import $\ndef f():\n    import $\n    $.a\n$.b\n",
    ),
    "in a function and used outside": ("def f():\n    import torch\ntorch.a\n", "def f():\n    import $\ntorch.a\n"),
    "used in inner scopes": (
        "def f():\n  import torch\n  g = lambda: torch.a\n  class C:\n    x = torch.b\n  return [torch for i in x]\n",
        "def f():\n  import $\n  g = lambda: $.a\n  class C:\n    x = $.b\n  return [$ for i in x]\n",
    ),
    "for the module": (
        "def f():\n    global torch\n    import torch\ndef g(): return torch.a\n",
        "def f():\n    global $\n    import $\ndef g(): return $.a\n",
    ),
    "for the outer function": (
        "def f():\n  torch = None\n  def g():\n    nonlocal torch\n    import torch\n  g()\n  return torch.a\n",
        "def f():\n  $ = None\n  def g():\n    nonlocal $\n    import $\n  g()\n  return $.a\n",
    ),
    "one of two functions": (
        "def f(torch):\n    return torch.a\ndef g():\n    import torch\n    torch.a\n",
        "def f(torch):\n    return torch.a\ndef g():\n    import $\n    $.a\n",
    ),
    "conditional": (
        "try:\n    import torch\nexcept ImportError:\n    torch = None\nif torch is not None:\n    torch.a\n",
        "try:\n    import $\nexcept ImportError:\n    $ = None\nif $ is not None:\n    $.a\n",
    ),
    "repeated": ("import torch\nif x:\n    import torch\ntorch.a\n", "import $\nif x:\n    import $\n$.a\n"),
    "below": ("import torch.nn\ntorch.nn.a\n", "import $.nn\n$.nn.a\n"),
    "below, in a function": (
        "import torch\ndef f():\n    import torch.nn, os\n    torch.a\ntorch.b\n",
        "import $\ndef f():\n    import $.nn, os\n    $.a\n$.b\n",
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_imports_in_scopes(name: str) -> None:
    before, after = FUNCTIONS[name]
    check_transformed(before, after.replace("$", "mindtorch"), style="rename")
    assert convert(before, style="rename").kept == []
    alias = before.replace("import torch.nn", "import mindtorch.nn as torch, mindtorch as torch")
    check_transformed(before, alias.replace("import torch", "import mindtorch as torch"))


def test_a_class_attribute_is_kept() -> None:
    before = "class C:\n    import torch\n    def f(self): return self.torch.a\n"
    after = before.replace("import torch", "import mindtorch as torch")
    check_transformed(before, after, style="rename")
    assert "attribute of a class" in convert(before, style="rename").kept[0].reason


def test_a_parameter_of_the_same_function_is_kept() -> None:
    before = "def f(torch=None):\n    if torch is None:\n        import torch\n    return torch.a\n"
    check_transformed(before, before.replace("import torch", "import mindtorch as torch"), style="rename")
    assert "something else" in convert(before, style="rename").kept[0].reason
