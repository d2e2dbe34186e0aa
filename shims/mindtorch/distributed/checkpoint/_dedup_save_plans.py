"""Each piece is written by one rank (``torch.distributed.checkpoint._dedup_save_plans``)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from mindtorch.distributed.checkpoint.metadata import MetadataIndex
from mindtorch.distributed.checkpoint.planner import SavePlan, WriteItem

__all__ = ["dedup_save_plans"]


def dedup_save_plans(all_plans: list[SavePlan], save_to_lowest_rank: bool = False) -> list[SavePlan]:
    """The plans with each piece in one of them only.

    A piece that several ranks have is left to the one that has least to write so far, of those the lowest; or just
    to the lowest.
    """
    owners: dict[MetadataIndex, list[int]] = defaultdict(list)
    items: dict[MetadataIndex, WriteItem] = {}
    for rank, plan in enumerate(all_plans):
        for item in plan.items:
            owners[item.index].append(rank)
            items[item.index] = item
    written = [0] * len(all_plans)
    chosen: list[set[MetadataIndex]] = [set() for _ in all_plans]
    for index, ranks in owners.items():
        rank = min(ranks) if save_to_lowest_rank else min(ranks, key=lambda candidate: written[candidate])
        written[rank] += items[index].tensor_storage_size() or 1
        chosen[rank].add(index)
    return [
        replace(plan, items=_first_of_each([item for item in plan.items if item.index in kept]))
        for plan, kept in zip(all_plans, chosen, strict=True)
    ]


def _first_of_each(items: list[WriteItem]) -> list[WriteItem]:
    seen: dict[MetadataIndex, WriteItem] = {}
    for item in items:
        seen.setdefault(item.index, item)
    return list(seen.values())
