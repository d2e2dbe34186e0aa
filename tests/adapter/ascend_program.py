"""A program on 'cuda' with the Ascend kernel table: what it prints is compared with the other tables' by
test_ascend_device.py."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import mindtorch as torch
from mindtorch.backends import kernel_report
from mindtorch.nn import functional as F


def shown(t: Any) -> Any:
    assert t.device.type == "cuda", t.device
    return t.detach().cpu().double().tolist() if t.is_floating_point() else t.tolist()


def windows() -> list[Any]:
    """Writes into views, reads through other views of the same memory."""
    a = torch.zeros(4, 4, device="cuda")
    a[1:3, ::2] = 7
    a.t()[0].add_(1)
    a[1].mul_(2)
    kept = a.view(-1)[3:12]
    a.diagonal().copy_(torch.arange(4.0, device="cuda"))
    a[a > 6] = -1
    a.data[0] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    part = a.as_strided((2, 2), (1, 4), 1)
    return [shown(x) for x in (a, kept, a.t().contiguous(), part, a.sum(0), a.half(), a.bool())]


def dtypes() -> list[Any]:
    x = torch.arange(12, device="cuda").view(3, 4)
    y = x.to(torch.int32) * 3 - 7
    return [
        shown(t)
        for t in (
            x % 5, y // 4, x.double() / 7, (x.bfloat16() * 0.3).float(), torch.cat([x.half(), y.half()]).sum(1),
            x[x % 2 == 0], x[[0, 2], 1:], x.flip(0), x.cumsum(1), torch.sort(y.view(-1), descending=True)[1],
            x.float().view(torch.int32), torch.where(x > 5, x, -x), y.abs().max(dim=1)[0],
        )
    ]  # fmt: skip


def training() -> list[Any]:
    """Losses of a small model, its gradients' norm, and what is left of it after a copy."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Embedding(11, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 16), torch.nn.GELU(),
        torch.nn.Linear(16, 11),
    ).to("cuda")  # fmt: skip
    twin = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    tokens = torch.randint(0, 11, (4, 6), device="cuda")
    losses = []
    for _ in range(5):
        loss = F.cross_entropy(model(tokens).view(-1, 11), tokens.roll(1, 1).view(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses += [loss.item(), norm.item()]
    moved = sum((p - q).abs().sum() for p, q in zip(model.parameters(), twin.parameters(), strict=True))
    state = model.state_dict()
    twin.load_state_dict(state)
    return [losses, shown(moved), [shown(p) for p in twin.parameters()]]


if __name__ == "__main__":
    json.dump({"windows": windows(), "dtypes": dtypes(), "training": training(), "report": kernel_report()}, sys.stdout)
