"""How much resident memory grows in training steps, and in the MindSpore calls of those steps alone.

    MINDTORCH_KERNELS=reference|mindspore|mindspore-always python tests/adapter/memory_growth.py [STEPS]

Prints JSON: bytes that the steps added after a warm-up, bytes that as many repetitions of one step's MindSpore calls
added (0 calls on the reference table), and calls a step.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mindtorch as torch
from mindtorch import kernels, nn

WARM_UP = 200
PAGE = 4096


def resident() -> int:
    """Bytes of this process in memory, after everything that is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Block(nn.Module):
    """A small language model with one layer of each usual kind."""

    def __init__(self, vocabulary: int = 32, width: int = 16) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.SiLU())
        self.out = nn.Linear(width, vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits [batch, length, vocabulary] of tokens [batch, length]."""
        x = self.embedding(tokens)
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        x = x + nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(x + self.mlp(x))


def step(model: Block, optimizer: Any, tokens: torch.Tensor) -> None:
    """One training step with gradient clipping, and a look at the loss."""
    loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    loss.item()


def growth(run: Callable[[], None], times: int) -> int:
    for _ in range(WARM_UP):
        run()
    before = resident()
    for _ in range(times):
        run()
    return resident() - before


def recorded(run: Callable[[], None]) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """The MindSpore calls that `run` makes, with their operands."""
    calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
    plain = dict(kernels.NATIVE)

    def noting(fn: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any) -> Any:
            calls.append((fn, args))
            return fn(*args)

        return noted

    kernels.NATIVE.update({name: replace(native, fn=noting(native.fn)) for name, native in plain.items()})
    try:
        run()
    finally:
        kernels.NATIVE.update(plain)
    return calls


def main() -> None:
    """Measure, and print."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    torch.manual_seed(0)
    model = Block()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    tokens = torch.randint(0, 32, (2, 8))

    def train() -> None:
        step(model, optimizer, tokens)

    added = growth(train, steps)
    calls = recorded(train)

    def bare() -> None:
        for fn, args in calls:
            out = fn(*args)
            for o in out if isinstance(out, tuple) else (out,):
                o.asnumpy()

    print(json.dumps({"steps": added, "bare": growth(bare, steps) if calls else 0, "calls": len(calls)}))


if __name__ == "__main__":
    main()
