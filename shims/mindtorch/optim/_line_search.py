"""A line search for the strong Wolfe conditions (Nocedal & Wright, algorithms 3.5 and 3.6, cubic interpolation)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Closure", "strong_wolfe"]

Closure = Callable[[], Any]
Trial = Callable[[float], tuple[float, Any]]

_DECREASE = 1e-4  # c1: share of the first slope that the loss must fall by
_CURVATURE = 0.9  # c2: what must be left of the slope at the most
_SMALLEST_CHANGE = 1e-9
_MOST_TRIALS = 25


class _Point(NamedTuple):
    """A step size with the loss, the gradient and the slope along the direction there."""

    step: float
    loss: float
    grad: Any
    slope: float


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with slopes is least, within the bounds (default: between them)."""
    low, high = bounds if bounds is not None else (min(a.step, b.step), max(a.step, b.step))
    if a.step > b.step:
        a, b = b, a
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    square = mean**2 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    root = square**0.5
    curvature = b.slope - a.slope + 2 * root
    if curvature == 0:
        # A straight line has no minimum.
        return (low + high) / 2.0
    least = b.step - (b.step - a.step) * ((b.slope + root - mean) / curvature)
    return min(max(least, low), high)


def strong_wolfe(
    trial: Trial, step: float, direction: Any, loss: float, grad: Any, slope: Any
) -> tuple[float, Any, float, int]:
    """Search from a first ``step`` on: the loss, the gradient, the step size and the number of trials.

    Args:
        trial: loss and flat gradient at a step size along ``direction``.
        loss: at the start, as are ``grad`` and ``slope``, the derivative along the direction.
    """
    start = _Point(0.0, loss, grad.clone(), float(slope))

    def at(size: float) -> _Point:
        f, g = trial(size)
        return _Point(size, f, g.clone(), g.dot(direction).item())

    def too_high(point: _Point) -> bool:
        return point.loss > start.loss + _DECREASE * point.step * start.slope

    def flat(point: _Point) -> bool:
        return abs(point.slope) <= -_CURVATURE * start.slope

    before, point = start, at(step)
    trials = 0
    bracket: list[_Point] = []
    while trials < _MOST_TRIALS:
        if not too_high(point) and not (trials > 1 and point.loss >= before.loss):
            if flat(point):
                return point.loss, point.grad, point.step, trials + 1
            if point.slope < 0:
                # Still downhill: go further.
                bounds = point.step + 0.01 * (point.step - before.step), point.step * 10
                size = _cubic_minimum(before, point, bounds)
                before, point = point, at(size)
                trials += 1
                continue
        bracket = [before, point]
        break
    if not bracket:
        bracket = [start, point]
    best, trials = _zoom(bracket, at, too_high, flat, trials, direction.abs().max().item())
    return best.loss, best.grad, best.step, trials + 1


def _zoom(
    bracket: list[_Point], at: Callable[[float], _Point], too_high: Callable[[_Point], bool],
    flat: Callable[[_Point], bool], trials: int, scale: float,
) -> tuple[_Point, int]:  # fmt: skip
    """Shrink the bracket until a point meets both conditions; the best end and the number of trials so far."""
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stuck = False
    while trials < _MOST_TRIALS:
        if abs(bracket[1].step - bracket[0].step) * scale < _SMALLEST_CHANGE:
            break
        left, right = sorted((bracket[0].step, bracket[1].step))
        size = _cubic_minimum(bracket[0], bracket[1])
        margin = 0.1 * (right - left)
        if min(right - size, size - left) < margin:
            # Close to an end: twice in a row, or at the end itself, is no progress.
            if stuck or size >= right or size <= left:
                size = right - margin if abs(size - right) < abs(size - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(size)
        trials += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if flat(point):
            bracket[low] = point
            break
        if point.slope * (bracket[high].step - bracket[low].step) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[low], trials
