"""Spans added up by name, and printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .events import Event

__all__ = ["Average", "EventList"]


@dataclass
class Average:
    """All spans of one name; times in microseconds."""

    key: str
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    input_shapes: list[Any] = field(default_factory=list)

    @property
    def cpu_time(self) -> float:
        """The mean."""
        return self.cpu_time_total / self.count if self.count else 0.0


class EventList(list[Any]):
    """Spans or averages."""

    def averages(self, by_shape: bool) -> EventList:
        """One entry for each name."""
        found: dict[Any, Average] = {}
        for e in self:
            assert isinstance(e, Event)
            entry = found.setdefault((e.name, str(e.shapes) if by_shape else ""), Average(e.name))
            entry.count += 1
            entry.cpu_time_total += e.cpu_time_total
            entry.self_cpu_time_total += e.self_cpu_time_total
            entry.input_shapes = e.shapes if by_shape else []
        return EventList(found.values())

    def total_average(self) -> Average:
        """Everything added up."""
        total = Average("Total")
        for e in self:
            total.count += getattr(e, "count", 1)
            total.cpu_time_total += e.cpu_time_total
            total.self_cpu_time_total += e.self_cpu_time_total
        return total

    def table(self, sort_by: str | None = None, row_limit: int = 100, header: str | None = None, **kwargs: Any) -> str:
        """The entries as text, largest first. `sort_by`: an attribute; those of the device are the CPU's."""
        rows = list(self)
        if sort_by is not None:
            attribute = sort_by.replace("cuda_", "cpu_").replace("device_", "cpu_")
            rows.sort(key=lambda r: getattr(r, attribute), reverse=True)
        everything = sum(r.self_cpu_time_total for r in rows) or 1.0
        lines = [] if header is None else [header]
        lines.append(f"{'Name':<50} {'Self CPU %':>10} {'Self CPU':>12} {'CPU total':>12} {'Calls':>8}")
        for r in rows[:row_limit]:
            name, count = getattr(r, "key", None) or r.name, getattr(r, "count", 1)
            share = 100 * r.self_cpu_time_total / everything
            lines.append(f"{name[:50]:<50} {share:>9.2f}% {r.self_cpu_time_total:>10.1f}us "
                         f"{r.cpu_time_total:>10.1f}us {count:>8}")  # fmt: skip
        lines.append(f"Self CPU time total: {everything:.1f}us")
        return "\n".join(lines)
