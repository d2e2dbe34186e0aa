"""``torch.nn.modules``: every module class."""

from __future__ import annotations

from mindtorch.nn.modules import (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    linear,
    loss,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
)
from mindtorch.nn.modules.activation import *  # noqa: F403
from mindtorch.nn.modules.adaptive import *  # noqa: F403
from mindtorch.nn.modules.batchnorm import *  # noqa: F403
from mindtorch.nn.modules.channelshuffle import *  # noqa: F403
from mindtorch.nn.modules.container import *  # noqa: F403
from mindtorch.nn.modules.conv import *  # noqa: F403
from mindtorch.nn.modules.distance import *  # noqa: F403
from mindtorch.nn.modules.dropout import *  # noqa: F403
from mindtorch.nn.modules.flatten import *  # noqa: F403
from mindtorch.nn.modules.fold import *  # noqa: F403
from mindtorch.nn.modules.instancenorm import *  # noqa: F403
from mindtorch.nn.modules.linear import *  # noqa: F403
from mindtorch.nn.modules.loss import *  # noqa: F403
from mindtorch.nn.modules.module import Module
from mindtorch.nn.modules.normalization import *  # noqa: F403
from mindtorch.nn.modules.padding import *  # noqa: F403
from mindtorch.nn.modules.pixelshuffle import *  # noqa: F403
from mindtorch.nn.modules.pooling import *  # noqa: F403
from mindtorch.nn.modules.rnn import *  # noqa: F403
from mindtorch.nn.modules.sparse import *  # noqa: F403
from mindtorch.nn.modules.transformer import *  # noqa: F403
from mindtorch.nn.modules.upsampling import *  # noqa: F403

_FAMILIES = (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    linear,
    loss,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
)
__all__ = sorted(
    {
        "Module",
        *(name for family in _FAMILIES for name in family.__all__ if name != "NonDynamicallyQuantizableLinear"),
    }
)
