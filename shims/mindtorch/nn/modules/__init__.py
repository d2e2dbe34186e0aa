"""``torch.nn.modules``: every module class."""

from __future__ import annotations

from mindtorch.nn.modules import activation, container, dropout, flatten, linear, loss, normalization, sparse
from mindtorch.nn.modules.activation import *  # noqa: F403
from mindtorch.nn.modules.container import *  # noqa: F403
from mindtorch.nn.modules.dropout import *  # noqa: F403
from mindtorch.nn.modules.flatten import *  # noqa: F403
from mindtorch.nn.modules.linear import *  # noqa: F403
from mindtorch.nn.modules.loss import *  # noqa: F403
from mindtorch.nn.modules.module import Module
from mindtorch.nn.modules.normalization import *  # noqa: F403
from mindtorch.nn.modules.sparse import *  # noqa: F403

__all__ = sorted(
    {
        "Module",
        *(
            name
            for family in (activation, container, dropout, flatten, linear, loss, normalization, sparse)
            for name in family.__all__
            if name != "NonDynamicallyQuantizableLinear"
        ),
    }
)
