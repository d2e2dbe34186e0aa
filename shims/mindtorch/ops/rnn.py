"""Recurrent networks: the cells, and layers of them over padded and packed sequences.

One walk serves both kinds of sequence: a step takes the rows of the samples that are still going. The products with
the input do not depend on the state, so they are made for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._tensor import Tensor
from ._registry import op
from .nn import dropout, linear
from .shape import cat, stack

State = tuple[Tensor, ...]
# Of one step: the input's part of the gates, the state, (w_hh, b_hh, w_hr) -> the new state, output first.
Step = Callable[[Tensor, State, tuple[Any, Any, Any]], State]


def _lstm_step(x: Tensor, state: State, weights: tuple[Any, Any, Any]) -> State:
    h, c = state
    w_hh, b_hh, w_hr = weights
    i, f, g, o = (x + linear(h, w_hh, b_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_hr is None else linear(h, w_hr)), c


def _gru_step(x: Tensor, state: State, weights: tuple[Any, Any, Any]) -> State:
    (h,) = state
    reset_x, update_x, new_x = x.chunk(3, -1)
    reset_h, update_h, new_h = linear(h, weights[0], weights[1]).chunk(3, -1)
    new = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
    return (new + (update_x + update_h).sigmoid() * (h - new),)


def _tanh_step(x: Tensor, state: State, weights: tuple[Any, Any, Any]) -> State:
    return ((x + linear(state[0], weights[0], weights[1])).tanh(),)


def _relu_step(x: Tensor, state: State, weights: tuple[Any, Any, Any]) -> State:
    return ((x + linear(state[0], weights[0], weights[1])).relu(),)


STEPS: dict[str, Step] = {"lstm": _lstm_step, "gru": _gru_step, "rnn_tanh": _tanh_step, "rnn_relu": _relu_step}


# ------------------------------------------------------------------ layers
def _forwards(steps: Sequence[Tensor], state: State, step: Step, weights: tuple[Any, Any, Any]) -> Any:
    """The outputs of all steps and the last state of every sample; samples only ever end."""
    outputs, ended = [], []
    for x in steps:
        n = x.shape[0]
        if n < state[0].shape[0]:
            ended.append(tuple(s[n:] for s in state))
            state = tuple(s[:n] for s in state)
        state = step(x, state, weights)
        outputs.append(state[0])
    if ended:
        state = tuple(cat(parts) for parts in zip(state, *reversed(ended), strict=True))
    return outputs, state


def _backwards(steps: Sequence[Tensor], state: State, step: Step, weights: tuple[Any, Any, Any]) -> Any:
    """The same from the last step to the first: samples only ever begin."""
    first = state
    state = tuple(s[: steps[-1].shape[0]] for s in first)
    outputs = []
    for x in reversed(steps):
        n, going = x.shape[0], state[0].shape[0]
        if n > going:
            state = tuple(cat([s, f[going:n]]) for s, f in zip(state, first, strict=True))
        state = step(x, state, weights)
        outputs.append(state[0])
    return outputs[::-1], state


def run_layers(
    kind: str, input: Tensor, hidden: State, weights: Sequence[Tensor], has_biases: bool, num_layers: int,
    dropout_p: float, train: bool, bidirectional: bool, batch_sizes: Sequence[int] | None = None,
) -> tuple[Tensor, State]:  # fmt: skip
    """All layers of a recurrent network.

    Args:
        kind: a name in ``STEPS``.
        input: (steps, batch, features), or the data of a packed sequence with its `batch_sizes`.
        hidden: the first states, each (layers * directions, batch, size).
        weights: of each layer and direction: w_ih, w_hh, with `has_biases` b_ih and b_hh, and w_hr of a projection.

    Returns:
        The last layer's outputs, laid out as the input, and the last states.
    """
    step = STEPS[kind]
    directions = 2 if bidirectional else 1
    per_layer = len(weights) // (num_layers * directions)
    projected = per_layer == (5 if has_biases else 3)
    finals: list[State] = []
    x = input
    for layer in range(num_layers):
        found = []
        for direction in range(directions):
            n = layer * directions + direction
            own = list(weights[n * per_layer : (n + 1) * per_layer])
            w_hr = own.pop() if projected else None
            w_ih, w_hh = own[:2]
            b_ih, b_hh = own[2:] if has_biases else (None, None)
            gates = linear(x, w_ih, b_ih)
            steps = gates.unbind(0) if batch_sizes is None else gates.split(list(batch_sizes))
            walk = _backwards if direction else _forwards
            outputs, state = walk(steps, tuple(h[n] for h in hidden), step, (w_hh, b_hh, w_hr))
            found.append(stack(outputs) if batch_sizes is None else cat(outputs))
            finals.append(state)
        x = found[0] if directions == 1 else cat(found, -1)
        if dropout_p and train and layer < num_layers - 1:
            x = dropout(x, dropout_p)
    return x, tuple(stack(list(s)) for s in zip(*finals, strict=True))


def _layers(kind: str) -> None:
    """Declare ``torch.<kind>``, with its two forms: of padded and of packed sequences."""

    @op(kind, method=False)
    def declared(input: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
        # Padded: hx, params, has_biases, ..., batch_first. Packed: batch_sizes, hx, params, has_biases, ...
        packed = isinstance(arguments[3], bool)
        sizes = arguments[0].tolist() if packed else None
        hx, params, has_biases, num_layers, p, train, bidirectional = arguments[1:8] if packed else arguments[:7]
        batch_first = not packed and arguments[7]
        x = input.transpose(0, 1) if batch_first else input
        hidden = tuple(hx) if isinstance(hx, (list, tuple)) else (hx,)
        out, state = run_layers(kind, x, hidden, params, has_biases, num_layers, p, train, bidirectional, sizes)
        return (out.transpose(0, 1) if batch_first else out, *state)


for _kind in STEPS:
    _layers(_kind)


# ------------------------------------------------------------------ cells
@op(method=False)
def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    h, c = _lstm_step(linear(input, w_ih, b_ih), tuple(hx), (w_hh, b_hh, None))
    return h, c


def _cell(kind: str) -> None:
    @op(f"{kind}_cell", method=False)
    def declared(
        input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
    ) -> Tensor:
        return STEPS[kind](linear(input, w_ih, b_ih), (hx,), (w_hh, b_hh, None))[0]


for _kind in ("gru", "rnn_tanh", "rnn_relu"):
    _cell(_kind)
