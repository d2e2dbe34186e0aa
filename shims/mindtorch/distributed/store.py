"""Key-value stores of ``torch.distributed``."""

from __future__ import annotations

from mindtorch.distributed._file_store import FileStore
from mindtorch.distributed._store import HashStore, PrefixStore, Store
from mindtorch.distributed._tcp_store import TCPStore

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]
