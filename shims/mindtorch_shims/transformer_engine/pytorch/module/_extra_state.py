"""``_extra_state`` of state dictionaries: where TransformerEngine 2 keeps FP8 scales, pickled into a tensor of bytes.

The key is part of every checkpoint, with FP8 or without, so it is written here, too. What is read is never executed: a
pickle that needs more than plain data (FP8 scales do) is not loaded.
"""

from __future__ import annotations

import io
import pickle
import warnings
from typing import Any

import mindtorch as torch
from mindtorch import Tensor


class _PlainData(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


def packed(state: Any) -> Tensor:
    """The pickled state, uint8 [bytes], in host memory."""
    return torch.frombuffer(bytearray(pickle.dumps(state)), dtype=torch.uint8)


def _content(state: Tensor | io.BytesIO) -> Any:
    """Version 2 pickles into a tensor, version 1 saves with ``torch.save``; UnpicklingError for more than data."""
    if isinstance(state, Tensor):
        return _PlainData(io.BytesIO(state.detach().cpu().numpy().tobytes())).load()
    state.seek(0)
    return torch.load(state, weights_only=True) if state.getvalue() else None


def check(state: Any, owner: str) -> None:
    """Warn if a checkpoint holds FP8 scales, which have no use here. None, nothing and empty states are fine."""
    if state is None or (isinstance(state, Tensor) and not state.numel()):
        return
    if not isinstance(state, (Tensor, io.BytesIO)):
        raise RuntimeError(f"_extra_state of {owner} is a {type(state).__name__}, neither a tensor nor BytesIO")
    try:
        content = _content(state)
    except pickle.UnpicklingError:
        content = "FP8 state"
    if content:
        text = f"{owner}: the FP8 state of the checkpoint is not used; there is no FP8 on mindtorch"
        warnings.warn(text, stacklevel=3)
