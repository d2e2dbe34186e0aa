"""``ZeroRedundancyOptimizer`` of ``torch.distributed.optim`` (ZeRO stage 1, arXiv:1910.02054)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch.distributed._group import get_global_rank, group_or_default
from mindtorch.optim import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """Each rank keeps the state of, and updates, its share of the parameters; then it sends them to the others.

    Args:
        params: parameters or parameter groups.
        optimizer_class: what updates a share.
        process_group: the ranks that share (default: all).
        parameters_as_bucket_view: accepted; parameters keep their memory.
        defaults: arguments of ``optimizer_class``.

    Raises:
        NotImplementedError: ``overlap_with_ddp``.
    """

    def __init__(
        self,
        params: Any,
        optimizer_class: type[Optimizer],
        process_group: Any = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        if overlap_with_ddp:
            raise NotImplementedError(
                "torch.distributed.optim.ZeroRedundancyOptimizer(overlap_with_ddp=True) is not supported: leave it out"
            )
        self.process_group = process_group
        self._pg = group_or_default(process_group)
        self._optimizer_class = optimizer_class
        self._optimizer_defaults = defaults
        self._all_state_dicts: list[dict[str, Any]] = []
        self._owners: dict[Any, int] = {}
        self._load = [0] * self._pg.size()
        self._made = False
        super().__init__(params, defaults)
        self._make_local()
        self._made = True

    def _make_local(self) -> None:
        shares = []
        for group in self.param_groups:
            # The largest first, each to the rank that has least: the same on every rank.
            for p in sorted(group["params"], key=lambda p: p.numel(), reverse=True):
                if p not in self._owners:
                    rank = min(range(len(self._load)), key=self._load.__getitem__)
                    self._owners[p] = rank
                    self._load[rank] += p.numel()
            mine = [p for p in group["params"] if self._owners[p] == self._pg.rank()]
            shares.append({**group, "params": mine})
        # A rank may have nothing of a group; the optimizer sees only what there is.
        self._present = [i for i, share in enumerate(shares) if share["params"]]
        filled = [shares[i] for i in self._present]
        self.optim = self._optimizer_class(filled, **self._optimizer_defaults) if filled else None
        if self.optim is not None:
            for i, group in zip(self._present, self.optim.param_groups, strict=True):
                for key, value in group.items():
                    self.param_groups[i].setdefault(key, value)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, which are shared out too."""
        super().add_param_group(param_group)
        if self._made:
            before = self.optim.state if self.optim is not None else {}
            self._make_local()
            if self.optim is not None:
                self.optim.state.update(before)

    def _options_to_local(self) -> None:
        if self.optim is not None:
            for i, group in zip(self._present, self.optim.param_groups, strict=True):
                group.update({key: value for key, value in self.param_groups[i].items() if key != "params"})

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Update this rank's share and take the others' over; the closure's loss."""
        self._options_to_local()
        loss = None
        if self.optim is not None:
            loss = self.optim.step(closure, **kwargs) if closure is not None else self.optim.step(**kwargs)
        elif closure is not None:
            with torch.enable_grad():
                loss = closure()
        works = [
            dist.broadcast(p.detach(), group=self.process_group, group_src=owner, async_op=True)
            for p, owner in self._owners.items()
        ]
        for work in works:
            work.wait()
        return loss

    def _index(self) -> dict[Any, int]:
        """Parameters to their places in ``state_dict``."""
        everything = [p for group in self.param_groups for p in group["params"]]
        return {p: i for i, p in enumerate(everything)}

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Bring all shares' state to global rank ``to``, where ``state_dict`` can then be called."""
        index = self._index()
        local = self.optim.state if self.optim is not None else {}
        mine = {index[p]: state for p, state in local.items()}
        at_root = dist.get_rank() == to
        shares: list[Any] = [None] * self._pg.size()
        dist.gather_object(mine, shares if at_root else None, to, self.process_group)
        self._all_state_dicts = shares if at_root else []

    def state_dict(self) -> dict[str, Any]:
        """As that of one optimizer of all parameters.

        Raises:
            RuntimeError: ``consolidate_state_dict`` was not called for this rank.
        """
        if not self._all_state_dicts:
            raise RuntimeError(
                f"Optimizer state has not been consolidated on this rank. Please call `consolidate_state_dict"
                f"(to={get_global_rank(self._pg, self._pg.rank())})` on all ranks beforehand if you meant to save the "
                "global state."
            )
        index = self._index()
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [index[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {i: values for share in self._all_state_dicts for i, values in share.items()}
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the part of a whole state that is this rank's share."""
        parameters = list(self._index())
        for group, given in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({key: value for key, value in given.items() if key != "params"})
        if self.optim is None:
            return
        for i, values in state_dict["state"].items():
            p = parameters[i]
            if self._owners[p] == self._pg.rank():
                self.optim.state[p] = copy.deepcopy(values)
        self._options_to_local()
