"""The report as SARIF 2.1.0 (OASIS, errata 01), which code hosts and editors show at the lines that it is about.

Left places, skipped files and unsupported APIs are problems (warning or error); conversions are notes, with the
replacement as a fix where nothing was written yet; kept places are informational.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..edits import Left
from ..outcome import Change
from ..textfile import LINE_END
from .coverage import EFFORTS, UnsupportedApi
from .excerpts import shorten
from .model import FileReport, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "ROOT"
SKIPPED, UNSUPPORTED, NO_RULE = "skipped-file", "unsupported-api", "ms-convert"

# Ids that are not those of rules: title, and what to do.
_OWN = {
    SKIPPED: ("A file was left alone", "The file cannot be read or parsed. Nothing in it was converted."),
    UNSUPPORTED: (
        "An API that mindtorch lacks",
        "The code uses an API that is not supported, so it fails where it is used. docs/support.md of ms-convert lists "
        "what is. Follow the hint, write it with supported APIs, or leave the file out.",
    ),
    NO_RULE: ("A remark of ms-convert", "A remark that belongs to no rule."),
}
# What makes an unsupported API no more than a warning.
_MILD = frozenset({"workaround", "tests", "device"})


def as_sarif(report: Report) -> dict[str, Any]:
    """The report as one SARIF log with one run."""
    results = [result for file in report.files for result in _of_file(report, file)]
    uses = report.coverage.by_file()
    by_path = {file.path: file for file in report.files}
    for path, places in sorted(uses.items()):
        results += (_unsupported(by_path[path], *place) for place in places)
    rules = _rules(report, {result["ruleId"] for result in results})
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    for result in results:
        result["ruleIndex"] = index[result["ruleId"]]
        result["partialFingerprints"] = {"msConvert/v1": _fingerprint(result, seen)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ms-convert", "version": __version__, "rules": rules}},
                "originalUriBaseIds": {ROOT: {"uri": _base(report.root)}},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "exitCode": report.exit_code,
                        "toolExecutionNotifications": [
                            {"level": "warning", "message": _message(note)} for note in report.notes
                        ],
                    }
                ],
                "results": results,
                "properties": {
                    "mode": report.mode,
                    "coverage": report.coverage.rate,
                    "coverageMin": report.coverage_min,
                },
            }
        ],
    }


def _of_file(report: Report, file: FileReport) -> Iterator[dict[str, Any]]:
    if file.status == "skipped":
        yield _result(SKIPPED, "error", f"file left alone: {file.reason}", file.path, _region(file.line, None))
    for change in file.changes:
        yield _conversion(report, file, change)
    for left in file.left:
        yield _remark(file, left, "left as it is", "warning")
    for kept in file.kept:
        yield _remark(file, kept, "kept", "none") | {"kind": "informational"}


def _conversion(report: Report, file: FileReport, change: Change) -> dict[str, Any]:
    ids = change.rule.split(",")
    written = report.mode in ("in-place", "output")
    text = f"{'converted' if written else 'would become'}: {shorten(change.after)}"
    region = _region(change.line, change.before, change.column)
    result = _result(ids[0], "note", text, file.path, region)
    if len(ids) > 1:
        result["properties"] = {"rules": ids}
    if not written and not change.nested:
        deleted = {key: value for key, value in region.items() if key != "snippet"}
        replacement = {"deletedRegion": deleted, "insertedContent": {"text": change.after}}
        place = {"uri": _uri(file.path), "uriBaseId": ROOT}
        result["fixes"] = [{"artifactChanges": [{"artifactLocation": place, "replacements": [replacement]}]}]
    return result


def _remark(file: FileReport, item: Left, what: str, level: str) -> dict[str, Any]:
    rule = (item.rule or NO_RULE).split(",")[0]
    return _result(rule, level, f"{what}: {item.reason}", file.path, _region(item.line, item.text))


def _unsupported(file: FileReport, line: int, api: UnsupportedApi, optional: bool) -> dict[str, Any]:
    level = "note" if optional else "warning" if api.effort in _MILD else "error"
    effort, advice = EFFORTS["optional" if optional else api.effort]
    text = f"{api.name} is not supported ({effort}: {advice}){': ' + api.hint if api.hint else ''}"
    region = _region(line, None)
    if line in file.excerpts.lines:
        region["snippet"] = {"text": file.excerpts.lines[line]}
    return _result(UNSUPPORTED, level, text, file.path, region) | {"properties": {"api": api.name}}


def _result(rule: str, level: str, text: str, path: str, region: dict[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(path), "uriBaseId": ROOT}}
    if region:
        place["region"] = region
    return {"ruleId": rule, "level": level, "message": _message(text), "locations": [{"physicalLocation": place}]}


def _region(line: int | None, text: str | None, column: int | None = None) -> dict[str, Any]:
    """A place of a file; it ends where ``text``, which begins there, ends. Without a column it is whole lines."""
    if line is None:
        return {}
    region: dict[str, Any] = {"startLine": line}
    if text is None:
        return region
    lines = LINE_END.split(text)
    if column is not None:
        region["startColumn"] = column
        region["endColumn"] = len(lines[-1]) + (column if len(lines) == 1 else 1)
    if len(lines) > 1:
        region["endLine"] = line + len(lines) - 1
    return region | {"snippet": {"text": shorten(text)}}


def _rules(report: Report, used: Iterable[str]) -> list[dict[str, Any]]:
    """The rules that have results, in the order of the report, and then the ids that are not those of rules."""
    wanted = set(used)
    rules = []
    for rule in report.by_rule:
        if rule.id in wanted:
            why = " ".join(rule.why.split())
            help_text = f"{why}\n\nThe rule is of kind {rule.kind} and stands in {rule.defined}."
            rules.append(_descriptor(rule.id, why, help_text))
    known = {rule["id"] for rule in rules}
    for name in sorted(wanted - known):
        title, text = _OWN.get(name, (name, "A rule that is not in the report."))
        rules.append(_descriptor(name, title, text))
    return rules


def _descriptor(name: str, title: str, text: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": _message(title), "help": _message(text)}


def _fingerprint(result: dict[str, Any], seen: Counter[str]) -> str:
    """What stays the same when lines are added elsewhere: rule, file, text, and which of the same it is."""
    place = result["locations"][0]["physicalLocation"]
    text = place.get("region", {}).get("snippet", {}).get("text", "")
    parts = (result["ruleId"], place["artifactLocation"]["uri"], result["message"]["text"], text)
    digest = hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:24]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"


def _message(text: str) -> dict[str, str]:
    return {"text": text.encode(errors="replace").decode()}


def _uri(path: str) -> str:
    return quote(os.fsencode(path))


def _base(root: str) -> str:
    """The directory that paths are relative to, as a URI."""
    path = Path(root)
    return (path if path.is_dir() else path.parent).as_uri().rstrip("/") + "/"
