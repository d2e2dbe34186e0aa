"""Graph capture: kernels run one by one and are not recorded. The names are here, and using them raises."""

from __future__ import annotations

from .._unsupported import unsupported, unsupported_function

_HINT = "kernels run one by one; leave graph capture off"

CUDAGraph = unsupported("torch.cuda.CUDAGraph", _HINT)
graph = unsupported("torch.cuda.graph", _HINT)
graph_pool_handle = unsupported_function("torch.cuda.graph_pool_handle", _HINT)
make_graphed_callables = unsupported_function("torch.cuda.make_graphed_callables", _HINT)


def is_current_stream_capturing() -> bool:
    """Never: there is no graph capture."""
    return False
