"""Small pieces of HTML. Whatever comes from outside (file names, source, rules) goes through :func:`text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..textfile import LINE_END
from .excerpts import Hunk, visible

# Lines of a hunk that are shown.
MAX_HUNK_LINES = 30


def text(value: object) -> str:
    """``value`` for element content and quoted attributes, with what does not show as escapes."""
    return escape(visible(str(value)))


def code(value: object) -> str:
    """``value`` in the font of source code."""
    return f"<code>{text(value)}</code>"


def badge(value: object, kind: str = "") -> str:
    """A short remark in a coloured field; ``kind``: good, warn, bad or none."""
    return f'<span class="badge {kind}">{text(value)}</span>'


def details(classes: str, summary: str, body: str, *, name: str = "", words: Iterable[str] = ()) -> str:
    """What opens on a click, without a script too. ``words`` are found by the search beside the summary."""
    key = f' id="{text(name)}"' if name else ""
    found = text(" ".join(words))
    data = f' data-words="{found}"' if found else ""
    return f'<details class="{classes}"{key}{data}><summary>{summary}</summary><div class="body">{body}</div></details>'


def section(title: str, body: str, *, note: str = "", name: str = "") -> str:
    """A part of the page; empty if ``body`` is."""
    if not body:
        return ""
    about = f'<p class="soft">{text(note)}</p>' if note else ""
    key = f' id="{name}"' if name else ""
    head = f'<h2>{text(title)} <span class="shown" aria-live="polite"></span></h2>'
    return f"<section{key}>{head}{about}{body}</section>\n"


def table(heads: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """A table; ``heads`` are titles and whether the column has numbers, cells are HTML."""

    def cells(tag: str, values: Iterable[str]) -> str:
        numbers = (number for _, number in heads)
        pairs = zip(values, numbers, strict=True)
        return "".join(f'<{tag} class="{"num" if number else ""}">{value}</{tag}>' for value, number in pairs)

    head = cells("th", (text(title) for title, _ in heads))
    body = "".join(f'<tr class="item">{cells("td", row)}</tr>' for row in rows)
    if not body:
        return ""
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def hunk(value: Hunk) -> str:
    """Lines before and after, numbered; of single lines the part that differs is marked."""
    before, after = LINE_END.split(value.before), LINE_END.split(value.after)
    marked = _marked(before[0], after[0]) if len(before) == len(after) == 1 else None
    rows = _lines("minus", "-", value.line, before, marked and marked[0])
    rows += _lines("plus", "+", value.after_line, after, marked and marked[1])
    return f'<div class="hunk">{rows}</div>'


def _lines(kind: str, sign: str, first: int, lines: list[str], marked: str | None) -> str:
    rows = [
        f'<div class="{kind}"><i>{first + index}</i><u>{sign}</u><code>{marked or text(line)}</code></div>'
        for index, line in enumerate(lines[:MAX_HUNK_LINES])
    ]
    if len(lines) > MAX_HUNK_LINES:
        rows.append(f'<div class="{kind}"><i>…</i><u></u><code>{len(lines) - MAX_HUNK_LINES} more lines</code></div>')
    return "".join(rows)


def _marked(before: str, after: str) -> tuple[str, str]:
    """Both lines with what differs between their common beginning and end marked."""
    most = min(len(before), len(after))
    start = next((i for i in range(most) if before[i] != after[i]), most)
    end = next((i for i in range(most - start) if before[-1 - i] != after[-1 - i]), most - start)

    def mark(line: str) -> str:
        stop = len(line) - end
        middle = f"<mark>{text(line[start:stop])}</mark>" if stop > start else ""
        return text(line[:start]) + middle + text(line[stop:])

    return mark(before), mark(after)
