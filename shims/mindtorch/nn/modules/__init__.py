"""``torch.nn.modules``: every module class."""

from __future__ import annotations

from mindtorch.nn.modules import (
    activation,
    adaptive,
    container,
    distance,
    dropout,
    flatten,
    linear,
    loss,
    normalization,
    rnn,
    sparse,
    transformer,
)
from mindtorch.nn.modules.activation import *  # noqa: F403
from mindtorch.nn.modules.adaptive import *  # noqa: F403
from mindtorch.nn.modules.container import *  # noqa: F403
from mindtorch.nn.modules.distance import *  # noqa: F403
from mindtorch.nn.modules.dropout import *  # noqa: F403
from mindtorch.nn.modules.flatten import *  # noqa: F403
from mindtorch.nn.modules.linear import *  # noqa: F403
from mindtorch.nn.modules.loss import *  # noqa: F403
from mindtorch.nn.modules.module import Module
from mindtorch.nn.modules.normalization import *  # noqa: F403
from mindtorch.nn.modules.rnn import *  # noqa: F403
from mindtorch.nn.modules.sparse import *  # noqa: F403
from mindtorch.nn.modules.transformer import *  # noqa: F403

_FAMILIES = (
    activation,
    adaptive,
    container,
    distance,
    dropout,
    flatten,
    linear,
    loss,
    normalization,
    rnn,
    sparse,
    transformer,
)
__all__ = sorted(
    {
        "Module",
        *(name for family in _FAMILIES for name in family.__all__ if name != "NonDynamicallyQuantizableLinear"),
    }
)
