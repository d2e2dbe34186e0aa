"""Print a run of train.py beside the reference; exit 1 when they differ by more than the tolerances."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

LOSS_TOLERANCE, GRAD_NORM_TOLERANCE = 1e-5, 1e-4


def main() -> int:
    run, reference = (json.loads(Path(p).read_text()) for p in sys.argv[1:3])
    console = Console(width=None if sys.stdout.isatty() else 110)
    table = Table("iteration", "loss here", "loss under PyTorch", "difference", "grad norm", "difference", "seconds")
    for column in table.columns:
        column.justify = "right"
    worst_loss = worst_norm = 0.0
    for i, (loss, norm, seconds) in enumerate(zip(run["losses"], run["grad_norms"], run["seconds"], strict=True)):
        d_loss, d_norm = loss - reference["losses"][i], norm - reference["grad_norms"][i]
        worst_loss, worst_norm = max(worst_loss, abs(d_loss)), max(worst_norm, abs(d_norm))
        table.add_row(
            str(i + 1), f"{loss:.6f}", f"{reference['losses'][i]:.6f}", f"{d_loss:+.1e}", f"{norm:.6f}",
            f"{d_norm:+.1e}", f"{seconds:.2f}",
        )  # fmt: skip
    console.print(table)
    kernels = run.get("kernels")
    if kernels:
        total = {kind: sum(kernels[kind].values()) for kind in ("mindspore", "numpy")}
        console.print(
            f"kernel calls: {total['mindspore']} MindSpore ({len(kernels['mindspore'])} kernels), {total['numpy']} "
            f"NumPy ({', '.join(kernels['numpy'])}); table: {kernels['table']}"
        )
    good = worst_loss <= LOSS_TOLERANCE and worst_norm <= GRAD_NORM_TOLERANCE
    console.print(
        f"largest difference: loss {worst_loss:.1e} (allowed {LOSS_TOLERANCE:.0e}), grad norm {worst_norm:.1e} "
        f"(allowed {GRAD_NORM_TOLERANCE:.0e}): {'equal' if good else 'DIFFERENT'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
