"""Run Megatron-LM's own unit tests, converted, on mindtorch: one process, world size 1.

    ms-convert --repo Megatron-LM --rules rules/llm.yaml
    python tools/run_megatron_unit_tests.py Megatron-LM --ids ids.json --out outcomes.json

``ids.json`` is a list of pytest's node ids (``tests/unit_tests/...::test``); on a host without CUDA these are best
those that pass under PyTorch there. A test that takes too long fails; one that brings the process down is recorded as
crashed, and the rest goes on in a new process. The largest models take 8 GB of memory. ``outcomes.json`` is
``{node id: {"outcome": ..., "message": ..., "seconds": ...}}``; a run with ``--only`` replaces just what it ran.
``--page`` writes the Markdown page that lists what does not pass. Beside ``outcomes.json``, ``.jsonl`` and ``.log``
show how far the run is.

Wants what the tests import: pytest, pytest-mock, mock, wrapt, einops, pybind11 (and a C++ compiler), regex,
sentencepiece, tiktoken.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
Outcome = dict[str, Any]
START_SECONDS = 300
"""How long imports and collection may take."""


def environment(outcomes: Path, seconds: int, port: int) -> dict[str, str]:
    """Variables as torchrun sets them for one process, and those of the plugin."""
    given = {
        "MINDTORCH_CUDA_ALIAS": "1", "CUDA_DEVICE_MAX_CONNECTIONS": "1", "OMP_NUM_THREADS": "1",
        "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "MEGATRON_OUTCOMES": str(outcomes), "MEGATRON_TEST_SECONDS": str(seconds),
    }  # fmt: skip
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **given, "PYTHONPATH": path}


def run_once(
    repository: Path, ids: list[str], seconds: int, port: int, stream: Path
) -> tuple[dict[str, Outcome], bool]:
    """Outcomes of one pytest process, and whether it died before its end."""
    stream.write_text("")
    log = stream.with_suffix(".log")
    files = list(dict.fromkeys(node.partition("::")[0] for node in ids))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "megatron_outcomes", "-p", "no:cacheprovider",
               "--continue-on-collection-errors", *files]  # fmt: skip
    variables = environment(stream, seconds, port)
    # pytest refuses to run anything when it does not find one of the tests that its arguments name.
    chosen = stream.with_suffix(".ids")
    chosen.write_text(json.dumps(ids))
    variables["MEGATRON_TEST_IDS"] = str(chosen)
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=repository, env=variables, stdout=out, stderr=subprocess.STDOUT)
        try:
            # The plugin's limit cannot interrupt a kernel; this one can.
            while process.poll() is None:
                if time.time() - stream.stat().st_mtime > seconds + START_SECONDS:
                    process.kill()
                time.sleep(0.5)
        finally:
            process.kill()
            process.wait()
    outcomes: dict[str, Outcome] = {}
    running = None
    for line in stream.read_text().splitlines():
        event = json.loads(line)
        node = event.pop("id")
        if event["outcome"] == "started":
            running = node
        # A failure of the test outweighs what its tear-down says.
        elif outcomes.get(node, {}).get("outcome") not in ("failed", "error"):
            outcomes[node] = event
    tail = log.read_text(errors="replace")[-3000:].strip()
    gone = {"message": tail.rpartition("\n")[2], "trace": tail}
    if running is not None and running not in outcomes:
        outcomes[running] = {"outcome": "crashed", **gone}
    elif running is None:
        outcomes.setdefault("", {"outcome": "did not start", **gone})
    return outcomes, process.returncode not in (0, 1)


def run(repository: Path, ids: list[str], seconds: int, port: int, stream: Path) -> dict[str, Outcome]:
    """Outcomes of all tests, in one process; after a crash, those that had not run yet are run in a new one."""
    outcomes: dict[str, Outcome] = {}
    left = list(ids)
    while left:
        found, died = run_once(repository, left, seconds, port, stream)
        outcomes.update(found)
        before, left = left, [node for node in left if node not in outcomes]
        if not died or left == before:
            break
    if outcomes.get("", {}).get("outcome") == "imported PyTorch":
        raise SystemExit("the tests imported PyTorch itself")
    files = {node: o for node, o in outcomes.items() if o["outcome"] in ("not collected", "did not start")}
    for node in left:
        why = files.get(node.partition("::")[0]) or files.get("")
        outcomes[node] = why or {"outcome": "not run", "message": "pytest did not find it"}
    return {node: outcomes[node] for node in ids}


def first_line(outcome: Outcome) -> str:
    return (outcome.get("message") or "").strip().partition("\n")[0][:160]


def page(outcomes: dict[str, Outcome], causes: dict[str, str]) -> str:
    """The Markdown page: how many pass, and the others by cause.

    Args:
        outcomes: by node id.
        causes: what stands in an error message -> the cause in words; others are listed by their message.
    """
    passed = sum(o["outcome"] == "passed" for o in outcomes.values())
    rest: dict[str, list[str]] = collections.defaultdict(list)
    for node, outcome in sorted(outcomes.items()):
        if outcome["outcome"] != "passed":
            text = f"{node} {outcome.get('message') or ''} {outcome.get('trace') or ''}"
            cause = next((words for part, words in causes.items() if part in text), None)
            rest[cause or f"{outcome['outcome']}: `{first_line(outcome)}`"].append(node)
    total = len(outcomes)
    lines = [
        "# Megatron-LM's unit tests", "",
        "The unit tests of Megatron-LM core_v0.12.1, converted, on mindtorch on a CPU host, world size 1. Counted",
        "are the tests that pass under PyTorch on a CPU host in the same way: most others want several GPUs.",
        "`tests/data/megatron_unit_tests.json` has their names. These commands run them, and write this page:", "",
        "```",
        "ms-convert --repo Megatron-LM --rules llm.yaml",
        "python tools/run_megatron_unit_tests.py Megatron-LM --ids tests/data/megatron_unit_tests.json \\",
        "    --out outcomes.json --page docs/megatron-unit-tests.md",
        "```", "",
        f"**{passed} of {total} pass ({passed / total:.1%}).**", "",
    ]  # fmt: skip
    if rest:
        lines += ["| tests | cause | which |", "|---|---|---|"]
    for cause, nodes in sorted(rest.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        names = ", ".join(f"`{node.removeprefix('tests/unit_tests/')}`" for node in nodes)
        lines.append(f"| {len(nodes)} | {cause.replace('|', chr(92) + '|')} | {names} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path, help="the converted Megatron-LM")
    parser.add_argument("--ids", type=Path, required=True, help="JSON list of node ids")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the outcomes; read and updated")
    parser.add_argument("--only", default="", help="run only node ids that contain this")
    parser.add_argument("--failed", action="store_true", help="run only what has not passed yet")
    parser.add_argument("--seconds", type=int, default=120, help="time limit of a test")
    parser.add_argument("--port", type=int, default=29711, help="of the key-value store")
    parser.add_argument("--page", type=Path, help="write the Markdown page here")
    parser.add_argument("--causes", type=Path, help="JSON object: part of an error message -> the cause in words")
    args = parser.parse_args()

    ids: list[str] = json.loads(args.ids.read_text())
    outcomes: dict[str, Outcome] = json.loads(args.out.read_text()) if args.out.exists() else {}
    chosen = [
        node for node in ids
        if args.only in node and not (args.failed and outcomes.get(node, {}).get("outcome") == "passed")
    ]  # fmt: skip
    if chosen:
        stream = args.out.resolve().with_suffix(".jsonl")
        outcomes.update(run(args.repository.resolve(), chosen, args.seconds, args.port, stream))
        args.out.write_text(json.dumps({node: outcomes[node] for node in ids if node in outcomes}, indent=1) + "\n")
    passed = sum(o["outcome"] == "passed" for o in outcomes.values())
    print(f"{passed} of {len(outcomes)} recorded tests pass; {len(ids)} are listed")
    if args.page:
        causes = json.loads(args.causes.read_text()) if args.causes else {}
        args.page.write_text(page(outcomes, causes))
    return 0 if passed == len(ids) else 1


if __name__ == "__main__":
    raise SystemExit(main())
