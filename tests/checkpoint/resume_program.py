"""Train the example's GPT with the distributed optimizer, go on from a checkpoint, save one. As it is, or converted.

    resume_program.py LAYOUT --data DATA --until N --output JSON [--load CHECKPOINT] [--save CHECKPOINT]

LAYOUT is ``dp2`` or ``tp2``. Checkpoints are in the torch_dist format, as upstream's ``pretrain_gpt.py`` writes them.
Without ``--load`` the stored weights are where it starts. JSON gets the losses and gradient norms of the iterations.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import megatron.core.dist_checkpointing.strategies.filesystem_async as filesystem_async
import megatron.core.utils
import torch
import train
from configs import CONFIGS, Layout
from megatron.core import dist_checkpointing, parallel_state
from megatron.core.dist_checkpointing.serialization import get_default_save_sharded_strategy
from megatron.core.dist_checkpointing.strategies.fully_parallel import FullyParallelSaveStrategyWrapper
from megatron.core.num_microbatches_calculator import get_num_microbatches
from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer
from model import build_model, build_optimizer, transformer_config
from packaging.version import Version
from parallel import is_last_rank, read_batches, start
from torch.distributed.checkpoint.filesystem import SerializationFormat, _write_item

LAYOUTS = {
    "dp2": Layout(data=2, distributed_optimizer=True),
    "tp2": Layout(tensor=2, distributed_optimizer=True),
}


def allow_checkpoints_under_pytorch() -> None:
    """Megatron-core 0.12.1 without TransformerEngine, which it asks for its version, and with PyTorch since 2.7."""
    megatron.core.utils._te_version = Version("0.0.0")
    filesystem_async._write_item = lambda *args: _write_item(*args, SerializationFormat.TORCH_SAVE)
    set_states = DistributedOptimizer._set_main_param_and_optimizer_states

    def with_step(self: Any, parameter: Any, tensors: dict[str, Any]) -> None:
        # It takes AdamW's step out of the checkpoint's tensors, and then looks for it there.
        set_states(self, parameter, {"step": next(iter(self.optimizer.state.values()))["step"], **tensors})

    DistributedOptimizer._set_main_param_and_optimizer_states = with_step


def load(path: Path, model: Any, optimizer: Any, scheduler: Any) -> int:
    """Read a checkpoint into all three; the iteration that it was saved after."""
    adam = getattr(optimizer, "chained_optimizers", [optimizer])[0].optimizer
    native = isinstance(adam, torch.optim.AdamW)
    if native:  # Upstream reads the step of its state, which is empty before the first step.
        for group in adam.param_groups:
            for p in group["params"]:
                moments = {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                adam.state[p] = {"step": torch.tensor(0.0), **moments}
    wanted = {"model": model.sharded_state_dict()}
    wanted["optimizer"] = optimizer.sharded_state_dict(
        wanted["model"], is_loading=True, sharding_type="fully_sharded_model_space"
    )
    state = dist_checkpointing.load(wanted, str(path))
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    if native:  # Upstream gives all parameters one step, which each of them would count up.
        for held in adam.state.values():
            held["step"] = held["step"].clone()
    return state["iteration"]


def save(path: Path, model: Any, optimizer: Any, scheduler: Any, iteration: int) -> None:
    """Write a checkpoint; each data-parallel rank writes a part of it."""
    state = {"model": model.sharded_state_dict(), "scheduler": scheduler.state_dict(), "iteration": iteration}
    state["optimizer"] = optimizer.sharded_state_dict(state["model"], sharding_type="fully_sharded_model_space")
    group = parallel_state.get_data_parallel_group(with_context_parallel=True)
    strategy = FullyParallelSaveStrategyWrapper(get_default_save_sharded_strategy("torch_dist"), group)
    dist_checkpointing.save(state, str(path), strategy)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("layout", choices=LAYOUTS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--load", type=Path)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    if not torch.cuda.is_available():
        allow_checkpoints_under_pytorch()
        torch.cuda.synchronize = lambda device=None: None
    config, layout = CONFIGS["llama"], LAYOUTS[args.layout]
    start(layout, config.global_batch_size)
    transformer = transformer_config(config, layout, recompute=False)
    # Where a checkpoint is to be read the model starts from other weights: those that the seed draws.
    model = build_model(config, layout, transformer, None if args.load else args.data / "weights" / "llama.npz")
    optimizer, scheduler = build_optimizer(model, config, layout, transformer)
    done = load(args.load, model[0].module, optimizer, scheduler) if args.load else 0
    batches = read_batches(config, args.data / "batches")
    for _ in range(done * get_num_microbatches()):
        next(batches)
    causal = train.causal_mask(config.sequence_length)
    run: dict[str, list[float]] = {"iterations": [], "losses": [], "grad_norms": []}
    for iteration in range(done + 1, args.until + 1):
        model[0].zero_grad_buffer()
        optimizer.zero_grad()
        run["losses"].append(train.forward_backward(config, causal, [batches], model))
        _, grad_norm, _ = optimizer.step()
        scheduler.step(increment=config.global_batch_size)
        run["iterations"].append(iteration)
        run["grad_norms"].append(float(grad_norm))
    if args.save:
        save(args.save, model[0].module, optimizer, scheduler, args.until)
    if is_last_rank():
        args.output.write_text(json.dumps(run))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
