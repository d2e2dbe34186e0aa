"""``torch.utils.tensorboard``: event files for TensorBoard, written through the ``tensorboard`` package."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mindtorch._tensor import Tensor
from mindtorch._unsupported import raise_unsupported

try:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
except ImportError as error:
    raise ImportError(
        "torch.utils.tensorboard needs the package tensorboard: pip install 'ms-convert[tensorboard]'"
    ) from error

__all__ = ["FileWriter", "SummaryWriter"]

_DT_FLOAT, _DT_DOUBLE, _DT_STRING = 1, 2, 7


def _numpy(value: Any) -> np.ndarray:
    """Elements of a tensor, an array, a number or a list."""
    if isinstance(value, Tensor):
        value = value.detach().float() if value.dtype.is_low else value.detach()
        return value.cpu().numpy()
    return np.asarray(value)


def _number(value: Any) -> np.ndarray:
    array = _numpy(value).squeeze()
    if array.ndim:
        raise AssertionError(f"Tensor should contain one element (0 dimensions). Was given size: {array.size} and "
                             f"{array.ndim} dimensions.")  # fmt: skip
    return array


def scalar(name: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    """The summary of one number: a ``simple_value``, or with ``new_style`` a 0-d tensor for the scalars plugin."""
    number = float(_number(value))
    if not new_style:
        return Summary(value=[Summary.Value(tag=name, simple_value=number)])
    if double_precision:
        tensor = TensorProto(double_val=[number], dtype=_DT_DOUBLE)
    else:
        tensor = TensorProto(float_val=[number], dtype=_DT_FLOAT)
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    return Summary(value=[Summary.Value(tag=name, tensor=tensor, metadata=metadata)])


def text(name: str, value: str) -> Any:
    """The summary of one string, for the text plugin."""
    tensor = TensorProto(
        dtype=_DT_STRING,
        string_val=[value.encode("utf-8")],
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
    )
    plugin = SummaryMetadata.PluginData(plugin_name="text", content=b"")
    return Summary(
        value=[Summary.Value(tag=name + "/text_summary", metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)]
    )


def _exponential_bins() -> np.ndarray:
    """TensorFlow's bin edges: from 1e-12 each a tenth wider than the last up to 1e20, mirrored at 0."""
    positive, edge = [], 1e-12
    while edge < 1e20:
        positive.append(edge)
        edge *= 1.1
    return np.array([*(-np.array(positive[::-1])), 0.0, *positive])


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """The summary of a distribution: counts between bin edges, empty bins at both ends left out."""
    flat = _numpy(values).reshape(-1)
    if flat.size == 0:
        raise ValueError("The input has no element.")
    flat = flat.astype(np.float64)
    edges_wanted = _exponential_bins() if isinstance(bins, str) and bins == "tensorflow" else bins
    counts, edges = np.histogram(flat, bins=edges_wanted)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        missing = -len(counts) % step
        edges = np.append(edges[:-1:step], edges[-1])
        counts = np.pad(counts, (0, missing)).reshape(-1, step).sum(-1)
    if not counts.any():
        raise ValueError("The histogram is empty, please file a bug report.")
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    # Buckets are named by their upper edges; an empty one before the first filled bin gives that its lower edge.
    buckets = np.concatenate([[0], counts[first : last + 1]])
    proto = HistogramProto(
        min=flat.min(), max=flat.max(), num=len(flat), sum=flat.sum(), sum_squares=flat.dot(flat),
        bucket_limit=edges[first : last + 2].tolist(), bucket=buckets.tolist(),
    )  # fmt: skip
    return Summary(value=[Summary.Value(tag=name, histo=proto)])


class FileWriter:
    """Writes events to one file in ``log_dir``, from a thread of its own.

    Args:
        log_dir: folder; made if it is missing.
        max_queue: events that may wait to be written.
        flush_secs: seconds between flushes.
        filename_suffix: goes at the end of the file's name.
    """

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "") -> None:
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: int | None = None, walltime: float | None = None) -> None:
        """Write an ``Event``."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """Write a ``Summary``."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def flush(self) -> None:
        """Write what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write what waits, and close the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """After ``close``: go on in a new file."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes what TensorBoard shows.

    Args:
        log_dir: folder of the event file; default: runs/<date>_<host><comment>.
        comment: for the default folder.
        purge_step: TensorBoard forgets what was written from this step on before the file was opened.
        max_queue, flush_secs, filename_suffix: as of ``FileWriter``.
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
        flush_secs: int = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        if not log_dir:
            log_dir = os.path.join("runs", datetime.now().strftime("%b%d_%H-%M-%S_") + socket.gethostname() + comment)
        self.log_dir = log_dir
        self.purge_step = purge_step
        self._options = (max_queue, flush_secs, filename_suffix)
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = FileWriter(self.log_dir, *self._options)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                self.file_writer.add_event(Event(step=self.purge_step, file_version="brain.Event:2"))
                start = SessionLog(status=SessionLog.START)
                self.file_writer.add_event(Event(step=self.purge_step, session_log=start))
                self.purge_step = None
        return self.file_writer

    def get_logdir(self) -> Any:
        """The folder of the event file."""
        return self.log_dir

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: int | None = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """One number (float, or a tensor or array of one element) at a step."""
        summary = scalar(tag, scalar_value, new_style, double_precision)
        self._get_file_writer().add_summary(summary, global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Several numbers in one diagram; each has an event file in a folder of its own."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        assert self.all_writers is not None
        for tag, value in tag_scalar_dict.items():
            name = str(Path(folder) / f"{main_tag.replace('/', '_')}_{tag}")
            if name not in self.all_writers:
                self.all_writers[name] = FileWriter(name, *self._options)
            self.all_writers[name].add_summary(scalar(main_tag, value), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: int | None = None, bins: Any = "tensorflow",
        walltime: float | None = None, max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """The distribution of the elements of a tensor; ``bins`` also as of ``numpy.histogram``."""
        summary = histogram(tag, values, bins, max_bins)
        self._get_file_writer().add_summary(summary, global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """A text, shown as Markdown."""
        self._get_file_writer().add_summary(text(tag, text_string), global_step, walltime)

    def flush(self) -> None:
        """Write what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write what waits, and close the files; adding more begins a new one."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("add_"):
            raise_unsupported(f"torch.utils.tensorboard.SummaryWriter.{name}", "add scalars, histograms and texts")
        raise AttributeError(name)
