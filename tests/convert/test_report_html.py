"""The HTML report: well-formed, complete, closed against hostile names and source, and never too long."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
from html.parser import HTMLParser

import pytest
from ms_convert.edits import Left
from ms_convert.outcome import Change
from ms_convert.report import html as html_module
from ms_convert.report.coverage import Coverage, UnsupportedApi
from ms_convert.report.excerpts import Excerpts, Hunk
from ms_convert.report.html import write_html
from ms_convert.report.markup import hunk, text
from ms_convert.report.model import FileReport, Report
from report_checks import FILES, HOSTILE, make_tree, report_on

CHANGE = Change("adds", 1, 1, 0, 0, "", "import whole\n")
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes and text; fails on an element that is not closed, or closed twice."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.texts.append(data)

    @property
    def shown(self) -> str:
        return "".join(self.texts)

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    root = make_tree(tmp_path_factory.mktemp("tree"))
    if sys.platform == "linux":
        (root / os.fsdecode(b"not utf-8 \xff.py")).write_text("import torch\n")
    return report_on(root)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(write_html(report))


def test_everything_is_there(report: Report, page: Page) -> None:
    for name in FILES:
        assert name in page.shown
    for api in report.coverage.unsupported:
        assert api.name in page.shown
    for rule in report.by_rule:
        assert rule.id in page.shown
        assert rule.why in page.shown
    for word in ("10.0 %", "only in tests", "private to PyTorch", "missing module", "read its weights with torch.load",
                 "module name is computed at run time", "file left alone: invalid syntax", "torch.ones",
                 "nothing is ignored here", "Exit code 1", "torch.fx.wrap (2)"):  # fmt: skip
        assert word in page.shown
    assert "g = torch.fx.Graph()" in page.shown
    assert "from torch import nn" in page.shown
    assert "from mindtorch import nn" in page.shown


def test_nothing_is_loaded_and_only_its_own_script_runs(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "base", "form")
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    (policy,) = [meta["content"] for meta in page.having("meta") if meta.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(page.raw["script"].encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert len(page.having("script")) == 1
    assert not re.search(r"https?:|//[a-z]|url\(|@import", page.raw["style"] + re.sub(r"// .*", "", page.raw["script"]))


def test_hostile_names_and_source_are_text(report: Report) -> None:
    source = write_html(report)
    assert "<img" not in source
    assert "alert(2)</script>" not in source
    assert "\u202e" not in source
    source.encode()  # no half characters of file names that are not UTF-8
    shown = Page(source).shown
    assert HOSTILE in shown
    assert "</script><script>alert(2)</script>" in shown
    assert "# </code>&amp;\\u202e" in shown
    if sys.platform == "linux":
        assert "not utf-8 \\udcff.py" in shown


def test_links_lead_somewhere(page: Page) -> None:
    names = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for attributes in page.having("a")}
    assert len(links) > 6
    assert links <= names


def test_without_a_script_everything_can_be_opened(page: Page) -> None:
    assert len(page.having("details")) == len(page.having("summary")) > len(FILES)
    hidden = [attributes for _, attributes in page.tags if "hidden" in attributes]
    assert hidden == [{"class": "search script", "hidden": None}]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<a href=\"x\">'&", "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"),
        ("a\x00b\x1b[31m\u202ec\u2028", "a\\x00b\\x1b[31m\\u202ec\\u2028"),
        ("\udcff", "\\udcff"),
        ("tab\tline\n\u00fc\u4e2d", "tab\tline\n\u00fc\u4e2d"),
        (7, "7"),
    ],
)
def test_text(value: object, shown: str) -> None:
    assert text(value) == shown


def test_hunks_mark_what_differs() -> None:
    shown = hunk(Hunk(3, 4, "import a.b  # <x>", "import c.b  # <x>", "r"))
    assert "<code>import <mark>a</mark>.b  # &lt;x&gt;</code>" in shown
    assert "<code>import <mark>c</mark>.b  # &lt;x&gt;</code>" in shown
    assert "<i>3</i><u>-</u>" in shown
    assert "<i>4</i><u>+</u>" in shown
    Page(hunk(Hunk(1, 1, "", "new", "r")))
    inserted = hunk(Hunk(1, 1, "aa", "aaa", "r"))
    assert "<code>aa</code>" in inserted
    assert "<code>aa<mark>a</mark></code>" in inserted


def test_long_hunks_are_cut() -> None:
    shown = hunk(Hunk(1, 1, "\n".join(map(str, range(100))), "one", "r"))
    assert "70 more lines" in shown
    assert "<i>30</i>" in shown
    assert "<i>31</i>" not in shown


def _many(count: int) -> Report:
    files = [
        FileReport(
            f"f{n:05}.py", "converted", left=(Left("because", 1, "r", "x" * 500),),
            excerpts=Excerpts({2: "y" * 200}, (Hunk(1, 1, "a" * 1000, "b" * 1000, "r"),)),
        )
        for n in range(count)
    ]  # fmt: skip
    api = UnsupportedApi("torch.vmap", "missing", places={file.path: [2] for file in files})
    coverage = Coverage("mindtorch", "2.7", unsupported=[api])
    coverage.supported.update({f"torch.x{n}": 1 for n in range(3000)})
    return Report("/x", "check", (), files=files, coverage=coverage)


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_module, "MAX_EXCERPT_CHARACTERS", 100_000)
    source = write_html(_many(3000))
    shown = Page(source).shown
    assert len(source) < 3_000_000
    assert "f02999.py" in shown
    assert re.search(r"The details of 2,9\d\d files are left out", shown)
    assert "and 2,970 more places" in shown
    assert "The 1,500 most used of 3,000." in shown
    assert "2,000 more are not shown" in shown


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report("/x", "in-place", ("r",)), "API coverage unknown: the uses were not looked at"),
        (Report("/x", "in-place", ("r",), coverage=Coverage("mindtorch", "2.7")), "Nothing is left to do."),
        (Report("/x", "output", ("r",), output="/y", coverage=Coverage("mindtorch", "2.7")), "converted into a copy"),
        (Report("/x", "in-place", ("r",), notes=["own <torch>"], coverage=Coverage("m")), "own <torch>"),
        (Report("/x", "in-place", ("r",), coverage_min=50), "At least 50 % of the uses"),
        (Report("/x", "scan", ("r",), seen=7, coverage=Coverage("mindtorch", "2.7")), "7files looked at"),
        (
            Report("/x", "check", ("r",), files=[FileReport("new.py", "converted", (CHANGE,))], coverage=Coverage("m")),
            "import whole",
        ),
    ],
)
def test_small_reports(report: Report, said: str) -> None:
    assert said in Page(write_html(report)).shown


def test_it_is_the_same_every_time(report: Report) -> None:
    assert write_html(report) == write_html(report)
