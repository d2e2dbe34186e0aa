"""Random programs about scopes, and what they do when Python runs them.

A program imports a fake ``torch`` in many ways and places, binds the name to other things, and shows what it then
stands for. Every statement survives its own failure and tells the kind of error, so that a name that is looked up in
another scope, too early or too late makes a difference.
"""

from __future__ import annotations

import re
import types
from random import Random
from typing import Any

IMPORTS = [
    "import torch", "import torch", "import torch", "import torch", "import torch.nn", "import torch.nn.functional",
    "import torch as t", "import torch.nn as nn", "from torch import nn", "from torch.nn import functional as F",
    "import other, torch", "import torch.nn, torch", "import torch, torch.cuda as nn", "import torch; import torch.nn",
]  # fmt: skip
RARE_IMPORTS = [
    "import torch.nn as torch", "from torch import nn as torch", "import other as torch", "from other import torch",
    "import torch as torch", "from . import torch", "import mindtorch", "import torch as mindtorch",
    "from other import *", "from torch.nn import *",
]  # fmt: skip
BY_TEXT = [
    "sorted(k for k in locals() if k == 'torch')", "globals().get('torch')", "eval('torch')", "'torch' in vars()",
]  # fmt: skip
PARAMETERS = [
    "", "", "", "x=torch.p", "torch", "torch=torch.p", "*torch", "x: torch.T = torch.p, *, k=torch.k", "mindtorch=1",
]  # fmt: skip


class Program:
    """One program: ``source``, written by the random generator ``random``."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0
        self.rare = random.random() < 0.2
        self.source = "\n".join([*self.block("module", 0, first=[self.an_import()]), ""])

    def pick(self, *choices: Any) -> Any:
        return choices[self.random.randrange(len(choices))]

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def an_import(self) -> str:
        return self.pick(*IMPORTS, *(RARE_IMPORTS if self.rare else ()))

    def block(self, kind: str, depth: int, first: list[str] | None = None) -> list[str]:
        lines: list[str] = []
        if kind != "module" and self.random.random() < 0.25:
            lines.append(self.pick("global torch", "nonlocal torch", "global x, torch", "global torch, mindtorch"))
        for statement in first or ():
            lines += self.guarded([statement])
        for _ in range(self.random.randint(2, 7 if depth == 0 else 4)):
            lines += self.guarded(self.statement(kind, depth))
        return lines

    def guarded(self, lines: list[str]) -> list[str]:
        return ["try:", *indented(lines), "except Exception as error: show(type(error).__name__)"]

    def statement(self, kind: str, depth: int) -> list[str]:
        compound = [self.function, self.klass, self.loop, self.condition, self.context, self.handler, self.match]
        if depth < 3 and self.random.random() < 0.4:
            return self.pick(*compound, self.function, self.klass)(kind, depth)
        if self.random.random() < 0.35:
            return [self.an_import()]
        return [self.simple()]

    def simple(self) -> str:
        value = self.value(2)
        return self.pick(
            f"show({value})", f"show({value})", f"show({value})", f"show({value})",
            f"torch = {value}", "torch = None", "torch = x = None", "del torch", f"x = {value}", "torch: torch.T",
            f"torch: torch.T = {value}", f"torch.attr = {value}", "torch.attr += 1", "torch += 1",
            f"x, torch = 1, {value}", f"[torch, *x] = [{value}]", f"for torch in [{value}]: show(torch)", "x = torch",
            f"show(torch, torch=torch, x={value})", "show(torch is None, torch == x)", "assert torch, 'torch'",
            f"raise_({value})", "lazy.append(lambda: torch.later)", "lazy.append(torch.g for _ in 'ab')",
            f"show(x.torch, {value})", "torch.nn = x", "'torch.x'", "show('torch', \"torch.nn\")",
        )  # fmt: skip

    def value(self, depth: int) -> str:
        simple = ["torch", "torch.a", "torch.nn.b", "torch.nn", "nn", "t.c", "x", "7", "mindtorch", "torch.f(torch.g)"]
        if depth == 0 or self.random.random() < 0.5:
            return self.pick(*simple)
        inner, other = self.value(depth - 1), self.value(depth - 1)
        return self.pick(
            f"({inner}, {other})", f"[{inner} for _ in 'ab']", f"[torch for torch in [{inner}, {other}]]",
            f"[(torch, {inner}) for _ in [{other}] if torch]", f"{{torch: {inner} for x in [torch]}}",
            f"list({inner} for x in [{other}] for torch in [x])", f"[[torch for _ in 'a'] for torch in [{inner}]]",
            f"(lambda: {inner})()", f"(lambda torch: {inner})({other})", f"(lambda torch=torch: {inner})()",
            f"(lambda *a, x={other}: (a, {inner}))(torch)", f"(torch := {inner})", f"[(torch := {inner}) for _ in 'a']",
            f"({inner} if torch else {other})", f"f'{{{other}}}: {{torch.s}} torch'",
            "f'''{torch.w}\n{torch!s:>{torch.w}}'''", "f'{torch=}'", "f'{torch.a = !s}'",
            f"'torch' f'{{torch.a}}' f'{{ {inner} }}'", "f\"{f'{torch.d}' + 'torch'}\"",
            f"dict(torch={inner})['torch']", f"{{'torch': {inner}}}['torch']", f"getattr(torch, 'torch', {inner})",
            f"torch.f(*[{inner}], torch={other})[torch]", f"(not {inner}, -torch, torch @ {other})",
            *(BY_TEXT if self.rare else ()),
        )  # fmt: skip

    def function(self, kind: str, depth: int) -> list[str]:
        name = self.new("f")
        head = f"{self.pick('def', 'def', 'def', 'async def')} {name}({self.pick(*PARAMETERS)})"
        returns = self.pick("", "", " -> torch.R", " -> 'torch.R'")
        last = self.pick("return torch", "pass")
        lines = [f"{head}{returns}:", *indented([*self.block("function", depth + 1), last])]
        if self.random.random() < 0.3:
            lines.insert(0, self.pick("@deco(torch.d)", "@deco(lambda: torch)", "@torch.d"))
        if self.random.random() < 0.1:
            lines[-len(lines) :] = [line.replace(name, "torch") for line in lines]
            name = "torch"
        call = self.pick("()", "()", "(5)", "(torch=6)", "(*[torch])")
        between = [self.pick("pass", "torch = 9", "import torch", "del torch")] if self.random.random() < 0.3 else []
        return [*lines, *(line for item in between for line in self.guarded([item])), f"show(run({name}{call}))"]

    def klass(self, kind: str, depth: int) -> list[str]:
        name = self.new("C")
        bases = self.pick("", "", "(Base)", "(Base, torch=torch)", "(Base if torch else Base)")
        lines = [f"class {name}{bases}:", *indented(self.block("class", depth + 1))]
        if self.random.random() < 0.3:
            lines.insert(0, "@deco(torch.d)")
        return [*lines, f"members({name})", f"show({name}.torch)"]

    def loop(self, kind: str, depth: int) -> list[str]:
        target = self.pick("_", "_", "torch", "(x, torch)", "torch.attr")
        return [f"for {target} in [{self.value(1)}, (1, 2)]:", *indented(self.block("loop", depth + 1, self.later()))]

    def condition(self, kind: str, depth: int) -> list[str]:
        test = self.pick("torch", "torch is None", "not torch.x", "x", "0", "1", "'torch' in 'torch'")
        other = ["else:", *indented(self.guarded(self.statement(kind, depth + 1)))]
        return [f"if {test}:", *indented(self.guarded(self.statement(kind, depth + 1))), *self.pick([], other)]

    def context(self, kind: str, depth: int) -> list[str]:
        target = self.pick("", "", " as torch", " as (torch, x)", " as torch.attr", " as x")
        return [f"with context({self.value(1)}){target}:", *indented(self.guarded(self.statement(kind, depth + 1)))]

    def handler(self, kind: str, depth: int) -> list[str]:
        body = self.pick("import missing", f"raise_({self.value(1)})", "torch.x", self.an_import())
        caught = self.pick(
            "ImportError", "Exception", "(ImportError, torch.Error)", "Exception as torch", "Exception as x"
        )
        lines = ["try:", f"    {body}", f"except {caught}:", f"    {self.pick('torch = None', 'pass', self.simple())}"]
        return [*lines, *self.pick([], ["else:", f"    {self.an_import()}"], ["finally:", f"    {self.simple()}"])]

    def match(self, kind: str, depth: int) -> list[str]:
        pattern = self.pick("torch.a", "[torch]", "[1, *torch]", "{'torch': torch}", "int() as torch", "torch.T()", "_")
        cases = [f"    case {pattern}:", f"        {self.simple()}", "    case _: show(torch)"]
        return [f"match {self.value(1)}:", *cases]

    def later(self) -> list[str]:
        return [self.an_import()] if self.random.random() < 0.3 else []


def indented(lines: list[str]) -> list[str]:
    # The second line of a literal is part of it, not of the layout.
    return [line if line.startswith("{torch!s") else f"    {line}" for text in lines for line in text.split("\n")]


class Fake:
    """Stands for any module or attribute: knows the dotted name under which it was reached."""

    def __init__(self, path: str) -> None:
        self.__dict__["path"] = path
        self.__dict__["__all__"] = ["starred", *(["torch"] if path == "other" else [])]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Fake(f"{self.path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if args and callable(args[0]) and self.path.endswith(".d") else Fake(f"{self.path}()")

    def __getitem__(self, key: Any) -> Fake:
        return Fake(f"{self.path}[{describe(key)}]")

    def __repr__(self) -> str:
        return f"<{self.path}>"

    def __format__(self, spec: str) -> str:
        return f"<{self.path}>{spec}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fake) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)


def describe(value: Any) -> str:
    if isinstance(value, Fake):
        return repr(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"{type(value).__name__}({', '.join(map(describe, value))})"
    if isinstance(value, dict):
        return "dict(" + ", ".join(f"{describe(k)}: {describe(v)}" for k, v in value.items()) + ")"
    if isinstance(value, (str, int, type(None))):
        return re.sub(r" at 0x\w+", "", repr(value))
    return type(value).__name__


class Base:
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()


def trace(source: str) -> list[str]:
    """Everything that the program shows, and the names that its module has in the end."""
    events: list[str] = []

    def fake_import(name: str, _globals: Any, _locals: Any, fromlist: Any, level: int) -> Fake:
        root, dot, below = name.partition(".")
        if root == "missing":
            raise ImportError(name)
        root = "torch" if root == "mindtorch" else root
        return Fake("." * level + (root + dot + below if fromlist else root))

    def show(*values: Any, **named: Any) -> None:
        events.append(f"{describe(values)} {describe(named)}")

    def members(cls: type) -> None:
        events.append(describe({k: v for k, v in vars(cls).items() if not k.startswith("__")}))
        events.append(describe(vars(cls).get("__annotations__", {})))

    def raise_(value: Any) -> None:
        raise ValueError(value)

    def run(value: Any) -> Any:
        if isinstance(value, types.CoroutineType):
            try:
                value.send(None)
            except StopIteration as stop:
                return stop.value
        return value

    def deco(value: Any) -> Any:
        show(value() if isinstance(value, types.FunctionType) else value)
        return lambda decorated: decorated

    class Context:
        def __init__(self, value: Any) -> None:
            self.value = value

        def __enter__(self) -> Any:
            return self.value

        def __exit__(self, *error: object) -> None:
            pass

    lazy: list[Any] = []
    builtins = {
        name: getattr(__import__("builtins"), name)
        for name in ("Exception", "ImportError", "ValueError", "dict", "list", "sorted", "type", "getattr", "globals",
                     "locals", "vars", "eval", "int", "AssertionError", "__build_class__")
    }  # fmt: skip
    builtins |= {"__import__": fake_import, "show": show, "members": members, "raise_": raise_, "run": run}
    builtins |= {"deco": deco, "context": Context, "lazy": lazy, "Base": Base}
    namespace: dict[str, Any] = {"__builtins__": builtins, "__name__": "program"}
    exec(compile(source, "<program>", "exec"), namespace)
    for later in lazy:
        try:
            show(later() if callable(later) else list(later))
        except Exception as error:
            show(type(error).__name__)
    # The module may have the name in its new spelling, or in both.
    kept = {name.replace("mindtorch", "torch"): value for name, value in namespace.items() if name[:2] != "__"}
    events.append(describe({name: kept[name] for name in sorted(kept)}))
    return events
