"""The report as one HTML file: no other file, no network, readable without a script, filtered with one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files

from .. import __version__
from ..edits import Left
from .console import DONE, coverage_line, plural
from .coverage import EFFORTS, Places, UnsupportedApi
from .excerpts import MAX_HUNKS, MAX_TEXT, Hunk, shorten
from .markup import badge, code, details, hunk, section, table, text
from .model import FileReport, Report

# What is shown in full; the rest is counted, and stands in the JSON report.
MAX_PLACES = 30
MAX_SUPPORTED = 1500
MAX_REMARKS = 1000
MAX_KEPT = 500
MAX_EXCERPT_CHARACTERS = 6_000_000

_EFFORT_BADGE = {"workaround": "good", "tests": "none", "device": "none", "optional": "none"}
_STATUS_BADGE = {"converted": "good", "skipped": "bad", "unchanged": "none"}


def write_html(report: Report) -> str:
    """The whole page."""
    script, style = (files(__package__).joinpath(name).read_text("utf-8") for name in ("report.js", "report.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    numbers = {file.path: number for number, file in enumerate(report.files)}
    body = "".join(
        (
            _unsupported(report, numbers),
            _remarks(report, numbers),
            _rules(report),
            _files(report, numbers),
            _supported(report),
        )
    )
    # The policy keeps the page from loading or running anything else, whatever a file name may hold.
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="ms-convert {text(__version__)}">
<title>ms-convert: {text(report.root.rpartition("/")[2])}</title>
<style>
{style}</style>
</head>
<body>
<header><div>
<h1>{"What the tree uses" if report.mode == "scan" else "Conversion report"}</h1>
<p class="path">{code(report.root)}{f" → {code(report.output)}" if report.output else ""}</p>
<p class="soft">{text(_about(report))}</p>
{_cards(report)}
{_verdict(report)}
<nav>{_links(body)}</nav></div></header>
<main>
<div class="search script" hidden><input id="search" type="search" autocomplete="off" \
placeholder="Filter files, APIs and rules ( / )" aria-label="Filter files, APIs and rules"></div>
{body}<footer>Written by ms-convert {text(__version__)}. The JSON report (--report json) has everything.</footer>
</main>
<script>{script}</script>
</body>
</html>
"""


def _links(body: str) -> str:
    names = ("unsupported", "left", "kept", "rules", "files", "supported")
    titles = ("Unsupported APIs", "Left as they are", "Kept", "Rules", "Files", "Supported APIs")
    pairs = zip(names, titles, strict=True)
    return "".join(f'<a href="#{name}">{title}</a>' for name, title in pairs if f'<section id="{name}">' in body)


def _about(report: Report) -> str:
    modes = {
        "in-place": "converted in place",
        "output": "converted into a copy",
        "check": "nothing was written (--check)",
        "diff": "nothing was written (--diff)",
        "scan": "nothing was written (scan)",
    }
    return f"{modes[report.mode]}; rules: {', '.join(report.rules)}; {report.seconds:.1f} s"


def _cards(report: Report) -> str:
    coverage = report.coverage
    rate = coverage.rate

    def card(number: str, label: str, kind: str = "", extra: str = "") -> str:
        return f'<div class="card {kind}"><b>{text(number)}</b><span>{text(label)}</span>{extra}</div>'

    bar = "" if rate is None else f'<div class="bar"><i style="width:{rate:.2f}%"></i></div>'
    # Unsupported APIs are as bad as the user finds them: with a limit for the rate there is a red and a green.
    lacks = "good" if not report.lacks_support else "warn" if report.coverage_min is None else "bad"
    needed, left, skipped = len(coverage.needed), len(report.left), len(report.skipped)
    if report.mode == "scan":
        done = card(f"{report.seen:,}", "files looked at") + card(f"{len(coverage.supported):,}", "supported APIs")
    else:
        done = card(f"{len(report.converted):,}", f"of {plural(report.seen, 'file')} {DONE[report.mode]}")
        done += card(f"{report.edits:,}", "edits")
    return (
        f'<div class="cards">{done}'
        + card(coverage.rate_text, "of torch API uses supported", lacks, bar)
        + card(f"{needed:,}", "unsupported API" if needed == 1 else "unsupported APIs", lacks if needed else "")
        + (card(f"{left:,}", "left as they are", "warn" if left else "") if report.mode != "scan" else "")
        + card(f"{skipped:,}", "file left alone" if skipped == 1 else "files left alone", "bad" if skipped else "")
        + (card(f"{len(report.kept):,}", "kept on purpose") if report.mode != "scan" else "")
        + "</div>"
    )


def _verdict(report: Report) -> str:
    coverage = report.coverage
    points = list(report.notes)
    if coverage.unknown is not None or report.lacks_support:
        points.append(coverage_line(report).rstrip(":"))
    if report.lacks_support and report.coverage_min is not None:
        points.append(f"At least {report.coverage_min:g} % of the uses were asked to be supported")
    if report.skipped:
        points.append(f"{plural(len(report.skipped), 'file')} could not be read or parsed")
    if report.left:
        points.append(f"{plural(len(report.left), 'place')} should change and could not")
    if report.mode == "check" and report.converted:
        points.append(f"{plural(len(report.converted), 'file')} would change")
    if not points:
        return '<div class="verdict good">Nothing is left to do.</div>'
    listed = "".join(f"<li>{text(point)}</li>" for point in points)
    kind = "bad" if report.exit_code else "good"
    return f'<div class="verdict {kind}">Exit code {report.exit_code}<ul>{listed}</ul></div>'


def _place(path: str, line: int | None, numbers: dict[str, int]) -> str:
    shown = f'<span class="mono path">{text(path)}{"" if line is None else f":{line}"}</span>'
    return f'<a href="#f{numbers[path]}">{shown}</a>' if path in numbers else shown


def _unsupported(report: Report, numbers: dict[str, int]) -> str:
    coverage = report.coverage
    if coverage.unknown is not None:
        return section("API coverage", f'<p class="verdict bad">{text(coverage_line(report))}</p>')
    chips = "".join(
        f'<li><button type="button" data-filter="{text(EFFORTS[effort][0])}">{text(EFFORTS[effort][0])}</button>: '
        f'{plural(apis, "API")}, {plural(uses, "use")}<br><span class="soft">{text(EFFORTS[effort][1])}</span></li>'
        for effort, (apis, uses) in coverage.efforts().items()
    )
    lines = {file.path: file.excerpts.lines for file in report.files}
    rows = "".join(_api(api, numbers, lines) for api in coverage.unsupported)
    note = f"What the code uses and {coverage.package} (PyTorch API level {coverage.level}) does not support."
    body = f'<ul class="chips">{chips}</ul><div class="rows">{rows}</div>' if rows else ""
    return section("Unsupported APIs", body, note=note, name="unsupported")


def _api(api: UnsupportedApi, numbers: dict[str, int], lines: dict[str, dict[int, str]]) -> str:
    effort = EFFORTS[api.effort][0]
    hint = f'<br><span class="soft">{text(api.hint)}</span>' if api.hint else ""
    summary = (
        f'<span><span class="mono path">{text(api.name)}</span>{hint}</span>'
        f'<span class="num">{plural(api.uses or api.optional_uses, "use")}</span>'
        f"{badge(effort, _EFFORT_BADGE.get(api.effort, 'warn'))}"
    )
    parts: list[str] = []
    others = [(name, count) for name, count in api.names.most_common() if name != api.name]
    if others:
        listed = ", ".join(f"{code(name)} ({count})" for name, count in others[:MAX_PLACES])
        parts.append(f"<p>Used as {listed}{' …' if len(others) > MAX_PLACES else ''}</p>")
    for title, places in (("", api.places), ("Optional uses, below an import that may fail", api.optional)):
        if places:
            parts.append(f"<h3>{title}</h3>" * bool(title) + _places(places, numbers, lines))
    return details("item api", summary, "".join(parts), words=[*api.names, *api.places, *api.optional])


def _places(places: Places, numbers: dict[str, int], lines: dict[str, dict[int, str]]) -> str:
    left = MAX_PLACES
    parts: list[str] = []
    for path, numbered in places.items():
        if left <= 0:
            break
        excerpts = lines.get(path, {})
        parts.append(_place(path, None, numbers))
        parts.append(_list((line, "", excerpts.get(line, "")) for line in numbered[:left]))
        left -= len(numbered)
    more = sum(map(len, places.values())) - MAX_PLACES
    if more > 0:
        parts.append(f'<p class="soft">and {plural(more, "more place")}</p>')
    return "".join(parts)


def _remarks(report: Report, numbers: dict[str, int]) -> str:
    heads = [("Place", False), ("Reason", False), ("Source", False), ("Rule", False)]
    skipped = [
        (_place(file.path, file.line, numbers), f"file left alone: {text(file.reason)}", "", "")
        for file in report.skipped
    ]
    rows = skipped + [_remark(file, item, numbers) for file, item in report.left[:MAX_REMARKS]]
    more = len(report.left) - MAX_REMARKS
    note = "What should have changed and could not." + (f" {more:,} more are not shown." if more > 0 else "")
    left = section("Left as they are", table(heads, rows), note=note, name="left")
    rows = [_remark(file, item, numbers) for file, item in report.kept[:MAX_KEPT]]
    more = len(report.kept) - MAX_KEPT
    note = "What stays as it is on purpose." + (f" {more:,} more are not shown." if more > 0 else "")
    return left + section("Kept", table(heads, rows), note=note, name="kept")


def _remark(file: FileReport, item: Left, numbers: dict[str, int]) -> tuple[str, str, str, str]:
    return _place(file.path, item.line, numbers), text(item.reason), code(_one_line(item)), text(item.rule or "")


def _one_line(item: Left) -> str:
    return shorten(" ".join((item.text or "").split()))


def _rules(report: Report) -> str:
    if report.mode == "scan":
        return ""
    heads = [("Rule", False)] + [(name, True) for name in ("Edits", "Files", "Matches", "Left", "Kept")]
    rows = [
        (
            f'<details class="plain"><summary>{code(rule.id)}</summary><p>{text(rule.why)}</p>'
            f'<p class="soft">kind {text(rule.kind)}, {text(rule.defined)}</p></details>',
            *(f"{count:,}" for count in (rule.edits, rule.files, rule.matches, rule.left, rule.kept)),
        )
        for rule in sorted(report.by_rule, key=lambda rule: (-rule.edits, -rule.matches))
    ]
    note = "Matches are places that changed, could not change, or had the rule's result already."
    return section("Rules", table(heads, rows), note=note, name="rules")


def _files(report: Report, numbers: dict[str, int]) -> str:
    uses = report.coverage.by_file()
    rows: list[str] = []
    size = cut = 0
    for file in report.files:
        body = _file_body(file, uses.get(file.path, []))
        if size + len(body) > MAX_EXCERPT_CHARACTERS:
            body = '<p class="soft">Not shown: this report is long enough.</p>'
            cut += 1
        size += len(body)
        rows.append(_file(file, uses.get(file.path, []), body, numbers[file.path]))
    note = f"{plural(len(rows), 'file')} with something to say." + (
        f" The details of {plural(cut, 'file')} are left out to keep the page small." if cut else ""
    )
    return section("Files", f'<div class="rows">{"".join(rows)}</div>' if rows else "", note=note, name="files")


def _file(file: FileReport, uses: list[tuple[int, UnsupportedApi, bool]], body: str, number: int) -> str:
    counts = [badge(file.status, _STATUS_BADGE[file.status])]
    for count, noun, kind in (
        (len(file.changes), "edit", ""),
        (len(file.left), "left", "warn"),
        (len(file.kept), "kept", "none"),
        (len(uses), "unsupported", "bad"),
    ):
        if count:
            counts.append(badge(plural(count, noun) if noun == "edit" else f"{count:,} {noun}", kind))
    summary = f'<span class="mono path">{text(file.path)}</span><span class="counts">{"".join(counts)}</span>'
    rules = {rule for change in file.changes for rule in change.rule.split(",")}
    words = sorted(rules | {api.name for _, api, _ in uses} | {item.rule or "" for item in (*file.left, *file.kept)})
    return details("item file", summary, body, name=f"f{number}", words=words)


def _file_body(file: FileReport, uses: list[tuple[int, UnsupportedApi, bool]]) -> str:
    parts: list[str] = []
    if file.status == "skipped":
        where = "" if file.line is None else f"line {file.line}: "
        parts.append(f"<p>{text(where)}{text(file.reason)}</p>")
    if uses:
        parts.append("<h3>Unsupported</h3>")
        parts.append(_list((line, f"{api.name}:", file.excerpts.lines.get(line, "")) for line, api, _ in uses))
    for title, items in (("Left as it is", file.left), ("Kept", file.kept)):
        if items:
            parts.append(f"<h3>{title}</h3>")
            parts.append(_list((item.line, f"{item.reason}:", _one_line(item)) for item in items))
    # Without excerpts (files that are added or removed as a whole) the changes themselves are shown.
    hunks = file.excerpts.hunks or [
        Hunk(c.line, c.line, shorten(c.before, MAX_TEXT), shorten(c.after, MAX_TEXT), c.rule)
        for c in file.changes[:MAX_HUNKS]
    ]
    if hunks:
        parts.append("<h3>Changes</h3>")
        for shown in hunks:
            parts.append(f'<p class="soft">{text(shown.rules)}</p>{hunk(shown)}')
        if file.excerpts.more:
            parts.append(f'<p class="soft">and {plural(file.excerpts.more, "more change")}</p>')
    return "".join(parts)


def _list(rows: Iterable[tuple[int | None, str, str]]) -> str:
    """Places in one file: line, what about it, source."""
    listed = "".join(
        f'<li><span class="num">{text(line or "")}</span><span>{text(what)}{" " * bool(what)}{code(source)}</span></li>'
        for line, what, source in rows
    )
    return f'<ul class="places">{listed}</ul>'


def _supported(report: Report) -> str:
    counted = report.coverage.supported.most_common()
    listed = "".join(f"<li>{code(name)} {count:,}</li>" for name, count in sorted(counted[:MAX_SUPPORTED]))
    more = len(counted) - MAX_SUPPORTED
    note = f"The {MAX_SUPPORTED:,} most used of {len(counted):,}." if more > 0 else ""
    if not listed:
        return ""
    title = f'<span>{plural(len(counted), "supported API")} and how often they are used</span>'
    body = details("plain", title, f'<ul class="names">{listed}</ul>')
    return section("Supported APIs", f'<div class="rows">{body}</div>', note=note, name="supported")
