"""Train a tiny GPT of megatron.core: local layer spec, Megatron's DDP, optimizer and schedules.

Runs as it is under PyTorch, and under MindSpore after ms-convert has rewritten its imports; in one process, or in
several that torchrun, mindtorchrun or mpiexec start. It starts from stored weights and reads stored batches, so that
the losses can be compared number by number.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

# Asks mindtorch to serve CUDA's names on a host without an NPU; PyTorch does not read it.
os.environ.setdefault("MINDTORCH_CUDA_ALIAS", "1")

import torch
from configs import CONFIGS, ITERATIONS, MICRO_BATCH_SIZE, Config, Layout

if not torch.cuda.is_available():
    import cpu_host

    cpu_host.install()

from megatron.core import parallel_state
from megatron.core.num_microbatches_calculator import get_num_microbatches
from megatron.core.pipeline_parallel.schedules import get_forward_backward_func
from model import build_model, build_optimizer, transformer_config
from parallel import Batch, is_last_rank, read_batches, start


def masked_loss(loss_mask: torch.Tensor, losses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """The sum over the tokens that count, their number, and both, of all data-parallel ranks, for the log."""
    mask = loss_mask.view(-1).float()
    total = (losses.float().view(-1) * mask).sum()
    report = torch.stack([total.detach(), mask.sum()])
    torch.distributed.all_reduce(report, group=parallel_state.get_data_parallel_group())
    return total, mask.sum().to(torch.int), {"lm loss": report}


def forward_step(
    attention_mask: torch.Tensor, batches: Iterator[Batch], model: Any
) -> tuple[torch.Tensor, Callable[..., Any]]:
    """One micro-batch, as Megatron's schedules want it."""
    batch = next(batches)
    mask = attention_mask.expand(batch["tokens"].size(0), -1, -1, -1)
    output = model(batch["tokens"], batch["position_ids"], mask, labels=batch["labels"])
    return output, partial(masked_loss, batch["loss_mask"])


def causal_mask(length: int) -> torch.Tensor:
    """(1, 1, length, length), on the device: True where a token must not look."""
    return (torch.tril(torch.ones(1, 1, length, length)) < 0.5).cuda()


def forward_backward(
    config: Config, attention_mask: torch.Tensor, batches: list[Iterator[Batch]], model: list[Any],
    forward_only: bool = False,
) -> float | None:  # fmt: skip
    """All micro-batches of an iteration; the mean loss of a token, where the last stage of the pipeline is."""
    reduced = get_forward_backward_func()(
        forward_step_func=partial(forward_step, attention_mask),
        data_iterator=batches if len(model) > 1 else batches[0],
        model=model,
        num_microbatches=get_num_microbatches(),
        seq_length=config.sequence_length,
        micro_batch_size=MICRO_BATCH_SIZE,
        decoder_seq_length=config.sequence_length,
        forward_only=forward_only,
    )
    if not reduced:
        return None
    total, count = sum(x["lm loss"] for x in reduced)
    return float(total / count)


def train(
    config: Config, data: Path, iterations: int, recompute: bool = False, from_seed: bool = False
) -> dict[str, Any]:
    """Losses (where the last stage of the pipeline is), gradient norms and seconds of each iteration; the number of
    parameters that this rank has."""
    layout = config.layout
    start(layout, config.global_batch_size)
    transformer = transformer_config(config, layout, recompute)
    stored = None if from_seed or config.weights is None else data / "weights" / f"{config.weights}.npz"
    model = build_model(config, layout, transformer, stored)
    optimizer, scheduler = build_optimizer(model, config, layout, transformer)
    batches = [read_batches(config, data / "batches") for _ in model]
    causal = causal_mask(config.sequence_length)
    run: dict[str, Any] = {"losses": [], "grad_norms": [], "seconds": []}
    run["parameters"] = sum(parameter.numel() for chunk in model for parameter in chunk.parameters())
    for iteration in range(1, iterations + 1):
        started = time.perf_counter()
        for chunk in model:
            chunk.zero_grad_buffer()
        optimizer.zero_grad()
        loss = forward_backward(config, causal, batches, model)
        _, grad_norm, _ = optimizer.step()
        scheduler.step(increment=config.global_batch_size)
        run["grad_norms"].append(float(grad_norm))
        if loss is not None:
            run["losses"].append(loss)
        run["seconds"].append(time.perf_counter() - started)
        if is_last_rank():
            print(
                f"iteration {iteration:3d}   loss {run['losses'][-1]:.6f}   grad norm {grad_norm:.6f}   "
                f"{run['seconds'][-1]:.2f} s",
                flush=True,
            )
    return run


def parse_arguments() -> tuple[argparse.Namespace, Config]:
    """The flags, and the configuration that they mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=CONFIGS, default="llama", help="the model and its layout (default: llama)")
    parser.add_argument("--data", type=Path, required=True, help="directory with weights/ and batches/")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help=f"at most {ITERATIONS}, the default")
    parser.add_argument("--recompute", action="store_true", help="recompute all activations in the backward")
    parser.add_argument("--from-seed", action="store_true", help="keep the weights that the seed draws")
    parser.add_argument("--output", type=Path, help="the last rank writes what it measured to this JSON file")
    layout = parser.add_argument_group("layout", "instead of what the configuration says")
    for name, text in (
        ("tensor", "ranks that share each matrix"),
        ("pipeline", "ranks that share the layers"),
        ("data", "ranks that share the micro-batches; by itself, as many as the processes make"),
        ("expert", "ranks that share the experts"),
    ):
        layout.add_argument(f"--{name}-parallel", type=int, metavar="N", dest=f"layout_{name}", help=text)
    layout.add_argument("--virtual-pipeline", type=int, metavar="N", dest="layout_virtual_pipeline",
                        help="chunks of layers that each rank of the pipeline has")  # fmt: skip
    for name, text in (
        ("sequence-parallel", "cut the sequence between the parts that tensor parallelism cuts"),
        ("distributed-optimizer", "data-parallel ranks share the optimizer's state"),
        ("overlap-grad-reduce", "reduce gradients while backward runs"),
    ):
        layout.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=text,
                            dest=f"layout_{name.replace('-', '_')}")  # fmt: skip
    args = parser.parse_args()
    if not 1 <= args.iterations <= ITERATIONS:
        parser.error(f"--iterations must be 1 to {ITERATIONS}: the stored batches last that long")
    config = CONFIGS[args.config]
    given = {f.name: getattr(args, f"layout_{f.name}") for f in fields(Layout)}
    given = {name: value for name, value in given.items() if value is not None}
    return args, replace(config, layout=replace(config.layout, **given))


def main() -> None:
    args, config = parse_arguments()
    run = train(config, args.data, args.iterations, args.recompute, args.from_seed)
    if hasattr(torch.backends, "kernel_report"):
        run["kernels"] = torch.backends.kernel_report()
    if args.output and is_last_rank():
        args.output.write_text(json.dumps({"config": args.config, **run}, indent=1))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
