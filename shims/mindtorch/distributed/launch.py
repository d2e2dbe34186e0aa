"""``torch.distributed.launch``: ``run``, and the script gets ``--local-rank=N`` unless ``--use-env`` is given."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import mindtorchrun
from mindtorchrun import run

__all__ = ["get_args_parser", "main", "run"]


def get_args_parser() -> argparse.ArgumentParser:
    """mindtorchrun's parser with ``--use-env``."""
    parser = mindtorchrun.get_args_parser("python -m mindtorch.distributed.launch")
    text = "do not give the script --local-rank; it reads LOCAL_RANK"
    parser.add_argument("--use-env", "--use_env", action="store_true", help=text)
    return parser


def main(args: Sequence[str] | None = None) -> None:
    """Entry point."""
    mindtorchrun.main(args, get_args_parser())


if __name__ == "__main__":
    main()
