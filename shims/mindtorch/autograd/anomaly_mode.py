"""Anomaly detection: errors and NaNs of a backward name the line of the forward that they come from."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

from ..tape import engine
from ..tape.node import AccumulateGrad, Node, OpNode

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]

_PLAIN: dict[type[Node], Any] = {cls: cls.__init__ for cls in (Node, OpNode)}
_enabled = _check_nan = False


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for."""
    return _enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether NaN in a gradient counts as one."""
    return _check_nan


def _remembering(plain: Any) -> Any:
    """A constructor of nodes that know where in the forward they were made."""

    def construct(self: Node, *args: Any) -> None:
        plain(self, *args)
        if not isinstance(self, AccumulateGrad):
            self.metadata["traceback_"] = traceback.format_stack()[:-1]

    return construct


def _run(node: Node, grads: list[Any]) -> Any:
    """``node.run``, with what goes wrong in it explained by a warning."""
    try:
        outputs = node.run(grads)
        if _check_nan:
            _look_for_nan(node, outputs if isinstance(outputs, (tuple, list)) else (outputs,))
    except Exception:
        lines = node.metadata.get("traceback_")
        text = f"Error detected in {node.name()}. "
        if lines is None:
            text += "No forward pass information available. Enable detect anomaly during forward pass for more "
            text += "information."
        else:
            text += "Traceback of forward call that caused the error:\n" + "".join(lines)
        warnings.warn(text, stacklevel=2)
        raise
    return outputs


def _look_for_nan(node: Node, outputs: Any) -> None:
    for i, g in enumerate(outputs):
        if g is not None and (g.is_floating_point() or g.is_complex()) and bool((g.detach() != g.detach()).any()):
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")


def _set(enabled: bool, check_nan: bool) -> None:
    global _enabled, _check_nan
    _enabled, _check_nan = enabled, check_nan
    for cls, plain in _PLAIN.items():
        cls.__init__ = _remembering(plain) if enabled else plain  # type: ignore[misc]
    engine.runner = _run if enabled else None


class set_detect_anomaly:
    """Switches anomaly detection when it is made; as a context manager, until the block ends. Slow: for debugging."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _enabled, _check_nan
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)


class detect_anomaly:
    """Context manager in which anomalies are looked for: around the forward and the backward."""

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan

    def __enter__(self) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.", stacklevel=2,
        )  # fmt: skip
        self._before = _enabled, _check_nan
        _set(True, self._check_nan)

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)
