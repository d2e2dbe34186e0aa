"""``torch.distributed.run``: mindtorchrun under torchrun's module name."""

from __future__ import annotations

from mindtorchrun import get_args_parser, main, run

__all__ = ["get_args_parser", "main", "run"]

if __name__ == "__main__":
    main()
