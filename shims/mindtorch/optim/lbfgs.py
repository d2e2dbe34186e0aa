"""Limited-memory BFGS (Nocedal & Wright, algorithm 7.4; ``torch.optim.lbfgs``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim._line_search import Closure, strong_wolfe
from mindtorch.optim.optimizer import Optimizer, check_lr, scalar

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Quasi-Newton steps over all parameters at once; ``step`` needs a closure that computes loss and gradients.

    State, of the first parameter: ``func_evals``, ``n_iter``, ``d`` (direction), ``t`` (step size), ``old_dirs`` and
    ``old_stps`` (changes of gradient and of parameters), ``ro``, ``H_diag``, ``prev_flat_grad``, ``prev_loss``, ``al``.

    Args:
        max_iter: iterations a step.
        max_eval: calls of the closure a step; a quarter more than ``max_iter`` when None.
        line_search_fn: None (a step of ``lr``) or ``"strong_wolfe"``.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Any]:
        return self.param_groups[0]["params"]

    def _flat_grad(self) -> Any:
        """All gradients as one vector of reals."""
        parts = []
        for p in self._params:
            grad = torch.zeros_like(p) if p.grad is None else p.grad
            parts.append((torch.view_as_real(grad) if torch.is_complex(grad) else grad).reshape(-1))
        return torch.cat(parts, 0)

    def _move(self, step: float, direction: Any) -> None:
        """Add ``step * direction`` to the parameters."""
        offset = 0
        for p in self._params:
            real = torch.view_as_real(p) if torch.is_complex(p) else p
            count = real.numel()
            real.add_(direction[offset : offset + count].view_as(real), alpha=step)
            offset += count

    def _trial(self, closure: Closure, start: list[Any], step: float, direction: Any) -> tuple[float, Any]:
        """Loss and gradient one step away; the parameters are where they were afterwards."""
        self._move(step, direction)
        loss = float(closure())
        grad = self._flat_grad()
        for p, value in zip(self._params, start, strict=True):
            p.copy_(value)
        return loss, grad

    @torch.no_grad()
    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """Up to ``max_iter`` iterations; returns the loss at the start."""
        group = self.param_groups[0]
        with_grad = torch.enable_grad()(closure)
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = with_grad()
        loss = float(first_loss)
        state["func_evals"] += 1
        evaluations = 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            self._update_direction(state, grad, group["history_size"])
            state["prev_flat_grad"] = grad.clone()
            state["prev_loss"] = loss
            lr = scalar(group["lr"])
            size = min(1.0, 1.0 / grad.abs().sum().item()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(state["d"])
            state["t"] = size
            if slope > -group["tolerance_change"]:
                break
            calls = 0
            if group["line_search_fn"] is None:
                self._move(size, state["d"])
                if iterations != group["max_iter"]:
                    # After the last step nobody would use the loss.
                    loss = float(with_grad())
                    grad = self._flat_grad()
                    calls = 1
            elif group["line_search_fn"] == "strong_wolfe":
                start = [p.clone(memory_format=torch.contiguous_format) for p in self._params]

                def trial(step: float, start: list[Any] = start) -> tuple[float, Any]:
                    return self._trial(with_grad, start, step, state["d"])

                loss, grad, size, calls = strong_wolfe(trial, size, state["d"], loss, grad, slope)
                self._move(size, state["d"])
                state["t"] = size
            else:
                raise RuntimeError("only 'strong_wolfe' is supported")
            evaluations += calls
            state["func_evals"] += calls
            if self._converged(state, group, iterations, evaluations, grad, loss):
                break
        return first_loss

    @staticmethod
    def _converged(
        state: dict[str, Any], group: dict[str, Any], iterations: int, evaluations: int, grad: Any, loss: float
    ) -> bool:
        """Whether to stop: out of iterations or calls, a flat place, or no progress."""
        if iterations == group["max_iter"] or evaluations >= group["max_eval"]:
            return True
        tolerance = group["tolerance_change"]
        return bool(
            grad.abs().max() <= group["tolerance_grad"]
            or state["d"].mul(state["t"]).abs().max() <= tolerance
            or abs(loss - state["prev_loss"]) < tolerance
        )

    @staticmethod
    def _update_direction(state: dict[str, Any], grad: Any, history: int) -> None:
        """Note the last step's curvature; the two-loop recursion gives the next direction."""
        if state["n_iter"] == 1:
            state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        change, moved = grad.sub(state["prev_flat_grad"]), state["d"].mul(state["t"])
        curvature = change.dot(moved)
        changes, moves, ro = state["old_dirs"], state["old_stps"], state["ro"]
        if curvature > 1e-10:
            if len(changes) == history:
                for kept in (changes, moves, ro):
                    kept.pop(0)
            changes.append(change)
            moves.append(moved)
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        al = state.setdefault("al", [None] * history)
        direction = grad.neg()
        for i in range(len(changes) - 1, -1, -1):
            al[i] = moves[i].dot(direction) * ro[i]
            direction.add_(changes[i], alpha=-al[i].item())
        direction.mul_(state["H_diag"])
        for i in range(len(changes)):
            direction.add_(moves[i], alpha=(al[i] - changes[i].dot(direction) * ro[i]).item())
        state["d"] = direction
